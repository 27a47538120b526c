//! What a cloud is asked by pulls: as much as it bears, and nothing that makes it work for more than is wanted.

use reqwest::Method;
use serde_json::json;
use tenantd::jobs::runner::Ended;
use tenantd::model::job::Outcome;

use crate::support::app::none;
use crate::support::{Database, Setup, TestApp, on_both_databases};

on_both_databases!(
    a_fleet_is_pulled_from_a_cloud_that_bears_four_requests_at_once,
    a_cloud_whose_gateway_only_says_503_is_asked_no_more_than_it_bears,
    questions_are_filtered_by_what_every_service_understands,
);

/// The limits of the services that quotas are asked of, and whether each of them is busy for a while with a request.
async fn bear(app: &TestApp, bounds: serde_json::Value) {
    let services = json!({"compute": bounds, "network": bounds, "volume": bounds});
    app.cloud().control(Method::PUT, "limits", json!({ "services": services })).await;
    app.cloud().faults(json!([{"method": "GET", "kind": "latency", "milliseconds": 4}])).await;
}

async fn a_fleet_is_pulled_from_a_cloud_that_bears_four_requests_at_once(database: Database) {
    let setup = Setup { tenants: 300, attempts: 3, concurrency: 16, ..Setup::default() };
    let app = TestApp::with(&database, setup).await;
    app.run_for_cloud("pull_tenants", "sim").await;
    fleet_is_pulled(&app, json!({"concurrent": 4, "retry_after": 0})).await;
}

async fn a_cloud_whose_gateway_only_says_503_is_asked_no_more_than_it_bears(database: Database) {
    let setup = Setup { tenants: 300, attempts: 3, concurrency: 16, ..Setup::default() };
    let app = TestApp::with(&database, setup).await;
    app.run_for_cloud("pull_tenants", "sim").await;
    fleet_is_pulled(&app, json!({"concurrent": 4, "status": 503, "retry_after": 0})).await;
}

/// Everything is read, and hardly anything refused.
async fn fleet_is_pulled(app: &TestApp, bounds: serde_json::Value) {
    bear(app, bounds).await;
    let ended = app.run_for_cloud("pull", "sim").await;
    assert_eq!(ended, Ended::Done { outcome: Outcome::Succeeded, left_out: None });
    let services = app.cloud().control(Method::GET, "limits", none()).await["services"].clone();
    let (mut asked, mut refused) = (0, 0);
    for service in ["compute", "network", "volume"] {
        let count = |what: &str| services[service][what].as_u64().unwrap();
        assert!(count("asked") > 300, "{services}");
        assert!((3..=16).contains(&count("most")), "no more than are allowed at once: {services}");
        asked += count("asked");
        refused += count("refused");
    }
    assert!((1..asked / 50).contains(&refused), "{refused} of {asked} refused: {services}");
}

/// The paths that the cloud was asked for.
async fn asked(app: &TestApp) -> Vec<String> {
    let log = app.cloud().control(Method::GET, "requests", none()).await;
    let paths = log["requests"].as_array().unwrap().iter().map(|entry| entry["path"].as_str().unwrap().to_owned());
    paths.collect()
}

const LISTINGS: [&str; 3] = ["/network/v2.0/security-groups?", "/network/v2.0/floatingips?", "/volume/v3/"];

async fn questions_are_filtered_by_what_every_service_understands(database: Database) {
    let app = TestApp::with(&database, Setup { tenants: 3, ..Setup::default() }).await;
    app.cloud().change_project("tenant-003", json!({"enabled": false})).await;
    let left_out = [app.cloud().project("tenant-003").await, app.cloud().project("stack-users").await];
    app.run_for_cloud("pull_tenants", "sim").await;

    app.cloud().forget_requests().await;
    app.run_for_cloud("pull", "sim").await;
    app.deliver(app.request("pull")).await;
    app.run_waiting().await;
    let fleet = asked(&app).await;
    assert!(LISTINGS[..2].iter().all(|listing| fleet.iter().any(|path| path.starts_with(listing))), "{fleet:#?}");
    assert!(fleet.iter().all(|path| !path.contains("tenant_id")), "{fleet:#?}");
    // What is shared is listed to everyone, so in each pull the groups of another project are asked for once, to see that
    // one sees it.
    let of_one: Vec<&String> = fleet.iter().filter(|path| path.contains("project_id=")).collect();
    assert!(of_one.iter().all(|path| path.starts_with(LISTINGS[0])) && of_one.len() == 2, "{of_one:#?}");
    assert!(fleet.iter().all(|path| !left_out.iter().any(|project| path.contains(project))), "{fleet:#?}");

    app.cloud().forget_requests().await;
    let project = app.cloud().project("tenant-001").await;
    app.run("pull", "tenant-001", none()).await;
    app.run("pull_quotas", "tenant-001", json!({"sizes": true, "count": true})).await;
    let single = asked(&app).await;
    assert!(single.iter().all(|path| !path.contains("tenant_id")), "{single:#?}");
    let listings = single
        .iter()
        .filter(|path| LISTINGS.iter().any(|listing| path.starts_with(listing)) && !path.contains("os-quota-sets"));
    let listings: Vec<&String> = listings.collect();
    assert!(listings.len() > 3, "{single:#?}");
    assert!(listings.iter().all(|path| path.contains(&format!("project_id={project}"))), "{listings:#?}");
    assert!(single.iter().any(|path| path.starts_with("/volume/v3/") && path.contains("/volumes/detail")));
}
