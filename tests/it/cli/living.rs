//! Living with drift at the command line.

use chrono::DateTime;
use insta::assert_snapshot;
use serde_json::json;
use tenantd::model::life::{Event, Step};
use tenantd::model::{FindingState, RequestId};
use uuid::Uuid;

use super::Place;

#[tokio::test]
async fn what_is_acknowledged_is_no_reason_to_exit_with_drift() {
    let (place, furniture) = Place::furnished().await;
    let (id, over) = (furniture.finding.to_string(), furniture.over_limit.to_string());
    let known = place.run(&["drift", "ack", &id, &over, "--reason", "ticket 7", "--until", "7d", "-o", "json"]);
    assert!(known.err.contains("2 findings acknowledged"), "{known:?}");
    let row = known.json().remove(0);
    assert_eq!(
        (&row["state"], &row["ack_reason"], &row["ack_by"]),
        (&json!("acknowledged"), &json!("ticket 7"), &json!("olga"))
    );
    assert!(row["ack_until"].is_string() && row["ack_at"].is_string() && row.get("life").is_none(), "{row}");
    let listed = place.run(&["drift", "list", "--exit-code"]);
    assert!(listed.code == 0 && listed.out.contains("acknowledged, 7d left"), "{listed:?}");
    let why = place.run(&["tenants", "why", "blue"]);
    assert!(why.out.contains("    acknowledged by olga until ") && why.out.contains("): ticket 7\n"), "{why:?}");

    let for_good = place.run(&["drift", "ack", &id, "--reason", "wanted", "-o", "json"]).json();
    assert!(for_good[0]["ack_until"].is_null());
    let why = place.run(&["tenants", "why", "blue"]);
    assert!(why.out.contains("acknowledged by olga until it resolves: wanted"), "{why:?}");
    assert_eq!(place.run(&["drift", "accept", &id]).code, 0);
    let late = place.run(&["drift", "ack", &id, "--reason", "late"]);
    assert!(late.code == 1 && late.err.contains("is accepted already"), "{late:?}");
}

#[tokio::test]
async fn all_open_findings_of_a_domain_are_acknowledged_but_not_anew() {
    let (place, furniture) = Place::furnished().await;
    let of = |domain: &str, more: &[&str]| {
        place.run(&[&["drift", "ack", "--domain", domain, "--reason", "moving", "-o", "json"], more].concat())
    };
    let elsewhere = of("elsewhere", &[]);
    assert!(elsewhere.json().is_empty() && elsewhere.err.contains("0 findings acknowledged"), "{elsewhere:?}");
    assert!(elsewhere.err.contains("no tenant is in a domain `elsewhere`; there are: default"), "{elsewhere:?}");
    let tried = of("default", &["--dry-run"]);
    assert!(tried.err.contains("2 findings would be acknowledged; nothing was changed"), "{tried:?}");
    assert_eq!(tried.json()[0]["state"], "open");
    assert_eq!(of("default", &["--field", "limit"]).json().len(), 1);
    let rest = of("default", &["--until", "1h"]);
    assert!(rest.err.contains("1 finding left as it is: acknowledged already"), "{rest:?}");
    assert_eq!((rest.json().len(), &rest.json()[0]["id"]), (1, &json!(furniture.over_limit)));
    let first = place.store.finding(furniture.finding).await.unwrap().unwrap().finding;
    assert_eq!(first.acknowledgement.unwrap().until, None);
    assert_eq!(place.run(&["drift", "list", "--domain", "default", "-o", "json"]).json().len(), 2);
    assert_eq!(place.run(&["drift", "list", "--domain", "elsewhere", "-o", "json"]).json().len(), 0);
    let accepted = place.run(&["drift", "accept", "--domain", "default", "-o", "json"]).json();
    assert_eq!((accepted.len(), &accepted[0]["id"]), (1, &json!(furniture.finding)));
}

#[tokio::test]
async fn a_list_has_the_newest_and_says_how_many_it_leaves_out() {
    let (place, _) = Place::furnished().await;
    let list = |more: &[&str]| place.run(&[&["drift", "list", "-o", "json"], more].concat());
    let (all, newest) = (list(&[]), list(&["--limit", "1"]));
    assert!(all.json().len() == 2 && !all.err.contains("left out"), "{all:?}");
    assert_eq!(newest.json(), all.json()[..1]);
    assert!(newest.err.contains("1 older finding left out; --limit shows more"), "{newest:?}");
    let code = || list(&["--limit", "1", "--exit-code"]).code;
    let known =
        |nth: usize| place.run(&["drift", "ack", all.json()[nth]["id"].as_str().unwrap(), "--reason", "known"]).code;
    assert_eq!([known(0), code()], [0, 2], "one that is left out is open");
    assert_eq!([known(1), code()], [0, 0]);
    assert_eq!(list(&["--limit", "0"]).code, 64);
}

