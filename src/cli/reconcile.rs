//! `reconcile`: what would have to be done so that a tenant is as it is expected to be; and, with `--apply`, doing it.

use std::collections::BTreeMap;
use std::path::Path;

use clap::Args;
use serde_json::json;

use super::arguments::{author, count};
use super::output::{self, Columns, Format, Row};
use super::records::{self, Records};
use super::{DONE, DRIFT, FAILED, pull, usage};
use crate::app::build;
use crate::app::pull::PullOptions;
use crate::config::Config;
use crate::drift::reconcile::{Left, Plan, Step, Unexpected, in_turn, plan};
use crate::jobs;
use crate::jobs::context::{Context, Live};
use crate::jobs::expected::expected;
use crate::jobs::runner::Ended;
use crate::model::ids::new_id;
use crate::model::job::{Outcome, PRIORITY_PERSON, Request};
use crate::model::{Body, ResourceType, Tenant};

/// The job kind.
const KIND: &str = "reconcile";

/// What is to be as it is expected.
#[derive(Debug, Args)]
pub struct Reconcile {
    /// The tenant: an id, cloud/name, or a name that only one has.
    #[arg(long)]
    tenant: String,
    /// Its cloud, where the tenant alone does not tell.
    #[arg(long)]
    cloud: Option<String>,
    /// Only this resource type, of quotas, security groups, floating IPs and server groups; may be given several times.
    #[arg(long = "resource-type", value_name = "TYPE")]
    types: Vec<ResourceType>,
    /// Let security groups, floating IPs and server groups go that nobody expects.
    #[arg(long)]
    delete: bool,
    /// Look at the cloud first; else the plan is made from what was last seen.
    #[arg(long, conflicts_with = "apply")]
    fresh: bool,
    /// Do it, where the cloud's `write` list names reconcile; it looks first.
    #[arg(long)]
    apply: bool,
}

const PLAN: Columns = Columns {
    keys: &[
        "cloud",
        "tenant",
        "tenant_name",
        "step",
        "resource_type",
        "object",
        "object_name",
        "action",
        "what",
        "seen_at",
    ],
    headings: &["STEP", "TYPE", "WHAT"],
    none: "nothing is to be done",
};

const DID: Columns = Columns {
    keys: &["cloud", "tenant", "tenant_name", "job", "step", "what", "done"],
    headings: &["STEP", "WHAT", "DONE"],
    none: "nothing was changed",
};

/// What is planned for a tenant, and from what.
struct Planned {
    plans: Vec<(ResourceType, Plan)>,
    /// When what it is made from was seen, by resource type.
    seen: Vec<(ResourceType, chrono::DateTime<chrono::Utc>)>,
    /// What there is no plan for, and why.
    without: Vec<String>,
}

impl Reconcile {
    pub(super) async fn run(self, path: &Path, format: Format) -> anyhow::Result<u8> {
        if let Some(one) = self.types.iter().find(|it| !it.is_mendable()) {
            return Err(usage(jobs::not_mended(*one)));
        }
        let config = build::load_config(path)?;
        records::known_cloud(&config, self.cloud.as_deref())?;
        let asks = self.fresh || self.apply;
        let context = if asks { build::context(&config).await? } else { Records::open(path, format).await?.context };
        let tenant = records::tenant(&context, &self.tenant, self.cloud.as_deref()).await?;
        let done = if self.apply {
            self.apply(&config, &context, &tenant, format).await
        } else {
            self.show(&config, &context, &tenant, (path, format)).await
        };
        context.store().close().await;
        done
    }

    const fn unexpected(&self) -> Unexpected {
        if self.delete { Unexpected::Go } else { Unexpected::Stay }
    }

    fn types(&self) -> Vec<ResourceType> {
        let is_wanted = |it: &ResourceType| self.types.is_empty() || self.types.contains(it);
        ResourceType::MENDABLE.into_iter().filter(is_wanted).collect()
    }

