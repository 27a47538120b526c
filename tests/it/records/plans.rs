//! How the databases go about each statement: what grows is found by an index, and never looked through as a whole but
//! where this says why.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tenantd::store::sql;

use crate::support::made::{self, Pool};
use crate::support::{Database, Engine, on_both_databases};

on_both_databases!(what_grows_is_never_looked_through);

/// Tables that grow with tenants or with time.
const LARGE: [&str; 12] = [
    "announcements",
    "dead_letters",
    "expectations",
    "findings",
    "jobs",
    "life",
    "objects",
    "portal",
    "resources",
    "snapshots",
    "steps",
    "tenants",
];

/// Indexes of few rows, whatever the table has: what waits, runs, stands, is acknowledged, or is not over.
const FEW: [&str; 10] = [
    "dead_letters_left",
    "findings_acknowledged",
    "findings_standing",
    "jobs_lanes",
    "jobs_leased",
    "jobs_parts_waiting",
    "jobs_turns",
    "jobs_waiting",
    "steps_by_tenant",
    "tenants_by_state_job",
];

/// What is looked through as a whole, by statement and table, and why that may be.
const WHOLE: &[(&str, &str, &str)] = &[
    ("dead_ending.postgres", "dead_letters", PERSON),
    ("dead_ending.sqlite", "dead_letters", PERSON),
    ("dead_list", "dead_letters", NEWEST),
    ("directory_page", "tenants", "any part of a name is looked for; tenants are some thousands"),
    ("finding_count", "findings", COUNTED),
    ("finding_ending.postgres", "findings", PERSON),
    ("finding_ending.sqlite", "findings", PERSON),
    ("finding_count", "tenants", DOMAINS),
    ("finding_page", "findings", NEWEST),
    ("finding_page", "tenants", DOMAINS),
    ("job_count", "jobs", COUNTED),
    ("job_ending.postgres", "jobs", PERSON),
    ("job_ending.sqlite", "jobs", PERSON),
    ("job_page", "jobs", NEWEST),
    ("portal_owners", "portal", EVERYONE),
    ("resource_ages.postgres", "resources", EVERYONE),
    ("resource_freshness", "resources", EVERYONE),
    ("snapshot_count", "snapshots", COUNTED),
    ("snapshot_ending.postgres", "snapshots", PERSON),
    ("snapshot_ending.sqlite", "snapshots", PERSON),
    ("snapshot_page", "snapshots", NEWEST),
    (
        "snapshot_pairs",
        "tenants",
        "whose snapshots differ is known by then; PostgreSQL may read those few thousand names at once",
    ),
    ("tenant_between", "tenants", "tenants are some thousands, and their times are not indexed"),
    ("tenant_counts", "tenants", EVERYONE),
    ("tenant_list", "tenants", EVERYONE),
    ("tenant_projects", "tenants", EVERYONE),
    ("tenant_projects", "portal", EVERYONE),
];
const COUNTED: &str = "how many there are is counted in an index that has every filter";
const DOMAINS: &str = "tenants are some thousands, and their domains are not indexed";
const EVERYONE: &str = "one row, or four, of every tenant is what is asked for";
const NEWEST: &str = "from the newest on, in an index that has every filter, until there are enough";
const PERSON: &str = "a person gave the end of an id; only the index of ids is read";

/// A statement, and a table that it looks through.
type Scan = (String, String);

async fn what_grows_is_never_looked_through(database: Database) {
    database.expect_leftovers();
    database.store().await;
    made::fill(&database, 100).await;
    let pool = Pool::open(&database.url).await.unwrap();
    let foreign = if database.engine == Engine::Sqlite { ".postgres" } else { ".sqlite" };
    let mut scans: BTreeMap<Scan, String> = BTreeMap::new();
    for (name, statement) in sql::ALL.iter().filter(|(name, _)| !name.ends_with(foreign)) {
        let found = match database.engine {
            Engine::Sqlite => sqlite(&pool, statement).await,
            Engine::Postgres => postgres(&pool, statement).await,
        };
        scans.extend(found.into_iter().map(|(table, how)| (((*name).to_owned(), table), how)));
    }
    let excused: BTreeSet<(&str, &str)> = WHOLE.iter().map(|(name, table, _)| (*name, *table)).collect();
    let unexcused: Vec<_> =
        scans.iter().filter(|((name, table), _)| !excused.contains(&(name.as_str(), table.as_str()))).collect();
    assert!(unexcused.is_empty(), "these look through all of a table:\n{unexcused:#?}");
}

