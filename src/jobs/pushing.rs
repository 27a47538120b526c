//! One push of security groups on its way: what came of each group, and what is recorded of it all.

use std::collections::{BTreeMap, BTreeSet};

use super::push_security_groups::PushSecurityGroups;
use super::security_groups::{DEFAULT, Groups, meanings};
use super::{Call, Effect, JobError, Journal, Report};
use crate::drift::least_change::{Change, Wanted, changes, in_order, missing, removal_order};
use crate::model::security_group::SecurityGroup;
use crate::model::{Body, Object, Observation, Tenant, TenantState};
use crate::store::in_time;

/// A push that may begin: nothing in it collides with what is there.
pub(super) struct Pushing<'a> {
    call: &'a Call,
    tenant: &'a Tenant,
    project: &'a str,
    journal: Journal,
    push: &'a PushSecurityGroups,
    objects: Vec<Object>,
    there: Vec<SecurityGroup>,
}

/// What came of one group.
#[derive(Debug, Default)]
struct Outcome {
    name: String,
    did: Vec<String>,
    failure: Option<JobError>,
}

impl Outcome {
    fn tell(&self) -> String {
        let did = if self.did.is_empty() { "as it was".to_owned() } else { self.did.join(", ") };
        match &self.failure {
            Some(error) if self.did.is_empty() => format!("{}: {error}", self.name),
            Some(error) => format!("{}: {did}; then: {error}", self.name),
            None => format!("{}: {did}", self.name),
        }
    }
}

/// What came of all of them.
#[derive(Debug, Default)]
struct Outcomes {
    /// Those of the request, in its order.
    wanted: Vec<Outcome>,
    /// Those that were to go, by their ids.
    unwanted: BTreeMap<String, Outcome>,
}

impl Outcomes {
    fn all(&self) -> impl Iterator<Item = &Outcome> {
        self.wanted.iter().chain(self.unwanted.values())
    }

    fn failed(&self) -> bool {
        self.all().any(|outcome| outcome.failure.is_some())
    }
}

impl<'a> Pushing<'a> {
    /// Looks at what is there, and whether the request collides with it; nothing is asked for yet.
    pub async fn begin(call: &'a Call, kind: &'static str, push: &'a PushSecurityGroups) -> Result<Self, JobError> {
        let (tenant, project) = call.project()?;
        let journal = Journal::open(call, kind, tenant).await?;
        let objects = in_time(call.context.store().objects(tenant.uuid, Some("security_groups"))).await?;
        let (_, there) = Groups { call, tenant, project, journal: &journal }.seen().await?;
        if !journal.is_begun() {
            let collisions = push.collisions(&there, &objects);
            let refused = |it: crate::model::Invalid| JobError::give_up("invalid_params", it.to_string());
            collisions.or(()).map_err(refused)?;
        }
        Ok(Self { call, tenant, project, journal, push, objects, there })
    }

