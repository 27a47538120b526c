//! `unlink_tenant`: forget a tenant. Its project stays in the cloud as it is; no cloud is asked.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Call, Effect, Job, JobError, Report};
use crate::model::job::Request;
use crate::model::token::Role;

/// Ends the tenant's findings, cancels what waits for it, and removes everything recorded of it. Discovery leaves the
/// project alone from then on, until somebody adds it again.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct UnlinkTenant {
    /// Who wants it, as the producer says; default: the producer, or the job's source.
    author: Option<String>,
}

impl Job for UnlinkTenant {
    const KIND: &'static str = "unlink_tenant";
    const ABOUT: &'static str = "forget a tenant and all that is recorded of it; its project stays in the cloud";
    const FLEET: bool = false;
    const WRITES: bool = true;
    const LOCAL: bool = true;
    const ROLE: Role = Role::Staff;

    async fn run(self, call: Call) -> Report {
        let Some(tenant) = call.tenant else {
            return Report::failed(JobError::give_up("invalid_params", "unlink_tenant needs a tenant"));
        };
        let by = who(self.author, &call.request);
        Report { effects: vec![Effect::Unlinked { tenant, by }], ..Report::default() }
    }
}

/// Whoever is named, and who names them: a name in a message proves nothing by itself.
fn who(named: Option<String>, request: &Request) -> String {
    let asked = request.producer.as_ref().unwrap_or(&request.source);
    match named {
        None => asked.clone(),
        // The command line says who runs it.
        Some(named) if named == *asked || request.source == "cli" => named,
        Some(named) => format!("{named} (says {asked})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use uuid::Uuid;

    #[test]
    fn a_name_in_a_message_is_told_with_its_sender() {
        let said = |named: Option<&str>, source: &str, producer: Option<&str>| {
            let request = Request::new(Uuid::nil(), UnlinkTenant::KIND, source, DateTime::UNIX_EPOCH);
            who(named.map(str::to_owned), &Request { producer: producer.map(str::to_owned), ..request })
        };
        assert_eq!(said(Some("alice"), "amqp", Some("waldur")), "alice (says waldur)");
        assert_eq!(said(Some("alice"), "amqp", None), "alice (says amqp)");
        assert_eq!(said(Some("olga"), "http", Some("olga")), "olga");
        assert_eq!((said(Some("olga"), "cli", None), said(None, "amqp", None)), ("olga".into(), "amqp".into()));
    }
}
