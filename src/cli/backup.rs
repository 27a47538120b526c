//! `backup`: a copy of the records while the daemon goes on.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;

use super::{DONE, output};
use crate::app::build;
use crate::store::Store;

/// A copy of the records.
#[derive(Debug, Args)]
pub struct Backup {
    /// The file to write; it must not exist.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl Backup {
    pub(super) async fn run(self, path: &Path) -> anyhow::Result<u8> {
        let config = build::load_config(path)?;
        let url = config.database.url.expose();
        if let Some(command) = dump_command(url, &self.file) {
            bail!(
                "the records are in PostgreSQL, which has a tool of its own for that, also beside a running daemon: {command}"
            );
        }
        // Whatever its schema: a copy is wanted most before a change of it.
        let store = Store::open_existing(url).await?;
        let bytes = store.backup(&self.file).await.context("no backup was made")?;
        store.close().await;
        output::note(&format!("{} written and checked, {} KiB", self.file.display(), bytes / 1024));
        Ok(DONE)
    }
}

/// How PostgreSQL's own tool makes the copy: the password comes from `PGPASSWORD`, `~/.pgpass` or a prompt.
fn dump_command(url: &str, file: &Path) -> Option<String> {
    let mut url = url::Url::parse(url).ok().filter(|url| url.scheme().starts_with("postgres"))?;
    // A URL that holds a host and a user takes any password, also none.
    let _ = url.set_password(None);
    let secret = |key: &str| matches!(key, "password" | "sslpassword");
    if url.query_pairs().any(|(key, _)| secret(&key)) {
        let kept: Vec<(String, String)> =
            url.query_pairs().filter(|(key, _)| !secret(key)).map(|(key, value)| (key.into(), value.into())).collect();
        url.query_pairs_mut().clear().extend_pairs(kept);
    }
    Some(format!("pg_dump --format=custom --file='{}' '{url}'", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_of_postgresql_names_the_database_and_no_password() {
        let said = |url| dump_command(url, Path::new("/backup/t.dump"));
        let plain = "pg_dump --format=custom --file='/backup/t.dump' 'postgres://tenantd@db:5433/records'";
        assert_eq!(said("postgres://tenantd:hunter2@db:5433/records").as_deref(), Some(plain));
        let by_query = said("postgresql://db/records?user=t&password=hunter2&sslmode=require").unwrap();
        assert!(!by_query.contains("hunter2") && by_query.contains("sslmode=require"), "{by_query}");
        assert_eq!(said("sqlite:///var/lib/tenantd/tenantd.db"), None);
    }
}
