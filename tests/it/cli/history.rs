//! What changed since then, and of whom: the whole of what is printed, from records of fixed times.

use chrono::{DateTime, Utc};
use insta::assert_snapshot;
use serde_json::{Value, json};
use tenantd::model::ids::new_id;
use tenantd::model::{Body, ResourceType, Tenant};
use tenantd::store::tenants::Seen;
use tenantd::store::{Store, Tx};
use uuid::Uuid;

use super::Place;
use crate::support::{Database, on_both_databases};

on_both_databases!(
    a_person_reads_whom_it_concerns,
    a_program_reads_the_same,
    who_knows_diffs_reads_a_diff,
    it_is_asked_for_in_parts,
    two_snapshots_are_compared_by_their_ids,
    moments_are_told_by_the_clock_on_the_wall,
);

const FRIDAY: &str = "2026-01-02T18:00:00Z";
const MONDAY: &str = "2026-01-05T08:00:00Z";

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn quotas(vcpu: u64, usage: u64) -> Body {
    Body::from_json(ResourceType::Quotas, &json!({ "vcpu": { "limit": vcpu, "usage": usage } })).unwrap()
}

/// A rule of TCP; without a network it is for the whole world.
fn rule(port: u16, cidr: Option<&str>) -> Value {
    json!({
        "direction": "ingress", "ethertype": "IPv4", "protocol": "tcp", "port_min": port, "port_max": port, "cidr": cidr,
    })
}

fn groups(groups: &[(&str, &[Value])]) -> Body {
    let groups: Vec<Value> = groups
        .iter()
        .map(|(name, rules)| json!({ "id": format!("id-{name}"), "name": name, "rules": rules }))
        .collect();
    Body::from_json(ResourceType::SecurityGroups, &json!(groups)).unwrap()
}

fn server_groups(names: &[&str]) -> Body {
    let groups: Vec<Value> =
        names.iter().map(|name| json!({ "id": format!("id-{name}"), "name": name, "policy": "affinity" })).collect();
    Body::from_json(ResourceType::ServerGroups, &json!(groups)).unwrap()
}

async fn tenant(tx: &mut Tx, (cloud, name, domain): (&str, &str, &str), recorded: &str) -> Tenant {
    let seen = Seen {
        cloud: cloud.to_owned(),
        backend_id: format!("project-{name}"),
        name: name.to_owned(),
        domain: domain.to_owned(),
        description: String::new(),
        enabled: true,
        tags: Vec::new(),
        domain_name: String::new(),
    };
    tx.save_tenant(new_id(at(recorded)), &seen, at(recorded)).await.unwrap()
}

async fn see(tx: &mut Tx, tenant: &Tenant, body: &Body, moment: &str) -> Uuid {
    let (id, moment) = (new_id(at(moment)), at(moment));
    tx.insert_snapshot(id, tenant.uuid, body, moment).await.unwrap();
    tx.hold_resource(tenant.uuid, body.resource_type(), moment).await.unwrap();
    let key = (tenant.uuid, body.resource_type());
    tx.resource_succeeded(key, Some(id), (moment, moment), Some(moment), None).await.unwrap();
    id
}

/// A weekend: one tenant much of which changed, one that vanished, one that is new, one elsewhere.
async fn weekend(store: &Store) -> (Uuid, Uuid) {
    const THURSDAY: &str = "2026-01-01T12:00:00Z";
    let mut tx = store.begin().await.unwrap();
    let blue = tenant(&mut tx, ("lab", "blue", "default"), THURSDAY).await;
    let earlier = see(&mut tx, &blue, &quotas(20, 8), THURSDAY).await;
    see(&mut tx, &blue, &quotas(40, 8), "2026-01-03T01:00:00Z").await;
    let later = see(&mut tx, &blue, &quotas(40, 9), "2026-01-04T02:00:00Z").await;
    let office = Some("10.0.0.0/8");
    see(&mut tx, &blue, &groups(&[("web", &[rule(22, office), rule(443, None)])]), THURSDAY).await;
    see(&mut tx, &blue, &groups(&[("web", &[rule(22, None), rule(443, None)])]), "2026-01-03T03:00:00Z").await;
    let opened = groups(&[("db", &[rule(5432, office)]), ("web", &[rule(22, None), rule(443, None)])]);
    see(&mut tx, &blue, &opened, "2026-01-04T04:00:00Z").await;
    // After the weekend.
    see(&mut tx, &blue, &groups(&[]), "2026-01-05T09:00:00Z").await;
    see(&mut tx, &blue, &server_groups(&["spread"]), "2026-01-03T05:00:00Z").await;
    see(&mut tx, &blue, &server_groups(&[]), "2026-01-04T05:00:00Z").await;
    let red = tenant(&mut tx, ("lab", "red", "default"), THURSDAY).await;
    see(&mut tx, &red, &quotas(20, 1), THURSDAY).await;
    see(&mut tx, &red, &quotas(20, 2), "2026-01-03T06:00:00Z").await;
    tx.mark_vanished(red.uuid, at("2026-01-04T06:00:00Z")).await.unwrap();
    let green = tenant(&mut tx, ("lab", "green", "customers"), "2026-01-03T07:00:00Z").await;
    see(&mut tx, &green, &quotas(20, 0), "2026-01-03T07:00:00Z").await;
    see(&mut tx, &green, &quotas(30, 0), "2026-01-04T07:00:00Z").await;
    let west = tenant(&mut tx, ("west", "blue", "default"), THURSDAY).await;
    see(&mut tx, &west, &server_groups(&["a"]), THURSDAY).await;
    see(&mut tx, &west, &server_groups(&[]), "2026-01-03T08:00:00Z").await;
    tx.commit().await.unwrap();
    (earlier, later)
}

