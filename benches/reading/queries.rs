//! Every statement that reads, by the name of its file, as the command line and the daemon use it.

use chrono::Duration;
use tenantd::model::job::JobState;
use tenantd::model::{FindingState, ResourceType};
use tenantd::store::directory::{Wanted, Window};
use tenantd::store::history::Span;
use tenantd::store::pages::Findings;
use tenantd::store::{Store, dead_letters, findings, jobs, snapshots};

use crate::records::{now, project, tenant};
use crate::{Outcome, RUNS, Times, measure};

/// Measures each under its name.
macro_rules! each {
    ($times:ident, $only:ident; $($name:literal => $query:expr),+ $(,)?) => {
        $(if $name.contains($only) {
            let took = measure(RUNS, async || Ok($query.await?)).await?;
            $times.push(($name.to_owned(), took));
        })+
    };
}

/// What is read outside of transactions.
pub async fn all(store: &Store, tenants: usize, only: &str) -> Outcome<Vec<(String, Times)>> {
    let (one, project, now) = (tenant(tenants / 2), project(tenants / 2), now());
    let listed = snapshots::Filter { tenant: Some(one), limit: 1, ..snapshots::Filter::default() };
    let snapshot = store.snapshots(listed).await?.remove(0).id;
    let drifting = store.findings(findings::Filter::default()).await?.remove(0).finding;
    let job = store.jobs(jobs::Filter { limit: 1, ..jobs::Filter::default() }).await?.remove(0).request.id;
    let letter =
        store.dead_letters(&dead_letters::Filter { limit: 1, ..dead_letters::Filter::default() }).await?.remove(0).id;
    let name = store.tenant(one).await?.ok_or("no tenant")?.name;
    let day =
        Span { from: now - Duration::days(1), to: now, cloud: None, domain: None, tenant: None, resource_type: None };
    let first = Window { limit: 10, offset: 0 };
    let every = findings::Filter { ended: true, ..findings::Filter::default() };
    let week = findings::Filter { since: Some(now - Duration::days(7)), ..every }.into();
    let thousand = Window { limit: 1_000, offset: 0 };
    let any_job = jobs::Filter { limit: 50, ..jobs::Filter::default() };
    let any_letter = dead_letters::Filter { limit: 100, ..dead_letters::Filter::default() };
    let any_shot = snapshots::Filter { limit: 50, ..snapshots::Filter::default() };
    let all_states = Findings { states: FindingState::ALL.to_vec(), ..Findings::default() };
    let mut times = Vec::new();
    each!(times, only;
        "announcement_list" => store.announcements(one),
        "dead_count" => store.dead_letter_count(),
        "dead_get" => store.dead_letter(letter),
        "dead_list" => store.dead_letters(&any_letter),
        "dead_list, a rare reason" => store.dead_letters(&dead_letters::Filter { reason: Some("unreadable"), ..any_letter.clone() }),
        "dead_list, tenant" => store.dead_letters(&dead_letters::Filter { tenant: vec![project.clone()], ..any_letter.clone() }),
        "directory_get" => store.directory_entry(one),
        "directory_page" => store.directory(&Wanted::default(), first),
        "expectation_of_tenant" => store.expectations(one),
        "finding_counts" => store.finding_counts(),
        "finding_get" => store.finding(drifting.id),
        "finding_page, all that stand" => store.findings(findings::Filter::default()),
        "finding_page, tenant" => store.findings(findings::Filter { tenant: Some(one), ..every }),
        "finding_page, a week, 1,000" => store.finding_page(&week, thousand),
        "finding_page, everything, 1,000" => store.finding_page(&every.into(), thousand),
        "finding_page" => store.finding_page(&Findings::default(), first),
        "finding_page, all states" => store.finding_page(&all_states, first),
        "finding_since, a day" => store.findings_since(None, now - Duration::days(1)),
        "job_active" => store.active("schedule:quotas"),
        "job_get" => store.job(job),
        "job_list" => store.jobs(any_job),
        "job_list, tenant" => store.jobs(jobs::Filter { tenant: Some(one), ..any_job }),
        "job_list, tenant, queued" => store.jobs(jobs::Filter { tenant: Some(one), state: Some(JobState::Queued), ..any_job }),
        "job_list, failed" => store.jobs(jobs::Filter { state: Some(JobState::Failed), ..any_job }),
        "job_list, cancelled" => store.jobs(jobs::Filter { state: Some(JobState::Cancelled), ..any_job }),
        "job_list, a rare kind" => store.jobs(jobs::Filter { kind: Some("delete_tenant"), ..any_job }),
        "job_list, a cloud without any" => store.jobs(jobs::Filter { cloud: Some("none"), ..any_job }),
        "job_list, since" => store.jobs(jobs::Filter { since: Some(now - Duration::days(1)), ..any_job }),
        "job_page" => store.job_page(any_job, first),
        "job_waiting" => store.waiting(),
        "life_list" => store.life(drifting.id),
        "object_list" => store.objects(one, None),
        "outbox_count" => store.outgoing_count(),
        "outbox_next" => store.outgoing(100),
        "portal_owners" => store.owners(),
        "resource_ages" => store.ages(),
        "resource_freshness, quotas" => store.freshness("edge", &[ResourceType::Quotas]),
        "resource_freshness, everything" => store.freshness("edge", &ResourceType::ALL),
        "resource_of_tenant" => store.statuses(one),
        "schedule_list" => store.schedules(),
        "snapshot_at" => store.snapshot_at(one, ResourceType::Quotas, now - Duration::days(45)),
        "snapshot_get" => store.snapshot(snapshot),
        "snapshot_list" => store.snapshots(any_shot),
        "snapshot_list, tenant" => store.snapshots(snapshots::Filter { tenant: Some(one), ..any_shot }),
        "snapshot_list, type, cloud" => store.snapshots(snapshots::Filter { cloud: Some("edge"), resource_type: Some(ResourceType::ServerGroups), ..any_shot }),
        "snapshot_list, a cloud without any" => store.snapshots(snapshots::Filter { cloud: Some("none"), ..any_shot }),
        "snapshot_page" => store.snapshot_page(any_shot, first),
        "snapshot_page, tenant" => store.snapshot_page(snapshots::Filter { tenant: Some(one), ..any_shot }, first),
        "snapshot_pairs, a tenant, a week" => store.snapshot_pairs(Span { tenant: Some(one), from: now - Duration::days(7), ..day }, |_| ()),
        "snapshot_pairs, all, an hour" => store.snapshot_pairs(Span { from: now - Duration::hours(1), ..day }, |_| ()),
        "snapshot_pairs, all, a day" => store.snapshot_pairs(day, |_| ()),
        "step_list" => store.steps(job),
        "step_pending" => store.steps_pending(one),
        "tenant_between" => store.tenants_between(day),
        "tenant_by_backend_id" => store.tenants_by_backend_id(&project, None),
        "tenant_by_name" => store.tenants_by_name(&name, None),
        "tenant_get" => store.tenant(one),
        "tenant_holdings" => store.holdings(one),
        "tenant_list" => store.tenants(None),
        "token_list" => store.tokens(),
        "token_usable" => store.usable_tokens(now),
        "unlinked_list" => store.unlinked(None),
    );
    Ok(times)
}
