//! Floating IPs, networks, server groups and images that jobs make, and what they refuse to make.

use bytes::Bytes;
use futures::stream;
use insta::assert_snapshot;
use reqwest::Method;
use serde_json::{Value, json};
use tenantd::jobs::context::Live;
use tenantd::jobs::create_image::{CreateImage, create, image_id};
use tenantd::jobs::runner::Ended;
use tenantd::jobs::upload_image_data::upload;
use tenantd::model::job::{Outcome, Request};
use tenantd::openstack::Pieces;
use uuid::Uuid;

use crate::support::{Database, TestApp, on_both_databases};

on_both_databases!(
    an_address_is_taken_and_expected,
    an_address_of_no_network_is_refused,
    a_network_is_made,
    a_server_group_is_made_where_the_login_has_a_role,
    an_image_is_made_and_filled_from_a_file,
    an_image_is_filled_as_its_data_come,
    data_that_end_early_fill_nothing,
);

const CREATIONS: [&str; 5] =
    ["create_floating_ip", "create_network", "create_server_group", "create_image", "upload_image_data"];
const TABLES: [&str; 4] = ["expectations", "findings", "objects", "tenants"];

async fn start(database: &Database) -> TestApp {
    let app = TestApp::writing(database, &CREATIONS).await;
    app.run("pull", "tenant-001", json!({})).await;
    app.changes().await;
    app.cloud().forget_requests().await;
    app
}

fn done(ended: &Ended) {
    assert_eq!(*ended, Ended::Done { outcome: Outcome::Succeeded, left_out: None });
}

fn dead(ended: Ended) -> (String, String) {
    let Ended::Dead { reason, error } = ended else { panic!("{ended:?}") };
    (reason, error)
}

