//! The direction of dependencies and the size of files, read from the source.
#![expect(clippy::unwrap_used, reason = "these are tests; the lint only sees the functions marked so")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The longest that a file may be, its tests not counted.
const LONGEST: usize = 450;

/// What each part of the crate may use of the others, as `part` or `part::module`. Who may use everything is missing.
const MAY_USE: [(&str, &[&str]); 15] = [
    ("model", &[]),
    ("drift", &["model"]),
    ("clock", &[]),
    ("retry", &[]),
    ("lifecycle", &[]),
    ("telemetry", &["config", "model"]),
    ("telemetry::metrics", &["model", "telemetry::metrics"]),
    ("store", &["drift", "model", "retry"]),
    ("openstack", &["clock", "retry", "telemetry::metrics"]),
    ("jobs", &["clock", "drift", "model", "openstack", "retry", "store", "telemetry"]),
    ("config", &[]),
    ("portal", &[]),
    ("simulator", &[]),
    ("intake", &["config", "jobs", "lifecycle", "model", "retry", "store", "telemetry"]),
    (
        "http",
        &[
            "clock",
            "config",
            "drift",
            "intake",
            "jobs",
            "lifecycle",
            "model",
            "openstack",
            "retry",
            "store",
            "telemetry",
        ],
    ),
];

/// A file of the crate: where it is, the part that it belongs to, and what it says before its tests.
struct Source {
    path: PathBuf,
    part: String,
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut sources) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let relative = path.strip_prefix(&root).unwrap();
                let part = match relative.strip_prefix("telemetry/metrics") {
                    Ok(_) => "telemetry::metrics".to_owned(),
                    Err(_) => relative.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned(),
                };
                let whole = fs::read_to_string(&path).unwrap();
                let text = whole.split("#[cfg(test)]").next().unwrap().to_owned();
                sources.push(Source { path, part, text });
            }
        }
    }
    assert!(sources.len() > 100, "the source was found");
    sources
}

impl Source {
    /// Paths that begin with the crate, one per line of code; a list of names counts as what it begins with.
    fn uses(&self) -> BTreeSet<String> {
        let code = self.text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let mut uses = BTreeSet::new();
        for line in code {
            for (at, _) in line.match_indices("crate::") {
                if line[..at].ends_with('$') {
                    continue;
                }
                let rest = &line[at + "crate::".len()..];
                if let Some(names) = rest.strip_prefix('{') {
                    uses.extend(names.split(',').map(|name| path(name.trim())));
                } else {
                    uses.insert(path(rest));
                }
            }
        }
        uses.retain(|used| !used.is_empty() && used.split("::").next() != Some(self.part.as_str()));
        uses
    }
}

/// As much of a text as is a path.
fn path(text: &str) -> String {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').unwrap_or(text.len());
    text[..end].trim_end_matches(':').to_owned()
}

fn allowed(part: &str, used: &str) -> bool {
    let Some((_, may)) = MAY_USE.iter().find(|(name, _)| *name == part) else {
        return match used.split("::").next() {
            // The composition root is for those who start things, the commands for the binary alone.
            Some("app") => matches!(part, "cli" | "main"),
            Some("cli") => part == "main",
            _ => matches!(part, "app" | "cli" | "main" | "lib"),
        };
    };
    may.iter().any(|may| used == *may || used.strip_prefix(may).is_some_and(|rest| rest.starts_with("::")))
}

#[test]
fn dependencies_point_one_way() {
    let forbidden: Vec<String> = sources()
        .iter()
        .flat_map(|source| {
            let wrong = source.uses().into_iter().filter(|used| !allowed(&source.part, used));
            wrong.map(|used| format!("{} uses {used}", source.path.display())).collect::<Vec<_>>()
        })
        .collect();
    assert!(forbidden.is_empty(), "against the direction of dependencies:\n{}", forbidden.join("\n"));
}

#[test]
fn files_are_short() {
    let long = sources().into_iter().filter(|source| source.text.lines().count() > LONGEST);
    let long: Vec<PathBuf> = long.map(|source| source.path).collect();
    assert!(long.is_empty(), "longer than {LONGEST} lines: {long:?}");
}

#[test]
fn no_lint_is_switched_off_without_saying_why() {
    // The words that this test looks for: they switch nothing off here.
    let unsaid = ["#[allow(", "#![allow("];
    let silent = sources().into_iter().filter(|source| unsaid.iter().any(|lint| source.text.contains(lint)));
    let silent: Vec<PathBuf> = silent.map(|source| source.path).collect();
    assert!(silent.is_empty(), "use #[expect(…, reason)] in {silent:?}");
}

#[test]
fn the_check_sees_what_it_forbids() {
    let source = |part: &str, text: &str| Source { path: PathBuf::new(), part: part.into(), text: text.into() };
    let wrong = |part: &str, text: &str| source(part, text).uses().iter().any(|used| !allowed(part, used));
    assert!(wrong("model", "use crate::store::Store;"));
    assert!(wrong("drift", "fn f(it: crate::jobs::Call) {}"));
    assert!(wrong("jobs", "use crate::{model::Tenant, intake};"));
    assert!(wrong("openstack", "use crate::telemetry::traces;"));
    assert!(wrong("http", "use crate::app::run;"));
    assert!(wrong("telemetry::metrics", "use crate::telemetry::traces;"));
    assert!(!wrong("openstack", "use crate::telemetry::metrics;\n// crate::app"));
    assert!(!wrong("store", "use crate::store::{Tx, read};"));
}

/// Every test that `docs/guarantees.md` names exists.
#[test]
fn guarantees_name_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/guarantees.md")).unwrap();
    let named: Vec<(&str, &str)> = page
        .split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|name| name.split_once("::"))
        .filter(|(file, _)| file.contains(".rs"))
        .collect();
    assert!(named.len() > 25, "{named:?}");
    for (file, test) in named {
        let text =
            ["tests/it", "src"].iter().find_map(|folder| std::fs::read_to_string(root.join(folder).join(file)).ok());
        let text = text.unwrap_or_else(|| panic!("{file} does not exist"));
        assert!(text.contains(&format!("fn {test}(")), "{file} has no test {test}");
    }
}
