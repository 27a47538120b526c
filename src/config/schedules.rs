//! `[[schedules]]`: what to do when.

use std::collections::BTreeSet;

use chrono::DateTime;
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cloud, HumanDuration, Problems};

/// A job that comes by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Its name in metrics and commands.
    pub name: String,
    /// When: second, minute, hour, day of month, month, day of week. Either this or `max_age`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// How old what is known of a tenant may become; which is looked at when follows from it. For pulls only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<HumanDuration>,
    /// The time zone of `cron`.
    #[serde(default = "utc")]
    pub timezone: String,
    /// The job kind.
    pub job: String,
    /// `all`, or the tenant.
    #[serde(default = "all")]
    pub tenants: String,
    /// The cloud; default: every cloud.
    #[serde(default)]
    pub cloud: Option<String>,
    /// The job's parameters.
    #[serde(default)]
    pub params: serde_json::Map<String, serde_json::Value>,
    /// Whether it runs; a built-in one is switched off by one of the same job that does not.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Each tick is put off by up to so much, evenly spread.
    #[serde(default = "no_jitter")]
    pub jitter: HumanDuration,
}

fn utc() -> String {
    "UTC".to_owned()
}

fn all() -> String {
    "all".to_owned()
}

const fn yes() -> bool {
    true
}

const fn no_jitter() -> HumanDuration {
    HumanDuration::seconds(0)
}

/// A shorter objective would have the cloud asked all the time.
const LEAST_MAX_AGE: HumanDuration = HumanDuration::seconds(30);

/// The built-in schedules: each has the name of its job, its times, and by how many minutes a tick is put off at most.
const BUILT_IN: [(&str, &str, u64); 2] = [
    // Once a day, at night, not everywhere in the same minute: it keeps others from writing.
    ("prune", "0 20 3 * * *", 20),
    // Once a day, before people come to work.
    ("digest", "0 0 6 * * *", 0),
];

impl Schedule {
    /// What runs unless another schedule has the same job.
    pub(super) fn built_in() -> impl Iterator<Item = Self> {
        BUILT_IN.into_iter().map(|(job, cron, minutes)| Self {
            name: job.to_owned(),
            cron: Some(cron.to_owned()),
            max_age: None,
            timezone: utc(),
            job: job.to_owned(),
            tenants: all(),
            cloud: None,
            params: serde_json::Map::new(),
            enabled: yes(),
            jitter: HumanDuration::seconds(minutes * 60),
        })
    }

    /// The parsed times; none for one that has an age to keep instead.
    ///
    /// # Errors
    /// Says what is wrong; five fields are refused with the six-field form.
    pub fn times(&self) -> Result<Option<Cron>, String> {
        let Some(cron) = &self.cron else { return Ok(None) };
        if cron.split_whitespace().count() == 5 {
            return Err(format!("`{cron}` has five fields; seconds come first here: `0 {cron}`"));
        }
        let parser = CronParser::builder().seconds(Seconds::Required).build();
        parser.parse(cron).map(Some).map_err(|error| format!("`{cron}` is no cron expression: {error}"))
    }

    /// When it runs, for people: `0 */10 * * * * UTC`, or `max_age 5m`.
    pub fn when(&self) -> String {
        match (&self.cron, self.max_age) {
            (Some(cron), _) => format!("{cron} {}", self.timezone),
            (None, Some(age)) => format!("max_age {age}"),
            (None, None) => String::new(),
        }
    }

    /// The time zone.
    ///
    /// # Errors
    /// When no zone has that name.
    pub fn zone(&self) -> Result<Tz, String> {
        self.timezone.parse().map_err(|_| {
            format!(
                "`{}` is no time zone; use a name of the IANA database such as Europe/Tallinn or UTC",
                self.timezone
            )
        })
    }

    /// The tenant, unless it is for all.
    pub fn tenant(&self) -> Option<&str> {
        (self.tenants != "all").then_some(self.tenants.as_str())
    }
}

pub(super) fn validate(schedules: &[Schedule], clouds: &[Cloud], known_kinds: &[&str], problems: &mut Problems) {
    let mut names = BTreeSet::new();
    for (index, schedule) in schedules.iter().enumerate() {
        let path = |key: &str| format!("schedules[{index}].{key}");
        if schedule.name.trim().is_empty() {
            problems.add(path("name"), "must not be empty");
        }
        if BUILT_IN.iter().any(|(name, ..)| *name == schedule.name) && schedule.job != schedule.name {
            let name = &schedule.name;
            let why =
                format!("`{name}` is the name of a built-in schedule; only one with job = \"{name}\" may replace it");
            problems.add(path("name"), why);
        }
        if !names.insert(&schedule.name) {
            problems.add(path("name"), format!("`{}` is the name of another schedule already", schedule.name));
        }
        when(schedule, path, problems);
        if !known_kinds.contains(&schedule.job.as_str()) {
            problems
                .add(path("job"), format!("`{}` is no job kind; there are {}", schedule.job, known_kinds.join(", ")));
        }
        if let Some(cloud) = &schedule.cloud
            && !clouds.iter().any(|known| &known.name == cloud)
        {
            let known: Vec<&str> = clouds.iter().map(|cloud| cloud.name.as_str()).collect();
            problems.add(path("cloud"), format!("`{cloud}` is no configured cloud; there are {}", known.join(", ")));
        }
    }
}

/// Whether it is clear when the schedule runs.
fn when(schedule: &Schedule, path: impl Fn(&str) -> String, problems: &mut Problems) {
    match schedule.times() {
        Err(problem) => problems.add(path("cron"), problem),
        // Each look for it would search through all the years there are.
        Ok(Some(times)) if times.find_next_occurrence(&DateTime::UNIX_EPOCH, true).is_err() => {
            let cron = schedule.cron.as_deref().unwrap_or_default();
            problems.add(path("cron"), format!("`{cron}` names a day that never comes"));
        }
        Ok(_) => {}
    }
    if let Err(problem) = schedule.zone() {
        problems.add(path("timezone"), problem);
    }
    match (&schedule.cron, schedule.max_age) {
        (None, None) => {
            let why = "say when: `cron` (six fields), or for a pull how old what is known may become, `max_age`";
            problems.add(path("cron"), why);
        }
        (Some(_), Some(_)) => {
            problems.add(path("max_age"), "either `cron` says when, or the age to keep does; leave one of them out");
        }
        (None, Some(age)) => objective(schedule, age, path, problems),
        (Some(_), None) => {}
    }
}

fn objective(schedule: &Schedule, age: HumanDuration, path: impl Fn(&str) -> String, problems: &mut Problems) {
    if age < LEAST_MAX_AGE {
        problems.add(path("max_age"), format!("must be at least {LEAST_MAX_AGE}, not {age}"));
    }
    if schedule.timezone != utc() || schedule.jitter != no_jitter() {
        problems.add(path("max_age"), "has no use for `timezone` and `jitter`: it spreads looks by itself");
    }
}
