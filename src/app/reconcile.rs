//! `tenantd reconcile --apply`: restores what is expected of a tenant now, in this process, as a job like any other.

use tokio_util::sync::CancellationToken;

use crate::jobs::context::Context;
use crate::jobs::runner::{Ended, Origin, Runner};
use crate::model::job::Request;

/// Runs the job; it takes the right to change the tenant as a daemon's would, and waits in the table where it has none.
///
/// # Errors
/// When the records cannot be written.
pub async fn reconcile(context: &Context, request: Request) -> anyhow::Result<Ended> {
    let runner = Runner::new(context.clone(), 4, CancellationToken::new());
    Ok(runner.run(request, Origin::Delivery).await?)
}
