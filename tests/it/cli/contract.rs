//! What programs rely on: keys, formats, exit codes, and which stream says what.

use serde_json::Value;

use super::{PROJECT, Place, commands, tenantd};

fn has_keys(row: &Value, keys: &str) {
    for key in keys.split(", ") {
        assert!(row.get(key).is_some(), "`{key}` is missing in {row}");
    }
}

#[tokio::test]
async fn every_listing_has_the_keys_of_the_contract() {
    let (place, _) = Place::furnished().await;
    let expected = [
        (
            vec!["drift", "list"],
            "id, cloud, tenant, tenant_name, resource_type, object, object_name, field, change, expected, observed, \
             severity, state, source, opened_at, last_seen_at, resolved_at, ack_reason, ack_by, ack_at, ack_until, \
             flapping",
        ),
        (
            vec!["jobs", "list"],
            "id, kind, cloud, tenant, state, attempt, source, error, enqueued_at, started_at, finished_at",
        ),
        (
            vec!["snapshots", "list"],
            "id, cloud, tenant, tenant_name, resource_type, digest, first_seen_at, last_seen_at",
        ),
        (
            vec!["snapshots", "diff", "--from", "30m"],
            "cloud, tenant, tenant_name, resource_type, object, object_name, field, change, before, after, changed_at",
        ),
        (
            vec!["drift", "digest"],
            "since, until, cloud, opened, resolved, accepted, acknowledged, standing, oldest, noisiest_tenants, \
             noisiest_objects",
        ),
        (vec!["dead", "list"], "id, kind, tenant, reason, error, attempts, died_at"),
        (vec!["tenants", "list"], "uuid, cloud, backend_id, name, state, error_message, ages"),
        (vec!["schedules", "list"], "name, cron, timezone, job, next_tick, last_tick, last_success_at"),
        (
            vec!["expectations", "show", "--tenant", "blue"],
            "cloud, tenant, resource_type, source, author, set_at, body",
        ),
        (
            vec!["tenants", "why", "blue"],
            "resource_type, age, error, next_attempt_at, next_attempt_by, findings, expectation",
        ),
    ];
    for (command, keys) in expected {
        let rows = place.run(&[command.as_slice(), &["--output", "json"]].concat()).json();
        assert!(!rows.is_empty(), "{command:?}");
        for row in &rows {
            has_keys(row, keys);
        }
        let csv = place.run(&[command.as_slice(), &["-o", "csv"]].concat());
        assert_eq!(csv.out.lines().next().map(|it| it.contains(',')), Some(true), "{csv:?}");
        let table = place.run(&command);
        let said = if command.contains(&"diff") { "2 changes of 1 tenant\n" } else { "" };
        assert_eq!((table.code, table.err.as_str()), (0, said), "{table:?}");
        assert!(!table.out.contains('\u{1b}'), "no colour without a terminal: {table:?}");
    }
}

#[tokio::test]
async fn what_is_shown_alone_is_a_list_of_one() {
    let (place, furniture) = Place::furnished().await;
    let snapshot = place.run(&["snapshots", "show", &furniture.later.to_string(), "-o", "json"]).json();
    assert_eq!(snapshot[0]["body"]["vcpu"]["limit"], 40);
    let tenant = place.run(&["tenants", "show", PROJECT, "-o", "json"]).json();
    assert_eq!((tenant.len(), tenant[0]["name"].as_str()), (1, Some("blue")));
    assert!(tenant[0]["ages"]["quotas"].is_i64() && tenant[0]["ages"]["floating_ips"].is_null());
    let finding = place.run(&["drift", "show", &furniture.finding.to_string(), "-o", "json"]).json();
    assert_eq!((finding[0]["tenant"].as_str(), finding[0]["cloud"].as_str()), (Some(PROJECT), Some("lab")));
    let ending = furniture.finding.simple().to_string().split_off(20);
    assert_eq!(place.run(&["drift", "show", &ending, "-o", "json"]).json(), finding);
    let letter = place.run(&["dead", "show", &furniture.letter.to_string(), "-o", "json"]).json();
    assert_eq!(letter[0]["body"]["kind"], "pull_quotas");
}

#[tokio::test]
async fn exit_codes_tell_drift_failure_and_misuse_apart() {
    let (place, furniture) = Place::furnished().await;
    let code = |arguments: &[&str]| place.run(arguments).code;
    assert_eq!(code(&["drift", "list"]), 0);
    assert_eq!(code(&["drift", "list", "--exit-code"]), 2);
    assert_eq!(code(&["drift", "list", "--exit-code", "--resource-type", "floating_ips"]), 0);
    assert_eq!(code(&["tenants", "show", "nobody"]), 1);
    assert_eq!(code(&["jobs", "show", &furniture.letter.to_string()]), 1);
    assert_eq!(code(&["jobs", "show", "seven"]), 64);
    assert_eq!(code(&["jobs", "show", "000000"]), 1);
    assert_eq!(code(&["jobs", "list", "--state", "asleep"]), 64);
    assert_eq!(code(&["enqueue", "pull_quotas"]), 64);
    assert_eq!(code(&["enqueue", "pull_quotas", "--cloud", "nowhere"]), 64);
    assert_eq!(code(&["nonsense"]), 64);
    assert_eq!(tenantd(&["--help"]).code, 0);
    assert_eq!(tenantd(&["--version"]).out, concat!("tenantd ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[tokio::test]
async fn nothing_to_list_is_said_on_stderr() {
    let place = Place::new("").await;
    let said = place.run(&["drift", "list"]);
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (0, "", "no open drift\n"));
    assert_eq!(place.run(&["drift", "list", "-o", "json"]).out, "[]\n");
}

#[test]
fn help_of_every_command_renders() {
    let promised = "run; demo; simulate; check; config init; config check; config show; config schema; migrate; enqueue; \
        pull; reconcile; tenants list; tenants show; tenants why; tenants add; tenants import; tenants unlink; backup; jobs list; jobs show; \
        jobs cancel; dead list; dead show; dead requeue; dead purge; schedules list; schedules run; snapshots list; \
        snapshots show; snapshots diff; drift list; drift show; drift ack; drift note; drift accept; drift policy test; \
        drift digest; expectations show; expectations set; expectations clear; tokens create; tokens list; tokens revoke; schema job; completions; man";
    let commands = commands();
    for command in promised.split("; ") {
        assert!(commands.iter().any(|it| it == command), "{command} is gone");
    }
    for command in commands {
        let words: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let said = tenantd(&words);
        assert_eq!(said.code, 0, "{command}: {said:?}");
        assert!(said.out.contains(&format!("Usage: tenantd {command}")), "{command}: {said:?}");
    }
}

#[test]
fn the_schema_of_a_job_names_every_kind() {
    let said = tenantd(&["schema", "job"]);
    let schema: Value = serde_json::from_str(&said.out).unwrap();
    let kinds = schema["properties"]["kind"]["enum"].as_array().unwrap();
    assert_eq!(kinds.len(), tenantd::jobs::KINDS.len());
    for rule in schema["allOf"].as_array().unwrap() {
        let reference = rule["then"]["properties"]["params"]["$ref"].as_str().unwrap();
        let pointer = reference.trim_start_matches('#').replace("%20", " ");
        assert!(schema.pointer(&pointer).is_some(), "{reference}");
    }
}

#[test]
fn completions_are_a_script() {
    for shell in ["bash", "zsh", "fish"] {
        assert!(tenantd(&["completions", shell]).out.contains("expectations"));
    }
}
