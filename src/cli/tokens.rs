//! `tokens`: who may use the API.

use std::time::Duration;

use anyhow::bail;
use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use serde_json::json;

use super::arguments::{author, duration};
use super::output::{self, Columns, Row};
use super::records::Records;
use super::{DONE, usage};
use crate::model::ids::new_id;
use crate::model::token::{Grant, Role, Token};

/// Tokens.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make one; it is printed once, alone, and cannot be shown again
    Create(Create),
    /// All of them, without their secrets
    List,
    /// Take one back: it is refused from now on
    Revoke {
        /// The token's name.
        name: String,
    },
}

/// A token to make.
#[derive(Debug, Args)]
pub struct Create {
    /// viewer reads, operator also changes tenants, staff may do everything.
    #[arg(long)]
    role: Role,
    /// End it after so long without a use; default: it never ends.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    lifetime: Option<Duration>,
    /// What its holder is called in the records.
    name: String,
}

const COLUMNS: Columns = Columns {
    keys: &[
        "name",
        "role",
        "state",
        "created_at",
        "author",
        "last_used_at",
        "lifetime",
        "expires_at",
        "revoked_at",
        "id",
    ],
    headings: &["NAME", "ROLE", "STATE", "CREATED", "BY", "LAST USED", "EXPIRES"],
    none: "no tokens, so the API is off; make one with: tenantd tokens create --role viewer NAME",
};
/// The longest name.
const LONGEST: usize = 64;

impl Command {
    pub(super) async fn run(self, records: &Records) -> anyhow::Result<u8> {
        match self {
            Self::Create(create) => create.run(records).await,
            Self::List => {
                let now = records.now();
                let rows: Vec<Row> = records.store().tokens().await?.iter().map(|grant| row(grant, now)).collect();
                output::list(records.output, COLUMNS, &rows)?;
                Ok(DONE)
            }
            Self::Revoke { name } => revoke(records, &name).await,
        }
    }
}

impl Create {
    async fn run(self, records: &Records) -> anyhow::Result<u8> {
        let fits = (1..=LONGEST).contains(&self.name.chars().count());
        if !fits || self.name.chars().any(char::is_control) || self.name.trim() != self.name {
            return Err(usage(format!("a token's name has 1 to {LONGEST} characters and no space at its ends")));
        }
        let lifetime = match self.lifetime {
            Some(Duration::ZERO) => return Err(usage("--lifetime must be longer than nothing")),
            Some(lifetime) => Some(chrono::Duration::from_std(lifetime)?),
            None => None,
        };
        let now = records.now();
        let token = Token::new(new_id(now));
        let grant = Grant {
            id: token.id,
            name: self.name,
            role: self.role,
            verifier: token.verifier(),
            lifetime,
            expires_at: lifetime.and_then(|it| now.checked_add_signed(it)),
            author: author(),
            created_at: now,
            last_used_at: None,
            revoked_at: None,
        };
        let mut tx = records.store().begin().await?;
        if !tx.add_token(&grant).await? {
            bail!("there is a token `{}` already; `tenantd tokens revoke {}` takes it back", grant.name, grant.name);
        }
        tx.commit().await?;
        output::line(&token.reveal())?;
        output::note(&format!("`{}` may be used as {} now; it is not shown again", grant.name, grant.role));
        Ok(DONE)
    }
}

async fn revoke(records: &Records, name: &str) -> anyhow::Result<u8> {
    let mut tx = records.store().begin().await?;
    if !tx.revoke_token(name, records.now()).await? {
        bail!("no token `{name}` can be used; `tenantd tokens list` shows all");
    }
    tx.commit().await?;
    output::note(&format!("`{name}` is refused from now on"));
    Ok(DONE)
}

fn row(grant: &Grant, now: DateTime<Utc>) -> Row {
    let state = match grant.revoked_at {
        Some(_) => "revoked",
        None if grant.is_expired(now) => "expired",
        None => "usable",
    };
    let mut json = json!(grant);
    json["state"] = json!(state);
    Row {
        json,
        cells: vec![
            grant.name.clone(),
            grant.role.to_string(),
            state.to_owned(),
            output::when(Some(grant.created_at), now),
            grant.author.clone(),
            output::when(grant.last_used_at, now),
            output::when(grant.expires_at, now),
        ],
    }
}
