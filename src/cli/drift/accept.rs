//! `drift accept`: what is there becomes what is expected.

use clap::Args;

use super::{Done, Which};
use crate::cli::arguments::{author, count};
use crate::cli::output;
use crate::cli::records::{Id, Records};
use crate::jobs::accept::accept;
use crate::model::Change;
use crate::store::findings::Listed;

/// Findings to accept.
#[derive(Debug, Args)]
pub struct Accept {
    /// Their ids; else all that the options describe.
    #[arg(conflicts_with_all = ["cloud", "tenant", "resource_type", "field", "since", "domain"])]
    ids: Vec<Id>,
    #[command(flatten)]
    which: Which,
    /// Only say what would be accepted.
    #[arg(long)]
    dry_run: bool,
}

/// Whether it differs from an expectation; the others are conditions of the cloud.
pub(super) const fn is_acceptable(change: Change) -> bool {
    !matches!(change, Change::OverLimit | Change::Usage | Change::Policy)
}

impl Accept {
    pub(super) async fn run(self, records: &Records) -> anyhow::Result<u8> {
        let mut chosen = self.which.chosen(records, &self.ids).await?;
        if self.ids.is_empty() {
            let all = chosen.len();
            chosen.retain(|it| is_acceptable(it.finding.change));
            if chosen.len() < all {
                output::note(&format!(
                    "{} left as it is: a condition of the cloud is no difference from an expectation",
                    count(all - chosen.len(), "finding")
                ));
            }
        }
        let mut done = Done::default();
        for listed in chosen {
            done.add(listed.finding.id, self.one(records, &listed).await);
        }
        let what = if self.dry_run { "would be accepted; nothing was changed" } else { "accepted" };
        done.tell(records, what, "nothing to accept").await
    }

    async fn one(&self, records: &Records, listed: &Listed) -> anyhow::Result<()> {
        let finding = &listed.finding;
        if !self.dry_run {
            accept(&records.context, finding.id, &author()).await?;
            return Ok(());
        }
        if !finding.state.lasts() {
            anyhow::bail!("finding {} is {} already", finding.id, finding.state);
        }
        if !is_acceptable(finding.change) {
            let (id, change) = (finding.id, finding.change);
            anyhow::bail!("finding {id} cannot be accepted: {change} is a condition of the cloud");
        }
        Ok(())
    }
}
