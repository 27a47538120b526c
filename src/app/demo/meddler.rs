//! Someone who changes the cloud behind the portal's back, and takes each change back a little later.

use std::time::Duration;

use serde_json::{Value, json};

use super::Print;
use super::narrator::everything_was_read;
use crate::jobs::context::Context;

const BETWEEN: Duration = Duration::from_secs(4);
const LASTS: Duration = Duration::from_secs(12);

/// Meddles for as long as it is polled.
pub(super) async fn meddle(context: &Context, cloud: &str, tenants: usize, print: Print<'_>) {
    while !matches!(everything_was_read(context, tenants).await, Ok(true)) {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let Ok(client) = reqwest::Client::builder().timeout(Duration::from_secs(5)).build() else { return };
    let url = format!("{cloud}/simulator/meddle");
    let mut standing: Vec<(tokio::time::Instant, Value)> = Vec::new();
    loop {
        tokio::time::sleep(BETWEEN).await;
        if standing.first().is_some_and(|(since, _)| since.elapsed() >= LASTS) {
            let (_, deed) = standing.remove(0);
            // The answer is the way back.
            if let Some(back) = post(&client, &url, &json!({ "revert": deed["id"] })).await {
                print(&format!("  somebody takes it back in {}: {}", text(&deed["project_name"]), describe(&back)));
            }
            continue;
        }
        if let Some(deed) = post(&client, &url, &json!({})).await {
            print(&format!("  somebody meddles with {}: {}", text(&deed["project_name"]), describe(&deed)));
            standing.push((tokio::time::Instant::now(), deed));
        }
    }
}

async fn post(client: &reqwest::Client, url: &str, order: &Value) -> Option<Value> {
    let answer = client.post(url).json(order).send().await.ok()?;
    answer.error_for_status().ok()?.json().await.ok()
}

fn describe(deed: &Value) -> String {
    let name = if deed["object_name"].is_string() { &deed["object_name"] } else { &deed["object"] };
    format!("{} {} {} → {}", text(&deed["resource_type"]), text(name), text(&deed["before"]), text(&deed["after"]))
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => text.clone(),
        Value::Object(fields) => {
            let told = ["name", "direction", "protocol", "port_range_min", "remote_ip_prefix", "floating_ip_address"];
            let told = told.iter().filter_map(|key| fields.get(*key)).filter(|value| !value.is_null());
            told.map(text).collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}
