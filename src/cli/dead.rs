//! `dead`: what nobody could do, and giving it another life.

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use uuid::Uuid;

use super::arguments::{Moment, count};
use super::output::{self, Columns, Row};
use super::records::{Id, Records};
use super::{DONE, FAILED, explain, usage};
use crate::intake::envelope::{self, Properties, Terms};
use crate::model::ids::new_id;
use crate::model::job::{PRIORITY_PERSON, Request};
use crate::store::dead_letters::DeadLetter;

/// Dead letters.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Those that nobody has requeued, the newest first
    List {
        /// That died of this.
        #[arg(long)]
        reason: Option<String>,
        /// Of this job kind.
        #[arg(long)]
        kind: Option<String>,
        /// At most so many.
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u32,
    },
    /// One, with its message
    Show {
        /// The dead letter's id.
        id: Id,
    },
    /// Make each a new job
    Requeue(Requeue),
    /// Forget them
    Purge {
        /// Only those that died of this.
        #[arg(long)]
        reason: Option<String>,
        /// Only those that died before: a time, or an age such as 30d.
        #[arg(long, value_name = "TIME")]
        before: Option<Moment>,
    },
}

/// Which ones to repeat.
#[derive(Debug, Args)]
pub struct Requeue {
    /// The dead letters' ids.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    ids: Vec<Id>,
    /// Every one that was not requeued yet; what its producer may not ask for only with its --reason.
    #[arg(long)]
    all: bool,
    /// With --all: only those that died of this.
    #[arg(long, requires = "all")]
    reason: Option<String>,
}

const COLUMNS: Columns = Columns {
    keys: &["id", "kind", "tenant", "reason", "error", "attempts", "died_at", "job", "requeued_as"],
    headings: &["DIED", "KIND", "TENANT", "REASON", "TRIES", "ERROR", "ID"],
    none: "no dead letters",
};
const SHOWN: Columns = Columns {
    keys: &[
        "id",
        "kind",
        "tenant",
        "reason",
        "error",
        "attempts",
        "died_at",
        "job",
        "requeued_as",
        "content_type",
        "headers",
        "body",
    ],
    ..COLUMNS
};
const REQUEUED: Columns =
    Columns { keys: &["id", "job"], headings: &["DEAD LETTER ID", "JOB ID"], none: "nothing to requeue" };
const NOT_PERMITTED: &str = "not_permitted";
const MOST: i64 = 100_000;

impl Command {
    pub(super) async fn run(self, records: &Records) -> anyhow::Result<u8> {
        let now = records.now();
        match self {
            Self::List { reason, kind, limit } => {
                let letters = records.store().dead_letters(reason.as_deref(), kind.as_deref(), limit.into()).await?;
                let rows: Vec<Row> = letters.iter().map(|letter| row(letter, now)).collect();
                output::list(records.output, COLUMNS, &rows)?;
            }
            Self::Show { id } => show(records, &find(records, &id).await?, now)?,
            Self::Requeue(requeue) => return requeue.run(records).await,
            Self::Purge { reason, before } => {
                let before = before.map_or(now, |moment| moment.at(now));
                let mut tx = records.store().begin().await?;
                let purged = tx.purge_dead_letters(reason.as_deref(), before).await?;
                tx.commit().await?;
                output::note(&format!("{} forgotten", count(usize::try_from(purged)?, "dead letter")));
            }
        }
        Ok(DONE)
    }
}

async fn find(records: &Records, id: &Id) -> anyhow::Result<DeadLetter> {
    let store = records.store();
    let known = async { Ok(store.dead_letters(None, None, MOST).await?.iter().map(|it| it.id).collect()) };
    let letter = match id.whole(known).await? {
        Some(whole) => store.dead_letter(whole).await?,
        None => None,
    };
    letter.ok_or_else(|| anyhow::anyhow!("no dead letter {id}; `tenantd dead list` shows those there are"))
}

fn row(letter: &DeadLetter, now: DateTime<Utc>) -> Row {
    let body = String::from_utf8_lossy(&letter.body);
    let dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    Row {
        json: json!({
            "id": letter.id, "kind": letter.kind, "tenant": letter.tenant, "reason": letter.reason,
            "error": letter.error, "attempts": letter.attempts, "died_at": letter.died_at, "job": letter.job,
            "requeued_as": letter.requeued_as, "content_type": letter.content_type, "headers": letter.headers,
            "body": serde_json::from_str::<Value>(&body).unwrap_or_else(|_| json!(body)),
        }),
        cells: vec![
            output::when(Some(letter.died_at), now),
            dash(&letter.kind),
            dash(&letter.tenant),
            letter.reason.clone(),
            letter.attempts.to_string(),
            letter.error.clone(),
            letter.id.to_string(),
        ],
    }
}

