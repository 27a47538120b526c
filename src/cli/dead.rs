//! `dead`: what nobody could do, and giving it another life.

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use uuid::Uuid;

use super::arguments::count;
use super::moment::Moment;
use super::output::{self, Columns, Row};
use super::records::{Id, Records, candidates};
use super::{DONE, FAILED, explain, usage};
use crate::intake::envelope::{self, Properties, Terms};
use crate::model::ids::new_id;
use crate::model::job::{PRIORITY_PERSON, Request};
use crate::store::dead_letters::{DeadLetter, Filter, NAMES};
use crate::store::pages::Kept;

/// Dead letters.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Those that nobody has requeued, the newest first
    List {
        #[command(flatten)]
        which: Which,
        /// Also those that live again.
        #[arg(long)]
        requeued: bool,
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
    Requeue(Chosen),
    /// Forget them
    Purge(Chosen),
}

/// Filters; a letter must fit all of them.
#[derive(Debug, Args)]
pub struct Which {
    /// That died of this.
    #[arg(long)]
    reason: Option<String>,
    /// Of this job kind.
    #[arg(long)]
    kind: Option<String>,
    /// For this tenant, whichever of its names the message used.
    #[arg(long)]
    tenant: Option<String>,
    /// That died since: a time, an age such as 2h, or by the clock here (TZ): 'Friday 18:00'.
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// That died before: the same.
    #[arg(long, value_name = "TIME")]
    before: Option<Moment>,
}

/// Some by their ids, those that fit the filters, or all.
#[derive(Debug, Args)]
pub struct Chosen {
    /// The dead letters' ids.
    #[arg(conflicts_with_all = ["reason", "kind", "tenant", "since", "before", "all"])]
    ids: Vec<Id>,
    #[command(flatten)]
    which: Which,
    /// Every one that fits the filters; what its producer may not ask for only with `--reason not_permitted`.
    #[arg(long)]
    all: bool,
    /// Show which ones, and change nothing.
    #[arg(long)]
    dry_run: bool,
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
/// Letters that go in one transaction, so that the daemon writes in between.
const BATCH: usize = 500;

impl Command {
    pub(super) async fn run(self, records: &Records) -> anyhow::Result<u8> {
        let now = records.now();
        match self {
            Self::List { which, requeued, limit } => {
                list(records, &which.letters(records, requeued, limit.into()).await?, now)?;
            }
            Self::Show { id } => show(records, &find(records, &id).await?, now)?,
            Self::Requeue(chosen) => return chosen.requeue(records).await,
            Self::Purge(chosen) => chosen.purge(records).await?,
        }
        Ok(DONE)
    }
}

fn list(records: &Records, letters: &[DeadLetter], now: DateTime<Utc>) -> anyhow::Result<()> {
    let rows: Vec<Row> = letters.iter().map(|letter| row(letter, now)).collect();
    output::list(records.output, COLUMNS, &rows)?;
    Ok(())
}

async fn find(records: &Records, id: &Id) -> anyhow::Result<DeadLetter> {
    let store = records.store();
    let letter = match id.whole(store, Kept::DeadLetters).await? {
        Some(whole) => store.dead_letter(whole).await?,
        None => None,
    };
    letter.ok_or_else(|| anyhow::anyhow!("no dead letter {id}; `tenantd dead list` shows those there are"))
}

impl Which {
    const fn is_empty(&self) -> bool {
        let Self { reason, kind, tenant, since, before } = self;
        reason.is_none() && kind.is_none() && tenant.is_none() && since.is_none() && before.is_none()
    }

    async fn letters(&self, records: &Records, requeued: bool, limit: i64) -> anyhow::Result<Vec<DeadLetter>> {
        let now = records.now();
        let tenant = match &self.tenant {
            Some(tenant) => names(records, tenant).await?,
            None => Vec::new(),
        };
        let filter = Filter {
            reason: self.reason.as_deref(),
            kind: self.kind.as_deref(),
            tenant,
            since: self.since.map(|since| since.at(now, "--since")).transpose()?,
            before: self.before.map(|before| before.at(now, "--before")).transpose()?,
            requeued,
            limit,
        };
        Ok(records.store().dead_letters(&filter).await?)
    }
}

/// What messages may call a tenant; one that is not recorded goes by the name that was given.
async fn names(records: &Records, subject: &str) -> anyhow::Result<Vec<String>> {
    let mut names = vec![subject.to_owned()];
    let known = candidates(&records.context, subject, None).await?;
    if known.len() > 1 {
        return records.tenant(subject, None).await.map(|_| names);
    }
    for tenant in known {
        let uuid = [tenant.uuid.to_string(), tenant.uuid.simple().to_string()];
        names.extend(uuid.into_iter().chain([tenant.label(), tenant.backend_id]));
    }
    names.truncate(NAMES);
    Ok(names)
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

impl Chosen {
    /// The letters that are meant; none of them named is no wish at all.
    async fn letters(&self, records: &Records, requeued: bool) -> anyhow::Result<Vec<DeadLetter>> {
        if self.ids.is_empty() && self.which.is_empty() && !self.all {
            return Err(usage("say which: ids, filters such as --reason REASON, or --all"));
        }
        if self.ids.is_empty() {
            return self.which.letters(records, requeued, MOST).await;
        }
        let mut letters = Vec::new();
        for id in &self.ids {
            letters.push(find(records, id).await?);
        }
        Ok(letters)
    }

    async fn requeue(self, records: &Records) -> anyhow::Result<u8> {
        let mut letters = self.letters(records, false).await?;
        if self.ids.is_empty() && self.which.reason.is_none() {
            // What a producer may not ask for is not let through in passing.
            letters.retain(|letter| letter.reason != NOT_PERMITTED);
        }
        if self.dry_run {
            list(records, &letters, records.now())?;
            output::note(&format!("{} would be requeued; nothing was changed", count(letters.len(), "dead letter")));
            return Ok(DONE);
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

    async fn purge(self, records: &Records) -> anyhow::Result<()> {
        let letters = self.letters(records, true).await?;
        if self.dry_run {
            list(records, &letters, records.now())?;
            output::note(&format!("{} would be forgotten; nothing was changed", count(letters.len(), "dead letter")));
            return Ok(());
        }
        let mut purged = 0;
        for batch in letters.chunks(BATCH) {
            let mut tx = records.store().begin().await?;
            for letter in batch {
                purged += usize::from(tx.purge_dead_letter(letter.id).await?);
            }
            tx.commit().await?;
        }
        output::note(&format!("{} forgotten", count(purged, "dead letter")));
        Ok(())
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
    // What a job makes bears the mark of the first of those that ask for the same.
    let dead = match letter.job {
        Some(job) => records.store().job(job).await?.and_then(|job| job.request.retry_of),
        None => None,
    };
    let request = Request {
        id,
        source: "cli".to_owned(),
        priority: PRIORITY_PERSON,
        attempt: 0,
        reply: None,
        deadline,
        retry_of: dead.or(letter.job).or(Some(asked.id)),
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
