//! `set_quotas`: change limits in Nova, Neutron and Cinder, read them back, and expect what was confirmed.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::known::Known;
use super::normalise::service_key;
use super::observe::{self, Extent};
use super::{Call, Effect, Job, JobError, Journal, Report, States};
use crate::model::quota::{Limit, NAMES, Quota, Quotas, is_name};
use crate::model::token::Role;
use crate::model::{Body, Invalid, Observation, ResourceType, Tenant};
use crate::openstack::{Service, Writer};

/// The largest number that every service takes.
const MOST: u64 = i32::MAX as u64;
/// The services in the order in which they are asked.
const SERVICES: [Service; 3] = [Service::Compute, Service::Network, Service::Volume];

/// New limits under the names of the API documents: a number from 0, or -1 or "unlimited". What is not named stays.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(super) struct SetQuotas {
    limits: BTreeMap<String, Value>,
}

impl Job for SetQuotas {
    const KIND: &'static str = "set_quotas";
    const ABOUT: &'static str = "change limits in Nova, Neutron and Cinder, and expect what they confirm";
    const FLEET: bool = false;
    const WRITES: bool = true;
    const STATES: Option<States> = Some(States::UPDATE);
    const ROLE: Role = Role::Staff;

    fn problems(&self) -> Invalid {
        let mut invalid = Invalid::default();
        for (name, wanted) in &self.limits {
            if let Err(why) = limit(name, wanted) {
                invalid.field(name).add(why);
            }
        }
        invalid
    }

    fn conflicts(&self, known: &Known) -> Invalid {
        let mut invalid = Invalid::default();
        // A cloud that was never asked may have any volume type.
        let Some(quotas) = known.quotas() else { return invalid };
        for name in self.limits.keys() {
            if let Some(why) = unknown_type(name, quotas) {
                invalid.field(name).add(why);
            }
        }
        invalid
    }

    async fn run(self, call: Call) -> Report {
        let begun = async {
            let (tenant, project) = call.project()?;
            let wanted = self.wanted().map_err(|why| JobError::give_up("invalid_params", why))?;
            let journal = Journal::open(&call, Self::KIND, tenant).await?;
            self.must_be_known(&call, tenant).await?;
            Ok::<_, JobError>((tenant, project, wanted, journal))
        };
        let (tenant, project, wanted, journal) = match begun.await {
            Ok(begun) => begun,
            Err(error) => return Report::failed(error),
        };
        let outcomes = ask(&journal, project, &wanted).await;
        match read_back(&call, tenant).await {
            Ok(seen) => report(&call, tenant, &wanted, outcomes, seen),
            Err(error) => Report::failed(worst(outcomes, Some(error), &wanted)),
        }
    }
}

/// Asks each service that is concerned: one that refuses is no reason to keep what is wanted from the others.
async fn ask(journal: &Journal, project: &str, wanted: &[Wanted]) -> Outcomes {
    let mut outcomes = Vec::new();
    for service in SERVICES {
        let mine = wanted.iter().filter(|it| it.service == service);
        let limits: Vec<(String, i64)> = mine.map(|it| (it.key.clone(), it.to_api())).collect();
        if limits.is_empty() {
            continue;
        }
        let step = format!("limits of {service}");
        let set = async |writer: Writer| writer.set_quota(service, project, &limits).await;
        outcomes.push((service, journal.change(&step, set).await));
    }
    outcomes
}

/// One limit as its service takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    name: String,
    limit: Limit,
    service: Service,
    key: String,
    factor: u64,
}

impl Wanted {
    /// In the service's own unit; that it comes out even is a condition of the wish.
    fn to_api(&self) -> i64 {
        match self.limit {
            Limit::Of(limit) => Limit::Of(limit / self.factor).to_api(),
            Limit::Unlimited => Limit::Unlimited.to_api(),
        }
    }
}

/// A limit as it was written, if it means something.
fn limit(name: &str, written: &Value) -> Result<Limit, String> {
    if !is_name(name) {
        return Err(format!("no quota has this name; there are {}, and gigabytes_<volume type>", NAMES.join(", ")));
    }
    let Some((service, _, factor)) = service_key(name) else {
        return Err("no service limits this".to_owned());
    };
    let limit = match written {
        Value::Number(number) => number.as_i64().ok_or_else(|| format!("{number} is no whole number"))?,
        Value::String(word) if word == "unlimited" => -1,
        other => return Err(format!("{other} is no limit; write a number from 0, or -1 or \"unlimited\"")),
    };
    match Limit::from_api(limit)? {
        Limit::Of(limit) if limit % factor != 0 => {
            let (below, above) = (limit - limit % factor, limit - limit % factor + factor);
            Err(format!("{service} counts whole GiB, and {limit} MiB is none; the nearest are {below} and {above} MiB"))
        }
        Limit::Of(limit) if limit / factor > MOST => Err(format!("more than {} is out of reach", MOST * factor)),
        limit => Ok(limit),
    }
}

