//! What happened, as CloudEvents 1.0 in structured JSON, for the exchange `<prefix>.events`.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::context::Context;
use crate::model::ids::new_id;
use crate::model::life::{Event, Step};
use crate::model::{Finding, Tenant};
use crate::store::Tx;
use crate::store::outbox::Outgoing;

/// The media type of a structured `CloudEvent`.
pub const CLOUDEVENT: &str = "application/cloudevents+json; charset=utf-8";

/// A `CloudEvent` in structured JSON, its attributes in the order of their names.
#[derive(Debug, Serialize)]
pub(super) struct CloudEvent<'a, T> {
    data: &'a T,
    datacontenttype: &'static str,
    id: Uuid,
    source: String,
    specversion: &'static str,
    subject: &'a str,
    time: DateTime<Utc>,
    r#type: String,
}

impl<'a, T: Serialize> CloudEvent<'a, T> {
    /// An event of `instance`; its type is `tenantd.` and `key`.
    pub fn new(id: Uuid, instance: &str, (key, subject): (&str, &'a str), time: DateTime<Utc>, data: &'a T) -> Self {
        Self {
            data,
            datacontenttype: "application/json",
            id,
            source: format!("/tenantd/{instance}"),
            specversion: "1.0",
            subject,
            time,
            r#type: format!("tenantd.{key}"),
        }
    }

    /// As it is published.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Texts, numbers and times under texts are always JSON.
        serde_json::to_vec(self).unwrap_or_default()
    }
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
    pub fn emit(&self, tx: &mut Tx, routing_key: &str, subject: &str, data: &impl Serialize) {
        let Some(exchanges) = self.context.exchanges() else { return };
        let id = new_id(self.now);
        let event = CloudEvent::new(id, self.context.instance(), (routing_key, subject), self.now, data);
        tx.enqueue_outgoing(Outgoing {
            id,
            exchange: exchanges.events.clone(),
            routing_key: routing_key.to_owned(),
            content_type: CLOUDEVENT.to_owned(),
            headers: json!({}),
            body: event.to_bytes(),
            created_at: self.now,
        });
    }

    /// A step in the life of a finding; one that is open again is told as opened, with the reason. What somebody notes
    /// is told to nobody else.
    pub fn drift(&self, tx: &mut Tx, tenant: &Tenant, finding: &Finding, event: &Event) {
        let word = match event.step {
            Step::Noted => return,
            Step::Reopened => Step::Opened.as_str(),
            step => step.as_str(),
        };
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
        if let Some(flapping) = &finding.flapping {
            data["flapping"] = json!(flapping);
        }
        if event.step != Step::Opened {
            data["at"] = json!(event.at);
        }
        let said = [("by", json!(event.by)), ("reason", json!(event.reason)), ("until", json!(event.until))];
        if !event.request_ids.is_empty() {
            data["request_ids"] = json!(event.request_ids);
        }
        for (key, value) in said.into_iter().filter(|(_, value)| !value.is_null()) {
            data[key] = value;
        }
        let routing_key = format!("drift.{}.{word}", finding.resource_type);
        self.emit(tx, &routing_key, &tenant.backend_id, &data);
    }
}
