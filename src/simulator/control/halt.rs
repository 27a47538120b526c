//! A cloud that stops at the edge of a change, so that whoever asked for it can be killed there.
//!
//! Requests that may change something are counted from when the switch is set. The n-th one and all that follow get no
//! answer; whether the n-th one takes effect is what the switch says. Questions are answered as always.

use axum::http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::super::call::{Call, Service};

/// What becomes of the request at which the cloud stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// It takes no effect: it was lost on its way.
    Before,
    /// It takes effect, and its answer is lost.
    After,
    /// It takes effect when the switch is lifted, long after whoever asked for it is gone.
    Late,
}

/// At which request the cloud stops.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its number, from 1; none only counts.
    #[serde(default)]
    pub at: Option<u64>,
    /// What becomes of it.
    #[serde(default = "before")]
    pub when: When,
}

fn before() -> When {
    When::Before
}

/// What a request runs into.
#[derive(Debug)]
pub enum Stroke {
    /// Nothing.
    Pass,
    /// No answer before the switch is lifted, and then a broken connection.
    Hold {
        /// What becomes of it meanwhile; nothing for those that follow the one at which the cloud stopped.
        when: When,
        /// Ends when the switch is lifted.
        lifted: CancellationToken,
    },
}

/// The switch.
#[derive(Debug, Default)]
pub struct Halt {
    rule: Option<Rule>,
    seen: u64,
    held: Option<String>,
    late: Option<Call>,
    lifted: CancellationToken,
}

impl Halt {
    /// Counts from here on, and stops where the rule says.
    pub fn set(&mut self, rule: Rule) {
        self.lifted.cancel();
        *self = Self { rule: Some(rule), ..Self::default() };
    }

    /// Lets everything go on; the request that takes effect only now, if there is one.
    pub fn lift(&mut self) -> Option<Call> {
        self.lifted.cancel();
        let late = self.late.take();
        *self = Self::default();
        late
    }

    /// The switch, how many changes were asked for since it was set, and which one is held.
    pub fn view(&self) -> Value {
        let (at, when) = (self.rule.and_then(|rule| rule.at), self.rule.map(|rule| rule.when));
        json!({"at": at, "when": when, "seen": self.seen, "held": self.held})
    }

    /// Counts a request, if it may change something.
    pub fn strike(&mut self, call: &Call) -> Stroke {
        let Some(rule) = self.rule.filter(|_| changes(call)) else { return Stroke::Pass };
        self.seen += 1;
        let Some(at) = rule.at.filter(|at| self.seen >= *at) else { return Stroke::Pass };
        let lifted = self.lifted.clone();
        if self.seen > at {
            return Stroke::Hold { when: When::Before, lifted };
        }
        self.held = Some(format!("{} {}", call.method, call.path));
        Stroke::Hold { when: rule.when, lifted }
    }

    /// Keeps a request for later.
    pub fn keep(&mut self, call: Call) {
        self.late = Some(call);
    }
}

/// Whether a request may change something: all but questions, and the token that questions need.
fn changes(call: &Call) -> bool {
    let is_question = matches!(call.method, Method::GET | Method::HEAD);
    let is_login = call.service == Service::Identity && call.parts().ends_with(&["auth", "tokens"]);
    !is_question && !is_login
}