    /// Says what would be done.
    async fn show(
        &self,
        config: &Config,
        context: &Context,
        tenant: &Tenant,
        (path, format): (&Path, Format),
    ) -> anyhow::Result<u8> {
        let mut unread = 0;
        if self.fresh {
            let (uuid, cloud) = (tenant.uuid.to_string(), tenant.cloud.clone());
            let options = PullOptions { types: self.types(), tenant: Some(uuid), cloud: Some(cloud), count: false };
            unread = pull::tell_failures(&crate::app::pull::pull(context, &options).await?);
        }
        let planned = self.planned(config, context, tenant).await?;
        output::list(format, PLAN, &planned.rows(tenant))?;
        planned.tell(context, self.fresh);
        if unread > 0 {
            return Ok(FAILED);
        }
        let steps = in_turn(&planned.plans).len();
        if steps == 0 {
            return Ok(DONE);
        }
        output::note(&format!("{}; next: {}", count(steps, "step"), self.next(tenant, path)));
        Ok(DRIFT)
    }

    /// The command that does it.
    fn next(&self, tenant: &Tenant, path: &Path) -> String {
        let mut words = vec![output::tenantd(path), format!("reconcile --tenant {}", tenant.label())];
        words.extend(self.types.iter().map(|it| format!("--resource-type {it}")));
        words.extend(self.delete.then(|| "--delete".to_owned()));
        words.push("--apply".to_owned());
        words.join(" ")
    }

    /// Plans from what was last seen.
    async fn planned(&self, config: &Config, context: &Context, tenant: &Tenant) -> anyhow::Result<Planned> {
        let (store, live) = (context.store(), Live { rules: build::rules(&config.drift), ..Live::default() });
        let statuses = store.statuses(tenant.uuid).await?;
        let mut planned = Planned { plans: Vec::new(), seen: Vec::new(), without: Vec::new() };
        for resource_type in self.types() {
            let status = statuses.iter().find(|it| it.resource_type == resource_type);
            let snapshot = match status.and_then(|it| it.snapshot) {
                Some(id) => store.snapshot(id).await?,
                None => None,
            };
            let Some((snapshot, status)) = snapshot.zip(status) else {
                planned.without.push(format!("{resource_type} were never seen; --fresh looks first"));
                continue;
            };
            let Some(body) = expected(store, &live, tenant, resource_type, &snapshot.body).await? else {
                let why = "nothing is expected that could be restored: whatever is there is followed";
                planned.without.push(format!("{resource_type}: {why}"));
                continue;
            };
            planned.plans.push((resource_type, plan(&body, &snapshot.body, self.unexpected())));
            planned.seen.push((resource_type, status.last_success_at.unwrap_or(snapshot.last_seen_at)));
        }
        Ok(planned)
    }

    /// Does it, and says what was done.
    async fn apply(&self, config: &Config, context: &Context, tenant: &Tenant, format: Format) -> anyhow::Result<u8> {
        let section = config.clouds.iter().find(|it| it.name == tenant.cloud);
        if !section.is_some_and(|it| it.write.iter().any(|kind| kind == KIND)) {
            let why = format!("cloud `{}` may not be changed: its `write` list does not name reconcile", tenant.cloud);
            return Err(usage(why));
        }
        let now = context.clock().now();
        let request = Request {
            cloud: Some(tenant.cloud.clone()),
            subject: Some(tenant.uuid.to_string()),
            params: json!({ "resource_types": self.types(), "delete": self.delete }),
            producer: Some(author()),
            priority: PRIORITY_PERSON,
            ..Request::new(new_id(now), KIND, "cli", now)
        };
        let job = request.id;
        let mut names = names(context, tenant).await?;
        let ended = crate::app::reconcile::reconcile(context, request).await?;
        names.extend(self::names(context, tenant).await?);
        let mut steps = context.store().steps(job).await?;
        steps.sort_by_key(|step| step.intended_at);
        let row = |(number, step): (usize, &crate::store::steps::Step)| {
            let (number, done) = (number + 1, step.result.is_some());
            let json = json!({
                "cloud": tenant.cloud, "tenant": tenant.backend_id, "tenant_name": tenant.name, "job": job,
                "step": number, "what": step.name, "done": done,
            });
            let what = names.iter().fold(step.name.clone(), |what, (id, name)| what.replace(id, name));
            let said = if done { "yes" } else { "asked for, not answered" };
            Row { json, cells: vec![number.to_string(), what, said.to_owned()] }
        };
        let rows: Vec<Row> = steps.iter().enumerate().map(row).collect();
        output::list(format, DID, &rows)?;
        let code = told(&ended, &job.to_string());
        if matches!(ended, Ended::Done { .. }) {
            self.planned(config, context, tenant).await?.tell_left();
        }
        Ok(code)
    }
}

