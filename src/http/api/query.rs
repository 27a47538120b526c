//! The query of an address: keys may repeat, empty values say nothing, and what is not understood is told per key.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use uuid::Uuid;

use super::refusal::Refusal;
use crate::model::Invalid;

/// The pairs of a query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Query {
    pairs: Vec<(String, String)>,
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default())?)
    }
}

impl Query {
    /// Reads a query; a character that no database holds is refused here, once.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let mut wrong = Invalid::default();
        let mut pairs = Vec::new();
        for (key, value) in url::form_urlencoded::parse(text.as_bytes()) {
            if key.contains('\0') || value.contains('\0') {
                wrong.field(&key.replace('\0', "")).add("Null characters are not allowed.");
            } else if !value.is_empty() {
                pairs.push((key.into_owned(), value.into_owned()));
            }
        }
        wrong.or(Self { pairs })
    }

    /// Every value of a key.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The last value of a key.
    pub fn last<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).last()
    }

    /// The last value of a key, as its own.
    pub fn text(&self, name: &str) -> Option<String> {
        self.last(name).map(str::to_owned)
    }

    /// The last value of a key, read; what cannot be is noted.
    pub fn read<T: FromStr<Err: Display>>(&self, name: &str, wrong: &mut Invalid) -> Option<T> {
        match self.last(name)?.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                wrong.field(name).add(format!("Enter a valid value: {error}."));
                None
            }
        }
    }

    /// The last value of a key as an id; what is none is noted.
    pub fn uuid(&self, name: &str, wrong: &mut Invalid) -> Option<Uuid> {
        let read = Uuid::parse_str(self.last(name)?);
        if read.is_err() {
            wrong.field(name).add("Enter a valid UUID.");
        }
        read.ok()
    }

    /// Every value of a key as one of the known words; what is none of them is noted.
    pub fn words<T: FromStr>(&self, name: &str, wrong: &mut Invalid) -> Vec<T> {
        let mut words = Vec::new();
        for value in self.all(name) {
            match value.parse() {
                Ok(word) => words.push(word),
                Err(_) => wrong
                    .field(name)
                    .add(format!("Select a valid choice. {value} is not one of the available choices.")),
            }
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TenantState;
    use serde_json::json;

    #[test]
    fn keys_repeat_and_empty_values_say_nothing() {
        let query = Query::parse("state=OK&state=ERRED&name=&name=%C3%84pfel&x=1").unwrap();
        let mut wrong = Invalid::default();
        assert_eq!(query.words::<TenantState>("state", &mut wrong), [TenantState::Ok, TenantState::Erred]);
        assert_eq!((query.last("name"), query.last("nothing")), (Some("Äpfel"), None));
        assert!(wrong.is_empty());
    }

    #[test]
    fn every_mistake_is_told_with_its_key() {
        let query = Query::parse("state=GONE&uuid=seven&since=now").unwrap();
        let mut wrong = Invalid::default();
        query.words::<TenantState>("state", &mut wrong);
        query.uuid("uuid", &mut wrong);
        query.read::<chrono::DateTime<chrono::Utc>>("since", &mut wrong);
        let told = serde_json::to_value(&wrong).unwrap();
        let choice = "Select a valid choice. GONE is not one of the available choices.";
        assert_eq!(told["state"], json!([choice]));
        assert_eq!(told["uuid"], json!(["Enter a valid UUID."]));
        assert!(told["since"][0].as_str().unwrap().starts_with("Enter a valid value"));
        assert!(Query::parse("name=a%00b").is_err());
    }
}
