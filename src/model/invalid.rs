//! Everything that is wrong with what somebody asked for, at once: a tree in the shape of the request.
//!
//! It is told in two ways: as the JSON of a refused HTTP request, and as one line for a dead letter.

use std::collections::BTreeMap;
use std::fmt;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

/// Where mistakes are listed that belong to an object as a whole.
const WHOLE: &str = "non_field_errors";

/// The mistakes in one value: of itself, of its fields, of its items.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Invalid {
    said: Vec<String>,
    fields: BTreeMap<String, Self>,
    items: BTreeMap<usize, Self>,
}

impl Invalid {
    /// One mistake, of the request as a whole.
    pub fn because(why: impl Into<String>) -> Self {
        Self { said: vec![why.into()], ..Self::default() }
    }

    /// One mistake, in a field of the request.
    pub fn in_field(name: &str, why: impl Into<String>) -> Self {
        let mut invalid = Self::default();
        invalid.field(name).add(why);
        invalid
    }

    /// Adds a mistake of this value.
    pub fn add(&mut self, why: impl Into<String>) {
        self.said.push(why.into());
    }

    /// The mistakes of a field; looking at it adds none.
    pub fn field(&mut self, name: &str) -> &mut Self {
        self.fields.entry(name.to_owned()).or_default()
    }

    /// The mistakes of an item of a list, counted from zero; looking at it adds none.
    pub fn item(&mut self, index: usize) -> &mut Self {
        self.items.entry(index).or_default()
    }

    /// Takes over the mistakes that somebody else found in the same value.
    pub fn merge(&mut self, other: Self) {
        self.said.extend(other.said);
        for (name, mistakes) in other.fields {
            self.field(&name).merge(mistakes);
        }
        for (index, mistakes) in other.items {
            self.item(index).merge(mistakes);
        }
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.said.is_empty() && self.fields.values().all(Self::is_empty) && self.items.values().all(Self::is_empty)
    }

    /// The value again, if nothing is wrong with it.
    ///
    /// # Errors
    /// All the mistakes.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }

    fn wrong_fields(&self) -> impl Iterator<Item = (&String, &Self)> {
        self.fields.iter().filter(|(_, mistakes)| !mistakes.is_empty())
    }

    fn wrong_items(&self) -> impl Iterator<Item = (usize, &Self)> {
        self.items.iter().filter(|(_, mistakes)| !mistakes.is_empty()).map(|(index, mistakes)| (*index, mistakes))
    }

    fn tell(&self, path: &str, lines: &mut Vec<String>) {
        let here = |why: &String| if path.is_empty() { why.clone() } else { format!("{path}: {why}") };
        lines.extend(self.said.iter().map(here));
        for (index, mistakes) in self.wrong_items() {
            mistakes.tell(&format!("{path}[{index}]"), lines);
        }
        for (name, mistakes) in self.wrong_fields() {
            let dot = if path.is_empty() { "" } else { "." };
            mistakes.tell(&format!("{path}{dot}{name}"), lines);
        }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = Vec::new();
        self.tell("", &mut lines);
        formatter.write_str(&lines.join("; "))
    }
}

/// An item of a list is an object, whatever is wrong with it; one that is right is an empty object.
struct Item<'a>(Option<&'a Invalid>);

impl Serialize for Item<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(mistakes) if mistakes.wrong_items().next().is_some() => mistakes.serialize(serializer),
            Some(mistakes) => object(mistakes, serializer),
            None => serializer.serialize_map(Some(0))?.end(),
        }
    }
}

fn object<S: Serializer>(mistakes: &Invalid, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    if !mistakes.said.is_empty() {
        map.serialize_entry(WHOLE, &mistakes.said)?;
    }
    for (name, of_field) in mistakes.wrong_fields() {
        map.serialize_entry(name, of_field)?;
    }
    map.end()
}

impl Serialize for Invalid {
    /// A list of messages for a value alone, an object for one with fields, a list of objects for one with items.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.wrong_fields().next().is_some() {
            return object(self, serializer);
        }
        let Some(end) = self.wrong_items().map(|(index, _)| index).last() else {
            return self.said.serialize(serializer);
        };
        // What is wrong with a list as a whole leaves no room for its items.
        if !self.said.is_empty() {
            return self.said.serialize(serializer);
        }
        let mut list = serializer.serialize_seq(Some(end + 1))?;
        for index in 0..=end {
            list.serialize_element(&Item(self.items.get(&index).filter(|it| !it.is_empty())))?;
        }
        list.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn it_has_the_shape_of_the_request() {
        let mut invalid = Invalid::in_field("name", "too long");
        invalid.field("description");
        let rules = invalid.field("rules");
        rules.item(0);
        rules.item(1).field("to_port").add("is missing");
        rules.item(2).add("cidr and remote_group exclude each other");
        let expected = json!({
            "name": ["too long"],
            "rules": [{}, {"to_port": ["is missing"]}, {"non_field_errors": ["cidr and remote_group exclude each other"]}],
        });
        assert_eq!(serde_json::to_value(&invalid).unwrap(), expected);
        let line = "name: too long; rules[1].to_port: is missing; rules[2]: cidr and remote_group exclude each other";
        assert_eq!(invalid.to_string(), line);
    }

    #[test]
    fn a_mistake_of_the_whole_is_a_list_unless_fields_are_wrong_too() {
        let mut invalid = Invalid::because("quota exceeded");
        assert_eq!(serde_json::to_value(&invalid).unwrap(), json!(["quota exceeded"]));
        assert_eq!(invalid.to_string(), "quota exceeded");
        invalid.merge(Invalid::in_field("name", "taken"));
        let expected = json!({"non_field_errors": ["quota exceeded"], "name": ["taken"]});
        assert_eq!(serde_json::to_value(&invalid).unwrap(), expected);
    }

    #[test]
    fn a_list_of_groups_names_the_one_that_is_wrong() {
        let mut invalid = Invalid::default();
        invalid.item(1).field("rules").item(0).field("cidr").add("is none");
        let expected = json!([{}, {"rules": [{"cidr": ["is none"]}]}]);
        assert_eq!(serde_json::to_value(&invalid).unwrap(), expected);
        assert_eq!(invalid.to_string(), "[1].rules[0].cidr: is none");
    }

    #[test]
    fn looking_adds_nothing() {
        let mut invalid = Invalid::default();
        invalid.field("rules").item(3).field("cidr");
        assert!(invalid.is_empty());
        assert_eq!(invalid.or(7), Ok(7));
        assert_eq!(serde_json::to_value(Invalid::default()).unwrap(), json!([]));
    }
}