/// What people call the objects and rules of a tenant that were last seen, by their ids.
async fn names(context: &Context, tenant: &Tenant) -> anyhow::Result<BTreeMap<String, String>> {
    let mut names = BTreeMap::new();
    for id in context.store().statuses(tenant.uuid).await?.into_iter().filter_map(|status| status.snapshot) {
        match context.store().snapshot(id).await?.map(|snapshot| snapshot.body) {
            Some(Body::SecurityGroups(groups)) => {
                let rules = groups.iter().flat_map(|group| &group.rules);
                names.extend(rules.map(|rule| (rule.id.clone(), rule.meaning.to_string())));
                names.extend(groups.into_iter().map(|group| (group.id, group.name)));
            }
            Some(Body::FloatingIps(addresses)) => names.extend(addresses.into_iter().map(|it| (it.id, it.address))),
            Some(Body::ServerGroups(groups)) => names.extend(groups.into_iter().map(|group| (group.id, group.name))),
            _ => {}
        }
    }
    names.retain(|id, _| !id.is_empty());
    Ok(names)
}

/// Says how the job ended; the exit code.
fn told(ended: &Ended, job: &str) -> u8 {
    let (code, said) = match ended {
        Ended::Done { outcome: Outcome::Succeeded, .. } => (DONE, "everything that was to be done is done".to_owned()),
        Ended::Done { outcome: Outcome::Unchanged, .. } => (DONE, "nothing was to be done".to_owned()),
        Ended::Done { outcome, left_out } => {
            (FAILED, format!("{outcome}: {}", left_out.as_deref().unwrap_or_default()))
        }
        Ended::Parked { error: Some(error) } => (FAILED, format!("{error} (`tenantd run` tries it again)")),
        Ended::Parked { error: None } => (FAILED, "it waits in the jobs table for `tenantd run`".to_owned()),
        Ended::Dead { reason, error } => (FAILED, format!("{reason}: {error}")),
        Ended::Duplicate => (FAILED, "somebody else does it".to_owned()),
    };
    output::note(&format!("tenantd: {said}; job {job}"));
    code
}

impl Planned {
    fn rows(&self, tenant: &Tenant) -> Vec<Row> {
        let seen_at = |of: ResourceType| self.seen.iter().find(|(it, _)| *it == of).map(|(_, at)| *at);
        let row = |of: ResourceType,
                   number: Option<usize>,
                   (object, object_name, action, what): (&str, &str, &str, &str)| Row {
            json: json!({
                "cloud": tenant.cloud, "tenant": tenant.backend_id, "tenant_name": tenant.name, "step": number,
                "resource_type": of, "object": object, "object_name": object_name, "action": action, "what": what,
                "seen_at": seen_at(of),
            }),
            cells: vec![number.map_or_else(|| "-".to_owned(), |it| it.to_string()), of.to_string(), what.to_owned()],
        };
        let steps = in_turn(&self.plans).into_iter().enumerate();
        let steps = steps.map(|(number, (of, step)): (usize, (ResourceType, &Step))| {
            row(of, Some(number + 1), (&step.object, &step.object_name, step.act.word(), &step.line))
        });
        let others = self.left().map(|(of, left, action)| {
            let what = format!("{} {}: {}", of.noun(), left.object_name, left.why);
            row(of, None, (&left.object, &left.object_name, action, &what))
        });
        steps.chain(others).collect()
    }

    /// What there is no step for, each with its action's name.
    fn left(&self) -> impl Iterator<Item = (ResourceType, &Left, &'static str)> {
        self.plans.iter().flat_map(|(of, plan)| {
            let unmendable = plan.unmendable.iter().map(|left| (*of, left, "none"));
            unmendable.chain(plan.left.iter().map(|left| (*of, left, "leave")))
        })
    }

    /// Says from what it is made.
    fn tell(&self, context: &Context, fresh: bool) {
        let now = context.clock().now();
        for why in &self.without {
            output::note(why);
        }
        let seen = self.seen.iter().map(|(of, at)| format!("{of} {}", output::when(Some(*at), now)));
        let seen = seen.collect::<Vec<_>>().join(", ");
        if !seen.is_empty() && !fresh {
            output::note(&format!("planned from what was last seen: {seen}; --fresh looks first"));
        }
    }

    fn tell_left(&self) {
        for (of, left, _) in self.left() {
            output::note(&format!("{} {}: {}", of.noun(), left.object_name, left.why));
        }
    }
}
