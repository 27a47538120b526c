//! The configuration: one TOML file, strict keys, `TENANTD__SECTION__KEY` on top, and every problem told at once.
//!
//! One file per section. A section only says what may stand in it; what the words mean is decided by whoever is
//! handed the section.

mod broker;
mod clouds;
mod database;
mod declared;
mod drift;
mod http;
mod jobs;
pub mod load;
mod policies;
mod problems;
mod retention;
mod schedules;
mod telemetry;
mod units;

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use broker::{Broker, Celery, Producer};
pub use clouds::{Cloud, Discover, Limits as CloudLimits};
pub use database::Database;
pub use declared::{Entry, File as Declared, Forbid};
pub use drift::{Drift, ExpectationRule, Mode};
pub use http::{Http, Listen};
pub use jobs::Jobs;
pub use load::{LoadError, load};
pub use policies::{Bounds, Most, Policy, Severity, Whom, WorldOpen};
pub use problems::{Problem, Problems};
pub use retention::Retention;
pub use schedules::Schedule;
pub use telemetry::{LogFormat, Telemetry};
pub use units::{HumanDuration, Secret};

/// Everything that can be configured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The file that it was read from.
    #[serde(skip)]
    pub file: Option<PathBuf>,
    /// This instance's name in leases and events; default: host name and where HTTP listens.
    pub instance: Option<String>,
    /// Where the records are.
    pub database: Database,
    /// RabbitMQ; without this section jobs come from schedules, HTTP and the command line only.
    pub broker: Option<Broker>,
    /// The clouds to look after.
    pub clouds: Vec<Cloud>,
    /// What to do when.
    pub schedules: Vec<Schedule>,
    /// What counts as drift.
    pub drift: Drift,
    /// How jobs are run.
    pub jobs: Jobs,
    /// How long what is over is kept.
    pub retention: Retention,
    /// The HTTP server.
    pub http: Http,
    /// Logs, traces and the cap on series.
    pub telemetry: Telemetry,
}

impl Config {
    /// Checks what a type cannot say; `known_kinds` are the job kinds of this version.
    pub fn validate(&self, known_kinds: &[&str], problems: &mut Problems) {
        self.database.validate(problems);
        if let Some(broker) = &self.broker {
            broker.validate(known_kinds, problems);
        }
        clouds::validate(&self.clouds, known_kinds, problems);
        schedules::validate(&self.schedules, &self.clouds, known_kinds, problems);
        self.drift.validate(problems);
        self.jobs.validate(problems);
        self.retention.validate(problems);
        self.http.validate(problems);
        self.telemetry.validate(problems);
    }

    /// The schedules that run: those of the file, and the built-in ones that they do not replace.
    pub fn timetable(&self) -> Vec<Schedule> {
        let replaced = |built_in: &Schedule| self.schedules.iter().any(|schedule| schedule.job == built_in.job);
        let built_in = Schedule::built_in().filter(|it| !replaced(it));
        self.schedules.iter().cloned().chain(built_in).filter(|schedule| schedule.enabled).collect()
    }

    /// This instance's name.
    pub fn instance_name(&self) -> String {
        self.instance.clone().unwrap_or_else(|| {
            let host = gethostname::gethostname().to_string_lossy().into_owned();
            format!("{host}:{}", self.http.listen.place())
        })
    }

    /// The keys that a reload cannot change, of those in which `next` differs.
    pub fn restart_needed(&self, next: &Self) -> Vec<&'static str> {
        let mut keys = Vec::new();
        let mut differs = |key, changed: bool| {
            if changed {
                keys.push(key);
            }
        };
        differs("instance", self.instance != next.instance);
        differs("database", self.database != next.database);
        differs("broker", self.broker != next.broker);
        differs("jobs.workers", self.jobs.workers != next.jobs.workers);
        differs("http", self.http != next.http);
        differs("telemetry", self.telemetry != next.telemetry);
        keys
    }
}
