//! Tenants as listed and shown.

use reqwest::Method;
use serde_json::{Value, json};
use tenantd::model::token::Role;

use super::Rig;
use crate::support::app::none;
use crate::support::{Database, on_both_databases, rows};

on_both_databases!(
    a_tenant_is_shown_with_its_quotas,
    pages_follow_each_other,
    every_filter_counts,
    what_a_portal_says_can_be_filtered_by,
    fields_can_be_chosen,
    a_page_brings_everyone_s_quotas,
    what_is_in_the_cloud_is_read_live,
);

async fn a_tenant_is_shown_with_its_quotas(database: Database) {
    let rig = Rig::start(&database).await;
    rig.app.run("pull", "tenant-001", none()).await;
    let token = rig.token("viewer", Role::Viewer, None).await;
    let tenant = rig.app.tenant("tenant-001").await;
    for path in [tenant.uuid.to_string(), tenant.uuid.simple().to_string()] {
        let shown = rig.get(&format!("/api/openstack-tenants/{path}/"), &token).await;
        assert_eq!(shown.status, 200, "{shown:?}");
        let body = &shown.body;
        assert_eq!(body["uuid"], tenant.uuid.simple().to_string());
        assert_eq!(body["url"], format!("{}/api/openstack-tenants/{}/", rig.base, tenant.uuid.simple()));
        assert_eq!((&body["name"], &body["backend_id"]), (&json!("tenant-001"), &json!(tenant.backend_id)));
        assert_eq!((&body["state"], &body["resource_type"]), (&json!("OK"), &json!("OpenStack.Tenant")));
        assert_eq!((&body["service_name"], &body["service_settings_state"]), (&json!("sim"), &json!("OK")));
        assert_eq!(body["created"], "2026-01-01T00:00:01.000000Z");
        let vcpu = body["quotas"].as_array().unwrap().iter().find(|quota| quota["name"] == "vcpu").unwrap();
        assert_eq!(vcpu["limit"], 46);
        assert_eq!(body["marketplace_offering_uuid"], Value::Null);
        assert!(body.get("customer_uuid").is_none() && body.get("project_uuid").is_none(), "no null for an id");
    }
    let name = rig.get(&format!("/api/openstack-marketplace-tenants/{}/", tenant.uuid), &token).await;
    let url = format!("{}/api/openstack-marketplace-tenants/{}/", rig.base, tenant.uuid.simple());
    assert_eq!(name.body, json!({"url": url, "uuid": tenant.uuid.simple().to_string(), "name": "tenant-001"}));
    for unknown in ["00000000-0000-0000-0000-000000000001", "seven", "%FF"] {
        for collection in ["openstack-tenants", "openstack-marketplace-tenants"] {
            let gone = rig.get(&format!("/api/{collection}/{unknown}/"), &token).await;
            assert_eq!((gone.status, gone.body), (404, json!({"detail": "Not found."})));
        }
    }
}

async fn pages_follow_each_other(database: Database) {
    let rig = Rig::of_tenants(&database, 25).await;
    rig.app.run_for_cloud("pull_tenants", "sim").await;
    let token = rig.token("viewer", Role::Viewer, None).await;
    let base = format!("{}/api/openstack-tenants/", rig.base);
    let first = rig.get("/api/openstack-tenants/?name=tenant-", &token).await;
    assert_eq!((first.body.as_array().unwrap().len(), first.header("x-result-count")), (10, "25"));
    assert_eq!(
        first.header("link"),
        format!(
            "<{base}?name=tenant->; rel=\"first\", <{base}?name=tenant-&page=2>; rel=\"next\", \
             <{base}?name=tenant-&page=3>; rel=\"last\""
        )
    );
    let last = rig.get("/api/openstack-tenants/?name=tenant-&page=3", &token).await;
    assert_eq!(last.column("name"), ["tenant-021", "tenant-022", "tenant-023", "tenant-024", "tenant-025"]);
    assert!(last.header("link").contains(&format!("<{base}?name=tenant-&page=2>; rel=\"prev\"")), "{last:?}");
    assert!(!last.header("link").contains("next"));
    let whole = rig.get("/api/openstack-tenants/?name=tenant-&page_size=100", &token).await;
    assert_eq!(whole.header("link"), {
        let only = format!("{base}?name=tenant-&page_size=100");
        format!("<{only}>; rel=\"first\", <{only}>; rel=\"last\"")
    });
    for wrong in ["page=4", "page=0", "page=x", &format!("page={}", i64::MAX)] {
        let beyond = rig.get(&format!("/api/openstack-tenants/?name=tenant-&{wrong}"), &token).await;
        assert_eq!((beyond.status, beyond.body), (404, json!({"detail": "Invalid page."})), "{wrong}");
    }
    for collection in ["openstack-tenants", "openstack-marketplace-tenants"] {
        let path = format!("/api/{collection}/?name=tenant-");
        let head = rig.ask(Method::HEAD, &path, Some(&format!("Token {token}")), None).await;
        assert_eq!((head.status, head.header("x-result-count"), head.text.as_str()), (200, "25", ""));
        assert!(head.header("link").contains("last"));
    }
    let none = rig.get("/api/openstack-tenants/?name=nobody", &token).await;
    assert_eq!((none.status, none.header("x-result-count"), &none.body), (200, "0", &json!([])));
}

