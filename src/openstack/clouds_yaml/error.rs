//! Why an entry cannot be used; each message says where it looked or which key to set.

use std::path::PathBuf;

/// What is wrong with `clouds.yaml` or one of its entries. No message quotes a file: it may hold secrets.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// There is no file at all.
    #[error("no clouds.yaml for entry `{entry}`; looked for {}", list(.looked.iter().map(|file| file.display())))]
    NoFile {
        /// The entry that was wanted.
        entry: String,
        /// Where it was looked for, in order.
        looked: Vec<PathBuf>,
    },
    /// The file has no such entry.
    #[error("{} has no entry `{entry}`; it has: {}", .file.display(), list(.known.iter()))]
    NoEntry {
        /// The entry that was wanted.
        entry: String,
        /// The file that was read.
        file: PathBuf,
        /// The entries that there are.
        known: Vec<String>,
    },
    /// A file is there and cannot be read.
    #[error("{} cannot be read: {source}", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{}: {reason}", .file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// What is wrong, by line and column.
        reason: String,
    },
    /// A key is missing.
    #[error("entry `{entry}` of clouds.yaml has no {key}")]
    Missing {
        /// The entry.
        entry: String,
        /// What to add.
        key: &'static str,
    },
    /// A key has a value that cannot be used.
    #[error("entry `{entry}` of clouds.yaml: {key} {problem}")]
    Invalid {
        /// The entry.
        entry: String,
        /// The key.
        key: &'static str,
        /// What is wrong and what is possible.
        problem: String,
    },
}

fn list(items: impl Iterator<Item = impl ToString>) -> String {
    let items: Vec<_> = items.map(|item| item.to_string()).collect();
    if items.is_empty() { "nothing".to_owned() } else { items.join(", ") }
}
