//! What a scrape needs of a snapshot: numbers, neither texts nor bodies. A snapshot never changes, so each is read once
//! and remembered by its id.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::model::ResourceType;
use crate::model::quota::{Limit, Quota, Unit};
use crate::store::resources::Age;
use crate::store::{Store, StoreError};
use crate::telemetry::exposition::escape;

/// Snapshots that are read at once: what the first scrape after a start needs is never all in memory.
const CHUNK: usize = 500;

/// A word that many series have in common, by its place in [`Words`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Word(u32);

/// The names of quotas and the statuses of objects, each kept once.
#[derive(Debug, Clone, Default)]
pub(super) struct Words {
    terms: Vec<Term>,
    places: HashMap<String, u32>,
}

/// A word, and what is worked out once for all series that have it.
#[derive(Debug, Clone)]
pub(super) struct Term {
    pub text: Box<str>,
    /// As it is written in a label.
    pub label: Box<str>,
    /// Bytes in one, where it names a quota of a size.
    pub bytes: Option<u64>,
}

impl Words {
    fn word(&mut self, text: &str) -> Word {
        if let Some(place) = self.places.get(text) {
            return Word(*place);
        }
        let place = u32::try_from(self.terms.len()).unwrap_or(u32::MAX);
        let mut label = String::new();
        escape(&mut label, text);
        self.terms.push(Term { text: text.into(), label: label.into(), bytes: Unit::of(text).bytes() });
        self.places.insert(text.to_owned(), place);
        Word(place)
    }

    /// What is known of a word.
    pub fn term(&self, word: Word) -> &Term {
        &self.terms[word.place()]
    }

    /// All of them, by their places.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }
}

impl Word {
    /// Words are counted from nought without a gap.
    pub const fn place(self) -> usize {
        self.0 as usize
    }
}

/// A quota as it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Amount {
    pub name: Word,
    pub limit: Option<Limit>,
    pub usage: Option<u64>,
}

impl Amount {
    /// Whether it can come near an alert: those look at what is nearly used up, this at what is half used.
    pub fn is_near(&self) -> bool {
        let (Some(Limit::Of(limit)), Some(usage)) = (self.limit, self.usage) else { return false };
        limit > 0 && usage >= limit.div_ceil(2)
    }

    /// Its series.
    pub fn series(&self) -> usize {
        usize::from(self.limit.is_some()) + usize::from(self.usage.is_some())
    }

    /// How much of it is used, in steps of five percent: small changes shall not decide who is shown.
    fn fullness(&self) -> u8 {
        let (Some(Limit::Of(limit)), Some(usage)) = (self.limit, self.usage) else { return 0 };
        let twentieths = u128::from(usage) * 20 / u128::from(limit.max(1));
        u8::try_from(twentieths).unwrap_or(u8::MAX)
    }
}

/// What is remembered of a snapshot.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Gist {
    /// Every quota, by name.
    pub quotas: Box<[Amount]>,
    /// How many objects there are of each status.
    pub objects: Box<[(Word, u32)]>,
    /// How full the fullest quota is.
    pub fullness: u8,
}

/// An object, as far as it matters here.
#[derive(Deserialize)]
struct Thing {
    #[serde(default)]
    status: String,
    kind: Option<String>,
}

impl Gist {
    /// Reads a stored body; one that cannot be read has nothing to show.
    pub fn of(resource_type: ResourceType, body: &str, words: &mut Words) -> Self {
        match resource_type {
            ResourceType::Quotas => Self::of_quotas(&serde_json::from_str(body).unwrap_or_default(), words),
            ResourceType::FloatingIps
            | ResourceType::Networks
            | ResourceType::Ports
            | ResourceType::Instances
            | ResourceType::Volumes
            | ResourceType::VolumeSnapshots => {
                let things: Vec<Thing> = serde_json::from_str(body).unwrap_or_default();
                let status = |it: &Thing| if it.status.is_empty() { "UNKNOWN".to_owned() } else { it.status.clone() };
                // Routers stand among the networks.
                let counted = things.iter().filter(|it| it.kind.as_deref() != Some("router"));
                Self::of_objects(counted.map(status), words)
            }
            ResourceType::SecurityGroups | ResourceType::ServerGroups => {
                let objects: Vec<IgnoredAny> = serde_json::from_str(body).unwrap_or_default();
                Self::of_objects(objects.iter().map(|_| "OK".to_owned()), words)
            }
        }
    }

    fn of_quotas(quotas: &BTreeMap<String, Quota>, words: &mut Words) -> Self {
        let amount = |(name, quota): (&String, &Quota)| Amount {
            name: words.word(name),
            limit: quota.limit,
            usage: quota.usage,
        };
        let quotas: Box<[Amount]> = quotas.iter().map(amount).collect();
        let fullness = quotas.iter().map(Amount::fullness).max().unwrap_or(0);
        Self { quotas, fullness, ..Self::default() }
    }