async fn every_filter_counts(database: Database) {
    let rig = Rig::of_tenants(&database, 12).await;
    rig.app.run_for_cloud("pull_tenants", "sim").await;
    let (viewer, operator) =
        (rig.token("viewer", Role::Viewer, None).await, rig.token("operator", Role::Operator, None).await);
    let tenant = rig.app.tenant("tenant-003").await;
    rows::execute(&database, "UPDATE tenants SET state = 'ERRED' WHERE name = 'tenant-004'".to_owned()).await;
    let named = async |query: &str| {
        let answer = rig.get(&format!("/api/openstack-tenants/?page_size=300&{query}"), &viewer).await;
        assert_eq!(answer.status, 200, "{query}: {answer:?}");
        let other = rig.get(&format!("/api/openstack-marketplace-tenants/?page_size=300&{query}"), &viewer).await;
        assert_eq!(answer.column("uuid"), other.column("uuid"), "{query}");
        answer.column("name").join(" ").replace("tenant-0", "")
    };
    assert_eq!(named("name=TENANT-00").await, "01 02 03 04 05 06 07 08 09");
    assert_eq!((named("name=tenant%25").await, named("name=tenant_").await), (String::new(), String::new()));
    assert_eq!(
        (named("name_exact=tenant-003").await, named("name_exact=Tenant-003").await.as_str()),
        ("03".into(), "")
    );
    assert_eq!(named(&format!("backend_id={}", tenant.backend_id)).await, "03");
    assert_eq!(named(&format!("uuid={}", tenant.uuid)).await, "03");
    assert_eq!(named(&format!("uuid={}", tenant.uuid.simple())).await, "03");
    assert_eq!(named("state=ERRED").await, "04");
    assert_eq!(named("state=ERRED&state=OK&name=tenant-00&o=-name").await, "09 08 07 06 05 04 03 02 01");
    assert_eq!(named("state=UPDATING").await, "");
    assert_eq!(named("name=tenant-00&o=state&o=-name").await, "04 09 08 07 06 05 03 02 01");
    assert_eq!(named("external_ip=192.0.2.1").await, "");
    assert_eq!(named("name=tenant-00&description=").await, "01 02 03 04 05 06 07 08 09", "nothing is said");
    assert_eq!(named("name=tenant-00&colour=blue&o=colour").await, "01 02 03 04 05 06 07 08 09");
    let settings = rig.get(&format!("/api/openstack-tenants/{}/", tenant.uuid), &viewer).await;
    let settings = settings.body["service_settings_uuid"].as_str().unwrap().to_owned();
    assert_eq!(named(&format!("name=tenant-01&service_settings_uuid={settings}")).await, "10 11 12");
    assert_eq!(named("name=tenant-01&service_settings_name=SI").await, "10 11 12");
    assert_eq!(named("service_settings_uuid=00000000000000000000000000000001").await, "");
    assert_eq!((named("can_manage=true").await, named("can_manage=false").await), (String::new(), String::new()));
    let managed = rig.get("/api/openstack-tenants/?can_manage=false&name=tenant-01", &operator).await;
    assert_eq!(managed.header("x-result-count"), "3");
    for (query, key, said) in [
        ("state=GONE", "state", "Select a valid choice. GONE is not one of the available choices."),
        ("uuid=seven", "uuid", "Enter a valid UUID."),
        ("customer=seven", "customer", "Enter a valid UUID."),
        ("customer_uuid=seven", "customer_uuid", "Enter a valid UUID."),
        ("project=seven", "project", "Enter a valid UUID."),
        ("project_uuid=seven", "project_uuid", "Enter a valid UUID."),
        ("service_settings_uuid=seven", "service_settings_uuid", "Enter a valid UUID."),
        ("name=a%00b", "name", "Null characters are not allowed."),
    ] {
        let refused = rig.get(&format!("/api/openstack-tenants/?{query}"), &viewer).await;
        assert_eq!((refused.status, refused.body), (400, json!({ (key): [said] })), "{query}");
    }
}

