//! Reads the file and the environment; the only user of figment.
//!
//! Deserialising stops at the first mistake, so it is repeated: what is wrong is noted, taken out, and the rest is
//! read again, until all of it can be read. Only then are the sections asked what a type cannot say.

use std::fs;
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format, Toml};
use serde_json::Value;

use super::{Config, Problem, Problems, Secret};

/// Prefix of environment variables; sections and keys are separated by two underscores.
pub const PREFIX: &str = "TENANTD__";

/// More mistakes than this in one file are not a configuration.
const MOST_MISTAKES: usize = 100;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{path}: {message}")]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// What is wrong where.
        message: String,
    },
    /// The file is TOML, but not this configuration.
    #[error("{}", Listed(path, problems))]
    Problems {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        problems: Vec<Problem>,
    },
}

struct Listed<'a>(&'a Path, &'a [Problem]);

impl std::fmt::Display for Listed<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let many = if self.1.len() == 1 { "1 problem".to_owned() } else { format!("{} problems", self.1.len()) };
        write!(formatter, "{}: {many}", self.0.display())?;
        self.1.iter().try_for_each(|problem| write!(formatter, "\n  {problem}"))
    }
}

/// Reads `path` and the environment; `known_kinds` are the job kinds of this version.
///
/// # Errors
/// Says everything that is wrong at once.
pub fn load(path: &Path, known_kinds: &[&str]) -> Result<Config, LoadError> {
    let text = fs::read_to_string(path).map_err(|source| LoadError::File { path: path.to_owned(), source })?;
    read(path, &text, known_kinds)
}

/// Reads the text of a file as [`load`] does.
///
/// # Errors
/// Says everything that is wrong at once.
pub fn read(path: &Path, text: &str, known_kinds: &[&str]) -> Result<Config, LoadError> {
    if let Err(error) = text.parse::<toml::Table>() {
        return Err(LoadError::Syntax { path: path.to_owned(), message: place_of(text, &error) });
    }
    let figment = Figment::from(Toml::string(text)).merge(Env::prefixed(PREFIX).split("__").lowercase(true));
    let merged: Value =
        figment.extract().map_err(|error| LoadError::Syntax { path: path.to_owned(), message: error.to_string() })?;
    let mut problems = Problems::default();
    let mut config = read_all(merged, &mut problems);
    read_secret_files(&mut config, &mut problems);
    if let Some(folder) = &config.drift.declared {
        let folder = path.parent().map_or_else(|| folder.clone(), |beside| beside.join(folder));
        config.drift.declarations = super::declared::read(&folder, &mut problems);
    }
    config.validate(known_kinds, &mut problems);
    if problems.is_empty() {
        config.file = Some(path.to_owned());
        return Ok(config);
    }
    Err(LoadError::Problems { path: path.to_owned(), problems: problems.into_sorted() })
}

/// The configuration without what cannot be read, which is noted.
fn read_all(mut value: Value, problems: &mut Problems) -> Config {
    for _ in 0..MOST_MISTAKES {
        match serde_path_to_error::deserialize::<_, Config>(&value) {
            Ok(config) => return config,
            Err(error) => {
                let message = without_value(&error.inner().to_string());
                let mut segments: Vec<String> = error.path().iter().map(std::string::ToString::to_string).collect();
                segments.retain(|segment| segment != "?");
                if let Some(field) = unknown_field(&message)
                    && segments.last().is_none_or(|last| last != field)
                {
                    segments.push(field.to_owned());
                }
                problems.add(join(&segments), message);
                if !take_out(&mut value, &segments) {
                    return Config::default();
                }
            }
        }
    }
    Config::default()
}

/// Where a file is no TOML; the line itself may hold a password.
fn place_of(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let (line, column) =
        (before.matches('\n').count() + 1, before.chars().rev().take_while(|it| *it != '\n').count() + 1);
    format!("line {line}, column {column}: {}", error.message())
}

/// A complaint of serde without the text that it quotes, for that may be a secret.
fn without_value(message: &str) -> String {
    match (message.split_once("string \""), message.rfind("\", expected")) {
        (Some((before, _)), Some(end)) => format!("{before}a text{}", &message[end + 1..]),
        _ => message.to_owned(),
    }
}

fn unknown_field(message: &str) -> Option<&str> {
    message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next())
}

fn join(segments: &[String]) -> String {
    segments.iter().fold(String::new(), |mut path, segment| {
        if !path.is_empty() && !segment.starts_with('[') {
            path.push('.');
        }
        path.push_str(segment);
        path
    })
}