    const fn groups(&self) -> Groups<'_> {
        Groups { call: self.call, tenant: self.tenant, project: self.project, journal: &self.journal }
    }

    /// Makes the groups, changes them, removes those that nobody wants any more, and looks at what came of it.
    pub async fn finish(self) -> Result<Report, JobError> {
        let wishes = &self.push.security_groups;
        let named = |wish: &super::push_security_groups::GroupWish| Outcome {
            name: wish.name().to_owned(),
            ..Outcome::default()
        };
        let mut outcomes = Outcomes { wanted: wishes.iter().map(named).collect(), ..Outcomes::default() };
        let ids = self.make(&mut outcomes).await?;
        let (_, now) = self.groups().seen().await?;
        let wanted = self.wanted(&ids, &mut outcomes);
        self.change(&now, &wanted, &mut outcomes).await?;
        self.remove(&now, &ids, &mut outcomes).await?;
        let (seen, after) = self.groups().seen().await?;
        Self::confirm(&after, &wanted, &mut outcomes);
        Ok(self.report(seen, &after, &ids, outcomes))
    }

    /// Makes the groups that are new, those first that others name; the ids of all that are there then.
    async fn make(&self, outcomes: &mut Outcomes) -> Result<Vec<Option<String>>, JobError> {
        let wishes = &self.push.security_groups;
        let neighbours = self.push.neighbours(&self.there, &self.objects);
        let mut ids: Vec<Option<String>> = neighbours.request.iter().map(|(id, _)| id.clone()).collect();
        for place in in_order(&neighbours.named_by(wishes)) {
            let wish = &wishes[place];
            if wish.uuid.is_some() {
                continue;
            }
            match self.groups().make(wish.name(), wish.description.as_deref().unwrap_or_default()).await {
                Ok(made) => {
                    ids[place] = Some(made.id);
                    outcomes.wanted[place].did.push("made".to_owned());
                }
                Err(error) => outcomes.wanted[place].failure = Some(passing(error)?),
            }
        }
        Ok(ids)
    }

    /// The groups as they are to be, as far as every group that they name is there.
    fn wanted(&self, ids: &[Option<String>], outcomes: &mut Outcomes) -> BTreeMap<usize, Wanted> {
        let neighbours = self.push.neighbours(&self.there, &self.objects);
        let mut wanted = BTreeMap::new();
        for (place, wish) in self.push.security_groups.iter().enumerate() {
            let Some(id) = &ids[place] else {
                let gone = || JobError::give_up("not_found", "it is not there any more");
                outcomes.wanted[place].failure.get_or_insert_with(gone);
                continue;
            };
            let rules = wish.rules.as_deref().map(|rules| meanings(rules, &neighbours, |place| ids[place].clone()));
            match rules.transpose() {
                Ok(rules) => {
                    let (id, name) = (id.clone(), wish.name().to_owned());
                    let (description, keeps_default_egress) = (wish.description.clone(), wish.default_egress_rules);
                    wanted.insert(place, Wanted { id, name, description, rules, keeps_default_egress });
                }
                Err(why) => outcomes.wanted[place].failure = Some(JobError::give_up("missing_group", why)),
            }
        }
        wanted
    }

    /// Makes the changes in their order; a group that one of them failed for loses nothing.
    async fn change(
        &self,
        now: &[SecurityGroup],
        wanted: &BTreeMap<usize, Wanted>,
        outcomes: &mut Outcomes,
    ) -> Result<(), JobError> {
        let neighbours = self.push.neighbours(&self.there, &self.objects);
        let order = in_order(&neighbours.named_by(&self.push.security_groups));
        let in_order: Vec<Wanted> = order.iter().filter_map(|place| wanted.get(place)).cloned().collect();
        let places: BTreeMap<&str, usize> = wanted.iter().map(|(place, it)| (it.id.as_str(), *place)).collect();
        let mut broken = BTreeSet::new();
        for change in changes(now, &in_order) {
            let Some(place) = places.get(change.group()).copied() else { continue };
            if broken.contains(&place) {
                continue;
            }
            let outcome = &mut outcomes.wanted[place];
            match self.groups().apply(&change).await {
                Ok(()) => outcome.did.push(words(&change)),
                Err(error) => {
                    outcome.failure = Some(passing(error)?);
                    broken.insert(place);
                }
            }
        }
        Ok(())
    }

    /// Removes the groups that the request does not name, unless something that was to be could not be.
    async fn remove(
        &self,
        now: &[SecurityGroup],
        ids: &[Option<String>],
        outcomes: &mut Outcomes,
    ) -> Result<(), JobError> {
        let is_named = |group: &SecurityGroup| ids.iter().any(|id| id.as_ref() == Some(&group.id));
        let going: Vec<&SecurityGroup> = now.iter().filter(|it| it.name != DEFAULT && !is_named(it)).collect();
        let blocked = outcomes.failed();
        for place in removal_order(&going) {
            let group = going[place];
            let mut outcome = Outcome { name: group.name.clone(), ..Outcome::default() };
            if blocked {
                outcome.did.push("left, for others could not be made what they are to be".to_owned());
            } else {
                match self.groups().remove(&group.id).await {
                    Ok(()) => outcome.did.push("removed".to_owned()),
                    Err(error) => outcome.failure = Some(passing(error)?),
                }
            }
            outcomes.unwanted.insert(group.id.clone(), outcome);
        }
        Ok(())
    }

    /// Whether the cloud has now what was asked for.
    fn confirm(after: &[SecurityGroup], wanted: &BTreeMap<usize, Wanted>, outcomes: &mut Outcomes) {
        for (place, wish) in wanted {
            let outcome = &mut outcomes.wanted[*place];
            let missing = match after.iter().find(|group| group.id == wish.id) {
                Some(group) => missing(group, wish),
                None => vec!["it is gone again".to_owned()],
            };
            if outcome.failure.is_none() && !missing.is_empty() {
                outcome.failure = Some(JobError::give_up("not_confirmed", missing.join(", ")));
            }
        }
        for (id, outcome) in &mut outcomes.unwanted {
            if outcome.failure.is_none() && after.iter().any(|group| group.id == *id) && outcome.did == ["removed"] {
                outcome.failure = Some(JobError::give_up("not_confirmed", "it is there again"));
            }
        }
    }

    /// What was seen is recorded in any case; expected are the groups that are as they were asked for.
    fn report(&self, seen: Observation, after: &[SecurityGroup], ids: &[Option<String>], outcomes: Outcomes) -> Report {
        let is_done = |(id, outcome): (&Option<String>, &Outcome)| id.clone().filter(|_| outcome.failure.is_none());
        let done: BTreeSet<String> = ids.iter().zip(&outcomes.wanted).filter_map(is_done).collect();
        let confirmed: Vec<SecurityGroup> = after.iter().filter(|group| done.contains(&group.id)).cloned().collect();
        let went = |id: &&String| !after.iter().any(|group| group.id == **id);
        let removed: Vec<String> = outcomes.unwanted.keys().filter(went).cloned().collect();
        let seen = Observation { removed: removed.iter().cloned().collect(), ..seen };
        let mut effects = self.records(&confirmed, &removed);
        if !confirmed.is_empty() || !removed.is_empty() {
            effects.push(Effect::Commanded {
                tenant: self.tenant.clone(),
                confirmed: Body::SecurityGroups(confirmed).sorted(),
                removed,
                seen: seen.body.clone(),
                author: self.call.author(),
                whole: !outcomes.failed(),
            });
        }
        effects.push(Effect::Observed { tenant: self.tenant.clone(), observation: seen });
        let told: Vec<String> = outcomes.all().map(Outcome::tell).collect();
        let told = told.join("; ");
        tracing::info!(job.id = %self.call.request.id, project.id = self.project, told, "security groups were pushed");
        let (failure, left_out) = judge(outcomes, told);
        Report { effects, failure, left_out, ..Report::default() }
    }

    /// The records of groups that were made through tenantd, as the groups are now.
    fn records(&self, confirmed: &[SecurityGroup], removed: &[String]) -> Vec<Effect> {
        let now = self.call.context.clock().now();
        let record = |object: &Object| {
            let id = object.backend_id.as_ref()?;
            if removed.contains(id) {
                return Some(Effect::ObjectGone(object.uuid));
            }
            let group = confirmed.iter().find(|group| group.id == *id)?;
            let body = serde_json::to_value(group).ok()?;
            if object.body == body && object.state == TenantState::Ok {
                return None;
            }
            Some(Effect::Object(Object {
                name: group.name.clone(),
                description: group.description.clone(),
                state: TenantState::Ok,
                error_message: String::new(),
                body,
                modified_at: now,
                ..object.clone()
            }))
        };
        self.objects.iter().filter_map(record).collect()
    }
}

