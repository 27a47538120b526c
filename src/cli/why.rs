//! `tenants why`: one readable answer to "why does it say that of this tenant, and when will it look again?"

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::arguments::count;
use super::output::{self, Format};
use super::records::Records;
use super::schedules::next_tick;
use super::{drift, tenants, values};
use crate::app::build;
use crate::config::Schedule;
use crate::drift::declared::Declaration;
use crate::intake::objective::next_of;
use crate::jobs;
use crate::model::job::{Job, JobState};
use crate::model::{Expectation, Origin, ResourceType, Tenant};
use crate::store::findings::{Filter, Listed};
use crate::store::jobs::Filter as JobFilter;
use crate::store::resources::Status;

/// Jobs of a tenant that are looked through for its next attempt.
const MOST_JOBS: i64 = 1_000;

/// What is known of one resource type.
struct Answer<'a> {
    resource_type: ResourceType,
    status: Option<&'a Status>,
    next: Option<Next>,
    findings: Vec<&'a Listed>,
    expectation: Option<&'a Expectation>,
    declared: Vec<&'a Declaration>,
}

/// The next attempt and what brings it.
struct Next {
    at: DateTime<Utc>,
    by: String,
}

pub(super) async fn run(records: &Records, tenant: &Tenant) -> anyhow::Result<()> {
    let (store, now) = (records.store(), records.now());
    let statuses = store.statuses(tenant.uuid).await?;
    let findings = store.findings(Filter { tenant: Some(tenant.uuid), ..Filter::default() }).await?;
    let expectations = store.expectations(tenant.uuid).await?;
    let filter = JobFilter { state: Some(JobState::Queued), limit: MOST_JOBS, ..JobFilter::default() };
    let queued = store.jobs(filter).await?;
    let timetable = timetable(records, tenant).await?;
    let rules = build::rules(&records.config.drift);
    let answers = ResourceType::ALL.into_iter().map(|resource_type| Answer {
        resource_type,
        status: statuses.iter().find(|it| it.resource_type == resource_type),
        next: next(tenant, resource_type, (&queued, &timetable)),
        findings: findings.iter().filter(|it| it.finding.resource_type == resource_type).collect(),
        expectation: expectations.iter().find(|it| it.body.resource_type() == resource_type),
        declared: rules.declared.of(tenant),
    });
    let answers: Vec<Answer<'_>> = answers.filter(Answer::says_something).collect();
    if records.output != Format::Table {
        return print_json(records, tenant, &answers);
    }
    let mut lines = vec![format!("{} (project {}, {})", tenant.label(), tenant.backend_id, tenant.uuid)];
    lines.extend(standing(tenant, now));
    lines.extend(answers.iter().flat_map(|answer| answer.lines(now)));
    output::line(&lines.join("\n"))?;
    Ok(())
}

/// What keeps the whole tenant from being looked at.
fn standing(tenant: &Tenant, now: DateTime<Utc>) -> impl Iterator<Item = String> {
    let gone = tenant.vanished_at.map(|at| {
        format!("  the project is gone since {}; it is not looked at any more", output::moment(Some(at), now))
    });
    let disabled = (!tenant.enabled).then(|| "  the project is disabled; it is not looked at".to_owned());
    let erred = (!tenant.error_message.is_empty()).then(|| format!("  {}: {}", tenant.state, tenant.error_message));
    [gone, disabled, erred].into_iter().flatten()
}

/// Whether a job or a schedule is for this tenant.
fn concerns(tenant: &Tenant, subject: Option<&str>, cloud: Option<&str>) -> bool {
    let named = |text: &str| {
        text == tenant.backend_id
            || text == tenant.label()
            || text.parse().is_ok_and(|uuid: uuid::Uuid| uuid == tenant.uuid)
    };
    cloud.is_none_or(|cloud| cloud == tenant.cloud) && subject.is_none_or(named)
}

/// The schedules that are for this tenant, and when each brings the next look.
async fn timetable(records: &Records, tenant: &Tenant) -> anyhow::Result<Vec<(Schedule, DateTime<Utc>)>> {
    let (mut timetable, now) = (Vec::new(), records.now());
    for schedule in records.config.timetable() {
        if !concerns(tenant, schedule.tenant(), schedule.cloud.as_deref()) {
            continue;
        }
        let at = match schedule.max_age {
            None => next_tick(&schedule, now),
            Some(_) => next_of(records.store(), &schedule, tenant, now).await?,
        };
        timetable.extend(at.map(|at| (schedule, at)));
    }
    Ok(timetable)
}

/// The earliest of what waits in the jobs table and of what the schedules will bring.
fn next(
    tenant: &Tenant,
    resource_type: ResourceType,
    (queued, timetable): (&[Job], &[(Schedule, DateTime<Utc>)]),
) -> Option<Next> {
    let reads = |name: &str| jobs::pulls(name, resource_type);
    let waiting = queued.iter().filter(|job| {
        let request = &job.request;
        reads(&request.kind) && concerns(tenant, request.subject.as_deref(), request.cloud.as_deref())
    });
    let waiting = waiting.map(|job| {
        let again = if job.request.attempt > 0 { ", again" } else { "" };
        Next { at: job.request.not_before, by: format!("job {}{again}", job.request.id) }
    });
    let ticking = timetable.iter().filter(|(schedule, _)| reads(&schedule.job));
    let ticking = ticking.map(|(schedule, at)| Next { at: *at, by: format!("schedule {}", schedule.name) });
    waiting.chain(ticking).min_by_key(|next| next.at)
}

