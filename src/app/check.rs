//! `tenantd check`: whether everything that the configuration needs works, and if not, what to do.

use std::sync::Arc;
use std::time::Duration;

use lapin::{Connection, ConnectionProperties};
use serde::Serialize;

use super::build;
use crate::clock::{Clock, SystemClock};
use crate::config::{self, Config};
use crate::jobs;
use crate::jobs::context::CloudEntry;
use crate::model::ResourceType;
use crate::openstack::Ability;
use crate::store::Store;

const LIMIT: Duration = Duration::from_secs(10);
/// Beyond this, tokens and times of observations become unreliable.
const SKEW: i64 = 5;

/// One thing that was tried.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// What: `database`, `broker`, `cloud lab`.
    pub subject: String,
    /// Which aspect: `reachable`, `token`, `clock`, `network.security_group_list`.
    pub check: String,
    /// `ok`, `warning`, `failed`.
    pub verdict: &'static str,
    /// What was seen, and what to do.
    pub detail: String,
}

impl Finding {
    fn new(subject: &str, check: impl Into<String>, verdict: &'static str, detail: impl Into<String>) -> Self {
        Self { subject: subject.to_owned(), check: check.into(), verdict, detail: detail.into() }
    }

    fn of(subject: &str, check: impl Into<String>, outcome: Result<String, String>) -> Self {
        match outcome {
            Ok(detail) => Self::new(subject, check, "ok", detail),
            Err(detail) => Self::new(subject, check, "failed", detail),
        }
    }
}

/// Tries everything that the configuration needs; fine when nothing failed.
pub async fn check(config: &Config) -> Vec<Finding> {
    let mut findings = vec![database(config).await];
    match &config.broker {
        Some(settings) => findings.push(broker(settings).await),
        None => findings.push(Finding::new("broker", "reachable", "ok", "not configured: no messages are taken")),
    }
    if config.clouds.is_empty() {
        let detail = "no cloud is configured, so there is nothing to do; add a [[clouds]] section";
        findings.push(Finding::new("clouds", "configured", "warning", detail));
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let live = build::live(config, &clock);
    let unprepared = live.unprepared.iter();
    findings.extend(unprepared.map(|(name, why)| Finding::new(&format!("cloud {name}"), "credentials", "failed", why)));
    for section in &config.clouds {
        if let Some(entry) = live.clouds.get(&section.name) {
            findings.extend(cloud(section, entry, config).await);
        }
    }
    findings
}

async fn database(config: &Config) -> Finding {
    let opened = async {
        let store = Store::open(config.database.url.expose(), 2).await.map_err(|error| error.to_string())?;
        store.ping().await.map_err(|error| error.to_string())?;
        let engine = store.engine();
        let version = match store.check_version().await {
            Ok(()) => "its schema is this version's".to_owned(),
            Err(error @ crate::store::StoreError::Newer { .. }) => return Err(error.to_string()),
            Err(_) if config.database.migrate => "`run` will bring it to this version".to_owned(),
            Err(error) => return Err(error.to_string()),
        };
        store.close().await;
        Ok(format!("{engine} answers; {version}"))
    };
    Finding::of("database", "reachable", opened.await)
}

async fn broker(settings: &config::Broker) -> Finding {
    let connect = Connection::connect(settings.url.expose(), ConnectionProperties::default());
    let outcome = match tokio::time::timeout(LIMIT, connect).await {
        Err(_) => Err(format!("no connection within {LIMIT:?}")),
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(connection)) => {
            let _ = connection.close(200, "checked".into()).await;
            Ok(format!("connected; exchanges and queues begin with `{}`", settings.prefix))
        }
    };
    Finding::of("broker", "reachable", outcome)
}

