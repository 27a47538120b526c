//! Each job that changes a cloud, killed at each of its requests: before it takes effect, after it did, and with a
//! request that takes effect only when nobody waits for it any more. The end is the same as without.

use futures::FutureExt;
use serde_json::{Value, json};
use tenantd::drift::rules::Rules;
use tenantd::jobs::runner::{Ended, Origin};
use tenantd::model::job::{Outcome, Request};
use tenantd::store::holds::Hold;

use super::reconcile::{disturb, guarded, shape};
use crate::support::database::with;
use crate::support::{Database, Engine, Setup, TestApp, eventually, parts};

const RECONCILE: &str = "reconcile";
/// More changes than any job asks for.
const MOST: u64 = 60;

/// A job and how to see what it left behind.
struct Order<L> {
    kind: &'static str,
    /// For whom; none for a job that makes a tenant.
    tenant: Option<&'static str>,
    params: Value,
    /// Everything that it may have changed, without ids.
    look: L,
}

/// What one run left behind.
#[derive(Debug, PartialEq)]
struct Left {
    outcome: String,
    cloud: Value,
    states: Vec<String>,
}

/// Runs an order on a fresh cloud, killed where `halt` says; nothing when it came to its end before.
async fn run<L: AsyncFn(&TestApp) -> Value>(
    database: &Database,
    order: &Order<L>,
    halt: Option<(u64, &str)>,
) -> Option<Left> {
    let rules = if order.kind == RECONCILE { guarded() } else { Rules::default() };
    let app = TestApp::with(database, Setup { write: vec![order.kind], rules, ..Setup::default() }).await;
    for tenant in ["tenant-001", "tenant-002"] {
        app.run("pull", tenant, json!({})).await;
    }
    if ["create_server_group", RECONCILE].contains(&order.kind) {
        app.cloud().grant_admin("tenant-001").await;
    }
    if order.kind == RECONCILE {
        disturb(&app).await;
    }
    let subject = match order.tenant {
        Some(tenant) => Some(app.tenant(tenant).await.uuid.to_string()),
        None => None,
    };
    let cloud = Some("sim".to_owned());
    let request = Request { subject, cloud, params: with_ids(&app, &order.params).await, ..app.request(order.kind) };
    let (at, when) = halt.unwrap_or((MOST, "before"));
    app.cloud().halt(at, when).await;
    let ended = {
        let running = app.deliver(request.clone()).fuse();
        let held = eventually("the end, or the edge", async || app.cloud().halted().await.0).fuse();
        tokio::pin!(running, held);
        futures::select_biased! {
            ended = running => Some(ended),
            _ = held => None,
        }
    };
    // Whatever ran is dropped here: nobody hears of it, nobody gives anything back.
    app.cloud().lift().await;
    let ended = match ended {
        Some(_) if halt.is_some() => return None,
        Some(ended) => ended,
        None => again(&app, &request).await,
    };
    let Ended::Done { outcome, .. } = ended else { panic!("{}: {halt:?}: {ended:?}", order.kind) };
    assert!(matches!(outcome, Outcome::Succeeded), "{}: {halt:?}: {ended:?}", order.kind);
    let tenants = app.context.store().tenants(None).await.unwrap();
    let states = tenants.iter().map(|it| format!("{} {} {}", it.name, it.state, it.error_message)).collect();
    Some(Left { outcome: outcome.to_string(), cloud: (order.look)(&app).await, states })
}

/// Another process takes up what the killed one left, once that gives no sign of life any more.
async fn again(app: &TestApp, request: &Request) -> Ended {
    let (context, runner) = app.replica().await;
    app.advance(21);
    loop {
        // The keeper of the runner that is left over here may just be at it: then the row is passed over once.
        let job = eventually("the job waits again", async || {
            let now = context.clock().now();
            context.store().rescue_jobs(now).await.unwrap();
            let hold = Hold { owner: context.owner(), until: now + chrono::Duration::hours(1) };
            let jobs = context.store().claim_jobs(hold, now, (10, &[]), parts(10)).await.unwrap().jobs;
            jobs.into_iter().find(|job| job.request.id == request.id)
        })
        .await;
        match runner.run(job.request, Origin::Table).await.unwrap() {
            Ended::Parked { .. } => app.advance(30),
            ended => return ended,
        }
    }
}

