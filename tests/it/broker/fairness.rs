//! A cloud that hangs, in the same queue as one that does not.

use std::time::Duration;

use serde_json::json;

use super::rig::{Daemon, Rig, with};
use super::{job, jobs};
use crate::support::cloud::Login;
use crate::support::rows::text;
use crate::support::{Setup, eventually};

#[tokio::test]
async fn a_cloud_that_hangs_never_fills_the_window() {
    with(async |rig: Rig, database| {
        database.expect_leftovers();
        rig.declare().await;
        let clouds = vec![("sound", Login::Entry("sim"), 1), ("stuck", Login::Entry("sim"), 2)];
        let app = rig.app(&database, Setup { tenants: 30, clouds, ..Setup::default() }).await;
        app.cloud_named("stuck").faults(json!([{"service": "network", "kind": "hang"}])).await;
        // More than the window of 16 deliveries holds, all before the first that can be done.
        for cloud in ["stuck", "sound"] {
            for number in 1..=30 {
                let tenant = app.cloud_named(cloud).project(&format!("tenant-{number:03}")).await;
                let mut job = job(&format!("{cloud}-{number}"), "pull_floating_ips", &tenant);
                job["cloud"] = json!(cloud);
                rig.enqueue(&job).await;
            }
        }
        let daemon = Daemon::start(&app, &rig.url, &rig.prefix).await;
        let done = async || {
            let jobs = jobs(&database).await;
            let done = jobs.iter().filter(|job| job["cloud"] == "sound" && job["state"] == "succeeded").count();
            (done, jobs)
        };
        // Until then a second that goes by is none for them.
        eventually("the window", async || {
            (jobs(&database).await.iter().filter(|job| job["cloud"] == "stuck").count() >= 16).then_some(())
        })
        .await;
        let seconds = std::sync::atomic::AtomicU32::new(0);
        eventually("the sound cloud's jobs", async || {
            // Less than a delivery is held, so that only parking can have made room.
            if seconds.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < 20 {
                app.clock.advance(Duration::from_secs(1));
            }
            (done().await.0 == 30).then_some(())
        })
        .await;
        let (_, jobs) = done().await;
        let stuck = jobs.iter().filter(|job| job["cloud"] == "stuck");
        assert!(stuck.clone().all(|job| ["queued", "running"].contains(&text(&job["state"]).as_str())));
        assert!(stuck.filter(|job| job["state"] == "running").count() <= 16, "the others wait in the table");
        daemon.lifecycle.end(Duration::ZERO, std::future::pending()).await;
    })
    .await;
}
