//! What is expected, layer upon layer, strongest first: what a file declares; while it settles, what was announced
//! beside what it replaces; what somebody commanded; what a file declares as a default; what was accepted.

use std::collections::BTreeSet;

use super::announced::{announced, called};
use super::declared::Declaration;
use super::rules::Mode;
use super::{Difference, compare};
use crate::model::origin::{ACCEPTED, Origin};
use crate::model::{Announcement, Body, Expectation};

/// Everything that says what one resource type of a tenant should look like.
#[derive(Debug, Clone, Default)]
pub struct Layers<'a> {
    /// What was accepted or commanded.
    pub recorded: Option<&'a Expectation>,
    /// What is announced and has not settled, oldest first.
    pub announced: &'a [Announcement],
    /// What files say of the tenant, weakest first.
    pub declared: Vec<&'a Declaration>,
}

impl Layers<'_> {
    /// What is expected, given what was seen: names are resolved by it, and what nobody spoke of is as it is.
    pub fn body(&self, observed: &Body) -> Body {
        let recorded = self.recorded.map_or(observed, |it| &it.body);
        let announced = self.announced.iter().fold(recorded.clone(), |body, it| announced(&body, it, observed));
        self.with_declared(announced, observed)
    }

    /// Everything in which what was seen differs, sorted by object and field. Where something was announced, both what
    /// was expected before and what is expected then count.
    pub fn differences(&self, observed: &Body) -> Vec<Difference> {
        let mut body = self.recorded.map_or_else(|| observed.clone(), |it| it.body.clone());
        let mut differences = compare(&self.with_declared(body.clone(), observed), observed);
        for it in self.announced {
            body = announced(&body, it, observed);
            let still = compare(&self.with_declared(body.clone(), observed), observed);
            let still: BTreeSet<(&str, &str)> = still.iter().map(Difference::key).collect();
            differences.retain(|difference| still.contains(&difference.key()));
        }
        let forbidden = self.declared.iter().flat_map(|it| it.conditions(observed));
        for it in forbidden {
            if !differences.iter().any(|known| known.key() == it.key()) {
                differences.push(it);
            }
        }
        differences.sort_by(|left, right| left.key().cmp(&right.key()));
        differences
    }

    /// Who said what a difference differs from.
    pub fn origin(&self, difference: &Difference, observed: &Body) -> Option<&Origin> {
        let recorded = self.recorded;
        let declared = self.weakest_first().into_iter().rev().find(|it| it.speaks_of(difference, recorded, observed));
        declared.map(|it| &it.origin).or_else(|| recorded.map(|it| it.origin_of(&difference.object)))
    }

    /// The file that says what one quota's limit is, where one does.
    pub fn declares(&self, object: &str, body: &Body) -> Option<&Origin> {
        let Body::Quotas(_) = body else { return None };
        self.weakest_first().into_iter().rev().find(|it| it.limits_quota(object, self.recorded)).map(|it| &it.origin)
    }

    /// Whether a difference is a finding: it is guarded, or somebody said what should be there.
    pub fn guards(&self, difference: &Difference, observed: &Body, mode: Mode) -> bool {
        mode == Mode::Guard || self.origin(difference, observed).is_some_and(Origin::is_told)
    }

    /// What can be restored, given what was seen: nothing where nobody said anything. What is announced is left as it is
    /// until it has settled.
    pub fn restorable(&self, observed: &Body, mode: Mode) -> Option<Body> {
        let is_told = |it: &Expectation| it.origin.is_told() || it.objects.values().any(Origin::is_told);
        let guarded = mode == Mode::Guard && self.recorded.is_some();
        let told = self.recorded.is_some_and(is_told) || !self.declared.is_empty();
        if !(guarded || told) {
            return None;
        }
        let recorded = match mode {
            Mode::Guard => self.recorded.map(|it| it.body.clone()),
            Mode::Follow => self.followed(observed),
        };
        let body = self.with_declared(recorded.unwrap_or_else(|| observed.clone()), observed);
        let named = self.announced.iter().flat_map(|it| it.changes.keys());
        let settling: Vec<String> =
            named.flat_map(|named| [called(&body, named), called(observed, named)]).flatten().collect();
        let settles = |id: &str| settling.iter().any(|it| it == id);
        Some(body.without(settles).with_objects_of(observed, settles))
    }

    /// What was recorded, following what was seen wherever nobody said otherwise.
    pub fn followed(&self, observed: &Body) -> Option<Body> {
        let recorded = self.recorded?;
        let told = |id: &str| recorded.origin_of(id).source != ACCEPTED;
        Some(observed.clone().without(told).with_objects_of(&recorded.body, told))
    }

    /// Defaults, then the rest.
    fn weakest_first(&self) -> Vec<&Declaration> {
        let defaults = self.declared.iter().filter(|it| it.default);
        defaults.chain(self.declared.iter().filter(|it| !it.default)).copied().collect()
    }

    fn with_declared(&self, body: Body, observed: &Body) -> Body {
        self.weakest_first().into_iter().fold(body, |body, it| it.lay_over(body, self.recorded, observed))
    }
}
