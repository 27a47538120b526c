//! One login for everyone, remembered refusals, rotated credentials, and what a role can see.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use serde_json::json;
use tenantd::openstack::{Error, Options, Which};

use super::fake::{Fake, PASSWORD, Reply, json_reply, status};

fn nothing() -> Reply {
    json_reply(&json!({"floatingips": [], "security_groups": [], "server_groups": []}))
}

#[tokio::test]
async fn five_hundred_refused_tokens_make_one_new_one() {
    let fake = Fake::start("admin", |seen| if seen.token() == "token-1" { status(401) } else { nothing() }).await;
    let cloud = fake.cloud(Fake::options());
    cloud.identity().await.unwrap();
    let all = join_all((0..500).map(|_| cloud.floating_ips(Which::All))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(fake.logins(), 2);
}

#[tokio::test]
async fn a_service_that_refuses_every_token_is_not_asked_for_ever() {
    let fake = Fake::start("admin", |_| status(401)).await;
    let error = fake.cloud(Fake::options()).floating_ips(Which::All).await.unwrap_err();
    assert!(matches!(error, Error::TokenRefused(_)), "{error}");
    assert_eq!(fake.logins(), 2);
}

#[tokio::test]
async fn a_token_is_renewed_a_minute_before_its_end_by_our_own_clock() {
    let fake = Fake::start("admin", |_| nothing()).await;
    let cloud = fake.cloud(Fake::options());
    cloud.floating_ips(Which::All).await.unwrap();
    fake.clock.advance(Duration::from_secs(3_539));
    cloud.floating_ips(Which::All).await.unwrap();
    assert_eq!(fake.logins(), 1);
    fake.clock.advance(Duration::from_secs(1));
    join_all((0..50).map(|_| cloud.floating_ips(Which::All))).await;
    assert_eq!(fake.logins(), 2);
}

#[tokio::test]
async fn a_refused_login_is_tried_once_and_remembered() {
    let fake = Fake::start("admin", |_| nothing()).await;
    let cloud = fake.cloud(Fake::options());
    cloud.replace_profile(fake.profile("hunter2")).unwrap();
    let errors = join_all((0..500).map(|_| cloud.identity())).await;
    for error in errors.into_iter().map(Result::unwrap_err) {
        assert!(matches!(error, Error::Unauthorised { .. }));
        let text = format!("{error} {error:?}");
        assert!(text.contains("user ann") && text.contains(&fake.address.to_string()), "{text}");
        assert!(!text.contains("hunter2"));
    }
    assert_eq!(fake.logins(), 1);
    fake.clock.advance(Duration::from_secs(11));
    cloud.identity().await.unwrap_err();
    assert_eq!(fake.logins(), 2);
    cloud.replace_profile(fake.profile(PASSWORD)).unwrap();
    assert_eq!(cloud.identity().await.unwrap().user_name, "ann");
}

#[tokio::test]
async fn rotated_credentials_are_read_after_a_refusal() {
    let fake = Fake::start("admin", |_| nothing()).await;
    let rotated = fake.profile(PASSWORD);
    let reload = Some(Arc::new(move || Some(rotated.clone())) as tenantd::openstack::Reload);
    let cloud = fake.cloud(Options { reload, ..Fake::options() });
    cloud.replace_profile(fake.profile("old")).unwrap();
    cloud.identity().await.unwrap();
    assert_eq!(fake.logins(), 2);
}

#[tokio::test]
async fn a_role_that_sees_only_itself_is_refused_before_neutron_lies() {
    let fake = Fake::start("member", |_| nothing()).await;
    let cloud = fake.cloud(Fake::options());
    for which in [Which::All, Which::Project("other")] {
        let error = cloud.floating_ips(which).await.unwrap_err();
        assert!(matches!(error, Error::OutOfSight { .. }), "{error}");
    }
    assert!(fake.requests("/v2.0/floatingips").is_empty());
    assert!(cloud.floating_ips(Which::Project("own")).await.is_ok());
    let fake = Fake::start("system", |_| nothing()).await;
    let error = fake.cloud(Fake::options()).floating_ips(Which::All).await.unwrap_err();
    assert!(matches!(error, Error::WrongScope { scope: "the system", .. }), "{error}");
}

#[tokio::test]
async fn no_secret_shows_in_debug() {
    let fake = Fake::start("admin", |_| nothing()).await;
    let cloud = fake.cloud(Fake::options());
    let identity = cloud.identity().await.unwrap();
    let text = format!("{cloud:?} {identity:?} {:?} {:?}", fake.profile(PASSWORD), Fake::options());
    assert!(!text.contains(PASSWORD) && !text.contains("token-1"), "{text}");
}

#[tokio::test]
async fn an_unreadable_bundle_is_named_and_the_old_login_stays() {
    let fake = Fake::start("admin", |_| nothing()).await;
    let cloud = fake.cloud(Fake::options());
    let mut profile = fake.profile("other");
    profile.cacert = Some("/nonexistent/ca.pem".into());
    let error = cloud.replace_profile(profile).unwrap_err();
    assert!(error.to_string().contains("cacert /nonexistent/ca.pem cannot be read"), "{error}");
    assert!(cloud.identity().await.is_ok());
}

#[tokio::test]
async fn the_clocks_difference_is_told() {
    let fake = Fake::start("admin", |_| nothing().header("date", "Sat, 21 Nov 2026 19:58:00 GMT")).await;
    let skew = fake.cloud(Fake::options()).clock_skew().await.unwrap();
    assert_eq!(skew, chrono::Duration::milliseconds(119_500));
    assert_eq!(fake.logins(), 0);
}