async fn cloud(section: &config::Cloud, entry: &CloudEntry, config: &Config) -> Vec<Finding> {
    let subject = format!("cloud {}", section.name);
    let identity = match entry.api.identity().await {
        Ok(identity) => identity,
        Err(error) => return vec![Finding::new(&subject, "token", "failed", error.to_string())],
    };
    let who = format!("{} in {} with {}", identity.user_name, identity.scope, identity.roles.join(", "));
    let mut findings = vec![Finding::new(&subject, "token", "ok", who)];
    if let Some(end) = identity.credential_expires_at {
        let left = end - SystemClock.now();
        let verdict = if left < chrono::Duration::days(14) { "warning" } else { "ok" };
        findings.push(Finding::new(
            &subject,
            "credential",
            verdict,
            format!("ends {}", end.format("%Y-%m-%d %H:%M UTC")),
        ));
    }
    findings.push(match entry.api.clock_skew().await {
        Ok(skew) if skew.num_seconds().abs() <= SKEW => Finding::new(&subject, "clock", "ok", "agrees with ours"),
        Ok(skew) => {
            let detail = format!("differs by {} s from ours; synchronise both clocks", skew.num_seconds());
            Finding::new(&subject, "clock", "warning", detail)
        }
        Err(error) => Finding::new(&subject, "clock", "failed", error.to_string()),
    });
    match entry.api.abilities(None).await {
        Ok(abilities) => findings.extend(abilities.iter().map(|it| call(&subject, &section.name, config, it))),
        Err(error) => findings.push(Finding::new(&subject, "calls", "failed", error.to_string())),
    }
    findings
}

/// What came of one call; one that no schedule needs costs nothing but the pulls that make it.
fn call(subject: &str, cloud: &str, config: &Config, ability: &Ability) -> Finding {
    let check = format!("{}.{}", ability.service, ability.operation);
    let spared = spared_by(ability.operation).filter(|it| !is_scheduled(*it, cloud, config));
    match (&ability.outcome, spared) {
        (Ok(()), _) => Finding::new(subject, check, "ok", "allowed"),
        (Err(error), None) => Finding::new(subject, check, "failed", error.to_string()),
        (Err(error), Some(resource_type)) => {
            let kind = jobs::pull_kind(resource_type);
            Finding::new(
                subject,
                check,
                "warning",
                format!("no schedule needs it, but `{kind}` will not work: {error}"),
            )
        }
    }
}

/// What is read by this call, where a configuration may do without it.
fn spared_by(operation: &str) -> Option<ResourceType> {
    match operation {
        "network_list" | "subnet_list" | "router_list" => Some(ResourceType::Networks),
        "port_list" => Some(ResourceType::Ports),
        "server_list" => Some(ResourceType::Instances),
        "volume_list" => Some(ResourceType::Volumes),
        "volume_snapshot_list" => Some(ResourceType::VolumeSnapshots),
        _ => None,
    }
}

/// Whether a schedule has it read: as what it pulls, or for what it sums up, counts, or holds against a policy.
fn is_scheduled(resource_type: ResourceType, cloud: &str, config: &Config) -> bool {
    let is_theirs = |it: &&config::Schedule| it.cloud.as_deref().is_none_or(|wanted| wanted == cloud);
    let asks_for_use = config.drift.policies.iter().any(|policy| policy.unused_security_groups.is_some());
    let needs = |it: &config::Schedule| {
        let says = |key: &str| it.params.get(key) == Some(&serde_json::Value::Bool(true));
        let pulls = |other| jobs::pulls(&it.job, other);
        let sizes = matches!(resource_type, ResourceType::Volumes | ResourceType::VolumeSnapshots) && says("sizes");
        let use_of_groups = resource_type == ResourceType::Ports && pulls(ResourceType::SecurityGroups) && asks_for_use;
        pulls(resource_type) || sizes || says("count") || use_of_groups
    };
    config.schedules.iter().filter(is_theirs).any(|it| it.enabled && needs(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(schedules: &str) -> Vec<ResourceType> {
        let policy = "[[drift.policies]]\nname = 'unused'\nunused_security_groups = '1d'\n";
        let config: Config = toml::from_str(&format!("{schedules}\n{policy}")).unwrap();
        ResourceType::ALL.into_iter().filter(|it| is_scheduled(*it, "lab", &config)).collect()
    }

    #[test]
    fn what_a_schedule_sums_up_counts_or_holds_against_a_policy_is_needed_too() {
        use ResourceType::{Ports, Quotas, SecurityGroups, VolumeSnapshots, Volumes};
        let of =
            |job: &str, more: &str| needs(&format!("[[schedules]]\nname = 's'\nmax_age = '1h'\njob = '{job}'\n{more}"));
        assert_eq!(of("pull_quotas", "params = { sizes = true }"), [Quotas, Volumes, VolumeSnapshots]);
        assert_eq!(of("pull_quotas", "params = { count = true }"), ResourceType::ALL);
        assert_eq!(of("pull_security_groups", ""), [SecurityGroups, Ports]);
        assert_eq!(of("pull", "cloud = 'other'"), []);
        assert_eq!(of("pull", "enabled = false"), []);
    }
}
