//! Schedules with a `max_age`: what is due becomes jobs, for some tenants or for all of a cloud.

use std::collections::BTreeSet;

use chrono::{DateTime, Duration, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::freshness::{Objective, Plan};
use super::schedule::Fired;
use crate::config::Schedule;
use crate::jobs::context::{Context, Live};
use crate::jobs::cost::Cost;
use crate::jobs::pulls;
use crate::jobs::resolve::known;
use crate::model::ids::named_id;
use crate::model::job::{PRIORITY_SCHEDULE, Request};
use crate::model::{ResourceType, Tenant};
use crate::store::freshness::Freshness;
use crate::store::{Store, StoreError};

/// Where a schedule with a `max_age` stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// When the next tenant is due; one that was never read is due now.
    pub next: Option<DateTime<Utc>>,
    /// Of how many tenants what is known is older than promised.
    pub overdue: usize,
}

/// Where a schedule stands in these clouds; nothing for one without a `max_age`.
///
/// # Errors
/// When the database is away.
pub async fn standing(
    store: &Store,
    clouds: &[&str],
    schedule: &Schedule,
    now: DateTime<Utc>,
) -> Result<Option<Standing>, StoreError> {
    let Some(objective) = objective(schedule) else { return Ok(None) };
    let mut standing = Standing::default();
    for cloud in concerned(schedule, clouds) {
        for it in &store.freshness(cloud, &types(schedule)).await? {
            let next = objective.due_at(it, now).unwrap_or(now);
            standing.next = Some(standing.next.map_or(next, |other| other.min(next)));
            standing.overdue += usize::from(objective.is_overdue(it, now));
        }
    }
    Ok(Some(standing))
}

/// When a schedule with a `max_age` looks at a tenant again.
///
/// # Errors
/// When the database is away.
pub async fn next_of(
    store: &Store,
    schedule: &Schedule,
    tenant: &Tenant,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let Some(objective) = objective(schedule) else { return Ok(None) };
    let freshness = store.freshness(&tenant.cloud, &types(schedule)).await?;
    let it = freshness.iter().find(|it| it.tenant == tenant.uuid);
    Ok(it.map(|it| objective.due_at(it, now).unwrap_or(now)))
}

/// How often schedules with a `max_age` are looked at, so that what is due is not long so.
pub(super) fn pace(schedules: &[Schedule]) -> Option<std::time::Duration> {
    schedules.iter().filter_map(|it| it.max_age).map(|age| age.0 / 20).min()
}

fn objective(schedule: &Schedule) -> Option<Objective> {
    let max_age = Duration::from_std(schedule.max_age?.0).ok()?;
    Some(Objective { max_age, cost: Cost::of(&schedule.job), lists_everyone: true })
}

fn types(schedule: &Schedule) -> Vec<ResourceType> {
    ResourceType::ALL.into_iter().filter(|it| pulls(&schedule.job, *it)).collect()
}

fn concerned<'a>(schedule: &Schedule, clouds: &[&'a str]) -> Vec<&'a str> {
    clouds.iter().copied().filter(|name| schedule.cloud.as_deref().is_none_or(|only| only == *name)).collect()
}

/// Makes the jobs that are due now.
///
/// # Errors
/// When the database is away: the next look makes up for it.
pub(super) async fn look(context: &Context, schedule: &Schedule) -> Result<Fired, StoreError> {
    let Some(objective) = objective(schedule) else { return Ok(Fired::NotDue) };
    let due = Due { context, schedule, live: &context.live(), objective, now: context.clock().now() };
    let requests = match schedule.tenant() {
        Some(subject) => due.of_one(subject).await?,
        None => due.of_clouds().await?,
    };
    let Some(last) = requests.last() else { return Ok(Fired::NotDue) };
    let mut tx = context.store().begin().await?;
    // Whether that is news tells nothing: the ids alone keep two replicas from asking twice.
    tx.schedule_ticked(&schedule.name, due.now, Some(last.id)).await?;
    let mut made = 0;
    for request in &requests {
        made += usize::from(tx.insert_job(request, None).await?);
    }
    context.tell(tx.commit().await?);
    tracing::debug!(schedule = schedule.name, jobs = made, "looks are due");
    Ok(if made > 0 { Fired::Jobs(made) } else { Fired::NotDue })
}

