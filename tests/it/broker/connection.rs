//! Connections that break, jobs that take too long, and a daemon that stops.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use tenantd::intake::amqp::BrokerState;

use super::rig::{Daemon, HOLD, Rig, with};
use super::{ended, job, jobs, outcomes, until_ended};
use crate::support::proxy::Proxy;
use crate::support::{Setup, eventually};

#[tokio::test]
async fn a_cut_connection_loses_nothing_and_doubles_nothing() {
    with(async |rig: Rig, database| {
        rig.declare().await;
        let app = rig.app(&database, Setup::default()).await;
        let tenant = app.cloud().project("tenant-001").await;
        for number in 0..60 {
            rig.enqueue(&job(&format!("order-{number}"), "pull_floating_ips", &tenant)).await;
        }
        let mut url = url::Url::parse(&rig.url).unwrap();
        let target = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5672));
        let proxy = Proxy::to(target).await;
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(proxy.address.port())).unwrap();
        let daemon = Daemon::start(&app, url.as_str(), &rig.prefix).await;
        for enough in [10, 30] {
            until_ended(&database, enough).await;
            proxy.cut();
            let is_connected = || *daemon.state.borrow() == BrokerState::Connected;
            eventually("the cut to be noticed", async || (!is_connected()).then_some(())).await;
            eventually("a new connection", async || {
                // The wait before the next attempt goes by this clock.
                app.clock.advance(Duration::from_secs(1));
                is_connected().then_some(())
            })
            .await;
        }
        eventually("the rest", async || {
            app.clock.advance(Duration::from_secs(1));
            (ended(&database).await == 60).then_some(())
        })
        .await;
        let is_end = |key: &str| key.starts_with("job.");
        let events = rig.events(|all| all.iter().filter(|it| is_end(&it.routing_key)).count() >= 60).await;
        let ends = events.iter().filter(|event| is_end(&event.routing_key));
        let ends: Vec<String> = ends.map(|event| event.body["data"]["id"].to_string()).collect();
        assert_eq!((ends.len(), ends.iter().collect::<BTreeSet<_>>().len()), (60, 60), "each job ended once");
        daemon.stop().await;
        assert_eq!(rig.ready().await, 0);
        let outcomes = outcomes(&database).await;
        assert!(outcomes.iter().all(|outcome| outcome == "pull_floating_ips succeeded after 1"), "{outcomes:?}");
    })
    .await;
}

#[tokio::test]
async fn a_job_slower_than_the_hold_outlives_its_delivery_and_ends_once() {
    with(async |rig: Rig, database| {
        rig.declare().await;
        let app = rig.app(&database, Setup::default()).await;
        let tenant = app.cloud().project("tenant-001").await;
        app.cloud().faults(json!([{"service": "network", "kind": "latency", "milliseconds": 500}])).await;
        let daemon = Daemon::start(&app, &rig.url, &rig.prefix).await;
        rig.enqueue(&job("slow", "pull_floating_ips", &tenant)).await;
        eventually("the request", async || (app.cloud().struck().await == [1]).then_some(())).await;
        assert_eq!(outcomes(&database).await, ["pull_floating_ips running after 0"], "it is a row before it runs");
        app.clock.advance(HOLD);
        until_ended(&database, 1).await;
        daemon.stop().await;
        assert_eq!(rig.ready().await, 0);
        assert_eq!(outcomes(&database).await, ["pull_floating_ips succeeded after 1"]);
        assert_eq!(app.cloud().struck().await, [1]);
    })
    .await;
}

#[tokio::test]
async fn a_stop_puts_work_back_uncounted() {
    with(async |rig: Rig, database| {
        rig.declare().await;
        database.expect_leftovers();
        let app = rig.app(&database, Setup::default()).await;
        let tenant = app.cloud().project("tenant-001").await;
        app.cloud().faults(json!([{"service": "network", "kind": "hang"}])).await;
        let daemon = Daemon::start(&app, &rig.url, &rig.prefix).await;
        for number in 0..8 {
            rig.enqueue(&job(&format!("order-{number}"), "pull_floating_ips", &tenant)).await;
        }
        // They ask for the same, so one of them runs for the first and one waits for the others.
        eventually("the rows", async || (jobs(&database).await.len() == 8).then_some(())).await;
        eventually("the request", async || (app.cloud().struck().await == [1]).then_some(())).await;
        daemon.lifecycle.end(Duration::ZERO, std::future::pending()).await;
        assert_eq!(outcomes(&database).await, ["pull_floating_ips queued after 0"; 8]);
        assert_eq!(rig.ready().await, 0);
    })
    .await;
}
