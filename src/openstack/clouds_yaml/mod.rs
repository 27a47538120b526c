//! Finds and merges `clouds.yaml` as every `OpenStack` client does, so that operators describe their clouds once.
//!
//! The first file of the search order wins; the `secure.yaml` beside it (or named by `OS_CLIENT_SECURE_FILE`) is laid
//! over it. The entry `envvars` comes from `OS_*` variables. Vendor profiles are not read.

mod document;
mod entry;
mod error;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use document::Node;
pub use error::ProfileError;

use super::profile::Profile;

/// The name of the entry that `OS_*` variables make.
pub const ENVVARS: &str = "envvars";
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// Where clouds are looked for.
#[derive(Clone, Default)]
pub struct Sources {
    /// `clouds.yaml` candidates in search order.
    pub files: Vec<PathBuf>,
    /// The `OS_*` variables.
    pub env: BTreeMap<String, String>,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names only: OS_PASSWORD is among the values.
        f.debug_struct("Sources").field("files", &self.files).field("env", &self.env.keys()).finish()
    }
}

impl Sources {
    /// The usual places of this process: the only reader of the environment.
    pub fn from_process() -> Self {
        let env: BTreeMap<_, _> = std::env::vars().filter(|(name, _)| name.starts_with("OS_")).collect();
        let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let config = folder("XDG_CONFIG_HOME").or_else(|| folder("HOME").map(|home| home.join(".config")));
        let mut folders = vec![PathBuf::from(".")];
        folders.extend(config.map(|config| config.join("openstack")));
        folders.push(PathBuf::from("/etc/openstack"));
        let named = env.get("OS_CLIENT_CONFIG_FILE").map(PathBuf::from);
        let usual = folders.iter().flat_map(|folder| candidates(folder, "clouds"));
        Self { files: named.into_iter().chain(usual).collect(), env }
    }
}

/// Reads `entry`, in `region` if one is given.
///
/// # Errors
/// [`ProfileError`], which says where it looked and which entries there are.
pub fn load(entry: &str, region: Option<&str>, sources: &Sources) -> Result<Profile, ProfileError> {
    let found = read(sources)?;
    let from_file = found.as_ref().and_then(|found| Some((found, found.clouds.get(entry)?)));
    if let Some((found, node)) = from_file {
        return entry::profile(entry, node, region, found.files.clone());
    }
    if entry == ENVVARS
        && let Some(node) = environment(sources)
    {
        return entry::profile(entry, &node, region, Vec::new());
    }
    match found {
        Some(found) => Err(ProfileError::NoEntry {
            entry: entry.to_owned(),
            file: found.files[0].clone(),
            known: names(&found.clouds, sources),
        }),
        None => Err(ProfileError::NoFile { entry: entry.to_owned(), looked: sources.files.clone() }),
    }
}

/// The names of all entries, sorted.
///
/// # Errors
/// When a file is there that cannot be read.
pub fn entries(sources: &Sources) -> Result<Vec<String>, ProfileError> {
    Ok(names(&read(sources)?.map_or(Node::Null, |found| found.clouds), sources))
}

struct Found {
    clouds: Node,
    files: Vec<PathBuf>,
}

fn names(clouds: &Node, sources: &Sources) -> Vec<String> {
    let mut names: Vec<_> = clouds.fields().map(|(name, _)| name.to_owned()).collect();
    if environment(sources).is_some() && !names.iter().any(|name| name == ENVVARS) {
        names.push(ENVVARS.to_owned());
    }
    names
}

fn read(sources: &Sources) -> Result<Option<Found>, ProfileError> {
    let Some(file) = sources.files.iter().find(|file| file.is_file()) else { return Ok(None) };
    let mut clouds = clouds_of(file)?;
    let mut files = vec![file.clone()];
    if let Some(secure) = secure_file(file, sources) {
        clouds.merge(clouds_of(&secure)?);
        files.push(secure);
    }
    Ok(Some(Found { clouds, files }))
}

fn secure_file(beside: &Path, sources: &Sources) -> Option<PathBuf> {
    if let Some(named) = sources.env.get("OS_CLIENT_SECURE_FILE") {
        return Some(PathBuf::from(named));
    }
    candidates(beside.parent()?, "secure").find(|file| file.is_file())
}

fn candidates(folder: &Path, stem: &str) -> impl Iterator<Item = PathBuf> {
    EXTENSIONS.iter().map(move |extension| folder.join(format!("{stem}.{extension}")))
}

fn clouds_of(file: &Path) -> Result<Node, ProfileError> {
    let text =
        std::fs::read_to_string(file).map_err(|source| ProfileError::Unreadable { file: file.to_owned(), source })?;
    let document =
        document::parse(&text).map_err(|reason| ProfileError::Malformed { file: file.to_owned(), reason })?;
    match document.get("clouds") {
        Some(clouds @ Node::Map(_)) => Ok(clouds.clone()),
        Some(Node::Null) => Ok(Node::Map(BTreeMap::new())),
        None if matches!(document, Node::Null | Node::Map(_)) => Ok(Node::Map(BTreeMap::new())),
        _ => Err(ProfileError::Malformed { file: file.to_owned(), reason: "`clouds` is not a map of entries".into() }),
    }
}

/// The entry that `OS_*` variables make, if they name a Keystone.
fn environment(sources: &Sources) -> Option<Node> {
    sources.env.get("OS_AUTH_URL")?;
    let fields = sources
        .env
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix("OS_")?.to_lowercase(), Node::Text(value.clone()))));
    Some(Node::Map(fields.collect()))
}