fn unknown_type(name: &str, quotas: &Quotas) -> Option<String> {
    let volume_type = name.strip_prefix("gigabytes_")?;
    if quotas.contains_key(name) {
        return None;
    }
    let known: Vec<&str> = quotas.keys().filter_map(|it| it.strip_prefix("gigabytes_")).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Some(format!("the cloud has no volume type `{volume_type}`; there is {known}"))
}

impl SetQuotas {
    /// Limits as another kind takes them.
    pub(super) const fn of(limits: BTreeMap<String, Value>) -> Self {
        Self { limits }
    }

    /// Sets the limits of a tenant that is being made: all of them, or it is none.
    pub(super) async fn set(&self, journal: &Journal, project: &str) -> Result<(), JobError> {
        let wanted = self.wanted().map_err(|why| JobError::give_up("invalid_params", why))?;
        let outcomes = ask(journal, project, &wanted).await;
        if outcomes.iter().all(|(_, outcome)| outcome.is_ok()) {
            return Ok(());
        }
        Err(worst(outcomes, None, &wanted))
    }

    /// What is expected from now on, if the services confirm all of it.
    pub(super) fn commanded(&self, call: &Call, tenant: &Tenant, seen: &Quotas) -> Result<Option<Effect>, JobError> {
        let wanted = self.wanted().map_err(|why| JobError::give_up("invalid_params", why))?;
        for service in SERVICES {
            confirmed(service, &wanted, seen, None)?;
        }
        Ok((!wanted.is_empty()).then(|| expected(call, tenant, &wanted, seen)))
    }

    fn wanted(&self) -> Result<Vec<Wanted>, String> {
        let mut wanted = Vec::new();
        for (name, written) in &self.limits {
            let limit = limit(name, written).map_err(|why| format!("{name}: {why}"))?;
            let (service, key, factor) = service_key(name).ok_or_else(|| format!("{name}: no service limits this"))?;
            wanted.push(Wanted { name: name.clone(), limit, service, key: key.to_owned(), factor });
        }
        Ok(wanted)
    }

    /// Cinder takes limits of volume types that it does not have without a word: they are looked for first.
    async fn must_be_known(&self, call: &Call, tenant: &Tenant) -> Result<(), JobError> {
        if !self.limits.keys().any(|name| name.starts_with("gigabytes_")) {
            return Ok(());
        }
        let seen = read_back(call, tenant).await?;
        let Body::Quotas(quotas) = &seen.body else { return Ok(()) };
        if seen.is_partial() {
            let why = seen.trouble.map_or_else(|| "the volume types cannot be read".to_owned(), |(_, why)| why);
            return Err(JobError::retry("unavailable", why));
        }
        let mut invalid = Invalid::default();
        for name in self.limits.keys() {
            if let Some(why) = unknown_type(name, quotas) {
                invalid.field(name).add(why);
            }
        }
        invalid.or(()).map_err(|invalid| JobError::give_up("invalid_params", invalid.to_string()))
    }
}

async fn read_back(call: &Call, tenant: &Tenant) -> Result<Observation, JobError> {
    let cloud = call.live.cloud(&tenant.cloud)?;
    observe::tenant(cloud, tenant, ResourceType::Quotas, Extent::default()).await
}

type Outcomes = Vec<(Service, Result<(), JobError>)>;

/// What was seen is recorded in any case; it is expected only when every service confirms what was asked of it.
fn report(call: &Call, tenant: &Tenant, wanted: &[Wanted], mut outcomes: Outcomes, seen: Observation) -> Report {
    let quotas = match &seen.body {
        Body::Quotas(quotas) => quotas.clone(),
        _ => Quotas::new(),
    };
    for (service, outcome) in outcomes.iter_mut().filter(|(_, outcome)| outcome.is_ok()) {
        let trouble = seen.trouble.as_ref().map(|(_, why)| why.as_str());
        *outcome = confirmed(*service, wanted, &quotas, trouble);
    }
    let mut effects = Vec::new();
    let failure = outcomes.iter().any(|(_, outcome)| outcome.is_err()).then(|| worst(outcomes, None, wanted));
    if failure.is_none() && !wanted.is_empty() {
        effects.push(expected(call, tenant, wanted, &quotas));
    }
    let trouble = seen.trouble.clone();
    effects.push(Effect::Observed { tenant: tenant.clone(), observation: seen });
    if let Some((reason, error)) = trouble {
        let resource_type = ResourceType::Quotas;
        effects.push(Effect::Unreadable { tenant: tenant.clone(), resource_type, reason, error });
    }
    Report { effects, failure, ..Report::default() }
}

