//! The records of a large operator after 90 days, the same each time: so many tenants in three clouds, what they looked
//! like, what drifted, and the jobs that found it.

use chrono::{DateTime, Duration, TimeZone, Utc};
use serde_json::json;
use tenantd::model::ResourceType;
use uuid::Uuid;

use super::Outcome;
use super::cells::{Cell, Pool, row};

/// Days that the records reach back.
pub const DAYS: i64 = 90;
/// Snapshots of each resource type of a tenant, in the order of [`ResourceType::ALL`]: usage changes most often.
pub const SNAPSHOTS: [usize; 4] = [20, 6, 8, 2];
/// Findings of a tenant that ended.
pub const ENDED: usize = 15;
/// Jobs of a tenant.
pub const JOBS: usize = 40;
/// Bodies are drawn from so many.
const VARIANTS: usize = 64;

/// When it is now.
pub fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 27, 12, 0, 0).single().unwrap_or_default()
}

/// Times and ids that look drawn at random, and are the same each time.
#[derive(Debug, Clone)]
struct Dice(u64);

impl Dice {
    const fn new(seed: usize) -> Self {
        Self((seed as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    fn draw(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % below
    }

    /// A moment within the days.
    fn moment(&mut self) -> DateTime<Utc> {
        let seconds = self.draw(usize::try_from(DAYS).unwrap_or(1) * 86_400);
        now()
            - Duration::seconds(i64::try_from(seconds).unwrap_or(0))
            - Duration::microseconds(i64::try_from(self.draw(1_000_000)).unwrap_or(0))
    }
}

/// An id that begins with its moment, as those of the daemon do.
fn id_at(at: DateTime<Utc>, table: u8, number: usize) -> Uuid {
    let moment = u128::try_from(at.timestamp_millis()).unwrap_or(0) << 80;
    Uuid::from_u128(moment | (0x7 << 76) | (0x8 << 60) | (u128::from(table) << 48) | number as u128)
}

/// The id of the tenant with that number.
pub fn tenant(number: usize) -> Uuid {
    id_at(now() - Duration::days(DAYS), 1, number)
}

/// The project's id of the tenant with that number.
pub fn project(number: usize) -> String {
    format!("{:032x}", (number as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}

/// The cloud of the tenant with that number.
pub const fn cloud(number: usize) -> &'static str {
    match number % 10 {
        0..=6 => "lab",
        7 | 8 => "north",
        _ => "edge",
    }
}

fn quotas(variant: usize) -> String {
    let mut dice = Dice::new(variant);
    let names = tenantd::model::quota::NAMES.iter().map(|name| (*name).to_owned());
    let names = names.chain(["gigabytes_ssd".to_owned(), "gigabytes_nvme".to_owned()]);
    let quota = |name: String| {
        let limit = (dice.draw(50) + 2) * 10;
        let limit = if dice.draw(12) == 0 { json!("unlimited") } else { json!(limit) };
        (name, json!({"limit": limit, "usage": dice.draw(15) * dice.draw(9)}))
    };
    serde_json::Value::Object(names.map(quota).collect()).to_string()
}

fn groups(variant: usize) -> String {
    let rule = |port: usize| {
        json!({"direction": "ingress", "ethertype": "IPv4", "protocol": "tcp", "port_min": port, "port_max": port,
            "cidr": "10.0.0.0/8", "remote_group": null, "id": id_at(now(), 20, variant * 100 + port), "description": ""})
    };
    let group = |number: usize| {
        let rules: Vec<_> = (1..=if number == 0 { 4 } else { 3 }).map(rule).collect();
        json!({"id": id_at(now(), 21, variant * 10 + number), "name": format!("group {number}"), "description": "of a tenant",
            "stateful": true, "rules": rules})
    };
    json!((0..3).map(group).collect::<Vec<_>>()).to_string()
}

fn addresses(variant: usize) -> String {
    let status = |number: usize| if (variant + number).is_multiple_of(9) { "DOWN" } else { "ACTIVE" };
    let address = |number: usize| {
        json!({"id": id_at(now(), 22, variant * 10 + number), "address": format!("203.0.113.{variant}"), "description": "",
            "status": status(number), "network_id": id_at(now(), 23, 0), "port_id": null, "fixed_ip": null, "router_id": null})
    };
    json!((0..3).map(address).collect::<Vec<_>>()).to_string()
}

fn server_groups(variant: usize) -> String {
    let members: Vec<_> = (0..4).map(|number| id_at(now(), 24, variant * 10 + number)).collect();
    json!([{"id": id_at(now(), 25, variant), "name": "web", "policy": "anti-affinity", "members": members}]).to_string()
}

/// One snapshot: whose, which, and since when until when.
struct Shot {
    number: usize,
    tenant: usize,
    place: usize,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
    is_last: bool,
}

/// All snapshots, in the order in which they were made.
fn shots(tenants: usize) -> Vec<Shot> {
    let mut shots = Vec::new();
    for number in 0..tenants {
        let mut dice = Dice::new(number);
        for (place, count) in SNAPSHOTS.into_iter().enumerate() {
            let mut times: Vec<DateTime<Utc>> = (0..count).map(|_| dice.moment()).collect();
            times.sort();
            for (nth, since) in times.iter().enumerate() {
                let until = times.get(nth + 1).copied().unwrap_or_else(now);
                shots.push(Shot { number: 0, tenant: number, place, since: *since, until, is_last: nth + 1 == count });
            }
        }
    }
    shots.sort_by_key(|shot| shot.since);
    shots.iter_mut().enumerate().for_each(|(number, shot)| shot.number = number);
    shots
}

/// Fills a database that has its schema and nothing else.
pub async fn fill(pool: &Pool, tenants: usize) -> Outcome<()> {
    fill_tenants(pool, tenants).await?;
    let bodies: Vec<[String; 4]> =
        (0..VARIANTS).map(|it| [quotas(it), groups(it), addresses(it), server_groups(it)]).collect();
    let shots = shots(tenants);
    let columns = "id, tenant, resource_type, digest, body, first_seen_at, last_seen_at";
    let snapshot = |it: &Shot| {
        let body = bodies[(it.tenant * 7 + it.number) % VARIANTS][it.place].as_str();
        let digest = format!("{:064x}", it.number);
        row![id_at(it.since, 2, it.number), tenant(it.tenant), word(it.place), digest, body, it.since, it.until]
    };
    pool.fill("snapshots", columns, shots.iter().map(snapshot)).await?;
    let last: Vec<&Shot> = shots.iter().filter(|it| it.is_last).collect();
    let columns = "tenant, resource_type, snapshot, observed_at, answered_at, last_success_at, last_attempt_at, failures, error_reason, error, settled";
    let resource = |it: &&Shot| {
        let failed = it.number.is_multiple_of(500);
        row![
            tenant(it.tenant),
            word(it.place),
            id_at(it.since, 2, it.number),
            now(),
            now(),
            now(),
            now(),
            i64::from(failed),
            failed.then_some("forbidden"),
            failed.then_some("the role may not read it"),
            format!("{:064x}", it.number)
        ]
    };
    pool.fill("resources", columns, last.iter().map(resource)).await?;
    let expectation = |it: &&Shot| {
        let body = bodies[(it.tenant * 7 + it.number) % VARIANTS][it.place].as_str();
        row![tenant(it.tenant), word(it.place), body, "accepted", "first look", it.since]
    };
    pool.fill("expectations", "tenant, resource_type, body, source, author, set_at", last.iter().map(expectation))
        .await?;
    fill_findings(pool, tenants).await?;
    fill_jobs(pool, tenants).await?;
    fill_others(pool, tenants).await?;
    pool.settle().await
}

const fn word(place: usize) -> &'static str {
    ResourceType::ALL[place].as_str()
}

async fn fill_tenants(pool: &Pool, tenants: usize) -> Outcome<()> {
    let columns = "uuid, cloud, backend_id, name, domain, description, enabled, state, error_message, created_at, vanished_at, domain_name, tags";
    let one = |it: usize| {
        row![
            tenant(it),
            cloud(it),
            project(it),
            format!("tenant-{it:05}"),
            "default",
            format!("the project of customer {}", it / 3),
            !it.is_multiple_of(97),
            if it.is_multiple_of(211) { "ERRED" } else { "OK" },
            "",
            now() - Duration::days(DAYS),
            it.is_multiple_of(103).then(now),
            "customers",
            r#"["managed"]"#
        ]
    };
    pool.fill("tenants", columns, (0..tenants).map(one)).await?;
    let columns = "tenant, service_settings, service_settings_name, customer, customer_name, customer_native_name, customer_abbreviation, project, project_name, marketplace, imported_at";
    let one = |it: usize| {
        row![
            tenant(it),
            id_at(now(), 10, it % 10),
            cloud(it),
            id_at(now(), 11, it / 3),
            format!("Customer {}", it / 3),
            "",
            "",
            id_at(now(), 12, it),
            format!("Project {it}"),
            "{}",
            now()
        ]
    };
    pool.fill("portal", columns, (0..tenants).filter(|it| it % 10 != 5).map(one)).await
}

/// A finding: which, whose, and when it began.
fn findings(tenants: usize) -> Vec<(usize, usize, DateTime<Utc>, bool)> {
    let mut findings = Vec::new();
    for number in 0..tenants {
        let mut dice = Dice::new(number + 1_000_000);
        // One tenant in twenty has drift, of four limits at once.
        let standing = if number.is_multiple_of(20) { 4 } else { 0 };
        findings.extend((0..ENDED + standing).map(|nth| (0, number, dice.moment(), nth >= ENDED)));
    }
    findings.sort_by_key(|it| it.2);
    findings.iter_mut().enumerate().for_each(|(number, it)| it.0 = number);
    findings
}

async fn fill_findings(pool: &Pool, tenants: usize) -> Outcome<()> {
    let findings = findings(tenants);
    let columns = "id, tenant, resource_type, object, object_name, field, change, expected, observed, severity, state, source, opened_at, last_seen_at, resolved_at, ack_reason, ack_by, ack_at, ack_until";
    let one = |(number, of, at, stands): &(usize, usize, DateTime<Utc>, bool)| {
        let known = *stands && number.is_multiple_of(5);
        let object = format!("vcpu-{number}");
        let state = if known {
            "acknowledged"
        } else if *stands {
            "open"
        } else {
            "resolved"
        };
        let ended = (!stands).then(|| (*at + Duration::hours(3)).min(now()));
        row![
            id_at(*at, 3, *number),
            tenant(*of),
            word(number % 4),
            object.as_str(),
            object.as_str(),
            "limit",
            "limit",
            "20",
            "40",
            if number.is_multiple_of(7) { "critical" } else { "warning" },
            state,
            "accepted",
            *at,
            ended.unwrap_or_else(now),
            ended,
            known.then_some("ticket"),
            known.then_some("olga"),
            known.then_some(*at),
            known.then(|| now() + Duration::days(9))
        ]
    };
    pool.fill("findings", columns, findings.iter().map(one)).await?;
    let steps = |(number, _, at, stands): &(usize, usize, DateTime<Utc>, bool)| {
        let (finding, at) = (id_at(*at, 3, *number), *at);
        let steps = [("opened", at), ("changed", at + Duration::hours(1)), ("resolved", at + Duration::hours(3))];
        let steps: Vec<Vec<Cell>> = steps
            .into_iter()
            .take(if *stands { 2 } else { 3 })
            .map(|(step, at)| row![finding, step, at, "20", "40", at])
            .collect();
        steps
    };
    pool.fill("life", "finding, step, at, before, after, observed_at", findings.iter().flat_map(steps)).await
}

async fn fill_jobs(pool: &Pool, tenants: usize) -> Outcome<()> {
    const KINDS: [&str; 6] =
        ["pull_quotas", "pull_security_groups", "pull_floating_ips", "pull_server_groups", "pull", "set_quotas"];
    let mut dice = Dice::new(7);
    let mut times: Vec<DateTime<Utc>> = (0..tenants * JOBS).map(|_| dice.moment()).collect();
    times.sort();
    // What waits and what runs came last.
    let (count, waiting, running) = (times.len(), tenants / 50, 16);
    let kind = |it: usize| if it.is_multiple_of(4_999) { "delete_tenant" } else { KINDS[it * 31 % 101 % 6] };
    let columns = "id, kind, cloud, tenant, subject, params, state, outcome, attempt, source, digest, not_before, enqueued_at, started_at, finished_at, reason, error, lease_owner, lease_until, lane";
    let job = |(it, at): (usize, &DateTime<Utc>)| {
        let of = it * 7_919 % tenants;
        let (failed, odd) = (it.is_multiple_of(97), it.is_multiple_of(101));
        let (state, outcome) = match count - it {
            left if left <= waiting => ("queued", None),
            left if left <= waiting + running => ("running", None),
            _ if failed => ("failed", Some("failed")),
            _ if odd => ("succeeded", Some("partial")),
            _ if it.is_multiple_of(5) => ("succeeded", Some("succeeded")),
            _ => ("succeeded", Some("unchanged")),
        };
        let (over, runs) = (outcome.is_some(), state == "running");
        row![
            id_at(*at, 4, it),
            kind(it),
            cloud(of),
            tenant(of),
            tenant(of).to_string(),
            "{}",
            state,
            outcome,
            1,
            if it.is_multiple_of(3) { "schedule:quotas" } else { "amqp:portal" },
            format!("{it:064x}"),
            *at,
            *at,
            (over || runs).then_some(*at),
            over.then(|| *at + Duration::seconds(1)),
            failed.then_some("forbidden"),
            failed.then_some("the role may not"),
            runs.then_some("one"),
            runs.then(|| now() + Duration::seconds(30)),
            format!("{}/{}", cloud(of), of)
        ]
    };
    pool.fill("jobs", columns, times.iter().enumerate().map(job)).await?;
    let writes = times.iter().enumerate().filter(|(it, _)| kind(*it) == "set_quotas");
    let steps = writes.flat_map(|(it, at)| {
        ["compute", "network", "volume"].map(|name| {
            let open = it.is_multiple_of(10_007);
            row![
                id_at(*at, 4, it),
                name,
                tenant(it * 7_919 % tenants),
                *at,
                *at + Duration::minutes(1),
                "[]",
                (!open).then_some(*at)
            ]
        })
    });
    pool.fill("steps", "job, name, tenant, intended_at, until, existing, done_at", steps).await
}

async fn fill_others(pool: &Pool, tenants: usize) -> Outcome<()> {
    let mut dice = Dice::new(8);
    let mut times: Vec<DateTime<Utc>> = (0..tenants * 2).map(|_| dice.moment()).collect();
    times.sort();
    let columns = "id, job, kind, tenant, reason, error, attempts, died_at, content_type, body, requeued_as, digest";
    let letter = |(it, at): (usize, &DateTime<Utc>)| {
        let reason = if it.is_multiple_of(1_000) { "unreadable" } else { "unknown_tenant" };
        let requeued = (it % 4 == 1).then(|| id_at(*at, 6, it));
        row![
            id_at(*at, 5, it),
            id_at(*at, 4, it),
            "pull_quotas",
            project(it % tenants),
            reason,
            "no such project",
            1,
            *at,
            "application/json",
            Cell::Bytes(json!({"kind": "pull_quotas", "tenant": project(it % tenants)}).to_string()),
            requeued,
            format!("{it:064x}")
        ]
    };
    pool.fill("dead_letters", columns, times.iter().enumerate().map(letter)).await?;
    let columns = "uuid, tenant, resource_type, backend_id, name, description, state, error_message, body, created_at, modified_at";
    let object = |it: usize| {
        let (of, name) = (tenant(it % tenants), format!("object {it}"));
        row![id_at(now(), 7, it), of, "networks", format!("{it:032x}"), name, "", "OK", "", "{}", now(), now()]
    };
    pool.fill("objects", columns, (0..tenants * 2).map(object)).await?;
    let columns =
        "tenant, resource_type, object, object_name, field, change, expected, observed, count, since, counted_at";
    let suspicion = |it: usize| row![tenant(it), "quotas", "ram", "ram", "usage", "usage", "1", "2", 1, now(), now()];
    pool.fill("suspicions", columns, (0..tenants / 10).map(suspicion)).await?;
    let columns = "id, tenant, resource_type, changes, author, announced_at, settles_at";
    let announcement = |it: usize| {
        row![id_at(now(), 8, it), tenant(it), "quotas", "{}", "portal", now(), now() + Duration::minutes(9)]
    };
    pool.fill("announcements", columns, (0..tenants / 20).map(announcement)).await?;
    let columns = "id, exchange, routing_key, content_type, headers, body, created_at";
    let message = |it: usize| {
        row![
            id_at(now(), 9, it),
            "tenantd.events",
            "job.pull.succeeded",
            "application/json",
            "{}",
            Cell::Bytes("{}".to_owned()),
            now()
        ]
    };
    pool.fill("outbox", columns, (0..100).map(message)).await?;
    let columns = "id, name, role, verifier, author, created_at, revoked_at";
    let token = |it: usize| {
        row![id_at(now(), 13, it), format!("token-{it}"), "viewer", "00", "olga", now(), it.is_multiple_of(2).then(now)]
    };
    pool.fill("tokens", columns, (0..200).map(token)).await?;
    let unlinked = |it: usize| row![cloud(it), format!("{it:032x}"), format!("old-{it}"), "olga", now()];
    pool.fill("unlinked", "cloud, backend_id, name, author, unlinked_at", (0..tenants / 20).map(unlinked)).await?;
    let schedule = |it: usize| row![format!("schedule-{it}"), now(), now()];
    pool.fill("schedules", "name, last_tick, last_success_at", (0..12).map(schedule)).await
}
