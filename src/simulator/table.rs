//! Objects by id, and by project and id: a listing reads a range, it never copies the whole.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use uuid::Uuid;

/// What the tables of all services hold.
pub trait Resource {
    /// Its id.
    fn id(&self) -> Uuid;
    /// Whose it is; ports of floating IPs are nobody's.
    fn project(&self) -> Option<Uuid>;
    /// Its name, empty where the kind has none.
    fn name(&self) -> &str;
}

/// One kind of object, in the order of ids.
#[derive(Debug)]
pub struct Table<T> {
    rows: BTreeMap<Uuid, T>,
    /// What is nobody's comes first, as an empty project does.
    projects: BTreeMap<Option<Uuid>, BTreeSet<Uuid>>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), projects: BTreeMap::new() }
    }
}

impl<T: Resource> Table<T> {
    /// Adds an object.
    pub fn insert(&mut self, row: T) {
        self.projects.entry(row.project()).or_default().insert(row.id());
        self.rows.insert(row.id(), row);
    }

    /// Takes an object out.
    pub fn remove(&mut self, id: Uuid) -> Option<T> {
        let row = self.rows.remove(&id)?;
        if let Some(ids) = self.projects.get_mut(&row.project()) {
            ids.remove(&id);
        }
        Some(row)
    }

    /// One object.
    pub fn get(&self, id: Uuid) -> Option<&T> {
        self.rows.get(&id)
    }

    /// One object, to change; its project must stay.
    pub fn get_mut(&mut self, id: Uuid) -> Option<&mut T> {
        self.rows.get_mut(&id)
    }

    /// All, in the order of ids.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.rows.values()
    }

    /// A project's, in the order of ids.
    pub fn of(&self, project: Uuid) -> impl DoubleEndedIterator<Item = &T> {
        self.between(Some(project), Bound::Unbounded, Bound::Unbounded)
    }

    /// How many a project has.
    pub fn count(&self, project: Uuid) -> i64 {
        self.projects.get(&Some(project)).map_or(0, |ids| i64::try_from(ids.len()).unwrap_or(i64::MAX))
    }

    /// All behind `marker`, in the order of projects, and of ids within each.
    pub fn by_project(&self, marker: Option<&T>) -> Box<dyn Iterator<Item = &T> + '_> {
        let Some(marker) = marker else {
            return Box::new(self.projects.values().flatten().filter_map(|id| self.rows.get(id)));
        };
        let behind = (Bound::Excluded(marker.id()), Bound::Unbounded);
        let rest = self.projects.get(&marker.project()).into_iter().flat_map(move |ids| ids.range(behind));
        let others = self.projects.range((Bound::Excluded(marker.project()), Bound::Unbounded));
        Box::new(rest.chain(others.flat_map(|(_, ids)| ids)).filter_map(|id| self.rows.get(id)))
    }

    /// The objects of a range of ids, of one project or of all.
    pub fn between(
        &self,
        project: Option<Uuid>,
        from: Bound<Uuid>,
        to: Bound<Uuid>,
    ) -> Box<dyn DoubleEndedIterator<Item = &T> + '_> {
        let Some(project) = project else {
            return Box::new(self.rows.range((from, to)).map(|(_, row)| row));
        };
        match self.projects.get(&Some(project)) {
            Some(ids) => Box::new(ids.range((from, to)).filter_map(|id| self.rows.get(id))),
            None => Box::new(std::iter::empty()),
        }
    }
}
