//! A password on its way through the records: kept only while somebody needs it, and told nobody.

use serde_json::json;
use tenantd::jobs::runner::Ended;
use tenantd::jobs::runner::Unfit;
use tenantd::model::job::Outcome;

use crate::support::{Database, TestApp, on_both_databases, rows};

on_both_databases!(
    a_password_is_changed_and_forgotten,
    a_refused_one_is_forgotten_too,
    a_message_that_is_no_job_keeps_none
);

const PASSWORD: &str = "correct horse battery";

/// Whether any row of any table tells the password.
async fn is_told(app: &TestApp) -> bool {
    let all = rows::all(&app.database).await;
    all.values().flat_map(|row| row.values()).any(|value| value.to_string().contains(PASSWORD))
}

async fn a_password_is_changed_and_forgotten(database: Database) {
    let app = TestApp::writing(&database, &["change_password"]).await;
    let fault = json!([{"service": "identity", "method": "PATCH", "kind": "status", "status": 503, "count": 1}]);
    app.cloud().faults(fault).await;
    let params = json!({"user_name": "tenant-001-user", "user_password": PASSWORD});
    let parked = app.run("change_password", "tenant-001", params).await;
    assert!(matches!(parked, Ended::Parked { .. }), "{parked:?}");
    assert!(is_told(&app).await, "it is needed for the next attempt");
    app.advance(60);
    let ended = app.run_waiting().await;
    assert!(matches!(ended.as_slice(), [Ended::Done { outcome: Outcome::Succeeded, .. }]), "{ended:?}");
    assert_eq!(app.cloud().try_password("tenant-001-user", PASSWORD).await, 201);
    assert!(!is_told(&app).await);
}

async fn a_refused_one_is_forgotten_too(database: Database) {
    let app = TestApp::writing(&database, &["change_password"]).await;
    for (user, reason) in [("nobody", "no_user"), ("", "invalid_params")] {
        let params = json!({"user_name": user, "user_password": PASSWORD});
        let ended = app.run("change_password", "tenant-001", params).await;
        assert!(matches!(&ended, Ended::Dead { reason: said, .. } if said == reason), "{ended:?}");
    }
    let both = json!({"user_password": PASSWORD, "colour": "red"});
    let ended = app.run("change_password", "tenant-001", both).await;
    assert!(matches!(&ended, Ended::Dead { reason, .. } if reason == "invalid_params"), "{ended:?}");
    let list = json!({"user_name": "tenant-001-user", "user_password": [PASSWORD]});
    let ended = app.run("change_password", "tenant-001", list).await;
    let Ended::Dead { error, .. } = ended else { panic!("{ended:?}") };
    assert_eq!(error, "params.user_password: expected a text");
    assert!(!is_told(&app).await);
}

async fn a_message_that_is_no_job_keeps_none(database: Database) {
    let app = TestApp::start(&database).await;
    let message = format!(r#"{{"kind": "change_password", "params": {{"user_password": "{PASSWORD}"}}"#);
    for body in [format!("{message}}}"), format!("{message}, oops")] {
        let headers = json!({"task": "tenantd.change_password", "kwargsrepr": format!("user_password={PASSWORD}")});
        let unfit = Unfit {
            reason: "missing_id",
            kind: Some("change_password".to_owned()),
            headers: headers.as_object().cloned().unwrap(),
            body: body.into_bytes(),
            ..Unfit::default()
        };
        app.runner.bury_message(unfit).await.unwrap();
    }
    assert_eq!(app.context.store().dead_letter_count().await.unwrap(), 2);
    assert!(!is_told(&app).await);
}
