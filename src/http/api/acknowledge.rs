//! What somebody says of a finding: that it may stay as it is for a while, or what was found out.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use chrono::{DateTime, Utc};
use utoipa::ToSchema;

use super::Api;
use super::auth::Caller;
use super::body::Fields;
use super::drift::{FindingLife, id, show};
use super::links::Links;
use super::path::Path;
use super::refusal::{Detail, Refusal};
use crate::jobs::acknowledge::{self, AckError, Known, wrong_end};
use crate::model::token::Role;
use crate::model::{Invalid, Remark};

/// That a finding may stay as it is.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the document is made from it; the body is read by `ack`")]
pub(super) struct Acknowledge {
    /// Why, such as a ticket.
    #[schema(min_length = 1, max_length = 2000)]
    reason: String,
    /// Until when; without it, or null: until it resolves.
    until: Option<DateTime<Utc>>,
}

/// What was found out of a finding.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the document is made from it; the body is read by `note`")]
pub(super) struct NoteText {
    #[schema(min_length = 1, max_length = 2000)]
    text: String,
}

/// Acknowledge a finding
///
/// It stays, but is open no more: until it changes, it resolves, or the time is up.
#[utoipa::path(
    post,
    path = "/api/drift/{uuid}/ack/",
    operation_id = "drift_ack",
    tag = "drift",
    params(("uuid" = Uuid, Path, description = "The finding")),
    request_body = Acknowledge,
    responses(
        (status = 200, body = FindingLife),
        (status = 400, description = "Something is wrong with the body", body = Value),
        (status = 403, body = Detail),
        (status = 404, body = Detail),
        (status = 409, description = "It has ended", body = Detail)
    )
)]
pub(super) async fn ack(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(uuid): Path<String>,
    links: Links,
    body: Body,
) -> Result<Json<FindingLife>, Refusal> {
    caller.must_be(Role::Operator)?;
    let (id, context) = (id(&uuid)?, &api.view.context);
    let listed = context.store().finding(id).await?.ok_or_else(Refusal::not_found)?;
    if !listed.finding.state.lasts() {
        return Err(AckError::Ended(id, listed.finding.state).into());
    }
    let mut fields = Fields::read(body).await?;
    let reason = remark(&mut fields, "reason");
    let until = fields.text_or_null("until").and_then(|text| match text.parse::<DateTime<Utc>>() {
        Ok(until) => Some(until),
        Err(error) => {
            fields.refuse("until", &format!("Enter a valid value: {error}."));
            None
        }
    });
    if let Some(why) = until.and_then(|until| wrong_end(until, context.clock().now())) {
        fields.refuse("until", &format!("Enter another moment: {why}."));
    }
    let reason = read(fields, "reason", reason)?;
    acknowledge::acknowledge(context, id, Known { by: &caller.name, reason: &reason, until }).await?;
    show(&api, id, &links).await
}

/// Write a note into the life of a finding
#[utoipa::path(
    post,
    path = "/api/drift/{uuid}/note/",
    operation_id = "drift_note",
    tag = "drift",
    params(("uuid" = Uuid, Path, description = "The finding")),
    request_body = NoteText,
    responses(
        (status = 200, body = FindingLife),
        (status = 400, description = "Something is wrong with the body", body = Value),
        (status = 403, body = Detail),
        (status = 404, body = Detail)
    )
)]
pub(super) async fn note(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(uuid): Path<String>,
    links: Links,
    body: Body,
) -> Result<Json<FindingLife>, Refusal> {
    caller.must_be(Role::Operator)?;
    let (id, context) = (id(&uuid)?, &api.view.context);
    context.store().finding(id).await?.ok_or_else(Refusal::not_found)?;
    let mut fields = Fields::read(body).await?;
    let text = remark(&mut fields, "text");
    let text = read(fields, "text", text)?;
    acknowledge::note(context, id, &caller.name, &text).await?;
    show(&api, id, &links).await
}

/// Some words that must be sent.
fn remark(fields: &mut Fields, name: &str) -> Option<Remark> {
    match fields.needed_text(name)?.parse() {
        Ok(remark) => Some(remark),
        Err(why) => {
            fields.refuse(name, &why);
            None
        }
    }
}

/// Those words, unless something is wrong with the body.
fn read(fields: Fields, name: &str, remark: Option<Remark>) -> Result<Remark, Refusal> {
    fields.or(remark)?.ok_or_else(|| Invalid::in_field(name, "This field is required.").into())
}

impl From<AckError> for Refusal {
    fn from(error: AckError) -> Self {
        match error {
            AckError::Store(error) => error.into(),
            AckError::Unknown(_) => Self::not_found(),
            AckError::Ended(..) => Self::conflict(error.to_string()),
            AckError::Until { why, .. } => Invalid::in_field("until", format!("Enter another moment: {why}.")).into(),
        }
    }
}
