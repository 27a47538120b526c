//! The folder that `drift.declared` names: what the operator says that tenants have, in files that are kept in git.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Problems;
use super::drift::Mode;
use super::policies::{Bounds, Whom};

/// One file: a list of entries. Files count in the order of their names, and so do entries: the later one is stronger.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// The entries.
    #[serde(default)]
    pub expect: Vec<Entry>,
}

/// What is expected of some tenants.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Entry {
    /// Only these tenants; left out: all.
    pub only: Whom,
    /// None of these.
    pub except: Whom,
    /// Whether it gives way to what a portal commanded.
    pub default: bool,
    /// Limits by the quota's name: a number, or "unlimited".
    pub limits: BTreeMap<String, Value>,
    /// Security groups that must be there, by name, with rules that they must have.
    pub groups: BTreeMap<String, Group>,
    /// What no rule may let through.
    pub forbid: Vec<Forbid>,
    /// How many objects there may be, by resource type.
    pub counts: BTreeMap<String, Bounds>,
    /// What a difference means, by resource type.
    pub mode: BTreeMap<String, Mode>,
}

/// A security group that must be there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Group {
    /// Rules, as in the parameters of `push_security_groups`.
    pub require: Vec<Value>,
}

/// Packets that no rule may let through; what is left out is any.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Forbid {
    /// Names of groups, in which `*` stands for any text; left out: every group.
    pub groups: Vec<String>,
    /// `ingress` (the default) or `egress`.
    pub direction: Option<String>,
    /// `IPv4` or `IPv6`.
    pub ethertype: Option<String>,
    /// A protocol by its name.
    pub protocol: Option<String>,
    /// A port of TCP or UDP.
    pub port: Option<u16>,
    /// Whether only rules count whose other side is anybody.
    pub anywhere: bool,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct File {
    /// Its name.
    pub name: String,
    /// When it was changed.
    pub changed_at: SystemTime,
    /// What it says.
    pub entries: Vec<Entry>,
}

/// Reads the folder's `*.toml`, `*.yaml` and `*.yml`, sorted by name; what is wrong is noted under the file's name.
pub(super) fn read(folder: &Path, problems: &mut Problems) -> Vec<File> {
    let listed = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut paths: Vec<PathBuf> = match listed {
        Ok(entries) => entries.into_iter().map(|entry| entry.path()).filter(|path| is_ours(path)).collect(),
        Err(error) => {
            problems.add("drift.declared", format!("{}: {error}", folder.display()));
            return Vec::new();
        }
    };
    paths.sort();
    paths.iter().filter_map(|path| read_file(path, problems)).collect()
}

fn is_ours(path: &Path) -> bool {
    let ending = path.extension().and_then(|it| it.to_str());
    let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    !is_hidden && matches!(ending, Some("toml" | "yaml" | "yml"))
}

fn read_file(path: &Path, problems: &mut Problems) -> Option<File> {
    let read = || -> Result<File, String> {
        let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
        let changed_at = fs::metadata(path).and_then(|it| it.modified()).map_err(|error| error.to_string())?;
        let written: Written = if path.extension().is_some_and(|it| it == "toml") {
            toml::from_str(&text).map_err(|error| error.to_string().trim().replace('\n', " "))?
        } else {
            let options = serde_saphyr::options! { with_snippet: false };
            serde_saphyr::from_str_with_options(&text, options).map_err(|error| error.to_string())?
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(File { name, changed_at, entries: written.expect })
    };
    read().map_err(|why| problems.add("drift.declared", format!("{}: {why}", path.display()))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_in_the_order_of_their_names_and_mistakes_are_told_by_file() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("20-some.yaml", "expect:\n  - only: {domains: [customers]}\n    limits: {vcpu: 40}\n");
        write("10-all.toml", "[[expect]]\nlimits = { vcpu = 10 }\n");
        write(".hidden.toml", "nonsense");
        write("README.md", "nonsense");
        let mut problems = Problems::default();
        let files = read(folder.path(), &mut problems);
        let told: Vec<(&str, &Value)> =
            files.iter().map(|file| (file.name.as_str(), &file.entries[0].limits["vcpu"])).collect();
        assert_eq!(told, [("10-all.toml", &Value::from(10)), ("20-some.yaml", &Value::from(40))]);
        assert!(problems.is_empty());
        write("30-wrong.toml", "[[expect]]\nlimit = {}\n");
        write("40-wrong.yml", "expect: [{limits: 3}]\n");
        assert_eq!(read(folder.path(), &mut problems).len(), 2);
        let told: Vec<String> = problems.into_sorted().iter().map(ToString::to_string).collect();
        assert!(told[0].contains("30-wrong.toml: ") && told[0].contains("unknown field `limit`"), "{told:#?}");
        assert!(told[1].contains("40-wrong.yml: "), "{told:#?}");
        assert_eq!(told.len(), 2);
    }
}