async fn an_address_is_taken_and_expected(database: Database) {
    let app = start(&database).await;
    done(&app.run("create_floating_ip", "tenant-001", json!({})).await);
    assert_snapshot!(app.changes_in(&["expectations", "findings", "tenants"]).await, @"
    ~ expectations tenant-001/floating_ips: body [3 addresses] → [4 addresses], objects  → <id> commanded by test
    ~ tenants tenant-001: external_network  → <id>, version 0 → 2
    ");
    let objects = app.context.store().objects(app.tenant("tenant-001").await.uuid, None).await.unwrap();
    assert_eq!((objects.len(), objects[0].resource_type.as_str()), (1, "floating_ips"));
    assert_eq!((&objects[0].body["description"], &objects[0].body["address"]), (&json!(""), &json!(objects[0].name)));
    assert_eq!(app.cloud().changes().await.len(), 2, "the address, and its mark away");
    let wish = json!({"description": "for the gateway"});
    done(&app.run("create_floating_ip", "tenant-001", wish).await);
    app.run("pull_floating_ips", "tenant-001", json!({})).await;
    assert_eq!(app.changes_in(&["findings", "suspicions"]).await, "");
}

async fn an_address_of_no_network_is_refused(database: Database) {
    let app = start(&database).await;
    app.cloud().count_changes().await;
    let nobody = Uuid::from_u128(1).to_string();
    for (wish, said) in [
        (json!({"external_network": nobody}), "external_network: the cloud has no external network"),
        (json!({"router": nobody}), "is no router of the tenant"),
        (json!({"router": "a", "external_network": "b"}), "router and external_network exclude each other"),
    ] {
        let (reason, error) = dead(app.run("create_floating_ip", "tenant-001", wish).await);
        assert!(reason == "invalid_params" && error.contains(said), "{error}");
    }
    assert_eq!(app.cloud().halted().await.1, 0);
    // The records tell that it would not fit.
    let path = format!("/network/v2.0/quotas/{}", app.cloud().project("tenant-001").await);
    app.cloud().admin(Method::PUT, &path, Some(json!({"quota": {"floatingip": 3}}))).await;
    app.run("pull_quotas", "tenant-001", json!({})).await;
    let (reason, error) = dead(app.run("create_floating_ip", "tenant-001", json!({})).await);
    let full = "One or more quotas were exceeded: floating_ip_count quota limit: 3, requires 4";
    assert_eq!((reason.as_str(), error.as_str()), ("invalid_params", full));
}

async fn a_network_is_made(database: Database) {
    let app = start(&database).await;
    done(&app.run("create_network", "tenant-001", json!({"name": "inner", "description": "for us"})).await);
    let tenant = app.tenant("tenant-001").await;
    let objects = app.context.store().objects(tenant.uuid, Some("networks")).await.unwrap();
    let made = &objects[0];
    assert_eq!((made.name.as_str(), made.state.as_str(), &made.body["type"]), ("inner", "OK", &json!("vxlan")));
    assert_eq!(made.backend_id.as_deref(), Some(tenant.internal_network.as_str()));
    // The same name again is another network, and not the tenant's own.
    done(&app.run("create_network", "tenant-001", json!({"name": "inner", "description": "for us"})).await);
    assert_eq!(app.tenant("tenant-001").await.internal_network, tenant.internal_network);
    assert_eq!(app.cloud().changes().await.len(), 2);
    let (reason, error) = dead(app.run("create_network", "tenant-001", json!({})).await);
    assert_eq!((reason.as_str(), error.as_str()), ("invalid_params", "params: name: This field is required."));
}

async fn a_server_group_is_made_where_the_login_has_a_role(database: Database) {
    let app = start(&database).await;
    let wish = json!({"name": "spread", "policy": "anti-affinity", "description": "kept here"});
    let (reason, error) = dead(app.run("create_server_group", "tenant-001", wish.clone()).await);
    assert!(reason == "no_role" && error.contains("give its user a role there"), "{error}");
    assert!(app.cloud().changes().await.is_empty());
    app.cloud().grant_admin("tenant-001").await;
    app.cloud().forget_requests().await;
    app.changes().await;
    done(&app.run("create_server_group", "tenant-001", wish).await);
    assert_snapshot!(app.changes_in(&TABLES).await, @r#"
    + objects backend_id=<id> body={"id":"<id>","members":[],"name":"spread","policy":"anti-affinity"} created_at=T+3 job=<job> name=spread resource_type=server_groups state=OK tenant=tenant-001
    ~ expectations tenant-001/server_groups: body [tenant-001-group0, tenant-001-group1] → [spread, tenant-001-group0, tenant-001-group1], objects  → <id> commanded by test
    ~ tenants tenant-001: error_message Nova makes a server group only for the project of the token, and cloud `sim` gives the login none for project tenant-001: give its user a role there; an application credential cannot have one (http://127.0.0.1:PORT/identity/v3 refused the login of user admin: The request you have made requires authentication. (<id>); check the user, the secret and the project in clouds.yaml) → , state ERRED → OK, version 2 → 4
    "#);
    assert_eq!(app.cloud().changes().await, ["POST /compute/v2.1/os-server-groups"]);
    for (wish, said) in [
        (json!({"name": "spread", "policy": "affinity"}), "name: the tenant has a server group of this name"),
        (json!({"name": "a", "policy": ""}), "policy: Nova makes no server group without a policy"),
        (json!({"policy": "loose"}), "params: name: This field is required.; policy: \"loose\" is not a valid choice."),
    ] {
        let (reason, error) = dead(app.run("create_server_group", "tenant-001", wish).await);
        assert!(reason == "invalid_params" && error.contains(said), "{error}");
    }
}

/// What Glance says of an image.
async fn image(app: &TestApp, id: Uuid) -> Value {
    app.cloud().admin(Method::GET, &format!("/image/v2/images/{id}"), None).await
}

async fn an_image_is_made_and_filled_from_a_file(database: Database) {
    let app = start(&database).await;
    let tenant = app.tenant("tenant-001").await;
    let subject = Some(tenant.uuid.to_string());
    let params = json!({"name": "debian", "disk_format": "raw", "min_disk": 3});
    let request = Request { subject, params, ..app.request("create_image") };
    done(&app.deliver(request.clone()).await);
    let id = image_id(request.id);
    let made = image(&app, id).await;
    assert_eq!((&made["status"], &made["owner"]), (&json!("queued"), &json!(tenant.backend_id)));
    assert_eq!((&made["visibility"], &made["min_disk"]), (&json!("private"), &json!(3)));
    let objects = app.context.store().objects(tenant.uuid, Some("images")).await.unwrap();
    assert_eq!((objects.len(), objects[0].backend_id.clone()), (1, Some(id.to_string())));

    let wish = json!({"image_id": id, "file": "debian.raw"});
    let (reason, _) = dead(app.run("upload_image_data", "tenant-001", wish.clone()).await);
    assert_eq!(reason, "no_image_folder");
    let folder = tempfile::tempdir().unwrap();
    let data = vec![7; 3 << 20];
    std::fs::write(folder.path().join("debian.raw"), &data).unwrap();
    let live = app.context.live();
    let (clouds, image_folder) = (live.clouds.clone(), Some(folder.path().to_owned()));
    app.context.replace_live(Live { clouds, image_folder, retries: live.retries, ..Live::default() });
    let (_, error) = dead(app.run("upload_image_data", "tenant-002", wish.clone()).await);
    assert!(error.contains("has no image"), "another tenant's is not told from none: {error}");
    done(&app.run("upload_image_data", "tenant-001", wish.clone()).await);
    let filled = image(&app, id).await;
    assert_eq!((&filled["status"], &filled["size"]), (&json!("active"), &json!(data.len())));
    let (reason, error) = dead(app.run("upload_image_data", "tenant-001", wish).await);
    assert!(reason == "conflict" && error.contains("is active: it takes no data any more"), "{error}");
    let wrong = json!({"image_id": "x", "file": "../debian.raw"});
    let (_, error) = dead(app.run("upload_image_data", "tenant-001", wrong).await);
    let said = "params: file: it is to be the name of a file in the folder, without a path; \
        image_id: Must be a valid UUID.";
    assert_eq!(error, said);
}

fn pieces(pieces: Vec<std::io::Result<Bytes>>) -> Pieces {
    Box::pin(stream::iter(pieces))
}

/// As an HTTP request does it: at once, without a job.
async fn an_image_is_filled_as_its_data_come(database: Database) {
    let app = start(&database).await;
    let (tenant, live) = (app.tenant("tenant-001").await, app.context.live());
    let cloud = &live.clouds["sim"];
    let wish = CreateImage { name: Some("cirros".to_owned()), ..CreateImage::default() };
    let id = Uuid::from_u128(77);
    assert_eq!(create(cloud, &tenant, &wish, id).await.unwrap().status, "queued");
    assert_eq!(create(cloud, &tenant, &wish, id).await.unwrap_err().reason(), "conflict", "its id makes it one");
    let data = || pieces(vec![Ok(Bytes::from_static(b"one")), Ok(Bytes::from_static(b"two"))]);
    let filled = upload(cloud, &tenant, id, data(), None).await.unwrap();
    assert_eq!((filled.status.as_str(), filled.size), ("active", Some(6)));
    assert_eq!(upload(cloud, &tenant, id, data(), Some(6)).await.unwrap_err().reason(), "conflict");
    let wrong = CreateImage { disk_format: "floppy".to_owned(), ..CreateImage::default() };
    assert_eq!(create(cloud, &tenant, &wrong, id).await.unwrap_err().reason(), "invalid_params");
}

async fn data_that_end_early_fill_nothing(database: Database) {
    let app = start(&database).await;
    let (tenant, live) = (app.tenant("tenant-001").await, app.context.live());
    let (cloud, id) = (&live.clouds["sim"], Uuid::from_u128(78));
    let wish = CreateImage { name: Some("cirros".to_owned()), ..CreateImage::default() };
    create(cloud, &tenant, &wish, id).await.unwrap();
    let broken = std::io::Error::other("the client went away");
    let cut = pieces(vec![Ok(Bytes::from(vec![1; 1 << 20])), Err(broken)]);
    let error = upload(cloud, &tenant, id, cut, None).await.unwrap_err();
    assert!(error.to_string().contains("the client went away"), "{error}");
    assert_eq!(image(&app, id).await["status"], json!("queued"));
    let whole = pieces(vec![Ok(Bytes::from_static(b"whole"))]);
    assert_eq!(upload(cloud, &tenant, id, whole, Some(5)).await.unwrap().size, Some(5));
}
