//! Changes behind the portal's back: what an operator at a terminal does, and forgets to tell.
//!
//! Each change is drawn from a seeded generator, so that a demonstration runs the same way twice, and can
//! be taken back by its id.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::call::hex;
use super::super::clock;
use super::super::random::Random;
use super::super::world::World;
use super::deeds;
use super::undo::Undo;

/// What to do; drawn where it is silent.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The kind of change; see [`Kind`].
    #[serde(default)]
    pub kind: Option<Kind>,
    /// The name of the tenant to whom it happens.
    #[serde(default)]
    pub tenant: Option<String>,
    /// The id of a change to take back instead.
    #[serde(default)]
    pub revert: Option<u64>,
}

/// The kinds of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A limit of Neutron, Nova or Cinder changes.
    Quota,
    /// A rule appears, such as ssh open to the world.
    RuleAdd,
    /// A rule disappears.
    RuleRemove,
    /// A floating IP is allocated.
    FloatingIpAllocate,
    /// A floating IP is released.
    FloatingIpRelease,
    /// A server group appears.
    ServerGroupCreate,
    /// A server group disappears.
    ServerGroupDelete,
    /// A security group disappears that no port needs; never drawn.
    SecurityGroupDelete,
}

const KINDS: [Kind; 7] = [
    Kind::Quota,
    Kind::RuleAdd,
    Kind::RuleRemove,
    Kind::FloatingIpAllocate,
    Kind::FloatingIpRelease,
    Kind::ServerGroupCreate,
    Kind::ServerGroupDelete,
];

/// A change that was made.
#[derive(Debug, Clone, Serialize)]
pub struct Meddle {
    /// Its id, to revert it.
    pub id: u64,
    /// When.
    pub at: String,
    /// What kind of change.
    pub kind: Kind,
    /// Whose object.
    pub project_id: String,
    /// The name of that project.
    pub project_name: String,
    /// `quota`, `security_group`, `security_group_rule`, `floating_ip` or `server_group`.
    pub resource_type: &'static str,
    /// The object's id; for a quota the service and resource.
    pub object: String,
    /// The object before; null if there was none.
    pub before: Value,
    /// The object after; null if there is none.
    pub after: Value,
    /// Whether it was taken back.
    pub reverted: bool,
    #[serde(skip)]
    undo: Undo,
}

/// What a change did, before it has a number.
pub struct Deed {
    pub resource_type: &'static str,
    pub object: String,
    pub before: Value,
    pub after: Value,
    pub undo: Undo,
}

/// All changes so far.
#[derive(Debug)]
pub struct Meddles {
    random: Random,
    done: Vec<Meddle>,
}

impl Meddles {
    /// None yet.
    pub fn new(random: Random) -> Self {
        Self { random, done: Vec::new() }
    }

    /// All changes, oldest first.
    pub fn all(&self) -> &[Meddle] {
        &self.done
    }

    /// Carries out an order; the error says why it cannot be.
    pub fn obey(&mut self, world: &mut World, order: &Order) -> Result<Value, String> {
        if let Some(id) = order.revert {
            return self.revert(world, id);
        }
        let (project, project_name) = self.victim(world, order.tenant.as_deref())?;
        let (kind, deed) = self.deed(world, project, order.kind)?;
        let meddle = Meddle {
            id: u64::try_from(self.done.len()).unwrap_or(u64::MAX).saturating_add(1),
            at: clock::zoned_micros(clock::now()),
            kind,
            project_id: hex(project),
            project_name,
            resource_type: deed.resource_type,
            object: deed.object,
            before: deed.before,
            after: deed.after,
            reverted: false,
            undo: deed.undo,
        };
        let shown = serde_json::to_value(&meddle).map_err(|error| error.to_string())?;
        self.done.push(meddle);
        Ok(shown)
    }

    fn revert(&mut self, world: &mut World, id: u64) -> Result<Value, String> {
        let meddle = self.done.iter_mut().find(|meddle| meddle.id == id);
        let meddle = meddle.ok_or_else(|| format!("no change has the id {id}"))?;
        if meddle.reverted {
            return Err(format!("change {id} is reverted already"));
        }
        meddle.undo.clone().apply(world)?;
        meddle.reverted = true;
        let mut shown = serde_json::to_value(&*meddle).map_err(|error| error.to_string())?;
        shown["before"] = meddle.after.clone();
        shown["after"] = meddle.before.clone();
        Ok(shown)
    }

    fn victim(&mut self, world: &World, tenant: Option<&str>) -> Result<(Uuid, String), String> {
        let projects = world.identity.projects.values();
        let found: Vec<(Uuid, &str)> = projects
            .filter(|project| match tenant {
                Some(name) => project.name == name,
                None => project.enabled && project.name.starts_with("tenant-"),
            })
            .map(|project| (project.id, project.name.as_str()))
            .collect();
        let picked = self.random.pick(&found);
        picked
            .map(|(id, name)| (*id, (*name).to_owned()))
            .ok_or_else(|| format!("no tenant is named {:?}", tenant.unwrap_or_default()))
    }

    /// Does the wanted kind of change, or draws kinds until one is possible.
    fn deed(&mut self, world: &mut World, project: Uuid, wanted: Option<Kind>) -> Result<(Kind, Deed), String> {
        let first = self.random.below(KINDS.len());
        let drawn = KINDS.iter().cycle().skip(first).take(KINDS.len()).copied();
        let kinds: Vec<Kind> = wanted.map_or_else(|| drawn.collect(), |kind| vec![kind]);
        for kind in kinds {
            if let Some(deed) = deeds::carry_out(world, &mut self.random, project, kind) {
                return Ok((kind, deed));
            }
        }
        Err(json!({"nothing to change": hex(project)}).to_string())
    }
}