#[tokio::test]
async fn what_makes_no_sense_is_misuse() {
    let (place, furniture) = Place::furnished().await;
    let id = furniture.finding.to_string();
    let code = |more: &[&str]| place.run(&[&["drift", "ack"], more].concat()).code;
    assert_eq!(code(&[&id]), 64);
    assert_eq!(code(&[&id, "--reason", " "]), 64);
    assert_eq!(code(&["--reason", "which?"]), 64);
    assert_eq!(code(&[&id, "--domain", "default", "--reason", "both"]), 64);
    for until in ["2020-01-01T00:00:00Z", "some day", "yesterday", "40000d", "0s"] {
        assert_eq!(code(&[&id, "--reason", "when?", "--until", until]), 64, "{until}");
    }
    let unknown = place.run(&["drift", "ack", &furniture.letter.to_string(), "--reason", "what?"]);
    assert!(unknown.code == 1 && unknown.err.contains("no finding"), "{unknown:?}");
    let finding = place.store.finding(furniture.finding).await.unwrap().unwrap().finding;
    assert_eq!((finding.state, finding.acknowledgement), (FindingState::Open, None));
}

#[tokio::test]
async fn a_finding_is_shown_with_its_life() {
    let (place, furniture) = Place::furnished().await;
    let id = furniture.finding.to_string();
    place.run(&["drift", "ack", &id, "--reason", "ticket 7", "--until", "2099-01-01T00:00:00Z"]);
    let noted = place.run(&["drift", "note", &id, "the customer asked for it"]);
    assert!(noted.code == 0 && noted.out.is_empty() && noted.err.contains(&format!("drift show {id}")), "{noted:?}");
    place.run(&["drift", "accept", &id]);
    let shown = place.run(&["drift", "show", &id]).out;
    let life = shown.lines().skip_while(|line| !line.starts_with("life")).map(|line| {
        let words: Vec<&str> = line.trim_start_matches("life").split_whitespace().skip(1).collect();
        words.join(" ")
    });
    let life: Vec<String> = life.collect();
    assert_eq!(life[0], "opened expected 20, observed 40, warning");
    assert!(life[1].starts_with("acknowledged by olga until 2099-01-01T00:00:00Z (in "), "{life:?}");
    assert!(life[1].ends_with("): ticket 7"), "{life:?}");
    assert_eq!(life[2..], ["noted by olga: the customer asked for it", "accepted by olga"]);
    let json = place.run(&["drift", "show", &id, "-o", "json"]).json();
    let steps: Vec<&str> = json[0]["life"].as_array().unwrap().iter().map(|it| it["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["opened", "acknowledged", "noted", "accepted"]);
    assert_eq!(json[0]["life"][2]["reason"], "the customer asked for it");
    assert_eq!(place.run(&["drift", "note", &id, ""]).code, 64);
}

#[tokio::test]
async fn a_step_is_shown_with_what_it_rests_on() {
    let (place, furniture) = Place::furnished().await;
    let at = |second: i64| DateTime::from_timestamp(1_767_225_600 + second, 0).unwrap();
    let request = |id: &str, second| RequestId { service: "neutron".into(), id: id.into(), at: at(second) };
    let (observed_at, snapshot, job) = (Some(at(1)), Some(Uuid::nil()), Some(Uuid::max()));
    let request_ids = vec![request("req-1", 1), request("req-2", 2)];
    let after = Some(json!({"expected": 20, "observed": 40, "severity": "warning"}));
    let opened = Event { after, observed_at, snapshot, job, request_ids, ..Event::new(Step::Opened, at(3)) };
    let mut tx = place.store.begin().await.unwrap();
    tx.add_life(furniture.finding, &opened).await.unwrap();
    let reason = Some("what is there is what is expected".to_owned());
    tx.add_life(furniture.finding, &Event { reason, ..Event::new(Step::Resolved, at(4)) }).await.unwrap();
    tx.commit().await.unwrap();
    let id = furniture.finding.to_string();
    let shown = place.run(&["drift", "show", &id]).out;
    let life: Vec<&str> = shown.lines().skip_while(|line| !line.starts_with("life")).collect();
    assert_snapshot!(life.join("\n"), @"
    life            2026-01-01T00:00:03Z  opened        expected 20, observed 40, warning
                                                        looked at 2026-01-01T00:00:01Z, snapshot 00000000-0000-0000-0000-000000000000, job ffffffff-ffff-ffff-ffff-ffffffffffff
                                                        req-1 in the log of neutron at 2026-01-01T00:00:01Z
                                                        req-2 in the log of neutron at 2026-01-01T00:00:02Z
                    2026-01-01T00:00:04Z  resolved      what is there is what is expected
    ");
    let json = place.run(&["drift", "show", &id, "-o", "json"]).json();
    let first = json!({"service": "neutron", "id": "req-1", "at": "2026-01-01T00:00:01Z"});
    assert_eq!((&json[0]["life"][0]["request_ids"][0], &json[0]["life"][1]["request_ids"]), (&first, &json!([])));
}