/// What failed for one group fails for no other, unless the job is not to go on at all.
fn passing(error: JobError) -> Result<JobError, JobError> {
    if error.is_no_attempt() { Err(error) } else { Ok(error) }
}

fn words(change: &Change) -> String {
    match change {
        Change::Describe { name, .. } => format!("is called {name}"),
        Change::AddRule { meaning, .. } => format!("has `{meaning}`"),
        Change::RemoveRule { meaning, .. } => format!("has no `{meaning}` any more"),
    }
}

/// A failure that passes is a failure of the whole, for a repetition does what is left; else what could be done stands.
fn judge(outcomes: Outcomes, told: String) -> (Option<JobError>, Option<String>) {
    let all = outcomes.wanted.into_iter().chain(outcomes.unwanted.into_values());
    let (mut failures, mut fine) = (Vec::new(), false);
    for outcome in all {
        fine |= outcome.failure.is_none() || !outcome.did.is_empty();
        failures.extend(outcome.failure);
    }
    if failures.is_empty() {
        return (None, None);
    }
    let retry = failures.iter().position(|error| matches!(error, JobError::Retry { .. }));
    match retry {
        None if fine => (None, Some(told)),
        place => (Some(failures.swap_remove(place.unwrap_or(0)).told(told)), None),
    }
}