/// What a look at a schedule goes by.
struct Due<'a> {
    context: &'a Context,
    schedule: &'a Schedule,
    live: &'a Live,
    objective: Objective,
    now: DateTime<Utc>,
}

impl Due<'_> {
    async fn of_clouds(&self) -> Result<Vec<Request>, StoreError> {
        let active = self.context.store().active(&self.source()).await?;
        let mut requests = Vec::new();
        for cloud in concerned(self.schedule, &self.live.names()) {
            let of_cloud = |it: &&(Option<String>, Option<String>)| it.0.as_deref() == Some(cloud);
            let (mut tenants, mut everyone) = (BTreeSet::new(), false);
            for (_, subject) in active.iter().filter(of_cloud) {
                match subject.as_deref().and_then(|it| Uuid::parse_str(it).ok()) {
                    Some(tenant) => drop(tenants.insert(tenant)),
                    None => everyone = true,
                }
            }
            if !everyone {
                requests.extend(self.of_cloud(cloud, &tenants).await?);
            }
        }
        Ok(requests)
    }

    async fn of_cloud(&self, cloud: &str, active: &BTreeSet<Uuid>) -> Result<Vec<Request>, StoreError> {
        let tenants = self.freshness(cloud).await?;
        let lists_everyone = self.live.clouds.get(cloud).is_none_or(|it| !it.api.is_blind());
        let objective = Objective { lists_everyone, ..self.objective };
        Ok(match objective.plan(&tenants, active, self.now) {
            Plan::Nobody => Vec::new(),
            Plan::Everyone(first) => vec![self.request(&format!("{cloud} from {first}"), Some(cloud), None)],
            Plan::Some(some) => some.iter().map(|it| self.request_for(cloud, *it)).collect(),
        })
    }

    /// One that is not recorded is asked for as it is written: the job looks it up.
    async fn of_one(&self, subject: &str) -> Result<Vec<Request>, StoreError> {
        if !self.context.store().active(&self.source()).await?.is_empty() {
            return Ok(Vec::new());
        }
        let tenants = known(self.context, subject, self.schedule.cloud.as_deref()).await?;
        let [tenant] = tenants.as_slice() else {
            return Ok(vec![self.request(subject, self.schedule.cloud.as_deref(), Some(subject.to_owned()))]);
        };
        let freshness = self.freshness(&tenant.cloud).await?;
        let one: Vec<Freshness> = freshness.into_iter().filter(|it| it.tenant == tenant.uuid).collect();
        let plan = self.objective.plan(&one, &BTreeSet::new(), self.now);
        Ok(if plan == Plan::Nobody { Vec::new() } else { vec![self.request_for(&tenant.cloud, tenant.uuid)] })
    }

    async fn freshness(&self, cloud: &str) -> Result<Vec<Freshness>, StoreError> {
        self.context.store().freshness(cloud, &types(self.schedule)).await
    }

    fn source(&self) -> String {
        format!("schedule:{}", self.schedule.name)
    }

    fn request_for(&self, cloud: &str, tenant: Uuid) -> Request {
        self.request(&tenant.to_string(), Some(cloud), Some(tenant.to_string()))
    }

    /// The id is the same in every replica, and another one when the time between two looks has gone by: whatever
    /// became of a job, it is not the last.
    fn request(&self, what: &str, cloud: Option<&str>, subject: Option<String>) -> Request {
        let turn = self.now.timestamp_millis() / self.objective.pause().num_milliseconds().max(1);
        Request {
            cloud: cloud.map(str::to_owned),
            subject,
            params: Value::Object(self.schedule.params.clone()),
            priority: PRIORITY_SCHEDULE,
            ..Request::new(
                named_id(&self.source(), &format!("{what} {turn}")),
                self.schedule.job.clone(),
                self.source(),
                self.now,
            )
        }
    }
}
