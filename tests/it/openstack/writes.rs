//! What changes a cloud: who may send it, and how often it leaves.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tenantd::openstack::{Error, Options, Warrant, Writer};

use super::fake::{Fake, Reply, json_reply, status};

/// Vouches for everything, or for nothing.
#[derive(Debug)]
struct Vouches(bool);

impl Warrant for Vouches {
    fn allows(&self, _: Duration) -> bool {
        self.0
    }
}

const KIND: &str = "create_network";
const PATH: &str = "/v2.0/networks";

fn writer(fake: &Fake, vouches: bool) -> Writer {
    let options = Options { write: [KIND.to_owned()].into(), ..Fake::options() };
    fake.cloud(options).writer(KIND, Arc::new(Vouches(vouches))).unwrap()
}

fn network() -> Reply {
    json_reply(&json!({"network": {"id": "n1", "name": "inner", "project_id": "p"}}))
}

#[tokio::test]
async fn only_a_kind_that_is_named_gets_a_writer() {
    let fake = Fake::start("admin", |_| network()).await;
    let error = fake.cloud(Fake::options()).writer(KIND, Arc::new(Vouches(true))).unwrap_err();
    assert!(matches!(error, Error::WriteRefused { .. }), "{error}");
    let options = Options { write: ["set_quotas".to_owned()].into(), ..Fake::options() };
    assert!(fake.cloud(options).writer(KIND, Arc::new(Vouches(true))).is_err());
    let made = writer(&fake, true).create_network("p", "inner", "").await.unwrap();
    assert_eq!((made.id.as_str(), fake.requests(PATH).len()), ("n1", 1));
}

#[tokio::test]
async fn nothing_leaves_without_somebody_who_vouches_for_it() {
    let fake = Fake::start("admin", |_| network()).await;
    let error = writer(&fake, false).create_network("p", "inner", "").await.unwrap_err();
    assert!(matches!(error, Error::TooLate { .. }), "{error}");
    assert!(fake.requests(PATH).is_empty());
}

#[tokio::test]
async fn what_may_have_taken_effect_is_not_sent_again() {
    for code in [408, 500, 502, 503, 504] {
        let fake = Fake::start("admin", move |_| status(code)).await;
        let error = writer(&fake, true).create_network("p", "inner", "").await.unwrap_err();
        assert!(matches!(error, Error::Unavailable { .. }) && !error.took_no_effect(), "{code}: {error}");
        assert_eq!(fake.requests(PATH).len(), 1, "{code}");
    }
}

#[tokio::test]
async fn what_certainly_took_no_effect_is_sent_again() {
    let refused = Fake::start("admin", |seen| if seen.token() == "token-1" { status(401) } else { network() }).await;
    writer(&refused, true).create_network("p", "inner", "").await.unwrap();
    assert_eq!((refused.requests(PATH).len(), refused.logins()), (2, 2));
    let busy = Fake::start("admin", |_| status(429)).await;
    writer(&busy, true).create_network("p", "inner", "").await.unwrap_err();
    assert_eq!(busy.requests(PATH).len(), 3);
}