fn expected(call: &Call, tenant: &Tenant, wanted: &[Wanted], seen: &Quotas) -> Effect {
    let limit = |it: &Wanted| (it.name.clone(), Quota { limit: Some(it.limit), usage: None });
    Effect::Commanded {
        tenant: tenant.clone(),
        confirmed: Body::Quotas(wanted.iter().map(limit).collect()),
        removed: Vec::new(),
        seen: Body::Quotas(seen.clone()),
        author: call.author(),
        whole: false,
    }
}

/// Whether a service says now what was asked of it.
fn confirmed(service: Service, wanted: &[Wanted], quotas: &Quotas, trouble: Option<&str>) -> Result<(), JobError> {
    for it in wanted.iter().filter(|it| it.service == service) {
        match quotas.get(&it.name).and_then(|quota| quota.limit) {
            Some(limit) if limit == it.limit => {}
            Some(limit) => {
                let message = format!("{service} has {} at {limit} although it took {}", it.name, it.limit);
                return Err(JobError::give_up("not_confirmed", message));
            }
            None => {
                let why = trouble.unwrap_or("it does not tell");
                let message = format!("{service} took {} at {}, and cannot be asked for it: {why}", it.name, it.limit);
                return Err(JobError::retry("not_confirmed", message));
            }
        }
    }
    Ok(())
}

/// One failure for all of them, service by service: one that passes, if there is such a one, for then a repetition
/// helps, and does again only what was not done.
fn worst(outcomes: Outcomes, read_back: Option<JobError>, wanted: &[Wanted]) -> JobError {
    let mut told = Vec::new();
    let mut services = BTreeSet::new();
    let mut failures = Vec::new();
    for (service, outcome) in outcomes {
        services.insert(service);
        match outcome {
            Ok(()) => {
                let took = wanted.iter().filter(|it| it.service == service);
                let took: Vec<String> = took.map(|it| format!("{} {}", it.name, it.limit)).collect();
                told.push(format!("{service} took {}", took.join(", ")));
            }
            Err(error) => {
                told.push(format!("{service}: {error}"));
                failures.push(error);
            }
        }
    }
    if let Some(error) = read_back {
        told.push(format!("the limits cannot be read back: {error}"));
        failures.push(error);
    }
    let retry = failures.iter().position(|error| matches!(error, JobError::Retry { .. } | JobError::Interrupted));
    let error = failures.swap_remove(retry.unwrap_or(0));
    error.told(told.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn problems(limits: Value) -> Value {
        let job: SetQuotas = serde_json::from_value(limits).unwrap();
        serde_json::to_value(job.problems()).unwrap()
    }

    #[test]
    fn zero_is_zero_and_unlimited_is_a_word_too() {
        let wishes =
            json!({"vcpu": 0, "ram": -1, "storage": "unlimited", "gigabytes_ssd": 7, "volumes": 2_147_483_647});
        assert_eq!(problems(wishes.clone()), json!([]));
        let job: SetQuotas = serde_json::from_value(wishes).unwrap();
        let sent: Vec<(String, i64)> = job.wanted().unwrap().iter().map(|it| (it.key.clone(), it.to_api())).collect();
        let expected = [("gigabytes_ssd", 7), ("ram", -1), ("gigabytes", -1), ("cores", 0), ("volumes", 2_147_483_647)];
        assert_eq!(sent, expected.map(|(key, limit)| (key.to_owned(), limit)));
    }

    #[test]
    fn everything_that_means_nothing_is_told_at_once() {
        let said = problems(json!({
            "vcpus": 1, "ram": -2, "storage": 1500, "volumes_size": 1024, "volumes": 1.5, "instances": "many",
            "network_count": 2_147_483_648_u64, "gigabytes_": 1,
        }));
        let names: Vec<&String> = said.as_object().unwrap().keys().collect();
        let all = ["gigabytes_", "instances", "network_count", "ram", "storage", "vcpus", "volumes", "volumes_size"];
        assert_eq!(names, all);
        let storage = "volume counts whole GiB, and 1500 MiB is none; the nearest are 1024 and 2048 MiB";
        assert_eq!(said["storage"], json!([storage]));
        assert_eq!(said["ram"], json!(["a limit of -2 has no meaning"]));
        assert_eq!(said["volumes"], json!(["1.5 is no whole number"]));
    }

    #[test]
    fn a_volume_type_that_the_cloud_does_not_have_is_told_with_those_that_it_has() {
        let quotas = json!({"gigabytes___DEFAULT__": {"limit": 1}, "vcpu": {"limit": 2}});
        let body = Body::from_json(ResourceType::Quotas, &quotas).unwrap();
        let known = Known { bodies: vec![body], ..Known::default() };
        let job: SetQuotas = serde_json::from_value(json!({"gigabytes_ssd": 1, "gigabytes___DEFAULT__": 2})).unwrap();
        let said = "gigabytes_ssd: the cloud has no volume type `ssd`; there is __DEFAULT__";
        assert_eq!(job.conflicts(&known).to_string(), said);
        assert!(job.conflicts(&Known::default()).is_empty(), "nobody knows yet");
    }
}