async fn place(database: &Database) -> (Place, (Uuid, Uuid)) {
    database.store().await.close().await;
    let folder = tempfile::tempdir().unwrap();
    let clouds = "[[clouds]]\nname = \"lab\"\n[[clouds]]\nname = \"west\"\n[retention]\nsnapshots = \"36500d\"\n";
    let place = Place::on(folder, &database.url, clouds).await;
    let ids = weekend(&place.store).await;
    (place, ids)
}

fn diff(place: &Place, words: &[&str]) -> super::Said {
    place.run(&[&["snapshots", "diff", "--from", FRIDAY, "--to", MONDAY], words].concat())
}

async fn a_person_reads_whom_it_concerns(database: Database) {
    let (place, _) = place(&database).await;
    let said = diff(&place, &[]);
    assert_eq!((said.code, said.err.as_str()), (0, "10 changes of 4 tenants\n"), "{said:?}");
    assert_snapshot!(said.out, @"
    TENANT     TYPE             WHAT                                           BEFORE                        AFTER            CHANGED
    lab/blue   quotas           vcpu: limit                                    20                            40               2026-01-03T01:00:00Z
               security_groups  db                                             absent                        name db, 1 rule  2026-01-04T04:00:00Z
                                web: rule ingress IPv4 tcp 22 from 0.0.0.0/0   absent                        present          2026-01-03T03:00:00Z
                                web: rule ingress IPv4 tcp 22 from 10.0.0.0/8  present                       absent           2026-01-03T03:00:00Z
               server_groups    first seen                                     -                             -                2026-01-03T05:00:00Z
                                spread                                         name spread, policy affinity  absent           2026-01-04T05:00:00Z
    lab/green  -                recorded                                       -                             -                2026-01-03T07:00:00Z
               quotas           vcpu: limit                                    20                            30               2026-01-04T07:00:00Z
    lab/red    -                vanished                                       -                             -                2026-01-04T06:00:00Z
    west/blue  server_groups    a                                              name a, policy affinity       absent           2026-01-03T08:00:00Z
    ");
}

async fn a_program_reads_the_same(database: Database) {
    let (place, _) = place(&database).await;
    assert_snapshot!(diff(&place, &["--cloud", "lab", "-o", "csv"]).out, @r#"
    cloud,tenant,tenant_name,resource_type,object,object_name,field,change,before,after,changed_at,customer_name,project_name
    lab,project-blue,blue,quotas,vcpu,vcpu,limit,limit,20,40,2026-01-03T01:00:00Z,,
    lab,project-blue,blue,security_groups,id-db,db,existence,added,,"{""name"":""db"",""rules"":[{""cidr"":""10.0.0.0/8"",""direction"":""ingress"",""ethertype"":""IPv4"",""port_max"":5432,""port_min"":5432,""protocol"":""tcp""}]}",2026-01-04T04:00:00Z,,
    lab,project-blue,blue,security_groups,id-web,web,rule ingress IPv4 tcp 22 from 0.0.0.0/0,added,,"{""cidr"":null,""direction"":""ingress"",""ethertype"":""IPv4"",""port_max"":22,""port_min"":22,""protocol"":""tcp""}",2026-01-03T03:00:00Z,,
    lab,project-blue,blue,security_groups,id-web,web,rule ingress IPv4 tcp 22 from 10.0.0.0/8,removed,"{""cidr"":""10.0.0.0/8"",""direction"":""ingress"",""ethertype"":""IPv4"",""port_max"":22,""port_min"":22,""protocol"":""tcp""}",,2026-01-03T03:00:00Z,,
    lab,project-blue,blue,server_groups,,,,first_seen,,,2026-01-03T05:00:00Z,,
    lab,project-blue,blue,server_groups,id-spread,spread,existence,removed,"{""name"":""spread"",""policy"":""affinity""}",,2026-01-04T05:00:00Z,,
    lab,project-green,green,,,,,recorded,,,2026-01-03T07:00:00Z,,
    lab,project-green,green,quotas,vcpu,vcpu,limit,limit,20,30,2026-01-04T07:00:00Z,,
    lab,project-red,red,,,,,vanished,,,2026-01-04T06:00:00Z,,
    "#);
    let said = diff(&place, &["--tenant", "lab/blue", "--resource-type", "quotas", "-o", "json"]);
    assert_eq!(said.err, "");
    assert_snapshot!(said.out, @r#"
    [
      {
        "cloud": "lab",
        "tenant": "project-blue",
        "tenant_name": "blue",
        "resource_type": "quotas",
        "object": "vcpu",
        "object_name": "vcpu",
        "field": "limit",
        "change": "limit",
        "before": 20,
        "after": 40,
        "changed_at": "2026-01-03T01:00:00Z",
        "customer_name": "",
        "project_name": ""
      }
    ]
    "#);
}

async fn who_knows_diffs_reads_a_diff(database: Database) {
    let (place, _) = place(&database).await;
    let said = diff(&place, &["--unified"]);
    assert_eq!((said.code, said.err.as_str()), (0, "10 changes of 4 tenants\n"));
    assert_snapshot!(said.out.replace('\t', " <tab> "), @"
    --- lab/blue quotas <tab> 2026-01-02T18:00:00Z
    +++ lab/blue quotas <tab> 2026-01-05T08:00:00Z
    @@ -1 +1 @@
    -vcpu limit 20
    +vcpu limit 40
    --- lab/blue security_groups <tab> 2026-01-02T18:00:00Z
    +++ lab/blue security_groups <tab> 2026-01-05T08:00:00Z
    @@ -1,4 +1,7 @@
    +db (id-db)
    +  ingress IPv4 tcp 5432 from 10.0.0.0/8
    +  stateful true
     web (id-web)
    -  ingress IPv4 tcp 22 from 10.0.0.0/8
    +  ingress IPv4 tcp 22 from 0.0.0.0/0
       ingress IPv4 tcp 443 from 0.0.0.0/0
       stateful true
    lab/blue server_groups: first seen 2026-01-03T05:00:00Z
    --- lab/blue server_groups <tab> 2026-01-03T05:00:00Z
    +++ lab/blue server_groups <tab> 2026-01-05T08:00:00Z
    @@ -1,2 +0,0 @@
    -spread (id-spread)
    -  policy affinity
    lab/green: recorded 2026-01-03T07:00:00Z
    --- lab/green quotas <tab> 2026-01-03T07:00:00Z
    +++ lab/green quotas <tab> 2026-01-05T08:00:00Z
    @@ -1 +1 @@
    -vcpu limit 20
    +vcpu limit 30
    lab/red: vanished 2026-01-04T06:00:00Z
    --- west/blue server_groups <tab> 2026-01-02T18:00:00Z
    +++ west/blue server_groups <tab> 2026-01-05T08:00:00Z
    @@ -1,2 +0,0 @@
    -a (id-a)
    -  policy affinity
    ");
}

async fn it_is_asked_for_in_parts(database: Database) {
    let (place, _) = place(&database).await;
    let tenants = |words: &[&str]| {
        let rows = diff(&place, &[words, &["-o", "json"]].concat()).json();
        let mut names: Vec<String> = rows.iter().map(|it| format!("{}/{}", it["cloud"], it["tenant_name"])).collect();
        names.dedup();
        names.join(" ").replace('"', "")
    };
    assert_eq!(tenants(&[]), "lab/blue lab/green lab/red west/blue");
    assert_eq!(tenants(&["--cloud", "west"]), "west/blue");
    assert_eq!(tenants(&["--domain", "customers"]), "lab/green");
    assert_eq!(tenants(&["--tenant", "green", "--cloud", "lab"]), "lab/green");
    assert_eq!(tenants(&["--resource-type", "floating_ips"]), "lab/green lab/red");

    let code = |words: &[&str]| diff(&place, words).code;
    assert_eq!([code(&["--exit-code"]), code(&["--exit-code", "--domain", "nobody"])], [2, 0]);
    assert_eq!([code(&["--unified", "-o", "json"]), code(&["--cloud", "nowhere"])], [64, 64]);
    assert_eq!(place.run(&["snapshots", "diff"]).code, 64);
    let backwards = place.run(&["snapshots", "diff", "--from", MONDAY, "--to", FRIDAY]);
    assert!(backwards.code == 64 && backwards.err.contains("is later than"), "{backwards:?}");
    let nothing = place.run(&["snapshots", "diff", "--from", MONDAY, "--to", MONDAY]);
    assert_eq!((nothing.code, nothing.out.as_str()), (0, ""));
    assert_eq!(nothing.err, "nothing changed of what is compared\n");
}

async fn two_snapshots_are_compared_by_their_ids(database: Database) {
    let (place, (earlier, later)) = place(&database).await;
    let ids = [earlier.to_string(), later.to_string()];
    let said = place.run(&["snapshots", "diff", &ids[0], &ids[1], "--exit-code"]);
    assert_eq!(said.code, 2);
    assert_snapshot!(said.out, @"
    TENANT    TYPE    WHAT         BEFORE  AFTER  CHANGED
    lab/blue  quotas  vcpu: limit  20      40     2026-01-03T01:00:00Z
    ");
    let said = place.run(&["snapshots", "diff", &ids[0], &ids[1], "--unified"]);
    assert_snapshot!(said.out.replace('\t', " <tab> "), @"
    --- lab/blue quotas <tab> 2026-01-01T12:00:00Z
    +++ lab/blue quotas <tab> 2026-01-04T02:00:00Z
    @@ -1 +1 @@
    -vcpu limit 20
    +vcpu limit 40
    ");
    let same = place.run(&["snapshots", "diff", &ids[0], &ids[0], "-o", "json"]);
    assert_eq!(same.out, "[]\n");
    assert_eq!(place.run(&["snapshots", "diff", &ids[0], &ids[1], "--from", "2h"]).code, 64);
}

/// A command where the clock is two hours ahead in winter and three in summer.
fn in_tallinn(place: &Place, words: &[&str]) -> super::Said {
    let mut command = super::binary();
    command.env("TZ", "EET-2EEST,M3.5.0/3,M10.5.0/4").arg("--config").arg(place.config()).args(words);
    command.output().unwrap().into()
}

async fn moments_are_told_by_the_clock_on_the_wall(database: Database) {
    let (place, _) = place(&database).await;
    let said = in_tallinn(
        &place,
        &["snapshots", "diff", "--from", "2026-01-02 20:00", "--to", "2026-01-05T10:00", "-o", "csv"],
    );
    assert_eq!(said.out, diff(&place, &["-o", "csv"]).out);
    let resolved = "--from is 2026-01-02T20:00:00+02:00, 2026-01-02T18:00:00Z\n\
                    --to is 2026-01-05T10:00:00+02:00, 2026-01-05T08:00:00Z\n";
    assert_eq!((said.code, said.err.as_str()), (0, resolved));
    let last = in_tallinn(&place, &["drift", "digest", "--since", "fri 18:00"]);
    let friday = last.err.trim_start_matches("--since is ").split_once(", ").unwrap().1.trim_end().to_owned();
    assert!(last.code == 0 && last.out.contains(&friday), "{last:?}");
    let friday = at(&friday);
    assert!(friday <= super::now() && super::now() - friday <= chrono::Duration::days(7), "{last:?}");

    let wrong = |words: &[&str]| {
        let said = in_tallinn(&place, words);
        assert_eq!((said.code, said.out.as_str()), (64, ""), "{said:?}");
        said.err
    };
    assert_eq!(
        wrong(&["jobs", "list", "--since", "2025-10-26 03:30"]),
        "tenantd: --since: 2025-10-26 03:30 is there twice, for the clock is set back: write 2025-10-26T03:30:00+03:00 \
         or 2025-10-26T03:30:00+02:00\n"
    );
    assert_eq!(
        wrong(&["dead", "list", "--before", "2025-03-30 03:30"]),
        "tenantd: --before: 2025-03-30 03:30 is not there, for the clock is set ahead: write a time before or after that\n"
    );
    let past = wrong(&["drift", "ack", "--resource-type", "quotas", "--reason", "r", "--until", "yesterday"]);
    assert!(past.contains("--until is ") && past.contains("tenantd: --until: "), "{past}");
    let guessed = wrong(&["drift", "list", "--since", "next friday"]);
    assert!(guessed.contains("`next friday` is no moment"), "{guessed}");
}
