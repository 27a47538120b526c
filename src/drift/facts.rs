//! What counts in a comparison, in one neutral form for all resource types.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::Change;

/// The objects of one resource type, by id.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Each object with its fields.
    pub objects: BTreeMap<String, Object>,
    /// Whether objects beyond these are nobody's business (a quota that was never spoken of).
    pub open_ended: bool,
}

/// One object.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Its name for people.
    pub name: String,
    /// What a finding shows when the whole object is added or removed.
    pub summary: Value,
    /// Its fields; a rule is a field whose name is its meaning.
    pub fields: BTreeMap<String, Fact>,
}

/// The value of a field.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// The value.
    pub value: Value,
    /// What another value is called.
    pub change: Change,
}

impl Fact {
    /// A field with a value that can change.
    pub fn new(value: impl Into<Value>) -> Self {
        Self { value: value.into(), change: Change::Changed }
    }
}
