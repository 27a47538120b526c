//! A pull of a large cloud as several jobs that replicas share through the jobs table: one for each resource type with a
//! listing, and for quotas, which have none, one for each so many tenants. A crash costs the parts that were being worked
//! on; the whole ends when its last part has ended.

use uuid::Uuid;

use super::context::CloudEntry;
use super::{Call, Effect, JobError, Report};
use crate::model::ResourceType;
use crate::model::ids::named_id;
use crate::model::job::{Part, Request};
use crate::store::parts::Progress;

/// What a pull of a whole cloud comes to when it is done in parts; nothing where it is to be done at once.
///
/// # Errors
/// When the database is away.
pub(super) async fn shared(
    call: &Call,
    cloud: &CloudEntry,
    types: &[ResourceType],
) -> Result<Option<Report>, JobError> {
    let Some(batch) = call.live.batch else { return Ok(None) };
    let store = call.context.store();
    if let Some(progress) = store.progress(call.request.id).await? {
        return Ok(Some(ended(&progress)));
    }
    let tenants = store.tenant_ids(cloud.api.name()).await?;
    if tenants.len() <= batch {
        return Ok(None);
    }
    let parts = parts(call.request.id, &tenants, batch, types);
    let count = parts.len();
    tracing::info!(job.id = %call.request.id, tenants = tenants.len(), parts = count, "a pull is shared out in parts");
    let request = |part: Part| {
        let id = named_id(&part.of.to_string(), &format!("part {}", part.number));
        // The whole is answered once.
        let (attempt, reply, part) = (0, None, Some(part));
        Effect::Enqueue(Request { id, attempt, reply, part, ..call.request.clone() })
    };
    let effects = parts.into_iter().map(request).collect();
    Ok(Some(Report { effects, failure: Some(JobError::Parted(count)), ..Report::default() }))
}

/// Shares out: everyone is in exactly one range, also who is recorded later.
fn parts(of: Uuid, tenants: &[Uuid], batch: usize, types: &[ResourceType]) -> Vec<Part> {
    let mut ends: Vec<Uuid> = tenants.chunks(batch).filter_map(|some| some.last()).copied().collect();
    ends.pop();
    ends.push(Uuid::max());
    let everyone = [Uuid::max()];
    let mut parts = Vec::new();
    for resource_type in types {
        let mut after = Uuid::nil();
        let ends = if *resource_type == ResourceType::Quotas { ends.as_slice() } else { &everyone };
        for upto in ends {
            let (number, count) = (parts.len() + 1, 0);
            parts.push(Part { of, number, count, resource_type: *resource_type, after, upto: *upto });
            after = *upto;
        }
    }
    let count = parts.len();
    for part in &mut parts {
        part.count = count;
    }
    parts
}

/// What the whole comes to.
fn ended(progress: &Progress) -> Report {
    let Progress { count, left, changed, partial, failed, error } = progress;
    if *left > 0 {
        return Report::failed(JobError::Parted(usize::try_from(*count).unwrap_or(usize::MAX)));
    }
    let why = error.as_deref().unwrap_or_default();
    if failed == count {
        return Report::failed(JobError::give_up(
            "parts_failed",
            format!("all of its {count} parts failed; one: {why}"),
        ));
    }
    let left_out = (partial + failed > 0)
        .then(|| format!("{failed} of its {count} parts failed and {partial} left something out; one: {why}"));
    Report { left_out, did: *changed > 0, ..Report::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(tenants: usize, batch: usize) -> Vec<(ResourceType, u128, u128, usize, usize)> {
        let tenants: Vec<Uuid> = (1..=tenants).map(|it| Uuid::from_u128(it as u128 * 10)).collect();
        let types = [ResourceType::Quotas, ResourceType::FloatingIps];
        let parts = parts(Uuid::nil(), &tenants, batch, &types);
        parts.iter().map(|it| (it.resource_type, it.after.as_u128(), it.upto.as_u128(), it.number, it.count)).collect()
    }

    #[test]
    fn everyone_is_in_one_part_of_each_type_also_who_comes_later() {
        use ResourceType::{FloatingIps, Quotas};
        let last = u128::MAX;
        let expected = [(Quotas, 0, 20, 1, 3), (Quotas, 20, last, 2, 3), (FloatingIps, 0, last, 3, 3)];
        assert_eq!(split(4, 2), expected);
        assert_eq!(split(3, 2), expected);
        assert_eq!(split(5, 2).len(), 4);
    }

    #[test]
    fn the_whole_tells_what_became_of_its_parts() {
        let progress = Progress { count: 3, ..Progress::default() };
        let report = ended(&Progress { left: 1, ..progress.clone() });
        assert!(matches!(report.failure, Some(JobError::Parted(3))));
        let report = ended(&progress);
        assert_eq!((report.did, report.left_out, report.failure.is_none()), (false, None, true));
        let error = Some("nova is away".to_owned());
        let report = ended(&Progress { changed: 1, failed: 1, partial: 1, error: error.clone(), ..progress.clone() });
        let told = "1 of its 3 parts failed and 1 left something out; one: nova is away";
        assert_eq!((report.did, report.left_out.as_deref()), (true, Some(told)));
        let report = ended(&Progress { failed: 3, error, ..progress });
        assert_eq!(report.failure.unwrap().to_string(), "all of its 3 parts failed; one: nova is away");
    }
}
