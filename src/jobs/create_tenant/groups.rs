//! The security groups that a tenant is made with: first the groups, then their rules, so that they may name each other.

use std::collections::BTreeSet;

use super::parts::OfGroup;
use crate::drift::least_change::{Wanted, changes, missing};
use crate::jobs::create_security_group::CreateSecurityGroup;
use crate::jobs::security_groups::{Groups, Neighbours, meanings};
use crate::jobs::{Call, Effect, Job, JobError};
use crate::model::security_group::SecurityGroup;
use crate::model::{Body, Invalid, Tenant};

/// Everything that is wrong with them; their rules may name nobody but each other.
pub(super) fn problems(wishes: &[CreateSecurityGroup]) -> Invalid {
    let neighbours = neighbours(wishes);
    let (mut invalid, mut names) = (Invalid::default(), BTreeSet::new());
    for (index, wish) in wishes.iter().enumerate() {
        let item = invalid.item(index);
        item.merge(wish.problems());
        if !wish.name().trim().is_empty() && !names.insert(wish.name()) {
            item.field("name").add("another group of the request has this name");
        }
        item.field("rules").merge(neighbours.wrong_sides(&wish.rules));
    }
    invalid
}

fn neighbours(wishes: &[CreateSecurityGroup]) -> Neighbours<'_> {
    let request = wishes.iter().map(|wish| (None, wish.name())).collect();
    Neighbours { groups: &[], objects: &[], request, replaces: false }
}

/// Makes them and gives them their rules; as they are to be.
pub(super) async fn make(groups: &Groups<'_>, wishes: &[CreateSecurityGroup]) -> Result<Vec<Wanted>, JobError> {
    if wishes.is_empty() {
        return Ok(Vec::new());
    }
    let mut ids = Vec::with_capacity(wishes.len());
    for wish in wishes {
        let group = OfGroup { project: groups.project, name: wish.name(), description: &wish.description };
        ids.push(groups.journal.create(&group).await?);
    }
    let wanted = wanted(wishes, &ids).map_err(|why| JobError::give_up("invalid_params", why))?;
    let (_, there) = groups.seen().await?;
    for change in changes(&there, &wanted) {
        groups.apply(&change).await?;
    }
    Ok(wanted)
}

fn wanted(wishes: &[CreateSecurityGroup], ids: &[String]) -> Result<Vec<Wanted>, String> {
    let neighbours = neighbours(wishes);
    let wanted = |(wish, id): (&CreateSecurityGroup, &String)| {
        Ok(Wanted {
            id: id.clone(),
            name: wish.name().to_owned(),
            description: Some(wish.description.clone()),
            rules: Some(meanings(&wish.rules, &neighbours, |place| ids.get(place).cloned())?),
            keeps_default_egress: wish.default_egress_rules,
        })
    };
    wishes.iter().zip(ids).map(wanted).collect()
}

/// What becomes expected of them, if all are as they were asked for.
pub(super) fn commanded(
    call: &Call,
    tenant: &Tenant,
    seen: &[SecurityGroup],
    wanted: &[Wanted],
) -> Result<Option<Effect>, JobError> {
    let (mut confirmed, mut wrong) = (Vec::with_capacity(wanted.len()), Vec::new());
    for wish in wanted {
        let group = seen.iter().find(|group| group.id == wish.id);
        let missing = group.map_or_else(|| vec!["it is gone again".to_owned()], |group| missing(group, wish));
        wrong.extend(missing.into_iter().map(|what| format!("{}: {what}", wish.name)));
        confirmed.extend(group.cloned());
    }
    if !wrong.is_empty() {
        let message = format!("security groups are not as they were asked for: {}", wrong.join("; "));
        return Err(JobError::give_up("not_confirmed", message));
    }
    Ok((!confirmed.is_empty()).then(|| Effect::Commanded {
        tenant: tenant.clone(),
        confirmed: Body::SecurityGroups(confirmed).sorted(),
        removed: Vec::new(),
        seen: Body::SecurityGroups(seen.to_vec()),
        author: call.author(),
        whole: false,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn groups_name_each_other_and_nobody_else() {
        let port = |peer| json!({"protocol": "tcp", "from_port": 1, "to_port": 2, "remote_group_name": peer});
        let wishes: Vec<CreateSecurityGroup> = serde_json::from_value(json!([
            {"name": "web", "rules": [port("db"), port("web")]},
            {"name": "db", "rules": [port("web"), port("nobody"), {"remote_group": "8b1c", "from_port": -1, "to_port": -1}]},
            {"name": "web", "rules": [{"protocol": "tcp", "from_port": 0, "to_port": 1}]},
            {"name": "default"},
            {},
        ]))
        .unwrap();
        let expected = json!([
            {},
            {"rules": [
                {},
                {"remote_group_name": ["the tenant has no security group nobody"]},
                {"remote_group": ["the tenant has no security group 8b1c"]},
            ]},
            {
                "name": ["another group of the request has this name"],
                "rules": [{"from_port": ["a port is between 1 and 65535, or both are -1 for any"]}],
            },
            {"name": ["the default security group is managed by OpenStack"]},
            {"name": ["This field is required."]},
        ]);
        assert_eq!(serde_json::to_value(problems(&wishes)).unwrap(), expected);
    }
}
