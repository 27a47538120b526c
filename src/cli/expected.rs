//! `expectations show`: what is expected of a tenant, layer upon layer, and who said so.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::output::{self, Columns, Format, Row};
use super::records::Records;
use super::values;
use crate::app::build;
use crate::drift::declared::Declaration;
use crate::drift::facts;
use crate::drift::layers::Layers;
use crate::model::{Announcement, Body, Expectation, Origin, ResourceType, Tenant};

const COLUMNS: Columns = Columns {
    keys: &[
        "cloud",
        "tenant",
        "tenant_name",
        "resource_type",
        "source",
        "author",
        "set_at",
        "body",
        "objects",
        "announced",
        "declared",
    ],
    headings: &["TYPE", "OBJECT", "EXPECTED", "SOURCE", "BY", "SET"],
    none: "nothing is expected of it yet; the first complete look is, where the configuration says so",
};

/// Everything that says what one resource type should look like.
struct Told<'a> {
    tenant: &'a Tenant,
    resource_type: ResourceType,
    recorded: Option<&'a Expectation>,
    announced: Vec<Announcement>,
    declared: Vec<&'a Declaration>,
    /// What was seen last.
    observed: Option<Body>,
}

pub(super) async fn show(records: &Records, tenant: &Tenant, only: Option<ResourceType>) -> anyhow::Result<()> {
    let (store, now, rules) = (records.store(), records.now(), build::rules(&records.config.drift));
    let expectations = store.expectations(tenant.uuid).await?;
    let announcements = store.announcements(tenant.uuid).await?;
    let statuses = store.statuses(tenant.uuid).await?;
    let mut rows = Vec::new();
    for resource_type in ResourceType::ALL.into_iter().filter(|it| only.is_none_or(|only| only == *it)) {
        let seen = statuses.iter().find(|it| it.resource_type == resource_type).and_then(|it| it.snapshot);
        let observed = match seen {
            Some(id) => store.snapshot(id).await?.map(|it| it.body),
            None => None,
        };
        let told = Told {
            tenant,
            resource_type,
            recorded: expectations.iter().find(|it| it.body.resource_type() == resource_type),
            announced: announcements.iter().filter(|it| it.resource_type == resource_type).cloned().collect(),
            declared: rules.declared.of(tenant),
            observed,
        };
        match records.output {
            Format::Table => rows.extend(told.lines(now)),
            _ => rows.extend(told.record()),
        }
    }
    output::list(records.output, COLUMNS, &rows)?;
    Ok(())
}

impl Told<'_> {
    fn declared_lines(&self) -> impl Iterator<Item = (&Origin, String, String)> {
        let of = self.resource_type;
        self.declared
            .iter()
            .flat_map(move |it| it.lines(of).into_iter().map(move |(object, what)| (&it.origin, object, what)))
    }

    fn lines(&self, now: DateTime<Utc>) -> Vec<Row> {
        let row = |object: String, what: String, origin: &Origin| {
            let of = self.resource_type.to_string();
            let set = output::when(Some(origin.set_at), now);
            Row { json: Value::Null, cells: vec![of, object, what, origin.source.clone(), origin.author.clone(), set] }
        };
        let mut rows: Vec<Row> = Vec::new();
        if let Some(recorded) = self.recorded {
            let observed = self.observed.as_ref().unwrap_or(&recorded.body);
            let layers = Layers { recorded: Some(recorded), announced: &[], declared: self.declared.clone() };
            let body = layers.body(observed);
            let objects = facts(&body).objects;
            if objects.is_empty() {
                rows.push(row("-".to_owned(), "nothing at all".to_owned(), &recorded.origin));
            }
            for (id, object) in objects {
                let what = values::fields(self.resource_type, &id, &object).join("\n");
                let name = if object.name.is_empty() { id.clone() } else { object.name };
                rows.push(row(name, what, layers.declares(&id, &body).unwrap_or_else(|| recorded.origin_of(&id))));
            }
        }
        if self.resource_type != ResourceType::Quotas || self.recorded.is_none() {
            rows.extend(self.declared_lines().map(|(origin, object, what)| row(object, what, origin)));
        }
        for it in &self.announced {
            let origin = Origin { source: "announced".into(), author: it.author.clone(), set_at: it.announced_at };
            let until = output::when(Some(it.settles_at), now);
            for (named, change) in &it.changes {
                let what = format!("{} too, and alone {until}", values::say(named, change));
                rows.push(row(named.clone(), what, &origin));
            }
        }
        rows
    }

    fn record(&self) -> Option<Row> {
        let announced = |it: &Announcement| {
            json!({
                "id": it.id, "values": it.changes, "author": it.author, "announced_at": it.announced_at,
                "settles_at": it.settles_at,
            })
        };
        let declared = self.declared_lines().map(|(origin, object, what)| {
            json!({ "object": object, "expected": what, "author": origin.author, "set_at": origin.set_at })
        });
        let declared: Vec<Value> = declared.collect();
        if self.recorded.is_none() && self.announced.is_empty() && declared.is_empty() {
            return None;
        }
        let origin = self.recorded.map(|it| &it.origin);
        let json = json!({
            "cloud": self.tenant.cloud, "tenant": self.tenant.backend_id, "tenant_name": self.tenant.name,
            "resource_type": self.resource_type, "source": origin.map(|it| &it.source),
            "author": origin.map(|it| &it.author), "set_at": origin.map(|it| it.set_at),
            "body": self.recorded.map(|it| it.body.to_json()), "objects": self.recorded.map(|it| &it.objects),
            "announced": self.announced.iter().map(announced).collect::<Vec<_>>(), "declared": declared,
        });
        Some(Row { json, cells: Vec::new() })
    }
}