/// Kills it at every edge there is.
async fn killed_everywhere<L: AsyncFn(&TestApp) -> Value>(engine: Engine, order: Order<L>) {
    let whole = std::sync::Mutex::new(None);
    with(engine, async |database| {
        *whole.lock().unwrap() = run(&database, &order, None).await;
    })
    .await;
    let Some(whole) = whole.into_inner().unwrap() else { return };
    // What is different between the databases shows at one kind of edge; a database for each death takes its time.
    let whens: &[&str] = if engine == Engine::Sqlite { &["before", "after", "late"] } else { &["after"] };
    for when in whens.iter().copied() {
        let mut edges = 0;
        for at in 1..MOST {
            let left = std::sync::Mutex::new(None);
            with(engine, async |database| {
                *left.lock().unwrap() = run(&database, &order, Some((at, when))).await;
            })
            .await;
            let Some(left) = left.into_inner().unwrap() else { break };
            assert_eq!(left, whole, "{} killed {when} change {at}", order.kind);
            edges += 1;
        }
        assert!(edges > 0, "{} was never killed {when} a change", order.kind);
    }
}

/// The limits of a tenant in the three services.
async fn limits(app: &TestApp, tenant: &str) -> Value {
    let (project, get) = (app.cloud().project(tenant).await, reqwest::Method::GET);
    let mut limits = Vec::new();
    for path in ["compute/v2.1/os-quota-sets", "network/v2.0/quotas", "volume/v3/os-quota-sets"] {
        limits.push(app.cloud().admin(get.clone(), &format!("/{path}/{project}"), None).await);
    }
    Value::Array(limits)
}

/// The project of a tenant.
async fn project(app: &TestApp, name: &str) -> Value {
    let path = format!("/identity/v3/projects?name={name}");
    let projects = app.cloud().admin(reqwest::Method::GET, &path, None).await["projects"].clone();
    projects.as_array().unwrap().iter().map(|it| json!([it["name"], it["description"], it["enabled"]])).collect()
}

/// A listing in which the administrator sees everything.
async fn listing(app: &TestApp, path: &str, key: &str) -> Vec<Value> {
    let answer = app.cloud().admin(reqwest::Method::GET, path, None).await;
    answer[key].as_array().unwrap().clone()
}

/// What belongs to the tenant of that name, without ids.
async fn made(app: &TestApp, name: &str) -> Value {
    let projects = listing(app, &format!("/identity/v3/projects?name={name}"), "projects").await;
    let id = projects[0]["id"].as_str().unwrap();
    let of = |what: &str| format!("/network/v2.0/{what}?project_id={id}");
    let names = |objects: Vec<Value>| objects.iter().map(|it| it["name"].clone()).collect::<Vec<_>>();
    let routers = listing(app, &of("routers"), "routers").await;
    let subnets = listing(app, &of("subnets"), "subnets").await;
    let users = listing(app, "/identity/v3/users", "users").await;
    let users = users.iter().filter(|it| it["default_project_id"].as_str() == Some(id)).count();
    let roles = format!("/identity/v3/role_assignments?scope.project.id={id}&include_names=true");
    let roles = listing(app, &roles, "role_assignments").await;
    json!({
        "projects": projects.len(), "users": users, "networks": names(listing(app, &of("networks"), "networks").await),
        "subnets": subnets.iter().map(|it| json!([it["name"], it["cidr"], it["allocation_pools"]])).collect::<Vec<_>>(),
        "routers": routers.iter().map(|it| json!([it["name"], it["external_gateway_info"].is_object()])).collect::<Vec<_>>(),
        "ports": listing(app, &of("ports"), "ports").await.len(),
        "roles": roles.iter().map(|it| it["role"]["name"].clone()).collect::<Vec<_>>(),
        "limits": limits(app, name).await[0]["quota_set"]["cores"],
    })
}

