//! What differs between two looks, of whom, and since when.
//!
//! However many tenants there are, it takes one question for those that came and went, one for the resource types that
//! are not the same at both moments, and one for the looks in between, of those that differ in what is compared.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::drift::since::Since;
use crate::drift::unified::{self, Side};
use crate::drift::values::{printable, stamp};
use crate::drift::{Difference, changes, facts};
use crate::model::ResourceType;
use crate::store::history::{Look, Pair, Span, Whose};
use crate::store::{Store, StoreError};

/// One thing that changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Of whom.
    pub whose: Whose,
    /// Of which resource type; none when it is the tenant itself.
    pub resource_type: Option<ResourceType>,
    /// What it is.
    pub what: What,
    /// When the new state was first seen.
    pub at: DateTime<Utc>,
}

/// What changed.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// The tenant was recorded: before, nothing is known of it.
    Recorded,
    /// The tenant's project was found to be gone.
    Vanished,
    /// The resource type was first seen: before, nothing is known of it.
    FirstSeen,
    /// Something is different.
    Differs(Difference),
}

/// A resource type that differs, until it is known since when.
#[derive(Debug)]
pub struct Compared {
    /// Of whom.
    pub whose: Whose,
    /// Which.
    pub resource_type: ResourceType,
    /// The later snapshot.
    pub latest: Uuid,
    /// Whether there are looks in between.
    pub has_more: bool,
    /// What differs.
    pub since: Vec<Since>,
    /// All of it as a unified diff, where that is wanted.
    pub text: String,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// What changed, in order.
    pub changes: Vec<Change>,
    texts: BTreeMap<(Whose, ResourceType), String>,
}

/// Everything that changed between two moments.
pub async fn between(store: &Store, span: Span<'_>, unified: bool) -> Result<Found, StoreError> {
    let mut found = Found::default();
    let mut recorded = BTreeSet::new();
    let within = |at: &DateTime<Utc>| span.from < *at && *at <= span.to;
    for moved in store.tenants_between(span).await? {
        if within(&moved.created_at) {
            recorded.insert(moved.whose.tenant);
            found.tell(&moved.whose, None, What::Recorded, moved.created_at);
        }
        if let Some(at) = moved.vanished_at.filter(within) {
            found.tell(&moved.whose, None, What::Vanished, at);
        }
    }
    let mut compared = Vec::new();
    let each = |pair: Pair| {
        // That a tenant was recorded says that all of it was first seen.
        if pair.is_first_seen && !recorded.contains(&pair.whose.tenant) {
            found.tell(&pair.whose, Some(pair.resource_type), What::FirstSeen, pair.base_at);
        }
        compared.extend(Compared::of(pair, span, unified));
    };
    store.snapshot_pairs(span, each).await?;
    found.finish(store, span.from, compared).await?;
    Ok(found)
}

impl What {
    /// The word for programs.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Vanished => "vanished",
            Self::FirstSeen => "first_seen",
            Self::Differs(difference) => difference.change.as_str(),
        }
    }

    /// The words for people, when it is no difference of an object.
    pub fn news(&self) -> Option<&'static str> {
        match self {
            Self::Recorded => Some("recorded"),
            Self::Vanished => Some("vanished"),
            Self::FirstSeen => Some("first seen"),
            Self::Differs(_) => None,
        }
    }
}

impl Change {
    /// Sorts by tenant and resource type as people read them, news before differences, those as they come.
    fn place(&self) -> (&Whose, Option<ResourceType>, bool) {
        (&self.whose, self.resource_type, self.what.news().is_none())
    }
}

impl Compared {
    /// What differs in a pair, if anything does that is compared.
    fn of(pair: Pair, span: Span<'_>, unified: bool) -> Option<Self> {
        let (before, after) = pair.bodies?;
        let differences = changes(&before, &after);
        if differences.is_empty() {
            return None;
        }
        let text = || {
            let name = format!("{}/{} {}", pair.whose.cloud, pair.whose.tenant_name, pair.resource_type);
            let (began, ended) = (stamp(span.from.max(pair.base_at)), stamp(span.to));
            let side = |at, body| Side { name: &name, at, body };
            unified::diff(side(&began, &before), side(&ended, &after))
        };
        let text = if unified { text() } else { String::new() };
        let since = differences.into_iter().map(|it| Since::new(it, pair.latest_at)).collect();
        let Pair { whose, resource_type, latest, has_more, .. } = pair;
        Some(Self { whose, resource_type, latest, has_more, since, text })
    }
}

impl Found {
    fn tell(&mut self, whose: &Whose, resource_type: Option<ResourceType>, what: What, at: DateTime<Utc>) {
        self.changes.push(Change { whose: whose.clone(), resource_type, what, at });
    }

    /// Finds out since when, from the looks after `from`, and takes over what differs.
    pub async fn finish(
        &mut self,
        store: &Store,
        from: DateTime<Utc>,
        mut compared: Vec<Compared>,
    ) -> Result<(), StoreError> {
        let open = compared.iter_mut().filter(|it| it.has_more);
        let mut open: BTreeMap<Uuid, &mut Compared> = open.map(|it| (it.latest, it)).collect();
        let latest: Vec<Uuid> = open.keys().copied().collect();
        if !latest.is_empty() {
            let each = |look: Look| {
                let Some(compared) = open.get_mut(&look.latest) else { return };
                let facts = facts(&look.body);
                compared.since.iter_mut().for_each(|since| since.consider(&facts, look.first_seen_at));
            };
            store.looks_between(from, &latest, each).await?;
        }
        for Compared { whose, resource_type, since, text, .. } in compared {
            for since in since {
                let at = since.at();
                self.tell(&whose, Some(resource_type), What::Differs(since.difference), at);
            }
            self.texts.insert((whose, resource_type), text);
        }
        self.changes.sort_by(|left, right| left.place().cmp(&right.place()));
        Ok(())
    }

    /// Every unified diff, with what is no difference said in a line.
    pub fn unified(&self) -> String {
        let mut parts = Vec::new();
        let mut last = None;
        for change in &self.changes {
            let (whose, at) = (&change.whose, stamp(change.at));
            if let Some(news) = change.what.news() {
                let resource_type = change.resource_type.map(|it| format!(" {it}")).unwrap_or_default();
                let name = format!("{}/{}{resource_type}", whose.cloud, whose.tenant_name);
                parts.push(format!("{}: {news} {at}", printable(&name)));
            } else if let Some(resource_type) = change.resource_type {
                // Once for all that differs in it.
                let key = (whose.clone(), resource_type);
                parts.extend(self.texts.get(&key).filter(|_| last.as_ref() != Some(&key)).cloned());
                last = Some(key);
            }
        }
        parts.join("\n")
    }
}
