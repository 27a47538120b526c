//! What is said of counters that are wrong, and of limits that became the default again.

use serde_json::json;
use tenantd::model::Finding;
use tenantd::model::finding::Change;

use super::{Place, finding};

/// Opens two more findings; their ids.
async fn opened(place: &Place, tenant: uuid::Uuid) -> [String; 2] {
    let counter = Finding {
        field: "counter".to_owned(),
        expected: json!({"counted": 1024}),
        observed: json!({"counter": 7168, "service": "cinder"}),
        source: "counted".to_owned(),
        ..finding(tenant, "storage", Change::Usage)
    };
    let reset = Finding { field: "limit".to_owned(), ..finding(tenant, "instances", Change::Default) };
    let mut tx = place.store.begin().await.unwrap();
    tx.open_finding(&counter).await.unwrap();
    tx.open_finding(&reset).await.unwrap();
    tx.commit().await.unwrap();
    [counter.id.to_string(), reset.id.to_string()]
}

#[tokio::test]
async fn a_wrong_counter_is_told_with_both_numbers_and_whose_it_is() {
    let (place, furniture) = Place::furnished().await;
    let [id, _] = opened(&place, furniture.tenant.uuid).await;
    let listed = place.run(&["drift", "list", "--field", "counter"]);
    let row = listed.out.lines().find(|line| line.contains("storage")).unwrap();
    assert!(row.contains("counted 1024 MiB  counter 7168 MiB, cinder to mend"), "{row}");
    let shown = place.run(&["drift", "show", &id]).out;
    let meaning = "cinder counts 7168 MiB, 1024 MiB are there: cinder's counter is to be mended";
    assert!(shown.contains(meaning), "{shown}");
    let refused = place.run(&["drift", "accept", &id]);
    assert!(refused.code == 1 && refused.err.contains("cannot be accepted"), "{refused:?}");
}

#[tokio::test]
async fn a_limit_that_is_the_default_again_says_so() {
    let (place, furniture) = Place::furnished().await;
    let [_, id] = opened(&place, furniture.tenant.uuid).await;
    let listed = place.run(&["drift", "list", "--field", "limit"]);
    let row = listed.out.lines().find(|line| line.contains("instances")).unwrap();
    assert!(row.contains("20        40 (the default)"), "{row}");
    let shown = place.run(&["drift", "show", &id]).out;
    assert!(shown.contains("the quota that was set was deleted or reset"), "{shown}");
}
