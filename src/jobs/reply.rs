//! The answer to whoever asked for a job and waits: a message to their queue, in the format of their request.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};

use super::context::Context;
use super::events::{CLOUDEVENT, CloudEvent};
use crate::model::ids::new_id;
use crate::model::job::{Outcome, Reply, ReplyFormat};
use crate::store::Tx;
use crate::store::outbox::{Outgoing, PROPERTIES};

/// Answers, if somebody waits. `facts` are those of the job's event: `id`, `kind`, `tenant`, `outcome`, `reason`,
/// `error` and times.
pub(super) fn send(
    context: &Context,
    tx: &mut Tx,
    reply: Option<&Reply>,
    (outcome, facts): (Outcome, &impl Serialize),
    now: DateTime<Utc>,
) {
    let (Some(reply), Some(_)) = (reply, context.exchanges()) else { return };
    let facts = serde_json::to_value(facts).unwrap_or_default();
    tx.enqueue_outgoing(message(reply, outcome, &facts, context.instance(), now));
}

/// The answer as a message for the default exchange, which leads to the queue of that name or to nowhere.
pub fn message(reply: &Reply, outcome: Outcome, facts: &Value, instance: &str, now: DateTime<Utc>) -> Outgoing {
    let id = new_id(now);
    let mut told = facts.clone();
    // The asker knows the job by the id it gave.
    told["job"] = facts["id"].clone();
    told["id"] = json!(reply.asked_as);
    let json = |body: Value| ("application/json", body.to_string().into_bytes());
    let (content_type, body) = match reply.format {
        ReplyFormat::Native => json(told),
        ReplyFormat::CloudEvents => {
            let key = format!("job.{}.{outcome}", facts["kind"].as_str().unwrap_or("unknown"));
            let subject = facts["tenant"].as_str().unwrap_or(&reply.asked_as);
            (CLOUDEVENT, CloudEvent::new(id, instance, (&key, subject), now, &told).to_bytes())
        }
        ReplyFormat::Celery => json(celery(&reply.asked_as, outcome, told, now)),
    };
    Outgoing {
        id,
        exchange: String::new(),
        routing_key: reply.to.clone(),
        content_type: content_type.to_owned(),
        headers: json!({ PROPERTIES: { "correlation_id": reply.correlation_id, "content_encoding": "utf-8" } }),
        body,
        created_at: now,
    }
}

/// A result as Celery's workers send it: `AsyncResult.get()` returns it, or raises what it names. A class that the
/// producer does not have becomes one of that name.
fn celery(task: &str, outcome: Outcome, told: Value, now: DateTime<Utc>) -> Value {
    let message = || {
        let part = |key: &str| told[key].as_str().map(str::to_owned);
        let parts: Vec<String> = [part("reason"), part("error")].into_iter().flatten().collect();
        if parts.is_empty() { outcome.to_string() } else { parts.join(": ") }
    };
    let (status, result) = match outcome {
        Outcome::Succeeded | Outcome::Unchanged | Outcome::Partial => ("SUCCESS", told),
        Outcome::Failed => ("FAILURE", exception("tenantd", "JobFailed", &message())),
        Outcome::Expired | Outcome::Cancelled => {
            ("FAILURE", exception("celery.exceptions", "TaskRevokedError", &message()))
        }
    };
    json!({
        "task_id": task, "status": status, "result": result, "traceback": null, "children": [], "date_done": now,
    })
}

fn exception(module: &str, class: &str, message: &str) -> Value {
    json!({ "exc_module": module, "exc_type": class, "exc_message": [message] })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(format: ReplyFormat, outcome: Outcome, facts: &Value) -> (Outgoing, Value) {
        let reply = Reply {
            to: "q".to_owned(),
            correlation_id: Some("c-1".to_owned()),
            format,
            asked_as: "order-7".to_owned(),
        };
        let sent = message(&reply, outcome, facts, "test-1", DateTime::UNIX_EPOCH);
        let body = serde_json::from_slice(&sent.body).unwrap();
        (sent, body)
    }

    fn facts(outcome: Outcome, reason: Option<&str>, error: Option<&str>) -> Value {
        json!({"id": "018f", "kind": "pull_quotas", "tenant": "t", "outcome": outcome, "reason": reason, "error": error})
    }

    #[test]
    fn each_format_gets_its_own() {
        let done = facts(Outcome::Unchanged, None, None);
        let (sent, body) = answer(ReplyFormat::Native, Outcome::Unchanged, &done);
        assert_eq!((sent.exchange.as_str(), sent.routing_key.as_str()), ("", "q"));
        assert_eq!(sent.headers[PROPERTIES]["correlation_id"], "c-1");
        assert_eq!(
            body,
            json!({"id": "order-7", "job": "018f", "kind": "pull_quotas", "tenant": "t", "outcome": "unchanged", "reason": null, "error": null})
        );

        let (sent, event) = answer(ReplyFormat::CloudEvents, Outcome::Unchanged, &done);
        assert_eq!(sent.content_type, CLOUDEVENT);
        assert_eq!((&event["type"], &event["subject"]), (&json!("tenantd.job.pull_quotas.unchanged"), &json!("t")));
        assert_eq!((&event["source"], &event["data"]), (&json!("/tenantd/test-1"), &body));

        let (_, result) = answer(ReplyFormat::Celery, Outcome::Unchanged, &done);
        assert_eq!((&result["task_id"], &result["status"]), (&json!("order-7"), &json!("SUCCESS")));
        assert_eq!((&result["result"], &result["children"]), (&body, &json!([])));
    }

    #[test]
    fn celery_raises_what_went_wrong() {
        let dead = facts(Outcome::Failed, Some("unknown_tenant"), Some("no project `t`"));
        let (_, result) = answer(ReplyFormat::Celery, Outcome::Failed, &dead);
        assert_eq!(result["status"], "FAILURE");
        let expected = exception("tenantd", "JobFailed", "unknown_tenant: no project `t`");
        assert_eq!(result["result"], expected);
        let (_, result) = answer(ReplyFormat::Celery, Outcome::Expired, &facts(Outcome::Expired, None, None));
        assert_eq!(result["result"], exception("celery.exceptions", "TaskRevokedError", "expired"));
        let (_, event) = answer(ReplyFormat::CloudEvents, Outcome::Failed, &json!({"id": null, "kind": null}));
        assert_eq!(event["type"], "tenantd.job.unknown.failed");
        assert_eq!(event["subject"], "order-7");
    }
}
