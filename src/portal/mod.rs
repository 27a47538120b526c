//! A running portal that speaks Waldur's API, asked what it says of its tenants: whose they are and what was sold. It is
//! only read.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderValue, LINK};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;
use uuid::Uuid;

/// How long one request may take.
const PATIENCE: Duration = Duration::from_mins(1);
/// Tenants on a page; what the portal gives at most may be less.
const PAGE_SIZE: usize = 100;
/// Pages at most, should a portal never come to an end.
const PAGES: usize = 10_000;
/// As much of an answer as is told.
const EXCERPT: usize = 200;

/// Why a portal brought no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is none, or the token is no header.
    #[error("{0}")]
    Unusable(String),
    /// No connection, no answer in time, or an answer that broke off.
    #[error("no answer from {place}: {source}")]
    Away {
        /// What was asked.
        place: Url,
        /// The error of the HTTP client.
        source: reqwest::Error,
    },
    /// The portal answered something else than tenants.
    #[error("{place} answered {status}: {said}")]
    Refused {
        /// What was asked.
        place: Url,
        /// The HTTP status.
        status: u16,
        /// The beginning of the answer.
        said: String,
    },
    /// The listing has no end.
    #[error("{0} has more than {PAGES} pages")]
    Endless(Url),
}

/// What a portal says of one tenant; a portal may leave out what it does not know.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the fields are the api's")]
pub struct Said {
    pub uuid: Option<Uuid>,
    pub name: String,
    /// The project's id in the cloud.
    pub backend_id: Option<String>,
    pub service_name: Option<String>,
    pub service_settings_uuid: Option<Uuid>,
    pub customer_uuid: Option<Uuid>,
    pub customer_name: Option<String>,
    pub customer_native_name: Option<String>,
    pub customer_abbreviation: Option<String>,
    pub project_uuid: Option<Uuid>,
    pub project_name: Option<String>,
    /// Everything else, what was sold among it.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Said {
    /// What was sold, under the names of the API.
    pub fn marketplace(&self) -> Value {
        let is_of_it =
            |key: &str| key.starts_with("marketplace_") || matches!(key, "is_usage_based" | "is_limit_based");
        let sold = self.rest.iter().filter(|(key, _)| is_of_it(key));
        Value::Object(sold.map(|(key, value)| (key.clone(), value.clone())).collect())
    }
}

/// A portal, and a token of it.
#[derive(Debug)]
pub struct Portal {
    http: reqwest::Client,
    listing: Url,
    authorization: HeaderValue,
}

impl Portal {
    /// Prepares the connection; asks nothing yet. `base` is what its API's addresses begin with, without `/api/`.
    ///
    /// # Errors
    /// When the address or the token cannot be one.
    pub fn new(base: &str, token: &SecretString) -> Result<Self, Error> {
        let unusable = |what: &str, why: String| Error::Unusable(format!("{what}: {why}"));
        let listing = format!("{}/api/openstack-tenants/", base.trim_end_matches('/').trim_end_matches("/api"));
        let why = |error| format!("{error}; write https://waldur.example.org");
        let listing = Url::parse(&listing).map_err(|error| unusable(base, why(error)))?;
        if !matches!(listing.scheme(), "http" | "https") {
            return Err(unusable(base, "write https://waldur.example.org".to_owned()));
        }
        let mut authorization = HeaderValue::from_str(&format!("Token {}", token.expose_secret().trim()))
            .map_err(|error| unusable("the token", error.to_string()))?;
        authorization.set_sensitive(true);
        let http = reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none());
        let http = http.build().map_err(|error| unusable("the HTTP client", error.to_string()))?;
        Ok(Self { http, listing, authorization })
    }

    /// Every tenant that the token may see.
    ///
    /// # Errors
    /// When any page did not come: a part is none.
    pub async fn tenants(&self) -> Result<Vec<Said>, Error> {
        let mut tenants = Vec::new();
        for page in 1..=PAGES {
            let (said, is_last) = self.page(page).await?;
            tenants.extend(said);
            if is_last {
                return Ok(tenants);
            }
        }
        Err(Error::Endless(self.listing.clone()))
    }

    /// One page, and whether it is the last. Only the number is taken from the portal's links: the token goes to no other
    /// address.
    async fn page(&self, number: usize) -> Result<(Vec<Said>, bool), Error> {
        let mut place = self.listing.clone();
        let (size, page) = (PAGE_SIZE.to_string(), number.to_string());
        place.query_pairs_mut().extend_pairs([("page_size", size.as_str()), ("page", page.as_str())]);
        let away = |source| Error::Away { place: place.clone(), source };
        let request = self.http.get(place.clone()).header(AUTHORIZATION, self.authorization.clone());
        let answer = request.send().await.map_err(away)?;
        let status = answer.status();
        let links = answer.headers().get_all(LINK).iter().filter_map(|link| link.to_str().ok());
        let is_last = !links.flat_map(|link| link.split(',')).any(|link| link.contains("rel=\"next\""));
        let text = answer.text().await.map_err(away)?;
        let refused = |said: &str| Error::Refused {
            place: place.clone(),
            status: status.as_u16(),
            said: said.chars().take(EXCERPT).collect(),
        };
        if !status.is_success() {
            return Err(refused(&text));
        }
        let said = serde_json::from_str(&text).map_err(|error| refused(&format!("{error}: {text}")))?;
        Ok((said, is_last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sold_is_told_from_the_rest() {
        let json = serde_json::json!({
            "uuid": "8b1c5d0e6f7a4c3b9d2e1f0a5b6c7d8e", "name": "genomics", "backend_id": null, "state": "OK",
            "marketplace_offering_name": "Compute", "is_usage_based": true, "quotas": [],
        });
        let said: Said = serde_json::from_value(json).unwrap();
        assert_eq!(
            said.marketplace(),
            serde_json::json!({"marketplace_offering_name": "Compute", "is_usage_based": true})
        );
        assert_eq!((said.backend_id, said.customer_uuid), (None, None));
    }

    #[test]
    fn an_address_is_one_of_http() {
        let token = SecretString::from("abc\n".to_owned());
        let listing = |base: &str| Portal::new(base, &token).map(|portal| portal.listing.to_string());
        assert_eq!(listing("https://w.example.org/api/").unwrap(), "https://w.example.org/api/openstack-tenants/");
        assert_eq!(listing("http://w.example.org").unwrap(), "http://w.example.org/api/openstack-tenants/");
        assert!(listing("w.example.org").is_err() && listing("ftp://w.example.org").is_err());
    }
}
