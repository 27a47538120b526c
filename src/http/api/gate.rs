//! Pages that people look at: free where only this machine can reach them, else for viewers. A browser asks for a name
//! and a password; the password is the token.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Api;
use super::auth::{peer, recognise, word_of};
use super::refusal::Refusal;

/// Lets viewers pass.
pub(in crate::http) async fn gate(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    if api.view.loopback {
        return next.run(request).await;
    }
    let password = password(request.headers());
    let given = password.as_deref().or_else(|| word_of(request.headers(), "token"));
    match recognise(&api, given, peer(&request)).await {
        Ok(_) => next.run(request).await,
        Err(refusal) => {
            let is_unknown = matches!(refusal, Refusal::Unauthenticated(_));
            let mut response = refusal.into_response();
            if is_unknown {
                debug_assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
                let ask = HeaderValue::from_static("Basic realm=\"tenantd: any name, a token as the password\"");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, ask);
            }
            response
        }
    }
}

/// The password of a browser.
fn password(headers: &HeaderMap) -> Option<String> {
    let decoded = STANDARD.decode(word_of(headers, "basic")?).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    text.split_once(':').map(|(_, password)| password.to_owned())
}
