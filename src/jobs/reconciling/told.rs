//! What came of each step, and what is told of them all.

use std::collections::BTreeSet;

use crate::drift::reconcile::{Left, Step};
use crate::jobs::JobError;
use crate::model::ResourceType;

/// What came of the steps so far.
#[derive(Debug, Default)]
pub(super) struct Told {
    done: Vec<String>,
    not_done: Vec<String>,
    failures: Vec<JobError>,
    /// The objects of which something is known not to be as it should.
    short: BTreeSet<(ResourceType, String)>,
}

impl Told {
    /// A step is done.
    pub fn done(&mut self, step: &Step) {
        self.done.push(step.line.clone());
    }

    /// A step could not be taken. What stands in the way of one stands in no other's way, unless the job is not to go
    /// on at all.
    pub fn failed(&mut self, resource_type: ResourceType, step: &Step, error: JobError) -> Result<(), JobError> {
        self.short.insert((resource_type, step.object.clone()));
        self.fails(&step.line, error)
    }

    /// Something else failed.
    pub fn fails(&mut self, what: &str, error: JobError) -> Result<(), JobError> {
        if error.is_no_attempt() {
            return Err(error);
        }
        self.not_done.push(format!("{what}: {error}"));
        self.failures.push(error);
        Ok(())
    }

    /// A step is not taken, for another one could not be.
    pub fn withheld(&mut self, resource_type: ResourceType, step: &Step, why: &str) {
        self.short.insert((resource_type, step.object.clone()));
        self.not_done.push(format!("{}: {why}", step.line));
    }

    /// A difference that no step mends.
    pub fn unmendable(&mut self, resource_type: ResourceType, left: &Left) {
        self.short.insert((resource_type, left.object.clone()));
        self.not_done.push(format!("{} {}: {}", resource_type.noun(), left.object_name, left.why));
    }

    /// Whether something of an object is known not to be as it should.
    pub fn is_short(&self, resource_type: ResourceType, object: &str) -> bool {
        self.short.contains(&(resource_type, object.to_owned()))
    }

    /// The same of any object of a resource type.
    pub fn is_any_short(&self, resource_type: ResourceType) -> bool {
        self.short.iter().any(|(it, _)| *it == resource_type)
    }

    /// Whether anything was done.
    pub const fn did(&self) -> bool {
        !self.done.is_empty()
    }

    /// What was not done comes first: a long text loses its end.
    pub fn words(&self) -> String {
        let done = (!self.done.is_empty()).then(|| format!("done: {}", self.done.join("; ")));
        self.not_done.iter().cloned().chain(done).collect::<Vec<_>>().join("; ")
    }

    /// A failure that passes is one of the whole, for a repetition does what is left; else what could be done stands.
    pub fn judge(mut self) -> (Option<JobError>, Option<String>) {
        if self.not_done.is_empty() {
            return (None, None);
        }
        let words = self.words();
        let retry = self.failures.iter().position(|error| matches!(error, JobError::Retry { .. }));
        match retry {
            Some(place) => (Some(self.failures.swap_remove(place).told(words)), None),
            None if self.done.is_empty() && !self.failures.is_empty() => {
                (Some(self.failures.swap_remove(0).told(words)), None)
            }
            None => (None, Some(words)),
        }
    }
}
