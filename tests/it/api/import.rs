//! What a portal says of its tenants, taken over by the command: the portal is another tenantd's API.

use std::process::Command;

use insta::assert_snapshot;
use serde_json::{Value, json};
use tenantd::model::token::Role;
use tenantd::portal::Portal;
use tenantd::store::directory;
use uuid::Uuid;

use super::Rig;
use crate::support::app::none;
use crate::support::{Database, on_both_databases};

on_both_databases!(
    a_portal_s_names_are_taken_over,
    a_portal_that_refuses_is_told_as_such,
    metrics_and_pages_speak_the_portal_s_names,
);

/// Runs the command against the database of the test, and the cloud of the portal.
async fn import(rig: &Rig, database: &Database, token: &str) -> (i32, Value, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::write(path.join("token"), format!("{token}\n")).unwrap();
    std::fs::write(path.join("clouds.yaml"), rig.app.cloud().clouds_yaml()).unwrap();
    let clouds = format!("[[clouds]]\nname = \"sim\"\nfile = \"{}/clouds.yaml\"\n", path.display());
    std::fs::write(path.join("t.toml"), format!("[database]\nurl = \"{}\"\n{clouds}", database.url)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tenantd"));
    command.arg("--config").arg(path.join("t.toml")).args(["--output", "json", "tenants", "import"]);
    command.arg("--waldur").arg(&rig.base).arg("--token-file").arg(path.join("token"));
    // The portal runs in this process, beside the command.
    let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    (done.status.code().unwrap(), serde_json::from_slice(&done.stdout).unwrap_or_default(), said)
}

async fn a_portal_s_names_are_taken_over(database: Database) {
    let rig = Rig::of_tenants(&database, 120).await;
    rig.app.run_for_cloud("pull_tenants", "sim").await;
    let token = rig.token("importer", Role::Viewer, None).await;
    let tenant = rig.app.tenant("tenant-002").await;
    let (customer, project) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let portal = directory::Portal {
        service_settings: Some(Uuid::from_u128(3)),
        service_settings_name: "Tartu".to_owned(),
        customer: Some(customer),
        customer_name: "University".to_owned(),
        customer_native_name: "Ülikool".to_owned(),
        customer_abbreviation: "UT".to_owned(),
        project: Some(project),
        project_name: "Genomics".to_owned(),
        marketplace: json!({"marketplace_offering_name": "Compute", "is_usage_based": true}),
        imported_at: rig.app.context.clock().now(),
    };
    let mut tx = rig.app.context.store().begin().await.unwrap();
    tx.save_portal(tenant.uuid, &portal).await.unwrap();
    tx.save_portal(Uuid::from_u128(9), &portal).await.unwrap();
    tx.commit().await.unwrap();
    let (code, rows, said) = import(&rig, &database, &token).await;
    assert_eq!(code, 0, "{said}");
    let rows = rows.as_array().unwrap();
    assert!(rows.len() >= 120 && rows.iter().all(|row| row["imported"] == true), "{rows:?}");
    let entry = rig.app.context.store().directory_entry(tenant.uuid).await.unwrap().unwrap();
    let imported = entry.portal.unwrap();
    assert_eq!((imported.customer, imported.project), (Some(customer), Some(project)));
    assert_eq!((imported.customer_native_name.as_str(), imported.project_name.as_str()), ("Ülikool", "Genomics"));
    assert_eq!(imported.marketplace["marketplace_offering_name"], "Compute");
    assert!(imported.imported_at > portal.imported_at);
}

async fn a_portal_that_refuses_is_told_as_such(database: Database) {
    let rig = Rig::start(&database).await;
    rig.token("somebody", Role::Viewer, None).await;
    let (code, _, said) = import(&rig, &database, "abc").await;
    assert_eq!(code, 1);
    assert!(said.contains("401") && said.contains("Invalid token."), "{said}");
    let nowhere = Portal::new("http://127.0.0.1:9", &"abc".to_owned().into()).unwrap();
    assert!(nowhere.tenants().await.unwrap_err().to_string().contains("no answer from"));
}

async fn metrics_and_pages_speak_the_portal_s_names(database: Database) {
    let rig = Rig::start(&database).await;
    for _ in 0..2 {
        rig.app.run("pull_quotas", "tenant-001", none()).await;
        rig.app.cloud().limit_cores("tenant-001", 50).await;
    }
    rig.app.run("pull_quotas", "tenant-002", none()).await;
    let viewer = rig.token("viewer", Role::Viewer, None).await;
    let info = async || {
        let text = rig.get("/metrics", &viewer).await.text;
        let mut lines: Vec<String> =
            text.lines().filter(|it| it.starts_with("tenantd_tenant_info{")).map(plain).collect();
        lines.sort();
        lines.join("\n")
    };
    assert_snapshot!(info().await, @r#"
    tenantd_tenant_info{cloud="sim",tenant="<id>",tenant_name="tenant-001",domain="default"} 1
    tenantd_tenant_info{cloud="sim",tenant="<id>",tenant_name="tenant-002",domain="default"} 1
    "#);
    let portal = directory::Portal {
        customer_name: "University \"of\" Tartu".to_owned(),
        project_name: "Genomics".to_owned(),
        ..directory::Portal::default()
    };
    let mut tx = rig.app.context.store().begin().await.unwrap();
    tx.save_portal(rig.app.tenant("tenant-001").await.uuid, &portal).await.unwrap();
    tx.commit().await.unwrap();
    assert_snapshot!(info().await, @r#"
    tenantd_tenant_info{cloud="sim",tenant="<id>",tenant_name="tenant-001",domain="default",customer_name="University \"of\" Tartu",project_name="Genomics"} 1
    tenantd_tenant_info{cloud="sim",tenant="<id>",tenant_name="tenant-002",domain="default"} 1
    "#);
    let page = rig.get("/", &viewer).await.text;
    assert!(
        page.contains(">sim/tenant-001<br><span class=\"quiet\">University &#34;of&#34; Tartu, Genomics</span><"),
        "{page}"
    );
    let found = rig.get("/api/drift/", &viewer).await;
    assert_eq!(
        (found.column("customer_name"), found.column("project_name")),
        (vec!["University \"of\" Tartu"], vec!["Genomics"])
    );
}

/// A line without the project's id.
fn plain(line: &str) -> String {
    let (before, rest) = line.split_once("tenant=\"").unwrap();
    format!("{before}tenant=\"<id>\"{}", rest.split_once('"').unwrap().1)
}