impl Answer<'_> {
    /// Of what nobody ever looked at and nobody will, there is nothing to ask why.
    fn says_something(&self) -> bool {
        let is_looked_at = self.status.is_some() || self.next.is_some();
        self.resource_type.is_mendable() || is_looked_at || self.expectation.is_some() || !self.findings.is_empty()
    }

    fn lines(&self, now: DateTime<Utc>) -> Vec<String> {
        let head = format!("{}: {}", self.resource_type, tenants::look(self.status, now));
        let mut lines = vec![String::new(), head, self.next_line(now), self.expectation_line(now)];
        if self.findings.is_empty() {
            lines.push("  drift: none open".to_owned());
        }
        for listed in &self.findings {
            let row = drift::row(listed, now);
            let [opened, severity, _, what, expected, observed, state, id] = row.cells.as_slice() else {
                continue;
            };
            lines.push(format!("  drift: {what}, expected {expected}, observed {observed}"));
            lines.push(format!("    {severity}, {state}, opened {opened}; tenantd drift show {id}"));
            lines.extend(drift::known(&listed.finding, now).map(|known| format!("    acknowledged {known}")));
        }
        lines
    }

    fn next_line(&self, now: DateTime<Utc>) -> String {
        match &self.next {
            Some(next) if next.at <= now => format!("  next look: as soon as `tenantd run` takes it ({})", next.by),
            Some(next) => format!("  next look: {} ({})", output::when(Some(next.at), now), next.by),
            None => format!(
                "  next look: none planned; add a schedule with job = \"{}\", or run `tenantd pull`",
                jobs::pull_kind(self.resource_type)
            ),
        }
    }

    fn expectation_line(&self, now: DateTime<Utc>) -> String {
        let Some(it) = self.expectation else { return "  expected: nothing yet".to_owned() };
        let Origin { source, author, set_at } = &it.origin;
        let (many, set) = (values::objects(&it.body).len(), output::when(Some(*set_at), now));
        let whole = format!("  expected: {}, {source} by {author} {set}", count(many, "object"));
        let others = self.others().into_iter().map(|(by, many)| format!("{many} {by}"));
        std::iter::once(whole).chain(others).collect::<Vec<_>>().join("; ")
    }

    /// Who else said what is expected, and of how many objects: portals of single ones, files of some.
    fn others(&self) -> BTreeMap<String, usize> {
        let mut others = BTreeMap::new();
        for it in self.expectation.iter().flat_map(|it| it.objects.values()) {
            *others.entry(format!("{} by {}", it.source, it.author)).or_insert(0) += 1;
        }
        for it in &self.declared {
            let many = it.lines(self.resource_type).len();
            if many > 0 {
                *others.entry(format!("{} by {}", it.origin.source, it.origin.author)).or_insert(0) += many;
            }
        }
        others
    }

    fn json(&self, now: DateTime<Utc>) -> Value {
        let status = self.status;
        json!({
            "resource_type": self.resource_type,
            "age": status.and_then(|it| it.last_success_at).map(|at| (now - at).num_seconds().max(0)),
            "last_success_at": status.and_then(|it| it.last_success_at),
            "last_attempt_at": status.map(|it| it.last_attempt_at),
            "failures": status.map_or(0, |it| it.failures),
            "error_reason": status.and_then(|it| it.error_reason.as_deref()),
            "error": status.and_then(|it| it.error.as_deref()),
            "next_attempt_at": self.next.as_ref().map(|it| it.at),
            "next_attempt_by": self.next.as_ref().map(|it| it.by.as_str()),
            "expectation": self.expectation.map(|it| json!({
                "source": it.origin.source, "author": it.origin.author, "set_at": it.origin.set_at, "objects": it.objects,
            })),
            "findings": self.findings.iter().map(|it| drift::row(it, now).json).collect::<Vec<_>>(),
        })
    }
}

/// One object for each resource type, with the tenant in each as in every listing.
fn print_json(records: &Records, tenant: &Tenant, answers: &[Answer<'_>]) -> anyhow::Result<()> {
    const COLUMNS: output::Columns = output::Columns {
        keys: &[
            "uuid",
            "cloud",
            "tenant",
            "tenant_name",
            "resource_type",
            "age",
            "last_success_at",
            "last_attempt_at",
            "failures",
            "error_reason",
            "error",
            "next_attempt_at",
            "next_attempt_by",
            "expectation",
            "findings",
        ],
        headings: &[],
        none: "",
    };
    let row = |answer: &Answer<'_>| {
        let mut json = answer.json(records.now());
        json["uuid"] = json!(tenant.uuid);
        json["cloud"] = json!(tenant.cloud);
        json["tenant"] = json!(tenant.backend_id);
        json["tenant_name"] = json!(tenant.name);
        output::Row { json, cells: Vec::new() }
    };
    output::list(records.output, COLUMNS, &answers.iter().map(row).collect::<Vec<_>>())?;
    Ok(())
}
