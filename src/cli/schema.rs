//! What others build on: schemas, completions, and the database's own schema.

use std::io;
use std::path::Path;

use anyhow::Context as _;
use clap::{CommandFactory, Subcommand};
use serde_json::{Map, Value, json};

use super::{Cli, DONE, output};
use crate::app::build;
use crate::intake::envelope::NativeJob;
use crate::jobs;
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
            Self::Job => output::json(&job())?,
        }
        Ok(DONE)
    }
}

/// The schema of a job message: the kinds of this version, and for each kind the schema of its parameters.
fn job() -> Value {
    let mut schema = Value::from(schemars::schema_for!(NativeJob));
    schema["title"] = json!("tenantd job");
    let kinds = jobs::KINDS.iter().map(|kind| json!({ "const": kind.name, "description": kind.about }));
    schema["properties"]["kind"]["enum"] = json!(jobs::kind_names());
    schema["properties"]["kind"]["oneOf"] = kinds.collect();
    let mut definitions = schema.get("$defs").and_then(Value::as_object).cloned().unwrap_or_default();
    schema["allOf"] = jobs::KINDS.iter().map(|kind| params_of(kind, &mut definitions)).collect();
    schema["$defs"] = Value::Object(definitions);
    schema
}

/// "If the kind is this one, the parameters are those." What the parameters refer to moves up to the document.
fn params_of(kind: &jobs::Kind, definitions: &mut Map<String, Value>) -> Value {
    let mut params = Value::from((kind.schema)());
    if let Some(params) = params.as_object_mut() {
        params.remove("$schema");
        if let Some(Value::Object(own)) = params.remove("$defs") {
            definitions.extend(own);
        }
    }
    definitions.insert(format!("params of {}", kind.name), params);
    json!({
        "if": { "properties": { "kind": { "const": kind.name } } },
        "then": { "properties": { "params": { "$ref": format!("#/$defs/params%20of%20{}", kind.name) } } },
    })
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
