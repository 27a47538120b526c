//! One login at Keystone: the token request with its second attempts, and what its refusals mean.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use url::Url;

use crate::clock::Clock;
use crate::retry::Retryable;
use crate::telemetry::metrics;

use super::Options;
use super::catalog::{Catalog, versioned};
use super::error::Error;
use super::http::Incoming;
use super::profile::Auth;
use super::refusal::classify;
use super::request::Request;
use super::send::{address, delay};
use super::service::Service;
use super::session::{Connection, Grant};
use super::token::{CredentialAnswer, Identity, TokenAnswer, request_body};

pub(crate) const TOKEN: HeaderName = HeaderName::from_static("x-auth-token");

/// Makes a token with the connection's credentials.
pub(crate) async fn log_in(connection: &Arc<Connection>, options: &Options, clock: &dyn Clock) -> Result<Grant, Error> {
    let profile = &connection.profile;
    let mut request = Request::get(Service::Identity, "token_create", &["auth", "tokens"]);
    request.method = Method::POST;
    request.body = Some(request_body(profile));
    let base = keystone(connection)?;
    let mut attempt = 1;
    let answer = loop {
        let sent = connection.wire.exchange(&request, address(&base, &request), HeaderMap::new()).await;
        let error = match sent {
            Ok(answer) if answer.status.is_success() => break answer,
            Ok(answer) => refused(connection, &request, &answer),
            Err(error) => error,
        };
        if attempt >= options.attempts || !error.is_retryable() {
            return Err(error);
        }
        let Some(wait) = delay(&options.backoff, attempt, &error) else { return Err(error) };
        clock.sleep(wait).await;
        attempt += 1;
    };
    let mut token = answer
        .headers
        .get("x-subject-token")
        .cloned()
        .ok_or_else(|| answer.unexpected(&request, "no X-Subject-Token header"))?;
    token.set_sensitive(true);
    let body: TokenAnswer = answer.json(&request)?;
    let issued_at = body.issued_at();
    let credential = body.credential_id().map(str::to_owned);
    let mut identity = body.into_identity(&profile.auth);
    if let Auth::ApplicationCredential { .. } = profile.auth {
        identity.credential_expires_at = end_of_credential(connection, &base, &token, &identity, credential).await;
    }
    metrics::credential_expiry(&options.name, identity.credential_expires_at);
    Ok(Grant::new(token, identity, issued_at, answer.back_at, Arc::clone(connection)))
}

/// Keystone's base address before there is a catalog.
pub(crate) fn keystone(connection: &Connection) -> Result<Url, Error> {
    let profile = &connection.profile;
    match Url::parse(&profile.auth_url) {
        Ok(url) => Ok(versioned(Service::Identity, url, None)),
        // Says in words what is wrong with the address.
        Err(_) => Catalog::default().base(Service::Identity, profile, None),
    }
}

/// When an application credential ends; a Keystone or a role that does not tell is no reason to fail.
async fn end_of_credential(
    connection: &Connection,
    base: &Url,
    token: &HeaderValue,
    identity: &Identity,
    credential: Option<String>,
) -> Option<DateTime<Utc>> {
    let id = credential?;
    let ask = || async {
        let path = ["users", &identity.user_id, "application_credentials", &id];
        let request = Request::get(Service::Identity, "application_credential_show", &path);
        let headers = HeaderMap::from_iter([(TOKEN, token.clone())]);
        let answer = connection.wire.exchange(&request, address(base, &request), headers).await.ok()?;
        if !answer.status.is_success() {
            return None;
        }
        answer.json::<CredentialAnswer>(&request).ok()?.expires_at()
    };
    *connection.credential_end.get_or_init(ask).await
}

fn refused(connection: &Connection, request: &Request<'_>, answer: &Incoming) -> Error {
    let (auth, auth_url) = (&connection.profile.auth, connection.profile.auth_url.clone());
    let mut error = classify(request, answer);
    let Some(refusal) = error.refusal_mut() else { return error };
    refusal.message = auth.redact(&refusal.message);
    let words = refusal.message.to_lowercase();
    let id = refusal.request_id.as_ref().map(|id| format!(" ({id})")).unwrap_or_default();
    let (who, message) = (auth.who(), format!("{}{id}", refusal.message));
    match answer.status {
        StatusCode::NOT_FOUND if words.contains("could not find application credential") => {
            Error::CredentialExpired { auth_url, who, message }
        }
        StatusCode::NOT_FOUND => {
            refusal.message = format!("no keystone at {auth_url}: {}", refusal.message);
            error
        }
        StatusCode::UNAUTHORIZED if words.contains("expired") || has_ended(connection, answer.back_at) => {
            Error::CredentialExpired { auth_url, who, message }
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            let check = match auth {
                Auth::Password { .. } => "the user, the password, the project and their domains in clouds.yaml",
                Auth::ApplicationCredential { .. } => "its secret and whether it has expired",
                Auth::Token { .. } => "whether it has ended, for a token cannot be renewed",
            };
            Error::Unauthorised { auth_url, who, message, check }
        }
        _ => error,
    }
}

/// Keystone refuses an expired application credential like a wrong secret, but an earlier login may have told its end.
fn has_ended(connection: &Connection, now: DateTime<Utc>) -> bool {
    connection.credential_end.get().copied().flatten().is_some_and(|end| end <= now)
}