    fn of_objects(statuses: impl Iterator<Item = String>, words: &mut Words) -> Self {
        let mut by_status: BTreeMap<String, u32> = BTreeMap::new();
        statuses.for_each(|status| *by_status.entry(status).or_default() += 1);
        let objects = by_status.into_iter().map(|(status, count)| (words.word(&status), count)).collect();
        Self { objects, ..Self::default() }
    }
}

/// The gists of all current snapshots.
#[derive(Debug, Default)]
pub(super) struct Memory {
    words: Arc<Words>,
    gists: HashMap<Uuid, Arc<Gist>>,
}

impl Memory {
    /// Reads what is new, and forgets what is not current any more. What was read stays read when it is cut short.
    pub async fn refresh(&mut self, store: &Store, ages: &[Age]) -> Result<(), StoreError> {
        let current = ages.iter().filter_map(|age| Some((age.snapshot?, age.resource_type)));
        let missing: Vec<(Uuid, ResourceType)> = current.filter(|(id, _)| !self.gists.contains_key(id)).collect();
        for chunk in missing.chunks(CHUNK) {
            let ids: Vec<Uuid> = chunk.iter().map(|(id, _)| *id).collect();
            let types: HashMap<Uuid, ResourceType> = chunk.iter().copied().collect();
            let (words, gists) = (Arc::make_mut(&mut self.words), &mut self.gists);
            let remember = |id: Uuid, body: &RawValue| {
                let gist = types.get(&id).map(|it| Gist::of(*it, body.get(), words)).unwrap_or_default();
                gists.insert(id, Arc::new(gist));
            };
            store.bodies(&ids, remember).await?;
        }
        let current: HashSet<Uuid> = ages.iter().filter_map(|age| age.snapshot).collect();
        if self.gists.len() > current.len() {
            self.gists.retain(|id, _| current.contains(id));
        }
        Ok(())
    }

    /// What is remembered of a snapshot.
    pub fn gist(&self, snapshot: Uuid) -> Option<&Arc<Gist>> {
        self.gists.get(&snapshot)
    }

    /// The words of the gists.
    pub fn words(&self) -> &Arc<Words> {
        &self.words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_kept_and_texts_are_not() {
        let mut words = Words::default();
        let body = r#"{"ram": {"limit": "unlimited", "usage": 7}, "vcpu": {"limit": 40, "usage": 31}, "volumes": {}}"#;
        let gist = Gist::of(ResourceType::Quotas, body, &mut words);
        let told: Vec<_> =
            gist.quotas.iter().map(|it| (&*words.term(it.name).label, it.limit, it.usage, it.is_near())).collect();
        let expected = [
            ("ram", Some(Limit::Unlimited), Some(7), false),
            ("vcpu", Some(Limit::Of(40)), Some(31), true),
            ("volumes", None, None, false),
        ];
        assert_eq!((told.as_slice(), gist.fullness), (expected.as_slice(), 15));
        let body = r#"[{"status": "DOWN", "id": "a"}, {"status": "", "id": "b"}, {"id": "c"}]"#;
        let gist = Gist::of(ResourceType::FloatingIps, body, &mut words);
        let told: Vec<_> = gist.objects.iter().map(|(status, count)| (&*words.term(*status).label, *count)).collect();
        assert_eq!(told, [("DOWN", 1), ("UNKNOWN", 2)]);
        let gist = Gist::of(ResourceType::SecurityGroups, r#"[{"rules": [1, 2]}, {}]"#, &mut words);
        assert_eq!(gist.objects.iter().map(|it| it.1).collect::<Vec<_>>(), [2]);
        assert_eq!(Gist::of(ResourceType::Quotas, r#"{"ram": {"limit": "odd"}}"#, &mut words), Gist::default());
    }

    #[test]
    fn what_is_half_used_is_near_an_alert() {
        let amount = |limit, usage| Amount { name: Word(0), limit: Some(Limit::Of(limit)), usage: Some(usage) };
        let near = [amount(1, 1), amount(20, 10), amount(21, 11), amount(5, 9)];
        let far = [amount(0, 0), amount(1, 0), amount(20, 9), amount(21, 10)];
        assert!(near.iter().all(Amount::is_near) && !far.iter().any(Amount::is_near));
        assert!(!Amount { limit: Some(Limit::Unlimited), ..amount(1, 1) }.is_near());
        assert_eq!(
            [amount(0, 3).fullness(), amount(100, 9).fullness(), amount(1, u64::MAX).fullness()],
            [60, 1, u8::MAX]
        );
    }
}
