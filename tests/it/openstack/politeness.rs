//! What a service is spared: rests that it asks for, requests while it fails, more a second than it is to get.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use futures::{FutureExt, StreamExt, stream};
use serde_json::json;
use tenantd::clock::Clock;
use tenantd::openstack::{Cloud, Error, Limits, Options};
use tenantd::retry::Retryable;

use super::fake::{Fake, PASSWORD, Reply, json_reply, status};

const NETWORK: &str = "/v2.0/quotas/p/details.json";

fn quota() -> Reply {
    json_reply(&json!({"quota": {"port": {"limit": 1, "used": 0, "reserved": 0}}, "quota_set": {}}))
}

/// A client that gives up at once.
fn once(fake: &Fake) -> Cloud {
    fake.cloud(Options { attempts: 1, ..Fake::options() })
}

async fn until(reached: impl Fn() -> bool) {
    while !reached() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_service_that_wants_a_rest_gets_it_from_everyone() {
    let calls = AtomicUsize::new(0);
    let fake =
        Fake::start("admin", move |seen| match calls.fetch_add(usize::from(seen.path == NETWORK), Ordering::SeqCst) {
            0 if seen.path == NETWORK => status(503).header("retry-after", "7"),
            _ => quota(),
        })
        .await;
    let other = Fake::start("admin", |_| quota()).await;
    let (cloud, elsewhere) = (fake.cloud(Fake::options()), other.cloud(Fake::options()));
    let same = cloud.clone();
    let first = cloud.network_quota("p");
    let rest = async {
        until(|| fake.clock.sleepers() == 1).await;
        let second = same.network_quota("p");
        let others = async {
            until(|| fake.clock.sleepers() == 2).await;
            // Other services and other clouds have nothing to do with it: no clock moves.
            join_all((0..100).map(|_| elsewhere.network_quota("p"))).await.into_iter().for_each(|it| drop(it.unwrap()));
            same.volume_quota("p").await.unwrap();
            assert_eq!((fake.requests(NETWORK).len(), fake.clock.sleepers()), (1, 2));
            fake.clock.advance(Duration::from_secs(7));
        };
        tokio::join!(second, others).0
    };
    let (first, second) = tokio::join!(first, rest);
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(fake.requests(NETWORK).len(), 3);
}

#[tokio::test]
async fn a_service_that_fails_is_left_alone_and_tried_by_one_request() {
    let healed = Arc::new(AtomicBool::new(false));
    let seen_healed = Arc::clone(&healed);
    let fake =
        Fake::start("admin", move |_| if seen_healed.load(Ordering::SeqCst) { quota() } else { status(502) }).await;
    let cloud = once(&fake);
    let asked = || fake.requests(NETWORK).len();
    let crowd = async || join_all((0..10).map(|_| cloud.network_quota("p"))).await;
    for _ in 0..5 {
        assert!(matches!(cloud.network_quota("p").await, Err(Error::Unavailable { .. })));
    }
    let error = cloud.network_quota("p").await.unwrap_err();
    assert_eq!((asked(), error.reason(), error.is_retryable(), error.retry_after()), (5, "unavailable", true, None));
    let told = "network of fake failed 5 times in a row and is left alone, so quota_show was not sent; it is asked \
                again in 1s; last: unavailable: network answered 502 to quota_show of project p: Bad Gateway";
    assert_eq!(error.to_string(), told);

    fake.clock.advance(Duration::from_secs(1));
    let left_alone =
        |all: &[Result<_, Error>]| all.iter().filter(|it| matches!(it, Err(Error::LeftAlone { .. }))).count();
    assert_eq!((left_alone(&crowd().await), asked()), (9, 6));
    fake.clock.advance(Duration::from_millis(1_999));
    assert_eq!((left_alone(&crowd().await), asked()), (10, 6), "twice as long as before");
    healed.store(true, Ordering::SeqCst);
    fake.clock.advance(Duration::from_millis(1));
    assert_eq!((left_alone(&crowd().await), asked()), (9, 7), "one finds out");
    assert!(crowd().await.iter().all(Result::is_ok), "it answers again");
}

/// A configuration that is read again makes new clients.
#[tokio::test]
async fn who_takes_over_goes_on_with_what_was_learnt() {
    let fake = Fake::start("admin", |_| status(502)).await;
    let cloud = once(&fake);
    for _ in 0..5 {
        assert!(matches!(cloud.network_quota("p").await, Err(Error::Unavailable { .. })));
    }
    let mut next = once(&fake);
    next.keep_gates_of(&cloud);
    assert!(matches!(next.network_quota("p").await, Err(Error::LeftAlone { .. })));
    let limits = Limits { rate: 20, ..Limits::default() };
    let mut other = fake.cloud(Options { attempts: 1, limits, ..Fake::options() });
    other.keep_gates_of(&next);
    assert!(matches!(other.network_quota("p").await, Err(Error::Unavailable { .. })), "other limits begin anew");
}

#[tokio::test]
async fn a_closed_port_counts_and_a_refusal_does_not() {
    let fake = Fake::start("admin", |_| status(403)).await;
    let cloud = once(&fake);
    for _ in 0..20 {
        assert!(matches!(cloud.network_quota("p").await, Err(Error::Forbidden(_))));
    }
    let mut profile = fake.profile(PASSWORD);
    profile.endpoint_overrides = BTreeMap::from([("network".to_owned(), "http://127.0.0.1:1".to_owned())]);
    cloud.replace_profile(profile).unwrap();
    let mut reasons = Vec::new();
    for _ in 0..6 {
        reasons.push(cloud.network_quota("p").await.unwrap_err().reason());
    }
    assert_eq!(reasons, ["connect", "connect", "connect", "connect", "connect", "unavailable"]);
}

#[tokio::test]
async fn a_short_failure_is_waited_out() {
    let calls = AtomicUsize::new(0);
    let fake =
        Fake::start("admin", move |_| if calls.fetch_add(1, Ordering::SeqCst) < 5 { status(504) } else { quota() });
    let fake = fake.await;
    let cloud = fake.cloud(Options { attempts: 6, ..Fake::options() });
    let moving = async {
        until(|| fake.clock.sleepers() == 1).await;
        fake.clock.advance(Duration::from_secs(1));
    };
    let (answer, ()) = tokio::join!(cloud.network_quota("p"), moving);
    assert!(answer.is_ok());
    assert_eq!(fake.requests(NETWORK).len(), 6);
}

#[tokio::test]
async fn no_second_sees_more_requests_than_the_rate_allows() {
    let fake = Fake::start("admin", |_| quota()).await;
    let limits = Limits { rate: 20, ..Limits::default() };
    let cloud = fake.cloud(Options { limits, ..Fake::options() });
    let asking = join_all((0..100).map(|_| async { cloud.network_quota("p").await.unwrap().asked_at }));
    let mut asking = std::pin::pin!(asking);
    let mut left = loop {
        if let Some(left) = asking.as_mut().now_or_never() {
            break left;
        }
        if fake.clock.sleepers() > 0 {
            fake.clock.advance(Duration::from_millis(3));
        }
        tokio::task::yield_now().await;
    };
    left.sort();
    for (at, first) in left.iter().enumerate() {
        let second = left[at..].iter().take_while(|it| **it < *first + Duration::from_secs(1)).count();
        assert!(second <= 20, "{second} in the second from {first}");
    }
    let took = fake.clock.now() - left[0];
    assert!(took < chrono::Duration::seconds(6), "and it is made use of: {took}");
    // The others have ceilings of their own.
    cloud.volume_quota("p").await.unwrap();
}

#[tokio::test]
async fn who_asks_for_one_tenant_waits_behind_no_fleet() {
    let fake = Fake::start("admin", |_| quota()).await;
    let limits = Limits { start: 2, ..Limits::default() };
    let cloud = fake.cloud(Options { concurrency: 2, limits, ..Fake::options() });
    cloud.identity().await.unwrap();
    let projects: Vec<String> = (0..400).map(|number| format!("p{number}")).collect();
    let asked = || fake.requests("/v3/auth/tokens").len() + projects.iter().map(|it| paths(&fake, it)).sum::<usize>();
    let fleet = stream::iter(&projects).map(|project| cloud.network_quota(project)).buffer_unordered(16);
    let fleet = async { fleet.collect::<Vec<_>>().await };
    let person = async {
        until(|| paths(&fake, "p100") == 1).await;
        let before = asked();
        cloud.network_quota("person").await.unwrap();
        asked() - before
    };
    let (fleet, overtaken) = tokio::join!(fleet, person);
    assert!(fleet.iter().all(Result::is_ok));
    assert!(overtaken <= 16 + 4, "{overtaken} of the fleet's requests went first");
}

fn paths(fake: &Fake, project: &str) -> usize {
    fake.requests(&format!("/v2.0/quotas/{project}/details.json")).len()
}

#[tokio::test]
async fn a_request_that_was_given_up_leaves_its_place() {
    let fake = Fake::start("admin", |_| quota()).await;
    let limits = Limits { start: 1, ..Limits::default() };
    let cloud = fake.cloud(Options { concurrency: 1, limits, ..Fake::options() });
    cloud.identity().await.unwrap();
    for _ in 0..20 {
        assert!(cloud.network_quota("p").now_or_never().is_none());
    }
    assert!(cloud.network_quota("p").await.is_ok());
}
