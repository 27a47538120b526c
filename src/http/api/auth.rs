//! Who asks: every request carries `Authorization: Token …`. Without any token that could be used the API is off.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Api;
use super::refusal::Refusal;
use crate::model::token::{Grant, Role, Token};

/// Whoever asks.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// The token's name.
    pub name: String,
    /// What the token is good for.
    pub role: Role,
}

impl Caller {
    /// Refuses whoever may not do what `role` may.
    pub fn must_be(&self, role: Role) -> Result<(), Refusal> {
        if self.role >= role {
            return Ok(());
        }
        let why = format!("You do not have permission to perform this action: it needs the role {role}.");
        Err(Refusal::forbidden(why))
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        parts.extensions.get().cloned().ok_or(MISSING)
    }
}

/// Where a request comes from, when that is an address.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct Peer(pub Option<IpAddr>);

const MISSING: Refusal = Refusal::Unauthenticated("Authentication credentials were not provided.");
const INVALID: Refusal = Refusal::Unauthenticated("Invalid token.");
const EXPIRED: Refusal = Refusal::Unauthenticated("Token has expired.");
const OFF: &str = "The API is off until there is a token for it; `tenantd tokens create --role viewer NAME` makes one.";

/// Lets only those pass whose token is known.
pub(super) async fn authenticate(State(api): State<Arc<Api>>, mut request: Request, next: Next) -> Response {
    let given = word_of(request.headers(), "token");
    match recognise(&api, given, peer(&request)).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

/// Where a request comes from.
pub(super) fn peer(request: &Request) -> Option<IpAddr> {
    request.extensions().get().and_then(|ConnectInfo(Peer(address))| *address)
}

/// What stands behind `scheme` in the header, when that is all there is: exactly two words.
pub(super) fn word_of<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let mut words = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_ascii_whitespace();
    let said = words.next().filter(|said| said.eq_ignore_ascii_case(scheme)).and(words.next())?;
    words.next().is_none().then_some(said)
}

/// Whose token it is.
pub(super) async fn recognise(api: &Api, given: Option<&str>, from: Option<IpAddr>) -> Result<Caller, Refusal> {
    let Some(given) = given else { return Err(unless_off(api, MISSING).await?) };
    let (now, token) = (api.view.context.clock().now(), Token::parse(given));
    if let Some(seconds) = api.throttle.wait(from, token.as_ref(), now) {
        let why = format!("Too many wrong tokens came from this address; try again in {seconds} s.");
        return Err(Refusal::Later(StatusCode::TOO_MANY_REQUESTS, why, seconds));
    }
    let grant = match &token {
        Some(token) => api.view.context.store().token(token.id).await?.filter(|it| token.fits(&it.verifier)),
        None => None,
    };
    let Some((token, grant)) = token.as_ref().zip(grant.filter(|grant| grant.revoked_at.is_none())) else {
        api.throttle.wrong(from, token.as_ref(), now);
        return Err(unless_off(api, INVALID).await?);
    };
    if grant.is_expired(now) {
        return Err(EXPIRED);
    }
    api.throttle.right(token);
    note_use(api, &grant).await;
    Ok(Caller { name: grant.name, role: grant.role })
}

/// The refusal, unless there is no token at all: then whoever set this up should be told so.
async fn unless_off(api: &Api, refusal: Refusal) -> Result<Refusal, Refusal> {
    let now = api.view.context.clock().now();
    match api.view.context.store().usable_tokens(now).await? {
        0 => Ok(Refusal::forbidden(OFF)),
        _ => Ok(refusal),
    }
}

/// A use moves the token's end. One that cannot be written down is no reason to refuse a read.
async fn note_use(api: &Api, grant: &Grant) {
    let (store, now) = (api.view.context.store(), api.view.context.clock().now());
    if !grant.is_use_news(now) {
        return;
    }
    let noted = async {
        let mut tx = store.begin().await?;
        tx.token_used(grant, now).await?;
        tx.commit().await
    };
    if let Err(error) = noted.await {
        tracing::warn!(token = grant.name, %error, "the use of a token could not be noted");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_exactly_two_words() {
        let said = |text: &str| {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, text.parse().unwrap())]);
            word_of(&headers, "token").map(str::to_owned)
        };
        assert_eq!(said("Token abc").as_deref(), Some("abc"));
        assert_eq!(said("tOKEN  abc ").as_deref(), Some("abc"));
        for wrong in ["Token", "Token a b", "Bearer abc", "abc", ""] {
            assert_eq!(said(wrong), None, "{wrong}");
        }
        assert_eq!(word_of(&HeaderMap::new(), "token"), None);
    }
}
