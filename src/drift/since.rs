//! Since when two looks differ, told from the looks in between, in whatever order those come.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::facts::Facts;
use super::{Difference, EXISTENCE};
use crate::model::Change;

/// A difference, and what the looks in between say of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Since {
    /// What differs.
    pub difference: Difference,
    /// When the content of the last look was first seen.
    last: DateTime<Utc>,
    /// When looks that show the new value were first seen.
    agreeing: Vec<DateTime<Utc>>,
    /// The newest look that shows another value.
    other: Option<DateTime<Utc>>,
}

impl Since {
    /// A difference of which only the last look is known, whose content was first seen at `last`.
    pub fn new(difference: Difference, last: DateTime<Utc>) -> Self {
        Self { difference, last, agreeing: Vec::new(), other: None }
    }

    /// Considers a look in between.
    pub fn consider(&mut self, facts: &Facts, first_seen_at: DateTime<Utc>) {
        if self.shows(facts) {
            self.agreeing.push(first_seen_at);
        } else {
            self.other = self.other.max(Some(first_seen_at));
        }
    }

    /// Since when every look shows the new value.
    pub fn at(&self) -> DateTime<Utc> {
        let lasting = self.agreeing.iter().filter(|at| Some(**at) > self.other);
        lasting.min().copied().unwrap_or(self.last).min(self.last)
    }

    /// Whether the new value is there.
    fn shows(&self, facts: &Facts) -> bool {
        let Difference { object, field, change, observed, .. } = &self.difference;
        match facts.objects.get(object) {
            found if field == EXISTENCE => found.is_some() == (*change != Change::Removed),
            None => false,
            Some(object) => object.fields.get(field).map_or(&Value::Null, |fact| &fact.value) == observed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::{changes, facts};
    use crate::model::{Body, ResourceType};
    use proptest::prelude::*;
    use serde_json::json;

    fn at(hour: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + chrono::Duration::hours(hour)
    }

    fn quotas(vcpu: u64) -> Body {
        Body::from_json(ResourceType::Quotas, &json!({ "vcpu": { "limit": vcpu, "usage": vcpu } })).unwrap()
    }

    fn groups(names: &[&str]) -> Body {
        let groups: Vec<_> = names.iter().map(|name| json!({ "id": name, "name": name })).collect();
        Body::from_json(ResourceType::SecurityGroups, &json!(groups)).unwrap()
    }

    /// Since when, of looks an hour apart.
    fn since(looks: &[Body]) -> Vec<DateTime<Utc>> {
        let (Some(first), Some(last)) = (looks.first(), looks.last()) else { return Vec::new() };
        let hours = 0_i64..;
        let between: Vec<(i64, &Body)> = hours.zip(looks).skip(1).take(looks.len() - 2).collect();
        let last_at = at(i64::try_from(looks.len() - 1).unwrap());
        let mut all: Vec<Since> = changes(first, last).into_iter().map(|it| Since::new(it, last_at)).collect();
        for since in &mut all {
            for (hour, body) in between.iter().rev() {
                since.consider(&facts(body), at(*hour));
            }
        }
        all.iter().map(Since::at).collect()
    }

    #[test]
    fn a_value_is_there_since_it_last_came() {
        assert_eq!(since(&[quotas(1), quotas(2)]), [at(1)]);
        assert_eq!(since(&[quotas(1), quotas(2), quotas(2), quotas(2)]), [at(1)]);
        assert_eq!(since(&[quotas(1), quotas(2), quotas(3), quotas(2), quotas(2)]), [at(3)]);
        assert_eq!(since(&[quotas(1), quotas(3), quotas(2)]), [at(2)]);
    }

    #[test]
    fn an_object_came_or_went_at_its_own_time() {
        let looks = [groups(&["a", "b"]), groups(&["b"]), groups(&["b", "c"]), groups(&["b", "c"])];
        assert_eq!(since(&looks), [at(1), at(2)]);
    }

    proptest! {
        #[test]
        fn the_order_of_looks_does_not_matter(values in proptest::collection::vec(0_u64..3, 0..8), seed in 0_usize..8) {
            let difference = changes(&quotas(7), &quotas(1)).remove(0);
            let last = at(100);
            let (mut one, mut other) = (Since::new(difference.clone(), last), Since::new(difference, last));
            let looks: Vec<_> = (0_i64..).zip(values).map(|(hour, value)| (facts(&quotas(value)), at(hour))).collect();
            for (facts, at) in &looks {
                one.consider(facts, *at);
            }
            for (facts, at) in looks.iter().cycle().skip(seed).take(looks.len()) {
                other.consider(facts, *at);
            }
            prop_assert_eq!(one.at(), other.at());
        }
    }
}