#[test]
fn every_excuse_is_of_a_statement() {
    for (name, table, why) in WHOLE {
        assert!(sql::ALL.iter().any(|(known, _)| known == name), "{name} is no statement");
        assert!(LARGE.contains(table) && !why.is_empty(), "{name} {table}");
    }
}

/// A statement as text alone, in which every parameter is nothing.
fn parameters(statement: &str) -> usize {
    let numbers = statement.split('$').skip(1).map(|rest| rest.chars().take_while(char::is_ascii_digit).collect());
    numbers.filter_map(|number: String| number.parse().ok()).max().unwrap_or(0)
}

/// The large tables that a statement names, by what it calls them.
fn called(statement: &str) -> BTreeMap<String, String> {
    let code: String = statement
        .lines()
        .map(|line| line.split("--").next().unwrap_or_default())
        .fold(String::new(), |code, line| code + line + "\n");
    let words: Vec<&str> =
        code.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|it| !it.is_empty()).collect();
    let mut called = BTreeMap::new();
    for (place, word) in words.iter().enumerate().filter(|(_, word)| LARGE.contains(word)) {
        called.insert((*word).to_owned(), (*word).to_owned());
        if let Some(alias) = words.get(place + 1).filter(|it| it.chars().all(|c| c.is_ascii_lowercase())) {
            called.insert((*alias).to_owned(), (*word).to_owned());
        }
    }
    called
}

/// Tables that are looked through, and how.
async fn sqlite(pool: &Pool, statement: &str) -> Vec<(String, String)> {
    let called = called(statement);
    let mut scans = Vec::new();
    for line in made::lines(pool, format!("EXPLAIN QUERY PLAN {statement}"), 3).await {
        let Some(rest) = line.strip_prefix("SCAN ") else { continue };
        let (alias, how) = rest.split_once(' ').unwrap_or((rest, ""));
        let is_few = FEW.iter().any(|index| how.ends_with(index));
        if let Some(table) = called.get(alias).filter(|_| !is_few) {
            scans.push((table.clone(), line));
        }
    }
    scans
}

async fn postgres(pool: &Pool, statement: &str) -> Vec<(String, String)> {
    let nothing = vec!["NULL"; parameters(statement)].join(", ");
    let arguments = if nothing.is_empty() { nothing } else { format!("({nothing})") };
    // One plan whatever the parameters are, with every part in it; as in transactions, indexes are preferred.
    let explained = format!(
        "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_hashjoin = off; \
         SET enable_mergejoin = off; PREPARE it AS {statement}; EXPLAIN (FORMAT JSON) EXECUTE it{arguments}; DEALLOCATE it"
    );
    let text = made::lines(pool, explained, 0).await.concat();
    let plan: Value = serde_json::from_str(&text).unwrap();
    let mut scans = Vec::new();
    walk(&plan[0]["Plan"], &mut scans);
    scans
}

fn walk(node: &Value, scans: &mut Vec<(String, String)>) {
    let text = |key: &str| node[key].as_str().unwrap_or_default();
    let (kind, index) = (text("Node Type"), text("Index Name"));
    let whole = kind == "Seq Scan" || (kind.contains("Index") && kind.contains("Scan") && node["Index Cond"].is_null());
    if whole && !FEW.contains(&index) {
        // The part of a bitmap that reads the index does not name the table.
        let table = if text("Relation Name").is_empty() {
            index.split('_').next().unwrap_or_default()
        } else {
            text("Relation Name")
        };
        if LARGE.contains(&table) {
            scans.push((table.to_owned(), format!("{kind} {index}")));
        }
    }
    for child in node["Plans"].as_array().into_iter().flatten() {
        walk(child, scans);
    }
}