async fn what_a_portal_says_can_be_filtered_by(database: Database) {
    let rig = Rig::of_tenants(&database, 3).await;
    rig.app.run_for_cloud("pull_tenants", "sim").await;
    let token = rig.token("viewer", Role::Viewer, None).await;
    let id = |digit: char| match database.engine {
        crate::support::Engine::Sqlite => format!("x'{}'", digit.to_string().repeat(32)),
        crate::support::Engine::Postgres => format!("'{}'", digit.to_string().repeat(32)),
    };
    rows::execute(
        &database,
        format!(
            "INSERT INTO portal (tenant, service_settings, service_settings_name, customer, customer_name, \
             customer_native_name, customer_abbreviation, project, project_name, marketplace, imported_at) \
             SELECT uuid, {}, 'Tartu', {}, 'University', 'Ülikool', 'UT', {}, 'Genomics', \
             '{{\"marketplace_offering_name\": \"Compute\", \"is_usage_based\": false}}', created_at \
             FROM tenants WHERE name = 'tenant-002'",
            id('a'),
            id('b'),
            id('c')
        ),
    )
    .await;
    let [settings, customer, project] = ["a", "b", "c"].map(|digit| digit.repeat(32));
    for query in [
        format!("customer={customer}"),
        format!("customer_uuid={customer}"),
        format!("customer={customer}&customer_uuid={customer}"),
        format!("project={project}"),
        format!("project_uuid={project}"),
        format!("service_settings_uuid={settings}"),
        "customer_name=univ".to_owned(),
        "customer_native_name=likool".to_owned(),
        "customer_abbreviation=ut".to_owned(),
        "project_name=GENO".to_owned(),
        "service_settings_name=tart".to_owned(),
        "o=-customer_name&page_size=1".to_owned(),
    ] {
        let answer = rig.get(&format!("/api/openstack-tenants/?name=tenant-&{query}"), &token).await;
        assert_eq!(answer.column("name"), ["tenant-002"], "{query}");
    }
    let contradiction = format!("/api/openstack-tenants/?customer={customer}&customer_uuid={project}");
    assert_eq!(rig.get(&contradiction, &token).await.body, json!([]));
    let shown = rig.get("/api/openstack-tenants/?customer_name=univ", &token).await.body[0].clone();
    assert_eq!(shown["customer"], format!("{}/api/customers/{customer}/", rig.base));
    assert_eq!(shown["project_uuid"], project);
    assert_eq!((&shown["service_name"], &shown["customer_native_name"]), (&json!("Tartu"), &json!("Ülikool")));
    assert_eq!((&shown["marketplace_offering_name"], &shown["is_usage_based"]), (&json!("Compute"), &json!(false)));
    assert_eq!(shown["marketplace_plan_uuid"], Value::Null);
}

async fn fields_can_be_chosen(database: Database) {
    let rig = Rig::start(&database).await;
    rig.app.run_for_cloud("pull_tenants", "sim").await;
    let token = rig.token("viewer", Role::Viewer, None).await;
    let two = rig.get("/api/openstack-tenants/?name=tenant-001&field=name&field=state&field=colour", &token).await;
    assert_eq!(two.body, json!([{"name": "tenant-001", "state": "OK"}]));
    let all = rig.get("/api/openstack-tenants/?name=tenant-001&field=colour", &token).await;
    assert!(all.body[0]["uuid"].is_string() && all.body[0]["quotas"].is_array());
    let uuid = all.body[0]["uuid"].as_str().unwrap();
    let one = rig.get(&format!("/api/openstack-tenants/{uuid}/?field=uuid"), &token).await;
    assert_eq!(one.body, json!({"uuid": uuid}));
}

/// The statement that lists tenants brings the quotas of the whole page along.
async fn a_page_brings_everyone_s_quotas(database: Database) {
    let rig = Rig::of_tenants(&database, 30).await;
    rig.app.run_for_cloud("pull_tenants", "sim").await;
    rig.app.run_for_cloud("pull_quotas", "sim").await;
    let token = rig.token("viewer", Role::Viewer, None).await;
    let page = rig.get("/api/openstack-tenants/?page_size=300&name=tenant-", &token).await;
    let listed = page.body.as_array().unwrap();
    assert_eq!(listed.len(), 30);
    assert!(listed.iter().all(|tenant| !tenant["quotas"].as_array().unwrap().is_empty()), "each with its quotas");
}

async fn what_is_in_the_cloud_is_read_live(database: Database) {
    let rig = Rig::start(&database).await;
    rig.app.run_for_cloud("pull_tenants", "sim").await;
    let token = rig.token("viewer", Role::Viewer, None).await;
    let tenant = rig.app.tenant("tenant-001").await;
    let path = format!("/api/openstack-tenants/{}", tenant.uuid);
    let instances = rig.get(&format!("{path}/backend_instances/"), &token).await;
    assert_eq!(instances.status, 200, "{instances:?}");
    let first = &instances.body[0];
    assert_eq!((&first["state"], &first["runtime_state"]), (&json!("OK"), &json!("ACTIVE")));
    assert!(first["created"].is_string() && first.get("availability_zone").is_some(), "{first}");
    let volumes = rig.get(&format!("{path}/backend_volumes/"), &token).await;
    let first = &volumes.body[0];
    assert_eq!(first["size"].as_i64().unwrap() % 1024, 0, "{first}");
    for key in ["name", "type", "state", "availability_zone", "metadata", "bootable"] {
        assert!(first.get(key).is_some(), "{key}: {first}");
    }
    rig.app.cloud().faults(json!([{"service": "volume", "kind": "status", "status": 503}])).await;
    let away = rig.get(&format!("{path}/backend_volumes/"), &token).await;
    assert_eq!(away.status, 400);
    assert!(away.body[0].as_str().unwrap().contains("503"), "{away:?}");
    assert_eq!(rig.get("/api/openstack-tenants/7/backend_volumes/", &token).await.status, 404);
}
