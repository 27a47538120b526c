//! Which version of the compute API to ask for: the newest that both sides know.

use reqwest::header::HeaderMap;
use serde::Deserialize;
use url::Url;

use super::catalog::version_root;
use super::error::Error;
use super::gate::Gate;
use super::login::TOKEN;
use super::refusal::classify;
use super::request::Request;
use super::service::Service;
use super::session::Grant;

/// The newest version whose answers this client was written for.
const NEWEST: (u32, u32) = (2, 96);

#[derive(Deserialize)]
struct Description {
    version: Version,
}

#[derive(Deserialize)]
struct Version {
    #[serde(default)]
    version: String,
}

/// The version for this token's requests; `None` where the service knows no microversions. That is asked again each
/// time: a proxy says the same for a service that is away, and without a version Nova leaves out whose things are.
pub(crate) async fn negotiated(grant: &Grant, base: &Url, gate: &Gate) -> Result<Option<String>, Error> {
    let found = async || discover(grant, base, gate).await.map_err(Some)?.ok_or(None);
    match grant.microversion.get_or_try_init(found).await {
        Ok(version) => Ok(Some(version.clone())),
        Err(None) => Ok(None),
        Err(Some(error)) => Err(error),
    }
}

async fn discover(grant: &Grant, base: &Url, gate: &Gate) -> Result<Option<String>, Error> {
    let request = Request::get(Service::Compute, "version_show", &[]);
    let headers = HeaderMap::from_iter([(TOKEN, grant.token.clone())]);
    // Whoever asks first has a place already, and the others wait for the answer on theirs.
    gate.pace().await;
    let answer = grant.connection.wire.exchange(&request, version_root(base.clone()), headers).await?;
    if !answer.status.is_success() {
        let error = classify(&request, &answer);
        return match error {
            Error::NotFound(_) | Error::Protocol { .. } | Error::BadRequest(_) => Ok(None),
            other => Err(other),
        };
    }
    let offered = answer.json::<Description>(&request).ok().and_then(|it| parse(&it.version.version));
    Ok(offered.map(|offered| offered.min(NEWEST)).map(|(major, minor)| format!("{major}.{minor}")))
}

pub(crate) fn parse(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
