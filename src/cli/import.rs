//! `tenants import`: takes over what a portal says of its tenants, and looks for those that are not recorded yet.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use secrecy::SecretString;
use serde_json::json;

use super::output::{self, Columns, Format, Row};
use super::records::known_cloud;
use super::{DONE, FAILED};
use crate::app::build;
use crate::jobs::context::Context;
use crate::jobs::resolve;
use crate::model::Tenant;
use crate::portal::{Portal, Said};
use crate::store::directory;

/// A portal to ask.
#[derive(Debug, Args)]
pub struct Import {
    /// Where Waldur's API is, as `https://waldur.example.org`.
    #[arg(long, value_name = "URL")]
    waldur: String,
    /// A file with a token of it that may see every tenant.
    #[arg(long, value_name = "FILE")]
    token_file: PathBuf,
    /// The cloud of its tenants, where the project's id alone does not tell.
    #[arg(long)]
    cloud: Option<String>,
}

const COLUMNS: Columns = Columns {
    keys: &["uuid", "cloud", "backend_id", "name", "customer_name", "project_name", "imported", "why"],
    headings: &["CLOUD", "NAME", "CUSTOMER", "PROJECT", "IMPORTED", "PROJECT ID"],
    none: "the portal has no tenants, or its token sees none",
};

impl Import {
    pub(super) async fn run(self, path: &Path, format: Format) -> anyhow::Result<u8> {
        let config = build::load_config(path)?;
        known_cloud(&config, self.cloud.as_deref())?;
        let token = std::fs::read_to_string(&self.token_file);
        let token = SecretString::from(token.with_context(|| self.token_file.display().to_string())?);
        let said = Portal::new(&self.waldur, &token)?.tenants().await?;
        let context = build::context(&config).await?;
        let (mut rows, mut missed) = (Vec::new(), 0);
        for said in &said {
            let imported = import(&context, said, self.cloud.as_deref()).await;
            missed += usize::from(imported.is_err());
            rows.push(row(said, imported));
        }
        output::list(format, COLUMNS, &rows)?;
        context.store().close().await;
        if missed > 0 {
            output::note(&format!("{missed} of {} were not imported; `--output json` says why", said.len()));
        }
        Ok(if missed > 0 && missed == said.len() { FAILED } else { DONE })
    }
}

/// Takes over what is said of one tenant; one that is not recorded is looked for in its cloud.
async fn import(context: &Context, said: &Said, cloud: Option<&str>) -> anyhow::Result<Tenant> {
    let Some(project) = said.backend_id.as_deref().filter(|id| !id.is_empty()) else {
        anyhow::bail!("it has no project in a cloud yet");
    };
    let known = context.store().tenants_by_backend_id(project, cloud).await?;
    let tenant = resolve::tenant(context, &context.live(), (project, known), cloud).await?;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let portal = directory::Portal {
        service_settings: said.service_settings_uuid,
        service_settings_name: text(&said.service_name),
        customer: said.customer_uuid,
        customer_name: text(&said.customer_name),
        customer_native_name: text(&said.customer_native_name),
        customer_abbreviation: text(&said.customer_abbreviation),
        project: said.project_uuid,
        project_name: text(&said.project_name),
        marketplace: said.marketplace(),
        imported_at: context.clock().now(),
    };
    let mut tx = context.store().begin().await?;
    tx.save_portal(tenant.uuid, &portal).await?;
    tx.commit().await?;
    Ok(tenant)
}

fn row(said: &Said, imported: anyhow::Result<Tenant>) -> Row {
    let why = imported.as_ref().err().map(super::explain);
    let tenant = imported.ok();
    let (customer, project) = (said.customer_name.clone(), said.project_name.clone());
    let cloud = tenant.as_ref().map(|it| it.cloud.clone());
    Row {
        json: json!({
            "uuid": tenant.as_ref().map(|it| it.uuid), "cloud": cloud, "backend_id": said.backend_id,
            "name": said.name, "customer_name": customer, "project_name": project,
            "imported": why.is_none(), "why": why,
        }),
        cells: vec![
            cloud.unwrap_or_else(|| "-".to_owned()),
            said.name.clone(),
            customer.unwrap_or_default(),
            project.unwrap_or_default(),
            why.map_or_else(|| "yes".to_owned(), |why| format!("no: {why}")),
            said.backend_id.clone().unwrap_or_default(),
        ],
    }
}