fn show(records: &Records, letter: &DeadLetter, now: DateTime<Utc>) -> anyhow::Result<()> {
    let row = row(letter, now);
    let body = match &row.json["body"] {
        Value::String(text) => text.clone(),
        body => serde_json::to_string_pretty(body)?,
    };
    let headers = letter.headers.as_ref().map(ToString::to_string).unwrap_or_default();
    let id = |id: Option<Uuid>| id.map(|it| it.to_string()).unwrap_or_default();
    let fields = [
        ("id", letter.id.to_string()),
        ("kind", row.cells[1].clone()),
        ("tenant", row.cells[2].clone()),
        ("reason", letter.reason.clone()),
        ("error", letter.error.clone()),
        ("attempts", letter.attempts.to_string()),
        ("died", output::moment(Some(letter.died_at), now)),
        ("job", id(letter.job)),
        ("requeued as", id(letter.requeued_as)),
        ("type", letter.content_type.clone()),
        ("headers", headers),
        ("message", body),
    ];
    output::show(records.output, SHOWN, &row, &fields)?;
    Ok(())
}

impl Requeue {
    async fn run(self, records: &Records) -> anyhow::Result<u8> {
        let mut letters = Vec::new();
        for id in &self.ids {
            letters.push(find(records, id).await?);
        }
        if self.all {
            letters = records.store().dead_letters(self.reason.as_deref(), None, MOST).await?;
            if self.reason.is_none() {
                // What a producer may not ask for is not let through in passing.
                letters.retain(|letter| letter.reason != NOT_PERMITTED);
            }
        }
        let (mut rows, mut refused) = (Vec::new(), 0);
        for letter in &letters {
            match again(records, letter).await {
                Ok(job) => rows.push(Row {
                    json: json!({ "id": letter.id, "job": job }),
                    cells: vec![letter.id.to_string(), job.to_string()],
                }),
                Err(error) => {
                    refused += 1;
                    output::note(&format!("tenantd: dead letter {}: {}", letter.id, explain(&error)));
                }
            }
        }
        output::list(records.output, REQUEUED, &rows)?;
        Ok(if refused > 0 { FAILED } else { DONE })
    }
}

/// A new job that does what the dead one should have done.
async fn again(records: &Records, letter: &DeadLetter) -> anyhow::Result<Uuid> {
    if let Some(job) = letter.requeued_as {
        return Err(usage(format!("was requeued already, as job {job}")));
    }
    let now = records.now();
    let properties = Properties {
        content_type: Some(letter.content_type.clone()),
        // What writes needs an id, and whoever requeues it wants it done anew.
        message_id: Some(letter.id.to_string()),
        headers: letter.headers.clone().and_then(|headers| headers.as_object().cloned()).unwrap_or_default(),
        ..Properties::default()
    };
    let broker = records.config.broker.clone().unwrap_or_default();
    // Whoever may requeue may also ask for writes.
    let terms = Terms { producers: &[], ..Terms::of(&broker, records.config.jobs.attempts) };
    let asked = envelope::decode(&properties, &letter.body, terms, now)
        .map_err(|refusal| anyhow::anyhow!("its message cannot be a job ({}): {}", refusal.reason, refusal.error))?;
    let deadline = asked.deadline.filter(|deadline| *deadline > now);
    if asked.deadline.is_some() && deadline.is_none() {
        output::note(&format!("dead letter {}: its deadline has passed and is left out", letter.id));
    }
    let id = new_id(now);
    let request = Request {
        id,
        source: "cli".to_owned(),
        priority: PRIORITY_PERSON,
        attempt: 0,
        reply: None,
        deadline,
        retry_of: letter.job.or(Some(asked.id)),
        ..asked
    };
    let mut tx = records.store().begin().await?;
    tx.insert_job(&request, None).await?;
    if !tx.dead_letter_requeued(letter.id, id).await? {
        return Err(usage("was requeued by someone else just now"));
    }
    tx.commit().await?;
    Ok(id)
}