/// Takes the value at the path out of the document; whether something was taken out.
fn take_out(value: &mut Value, segments: &[String]) -> bool {
    let Some((last, parents)) = segments.split_last() else { return false };
    let index = |segment: &str| segment.trim_matches(['[', ']']).parse::<usize>().ok();
    let mut place = value;
    for segment in parents {
        let next = match place {
            Value::Array(items) => index(segment).and_then(|index| items.get_mut(index)),
            Value::Object(entries) => entries.get_mut(segment),
            _ => None,
        };
        match next {
            Some(next) => place = next,
            None => return false,
        }
    }
    match place {
        Value::Object(entries) => entries.remove(last).is_some(),
        Value::Array(items) => match index(last) {
            Some(index) if index < items.len() => {
                items.remove(index);
                true
            }
            _ => false,
        },
        _ => false,
    }
}

/// Puts the contents of `…_file` into the secrets that they stand for.
fn read_secret_files(config: &mut Config, problems: &mut Problems) {
    let database = &mut config.database;
    read_secret_file(&mut database.url, database.url_file.as_deref(), "database.url_file", problems);
    if let Some(broker) = &mut config.broker {
        read_secret_file(&mut broker.url, broker.url_file.as_deref(), "broker.url_file", problems);
    }
}

fn read_secret_file(secret: &mut Secret, file: Option<&Path>, path: &str, problems: &mut Problems) {
    let Some(file) = file else { return };
    match fs::read_to_string(file) {
        Ok(text) => *secret = Secret::new(text.trim()),
        Err(error) => problems.add(path, format!("{}: {error}", file.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [&str; 2] = ["pull_quotas", "pull"];

    fn problems(text: &str) -> Vec<String> {
        match read(Path::new("t.toml"), text, &KINDS) {
            Err(LoadError::Problems { problems, .. }) => problems.iter().map(ToString::to_string).collect(),
            other => panic!("expected problems, got {other:?}"),
        }
    }

    #[test]
    fn every_mistake_is_told_at_once_with_its_path() {
        let said = problems(
            r#"
            [database]
            url = "mysql://localhost"
            [broker]
            prefetch = "many"
            colour = "red"
            [[clouds]]
            name = "lab"
            request_timeout = "soon"
            [[schedules]]
            name = "quotas"
            cron = "*/10 * * * *"
            job = "pull_quotes"
            timezone = "Mars/Base"
            "#,
        );
        insta::assert_snapshot!(said.join("\n"));
    }

    #[test]
    fn a_missing_key_and_a_broken_neighbour_are_both_told() {
        let said = problems("[[clouds]]\nwrite = []\n[[schedules]]\nname = 'x'\ncron = '* * * * * *'\njob = 'nope'\n");
        assert_eq!(said[0], "clouds[0]: missing field `name`");
        assert_eq!(said[1], "schedules[0].job: `nope` is no job kind; there are pull_quotas, pull");
    }

    #[test]
    fn the_limits_of_a_cloud_fit_each_other() {
        let said = problems(
            "[[clouds]]\nname = 'lab'\nconcurrency = 2\nlimits = { least = 3, rate = 20000, pause = '10ms' }\n\
             [[clouds]]\nname = 'other'\nlimits = { least = 0 }\n[[clouds]]\nname = 'even'\nlimits = { least = 16 }\n",
        );
        let expected = [
            "clouds[0].limits.least: must be at most `concurrency`, which is 2",
            "clouds[0].limits.pause: must be at least 1s; with `failures = 0` there is none",
            "clouds[0].limits.rate: must be at most 10000; 0 is no ceiling",
            "clouds[1].limits.least: must be at least 1",
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn tasks_of_celery_lead_to_kinds_and_producers_are_users() {
        let said = problems(
            "[broker.celery]\ntasks = { 'a.b' = 'pull_quotes', c = 'pull' }\n[[broker.producers]]\nuser = ' '\nkinds = []\n",
        );
        let task = "broker.celery.tasks.\"a.b\": `pull_quotes` is no job kind; there are pull_quotas, pull";
        assert_eq!(said, [task, "broker.producers[0].user: must be the name of a user of the broker"]);
    }

    #[test]
    fn pruning_and_the_digest_are_built_in_and_can_be_replaced_or_switched_off() {
        let names = |text: &str| {
            let config = read(Path::new("t.toml"), text, &["digest", "prune", "pull"]).unwrap();
            config.timetable().iter().map(|it| format!("{} at {}", it.name, it.when())).collect::<Vec<_>>()
        };
        let (prune, digest) = ("prune at 0 20 3 * * * UTC", "digest at 0 0 6 * * * UTC");
        assert_eq!(names(""), [prune, digest]);
        let old = "[[schedules]]\nname = 'old'\ncron = '0 0 0 * * *'\njob = 'prune'\n";
        assert_eq!(names(old), ["old at 0 0 0 * * * UTC", digest]);
        let off = "[[schedules]]\nname = 'digest'\ncron = '0 0 6 * * *'\njob = 'digest'\nenabled = false\n";
        assert_eq!(names(off), [prune]);
        assert_eq!(
            names("[[schedules]]\nname = 'x'\ncron = '0 0 0 * * *'\njob = 'pull'\nenabled = false\n"),
            [prune, digest]
        );
        let said =
            problems("[retention]\njobs = '23h'\n[[schedules]]\nname = 'prune'\ncron = '0 0 0 * * *'\njob = 'pull'\n");
        assert!(said[0].contains("must be at least 1d: a message that is delivered again"), "{said:?}");
        assert!(said[1].contains("is the name of a built-in schedule"), "{said:?}");
        let said = problems("[[schedules]]\nname = 'x'\ncron = '0 0 0 30 2 *'\njob = 'pull'\n");
        assert_eq!(said, ["schedules[0].cron: `0 0 0 30 2 *` names a day that never comes"]);
    }

    #[test]
    fn a_schedule_has_times_or_an_age_to_keep() {
        let fine = "[[schedules]]\nname = 'x'\njob = 'pull'\nmax_age = '5m'\n";
        assert!(read(Path::new("t.toml"), fine, &KINDS).is_ok());
        let said = |keys: &str| problems(&format!("[[schedules]]\nname = 'x'\njob = 'pull'\n{keys}"));
        let neither = "schedules[0].cron: say when: `cron` (six fields), or for a pull how old what is known may become, \
                       `max_age`";
        assert_eq!(said(""), [neither]);
        let both = "schedules[0].max_age: either `cron` says when, or the age to keep does; leave one of them out";
        assert_eq!(said("cron = '0 0 0 * * *'\nmax_age = '5m'"), [both]);
        assert_eq!(said("max_age = '29s'"), ["schedules[0].max_age: must be at least 30s, not 29s"]);
        let idle = "schedules[0].max_age: has no use for `timezone` and `jitter`: it spreads looks by itself";
        assert_eq!(said("max_age = '5m'\njitter = '1s'"), [idle]);
        assert_eq!(said("max_age = '5m'\ntimezone = 'Europe/Berlin'"), [idle]);
    }

    #[test]
    fn secrets_are_never_shown() {
        let text = "[broker]\nurl = 'amqp://portal:hunter2@rabbit/'\n[database]\nurl = 'postgres://t:hunter2@db/t'\n";
        let config = read(Path::new("t.toml"), text, &KINDS).unwrap();
        let shown = toml::to_string(&config).unwrap() + &format!("{config:?}");
        assert!(!shown.contains("hunter2") && shown.contains("amqp://portal:<redacted>@rabbit/"), "{shown}");
    }

    /// Every option stands in the shipped file: active, or commented out with an example.
    #[test]
    fn the_shipped_file_is_valid_shows_every_option_and_has_the_defaults() {
        let text = include_str!("../../config/tenantd.toml");
        let kinds = crate_kinds();
        let config = read(Path::new("config/tenantd.toml"), text, &kinds).unwrap();
        let defaults = Config::default();
        assert_eq!((&config.database, &config.jobs), (&defaults.database, &defaults.jobs));
        assert_eq!((&config.retention, config.timetable().len()), (&defaults.retention, config.schedules.len() + 2));
        assert_eq!((&config.http, &config.telemetry), (&defaults.http, &defaults.telemetry));
        assert_eq!((&config.drift, config.broker), (&defaults.drift, Some(crate::config::Broker::default())));
        let schema = serde_json::to_value(schemars::schema_for!(Config)).unwrap();
        let definitions = schema["$defs"].as_object().unwrap().values();
        for (key, _) in definitions.chain([&schema]).filter_map(|it| it["properties"].as_object()).flatten() {
            assert!(text.contains(&format!("{key} = ")) || text.contains(&format!("{key}]")), "{key} is not shown");
        }
    }

    fn crate_kinds() -> Vec<&'static str> {
        vec!["pull_tenants", "pull_quotas", "pull_security_groups", "pull_floating_ips", "pull_server_groups"]
    }
}
