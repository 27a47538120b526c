//! What happened, as CloudEvents 1.0 in structured JSON, for the exchange `<prefix>.events`.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::context::Context;
use crate::model::ids::new_id;
use crate::model::{Finding, Tenant};
use crate::store::Tx;
use crate::store::outbox::Outgoing;

/// The media type of a structured `CloudEvent`.
pub const CLOUDEVENT: &str = "application/cloudevents+json; charset=utf-8";

/// An event of `instance`, as structured JSON; its type is `tenantd.` and `key`.
pub(super) fn cloud_event(
    id: Uuid,
    instance: &str,
    key: &str,
    subject: &str,
    now: DateTime<Utc>,
    data: &Value,
) -> Value {
    json!({
        "specversion": "1.0",
        "id": id,
        "source": format!("/tenantd/{instance}"),
        "type": format!("tenantd.{key}"),
        "subject": subject,
        "time": now,
        "datacontenttype": "application/json",
        "data": data,
    })
}

/// Writes events into the outbox of a transaction; without a broker it writes nothing.
#[derive(Debug)]
pub struct Events<'a> {
    context: &'a Context,
    now: DateTime<Utc>,
}

impl<'a> Events<'a> {
    /// Events that happen at `now`.
    pub fn new(context: &'a Context, now: DateTime<Utc>) -> Self {
        Self { context, now }
    }

    /// One event: its routing key, what it is about, and the facts.
    pub fn emit(&self, tx: &mut Tx, routing_key: &str, subject: &str, data: &Value) {
        let Some(exchanges) = self.context.exchanges() else { return };
        let id = new_id(self.now);
        let event = cloud_event(id, self.context.instance(), routing_key, subject, self.now, data);
        tx.enqueue_outgoing(Outgoing {
            id,
            exchange: exchanges.events.clone(),
            routing_key: routing_key.to_owned(),
            content_type: CLOUDEVENT.to_owned(),
            headers: json!({}),
            body: event.to_string().into_bytes(),
            created_at: self.now,
        });
    }

    /// A step in the life of a finding: `opened`, `changed`, `resolved`, `accepted`.
    pub fn drift(&self, tx: &mut Tx, tenant: &Tenant, finding: &Finding, step: &str) {
        let mut data = json!({
            "id": finding.id,
            "cloud": tenant.cloud,
            "tenant": tenant.backend_id,
            "tenant_name": tenant.name,
            "resource_type": finding.resource_type,
            "object": finding.object,
            "object_name": finding.object_name,
            "field": finding.field,
            "change": finding.change,
            "expected": finding.expected,
            "observed": finding.observed,
            "severity": finding.severity,
            "source": finding.source,
            "opened_at": finding.opened_at,
        });
        if step != "opened" {
            data["at"] = json!(self.now);
        }
        let routing_key = format!("drift.{}.{step}", finding.resource_type);
        self.emit(tx, &routing_key, &tenant.backend_id, &data);
    }
}