/// How much the whole cloud holds of everything.
async fn left(app: &TestApp) -> Value {
    let mut left = serde_json::Map::new();
    for (path, key) in [
        ("/identity/v3/projects", "projects"),
        ("/network/v2.0/floatingips", "floatingips"),
        ("/network/v2.0/networks", "networks"),
        ("/network/v2.0/subnets", "subnets"),
        ("/network/v2.0/ports", "ports"),
        ("/network/v2.0/routers", "routers"),
        ("/network/v2.0/security-groups", "security_groups"),
        ("/compute/v2.1/servers?all_tenants=1", "servers"),
        ("/compute/v2.1/os-server-groups?all_projects=true", "server_groups"),
        ("/volume/v3/volumes?all_tenants=1", "volumes"),
        ("/volume/v3/snapshots?all_tenants=1", "snapshots"),
    ] {
        left.insert(key.to_owned(), json!(listing(app, path, key).await.len()));
    }
    Value::Object(left)
}

/// Parameters in which `<name>` stands for the id of the security group of that name.
async fn with_ids(app: &TestApp, params: &Value) -> Value {
    let mut text = params.to_string();
    for group in listing(app, "/network/v2.0/security-groups", "security_groups").await {
        text = text.replace(&format!("<{}>", group["name"].as_str().unwrap()), group["id"].as_str().unwrap());
    }
    serde_json::from_str(&text).unwrap()
}

/// The security groups of a tenant, without the ids of anything.
async fn groups(app: &TestApp, tenant: &str) -> Value {
    let path = format!("/network/v2.0/security-groups?project_id={}", app.cloud().project(tenant).await);
    let groups = listing(app, &path, "security_groups").await;
    let name = |id: &Value| groups.iter().find(|it| it["id"] == *id).map(|it| it["name"].clone());
    let rule = |rule: &Value| {
        let fields = ["direction", "ethertype", "protocol", "port_range_min", "port_range_max", "normalized_cidr"];
        let fields: Vec<String> = fields.iter().map(|field| rule[*field].to_string()).collect();
        format!("{} {:?}", fields.join(" "), name(&rule["remote_group_id"]))
    };
    let shown = |group: &Value| {
        let mut rules: Vec<String> = group["security_group_rules"].as_array().unwrap().iter().map(rule).collect();
        rules.sort();
        json!([group["name"], group["description"], rules])
    };
    let mut shown: Vec<Value> = groups.iter().map(shown).collect();
    shown.sort_by_key(Value::to_string);
    Value::Array(shown)
}

/// The objects of one sort that a tenant has, as far as these fields tell.
async fn fields(app: &TestApp, path: &str, key: &str, fields: &[&str]) -> Value {
    let project = app.cloud().project("tenant-001").await;
    let objects = listing(app, &path.replace("{project}", &project), key).await;
    let own = objects.iter().filter(|it| ["project_id", "owner"].iter().any(|key| it[*key] == json!(project)));
    let mut own: Vec<Value> = own.map(|it| fields.iter().map(|field| it[*field].clone()).collect()).collect();
    own.sort_by_key(Value::to_string);
    Value::Array(own)
}

macro_rules! killed {
    ($($test:ident: $order:expr),+ $(,)?) => {
        mod sqlite {
            use super::*;
            $(#[tokio::test]
            async fn $test() {
                killed_everywhere(Engine::Sqlite, $order).await;
            })+
        }
        mod postgres {
            use super::*;
            $(#[tokio::test]
            async fn $test() {
                killed_everywhere(Engine::Postgres, $order).await;
            })+
        }
    };
}

