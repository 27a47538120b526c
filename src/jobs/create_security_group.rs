//! `create_security_group`: make a security group with its rules, read it back, and expect it.

use schemars::JsonSchema;
use serde::Deserialize;

use super::known::Known;
use super::made::{self, wrong_name, wrong_text};
use super::security_groups::{BORN_WITH, DEFAULT, Groups, NAME, Neighbours, meanings, wrong_rules};
use super::{Call, Job, JobError, Journal, Report, States};
use crate::drift::least_change::{Wanted, changes, is_default_egress, missing};
use crate::model::rule_wish::{DESCRIPTION, RuleWish};
use crate::model::security_group::SecurityGroup;
use crate::model::{Body, Invalid, Object};
use crate::store::in_time;

/// A security group that is to be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CreateSecurityGroup {
    /// Its name, which no other group of the tenant has.
    #[schemars(required, with = "String")]
    pub name: Option<String>,
    /// Free text.
    pub description: String,
    /// What it lets through.
    pub rules: Vec<RuleWish>,
    /// Whether the two rules that let everything out, with which every group begins, stay beside `rules`.
    pub default_egress_rules: bool,
}

impl Default for CreateSecurityGroup {
    fn default() -> Self {
        Self { name: None, description: String::new(), rules: Vec::new(), default_egress_rules: true }
    }
}

impl Job for CreateSecurityGroup {
    const KIND: &'static str = "create_security_group";
    const ABOUT: &'static str = "make a security group with its rules";
    const FLEET: bool = false;
    const WRITES: bool = true;
    const STATES: Option<States> = Some(States::UPDATE);

    fn problems(&self) -> Invalid {
        let mut invalid = Invalid::default();
        if let Some(why) = wrong_name(self.name.as_deref(), NAME) {
            invalid.field("name").add(why);
        }
        if self.name() == DEFAULT {
            invalid.field("name").add("the default security group is managed by OpenStack");
        }
        if let Some(why) = wrong_text(&self.description, DESCRIPTION) {
            invalid.field("description").add(why);
        }
        invalid.field("rules").merge(wrong_rules(&self.rules));
        invalid
    }

    fn conflicts(&self, known: &Known) -> Invalid {
        let mut invalid = Invalid::default();
        // What every group begins with is there already.
        let is_more = |rule: &&RuleWish| rule.peer().is_some() || !is_default_egress(&rule.meaning(None));
        let more = self.rules.iter().filter(is_more).count();
        let rules = u64::try_from(more).unwrap_or(u64::MAX).saturating_add(BORN_WITH);
        if let Some(why) = known.exceeded(&[("security_group_count", 1), ("security_group_rule_count", rules)]) {
            invalid.add(why);
        }
        if let Some(groups) = known.security_groups() {
            invalid.merge(self.collisions(groups, &known.objects));
        }
        invalid
    }

    async fn run(self, call: Call) -> Report {
        self.create(&call).await.unwrap_or_else(Report::failed)
    }
}

impl CreateSecurityGroup {
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    fn neighbours<'a>(&'a self, groups: &'a [SecurityGroup], objects: &'a [Object]) -> Neighbours<'a> {
        Neighbours { groups, objects, request: vec![(None, self.name())], replaces: false }
    }

    /// Everything in which it collides with the groups of the tenant.
    fn collisions(&self, groups: &[SecurityGroup], objects: &[Object]) -> Invalid {
        let mut invalid = Invalid::default();
        if groups.iter().any(|group| group.name == self.name()) {
            invalid.field("name").add("the tenant has a security group of this name");
        }
        invalid.field("rules").merge(self.neighbours(groups, objects).wrong_sides(&self.rules));
        invalid
    }

    async fn create(&self, call: &Call) -> Result<Report, JobError> {
        let (tenant, project) = call.project()?;
        let journal = Journal::open(call, Self::KIND, tenant).await?;
        let groups = Groups { call, tenant, project, journal: &journal };
        let objects = in_time(call.context.store().objects(tenant.uuid, None)).await?;
        let record = made::record(call, tenant, "security_groups").await?;
        let (_, there) = groups.seen().await?;
        let invalid_params = |why: String| JobError::give_up("invalid_params", why);
        if !journal.is_begun() {
            let collisions = self.collisions(&there, &objects);
            collisions.or(()).map_err(|collisions| invalid_params(collisions.to_string()))?;
        }
        let made = groups.make(self.name(), &self.description).await?;
        let rules = meanings(&self.rules, &self.neighbours(&there, &objects), |_| Some(made.id.clone()));
        let wanted = Wanted {
            id: made.id.clone(),
            name: self.name().to_owned(),
            description: Some(self.description.clone()),
            rules: Some(rules.map_err(invalid_params)?),
            keeps_default_egress: self.default_egress_rules,
        };
        let filled = fill(&groups, &wanted).await;
        let record = Object { name: self.name().to_owned(), description: self.description.clone(), ..record };
        let (seen, confirmed) = groups.seen().await?;
        let confirmed = confirmed.into_iter().find(|group| group.id == made.id);
        let settled = filled.and_then(|()| confirm(confirmed, &wanted));
        let settled = settled.map(|group| Body::SecurityGroups(vec![group]));
        Ok(made::report(call, record, &made, seen, settled))
    }
}

/// Gives the group its rules.
async fn fill(groups: &Groups<'_>, wanted: &Wanted) -> Result<(), JobError> {
    let (_, there) = groups.seen().await?;
    for change in changes(&there, std::slice::from_ref(wanted)) {
        groups.apply(&change).await?;
    }
    Ok(())
}

/// The group as it was read back, if it is what was asked for.
fn confirm(group: Option<SecurityGroup>, wanted: &Wanted) -> Result<SecurityGroup, JobError> {
    let gone = || JobError::give_up("not_confirmed", format!("the security group {} is gone again", wanted.name));
    let group = group.ok_or_else(gone)?;
    let missing = missing(&group, wanted);
    if missing.is_empty() {
        return Ok(group);
    }
    let message = format!("the security group {} is not as it was asked for: {}", wanted.name, missing.join(", "));
    Err(JobError::give_up("not_confirmed", message))
}
