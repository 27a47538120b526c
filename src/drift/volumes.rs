//! Volumes and their snapshots count by name, description, size and what they belong to; their status moves all day and is
//! recorded, not compared.

use std::collections::BTreeMap;

use serde_json::json;

use super::facts::{Fact, Facts, Object};
use crate::model::volume::{Volume, VolumeSnapshot};

/// One object per volume.
pub(super) fn facts(volumes: &[Volume]) -> Facts {
    let object = |volume: &Volume| {
        let fields = BTreeMap::from([
            ("attached_to".to_owned(), Fact::new(volume.attached_to.clone())),
            ("bootable".to_owned(), Fact::new(volume.bootable)),
            ("description".to_owned(), Fact::new(volume.description.clone())),
            ("encrypted".to_owned(), Fact::new(volume.encrypted)),
            ("multiattach".to_owned(), Fact::new(volume.multiattach)),
            ("name".to_owned(), Fact::new(volume.name.clone())),
            ("size_gib".to_owned(), Fact::new(volume.size_gib)),
            ("volume_type".to_owned(), Fact::new(volume.volume_type.clone())),
        ]);
        let summary = json!({ "name": volume.name, "size_gib": volume.size_gib, "volume_type": volume.volume_type });
        (volume.id.clone(), Object { name: volume.name.clone(), summary, fields })
    };
    Facts { objects: volumes.iter().map(object).collect(), open_ended: false }
}

/// One object per snapshot.
pub(super) fn snapshot_facts(snapshots: &[VolumeSnapshot]) -> Facts {
    let object = |snapshot: &VolumeSnapshot| {
        let fields = BTreeMap::from([
            ("description".to_owned(), Fact::new(snapshot.description.clone())),
            ("name".to_owned(), Fact::new(snapshot.name.clone())),
            ("size_gib".to_owned(), Fact::new(snapshot.size_gib)),
            ("volume_id".to_owned(), Fact::new(snapshot.volume_id.clone())),
        ]);
        let summary = json!({ "name": snapshot.name, "size_gib": snapshot.size_gib, "volume_id": snapshot.volume_id });
        (snapshot.id.clone(), Object { name: snapshot.name.clone(), summary, fields })
    };
    Facts { objects: snapshots.iter().map(object).collect(), open_ended: false }
}