killed!(
    set_quotas: Order {
        kind: "set_quotas",
        tenant: Some("tenant-001"),
        params: json!({"vcpu": 77, "floating_ip_count": 33, "storage": 5_242_880, "port_count": -1}),
        look: async |app: &TestApp| limits(app, "tenant-001").await,
    },
    update_tenant: Order {
        kind: "update_tenant",
        tenant: Some("tenant-001"),
        params: json!({"name": "renamed", "description": "another one"}),
        look: async |app: &TestApp| project(app, "renamed").await,
    },
    create_tenant: Order {
        kind: "create_tenant",
        tenant: None,
        params: json!({
            "name": "Genomics (EU)", "quotas": {"vcpu": 7, "floating_ip_count": 5},
            "security_groups": [
                {"name": "web", "default_egress_rules": false, "rules": [
                    {"protocol": "tcp", "from_port": 1, "to_port": 2, "remote_group_name": "db"},
                ]},
                {"name": "db", "description": "behind", "rules": [
                    {"protocol": "tcp", "from_port": 3, "to_port": 4, "remote_group_name": "web"},
                ]},
            ],
        }),
        look: async |app: &TestApp| json!([made(app, "Genomics (EU)").await, groups(app, "Genomics (EU)").await]),
    },
    delete_tenant: Order {
        kind: "delete_tenant",
        tenant: Some("tenant-001"),
        params: json!({}),
        look: async |app: &TestApp| left(app).await,
    },
    change_password: Order {
        kind: "change_password",
        tenant: Some("tenant-001"),
        params: json!({"user_name": "tenant-001-user", "user_password": "correct horse"}),
        look: async |app: &TestApp| json!(app.cloud().try_password("tenant-001-user", "correct horse").await),
    },
    create_floating_ip: Order {
        kind: "create_floating_ip",
        tenant: Some("tenant-001"),
        params: json!({"description": "another"}),
        look: async |app: &TestApp| {
            fields(app, "/network/v2.0/floatingips?project_id={project}", "floatingips", &["description", "status"]).await
        },
    },
    create_network: Order {
        kind: "create_network",
        tenant: Some("tenant-001"),
        params: json!({"name": "inner", "description": "another"}),
        look: async |app: &TestApp| {
            fields(app, "/network/v2.0/networks?project_id={project}", "networks", &["name", "description"]).await
        },
    },
    create_security_group: Order {
        kind: "create_security_group",
        tenant: Some("tenant-001"),
        params: json!({"name": "web", "description": "another", "default_egress_rules": false, "rules": [
            {"protocol": "tcp", "from_port": 80, "to_port": 80, "cidr": "10.0.0.0/8"},
            {"protocol": "tcp", "from_port": 1, "to_port": 2, "remote_group_name": "web"},
        ]}),
        look: async |app: &TestApp| groups(app, "tenant-001").await,
    },
    create_server_group: Order {
        kind: "create_server_group",
        tenant: Some("tenant-001"),
        params: json!({"name": "spread", "policy": "soft-anti-affinity"}),
        look: async |app: &TestApp| {
            fields(app, "/compute/v2.1/os-server-groups?all_projects=true", "server_groups", &["name"]).await
        },
    },
    create_image: Order {
        kind: "create_image",
        tenant: Some("tenant-001"),
        params: json!({"name": "debian"}),
        look: async |app: &TestApp| fields(app, "/image/v2/images?limit=1000", "images", &["name", "status"]).await,
    },
    push_security_groups: Order {
        kind: "push_security_groups",
        tenant: Some("tenant-001"),
        params: json!({"security_groups": [
            {"uuid": "<tenant-001-sg0>", "name": "front", "rules": [
                {"protocol": "tcp", "from_port": 443, "to_port": 443},
                {"protocol": "tcp", "from_port": 80, "to_port": 80, "remote_group_name": "back"},
            ]},
            {"name": "back", "description": "new", "default_egress_rules": false, "rules": [
                {"protocol": "tcp", "from_port": 5432, "to_port": 5432, "remote_group_name": "front"},
                {"protocol": "", "from_port": -1, "to_port": -1, "remote_group_name": "back"},
            ]},
        ]}),
        look: async |app: &TestApp| groups(app, "tenant-001").await,
    },
    reconcile: Order {
        kind: RECONCILE,
        tenant: Some("tenant-001"),
        params: json!({"delete": true}),
        look: async |app: &TestApp| shape(app).await,
    },
);
