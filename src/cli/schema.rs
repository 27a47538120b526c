//! What others build on: schemas, completions, and the database's own schema.

use std::io;
use std::path::Path;

use anyhow::Context as _;
use clap::{CommandFactory, Subcommand};

use super::{Cli, DONE, output};
use crate::app::build;
use crate::intake::envelope::schema;
use crate::store::{Store, schema_version};

/// JSON schemas.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum Command {
    /// Of a job message, with the parameters of every kind
    Job,
}

impl Command {
    pub(super) fn run(self) -> anyhow::Result<u8> {
        match self {
            Self::Job => output::json(&schema::job())?,
        }
        Ok(DONE)
    }
}

/// Prints completions.
pub(super) fn completions(shell: clap_complete::Shell) -> anyhow::Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "tenantd", &mut script);
    output::line(String::from_utf8(script).map_err(io::Error::other)?.trim_end())?;
    Ok(DONE)
}

/// Prints the man page, or writes one for each command.
pub(super) fn man(folder: Option<&Path>) -> anyhow::Result<u8> {
    if let Some(folder) = folder {
        std::fs::create_dir_all(folder)
            .and_then(|()| clap_mangen::generate_to(Cli::command(), folder))
            .with_context(|| folder.display().to_string())?;
        return Ok(DONE);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page)?;
    output::line(String::from_utf8(page).map_err(io::Error::other)?.trim_end())?;
    Ok(DONE)
}

/// Brings the database to this version.
pub(super) async fn migrate(path: &Path) -> anyhow::Result<u8> {
    let config = build::load_config(path)?;
    let store = Store::open(config.database.url.expose(), config.database.connections).await?;
    if let Some(copy) = store.migrate().await? {
        output::note(&format!("the records as they were are in {}", copy.display()));
    }
    output::line(&format!("the {} database has schema version {}", store.engine(), schema_version()))?;
    store.close().await;
    Ok(DONE)
}
