//! `drift ack` and `drift note`: somebody knows of findings, or found something out.

use chrono::{DateTime, Utc};
use clap::Args;

use super::{Done, Which, find};
use crate::cli::DONE;
use crate::cli::arguments::{author, count};
use crate::cli::moment::Ahead;
use crate::cli::output;
use crate::cli::records::{Id, Records};
use crate::cli::usage;
use crate::jobs::acknowledge::{Known, acknowledge, note, wrong_end};
use crate::model::{FindingState, Remark};
use crate::store::findings::Listed;

/// Findings to acknowledge.
#[derive(Debug, Args)]
pub struct Ack {
    /// Their ids; else all open ones that the options describe.
    #[arg(conflicts_with_all = ["cloud", "tenant", "resource_type", "field", "since", "domain"])]
    ids: Vec<Id>,
    #[command(flatten)]
    which: Which,
    /// Why they may stay as they are, such as a ticket.
    #[arg(long)]
    reason: Remark,
    /// Until when: a time, how long from now such as 7d, or by the clock here (TZ): 'Friday 18:00'; else until they resolve.
    #[arg(long, value_name = "TIME")]
    until: Option<Ahead>,
    /// Only say what would be acknowledged.
    #[arg(long)]
    dry_run: bool,
}

/// Something to write into the life of a finding.
#[derive(Debug, Args)]
pub struct Note {
    /// The finding's id.
    id: Id,
    /// What was found out.
    text: Remark,
}

impl Ack {
    pub(super) async fn run(self, records: &Records) -> anyhow::Result<u8> {
        let until = self.until(records.now())?;
        let mut chosen = self.which.chosen(records, &self.ids).await?;
        if self.ids.is_empty() {
            let all = chosen.len();
            // What somebody said of one of them is not overwritten in passing.
            chosen.retain(|it| it.finding.state == FindingState::Open);
            if chosen.len() < all {
                let many = count(all - chosen.len(), "finding");
                output::note(&format!("{many} left as it is: acknowledged already; named by id it would be anew"));
            }
        }
        let mut done = Done::default();
        for listed in chosen {
            done.add(listed.finding.id, self.one(records, &listed, until).await);
        }
        let what = if self.dry_run { "would be acknowledged; nothing was changed" } else { "acknowledged" };
        done.tell(records, what, "nothing to acknowledge").await
    }

    fn until(&self, now: DateTime<Utc>) -> anyhow::Result<Option<DateTime<Utc>>> {
        let Some(ahead) = self.until else { return Ok(None) };
        let until = ahead.at(now, "--until")?;
        match wrong_end(until, now) {
            Some(why) => Err(usage(format!("--until: {why}"))),
            None => Ok(Some(until)),
        }
    }

    async fn one(&self, records: &Records, listed: &Listed, until: Option<DateTime<Utc>>) -> anyhow::Result<()> {
        let finding = &listed.finding;
        if !self.dry_run {
            let by = author();
            acknowledge(&records.context, finding.id, Known { by: &by, reason: &self.reason, until }).await?;
            return Ok(());
        }
        if !finding.state.lasts() {
            anyhow::bail!("finding {} is {} already", finding.id, finding.state);
        }
        Ok(())
    }
}

impl Note {
    pub(super) async fn run(self, records: &Records) -> anyhow::Result<u8> {
        let id = find(records, &self.id).await?.finding.id;
        note(&records.context, id, &author(), &self.text).await?;
        output::note(&format!("noted; tenantd drift show {id} shows it"));
        Ok(DONE)
    }
}
