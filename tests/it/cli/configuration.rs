//! The first minutes of an operator: a file to start from, and mistakes in it.

use std::os::unix::fs::PermissionsExt;

use super::{Place, binary, tenantd};

#[test]
fn five_mistakes_are_five_messages() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tenantd.toml");
    let text = r#"
        colour = "red"
        [database]
        url = "mysql://localhost/tenantd"
        [[clouds]]
        name = "lab"
        request_timeout = "soon"
        [[schedules]]
        name = "quotas"
        cron = "*/10 * * * *"
        job = "pull_quotes"
    "#;
    std::fs::write(&path, text).unwrap();
    let config = path.display().to_string();
    for command in [["config", "check"], ["drift", "list"], ["schedules", "list"]] {
        let said = tenantd(&[&["--config", &config], command.as_slice()].concat());
        assert_eq!((said.code, said.out.as_str()), (64, ""), "{said:?}");
        assert!(said.err.starts_with(&format!("tenantd: {config}: 5 problems\n")), "{said:?}");
        let named = ["colour", "database.url", "clouds[0].request_timeout", "schedules[0].cron", "schedules[0].job"];
        for path in named {
            assert!(said.err.contains(&format!("\n  {path}: ")), "{path}: {said:?}");
        }
        assert_eq!(said.err.lines().count(), 6, "{said:?}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let said = tenantd(&["--config", "/nowhere/tenantd.toml", "config", "check"]);
    assert_eq!(said.code, 64);
    assert!(said.err.starts_with("tenantd: /nowhere/tenantd.toml: No such file"), "{said:?}");
    assert_eq!(said.err.matches("No such file").count(), 1, "a cause is said once: {said:?}");
    assert!(said.err.contains("tenantd config init"), "{said:?}");
}

#[test]
fn a_file_to_start_from_is_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new").join("tenantd.toml");
    let config = path.display().to_string();
    let run = |arguments: &[&str]| tenantd(&[&["--config", config.as_str()], arguments].concat());
    let said = run(&["config", "init", "--cloud", "lab"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains("clouds.yaml") && said.err.contains("config check"), "{said:?}");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(run(&["config", "check"]).out.contains("is fine: 1 cloud, 5 schedules"));
    let before = std::fs::read_to_string(&path).unwrap();
    let again = run(&["config", "init", "--cloud", "other"]);
    assert_eq!(again.code, 0, "{again:?}");
    let after = std::fs::read_to_string(&path).unwrap();
    let added = after.strip_prefix(&before).unwrap();
    assert!(added.contains("[[clouds]]\nname = \"other\"") && !added.contains("[[schedules]]"), "{added}");
    assert!(run(&["config", "check"]).out.contains("is fine: 2 clouds, 5 schedules"));
    assert_eq!(run(&["config", "init", "--cloud", "lab"]).code, 0);
}

#[tokio::test]
async fn secrets_are_not_shown_and_the_environment_counts() {
    let place = Place::new("[broker]\nurl = \"amqp://portal:hunter2@rabbit/\"\n").await;
    let shown = binary()
        .env("TENANTD_CONFIG", place.config())
        .env("TENANTD__BROKER__PREFIX", "other")
        .args(["config", "show"])
        .output()
        .unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("prefix = \"other\"") && shown.contains("<redacted>"), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[tokio::test]
async fn a_database_that_is_not_there_yet_is_made() {
    let place = Place::new("").await;
    place.store.close().await;
    std::fs::remove_file(place.path("records.db")).unwrap();
    assert_eq!(place.run(&["tenants", "list", "-o", "json"]).out, "[]\n");
    assert_eq!(place.run(&["migrate"]).code, 0);
}
