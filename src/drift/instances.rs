//! Instances count by what they are and have: name, flavor, image, addresses, groups, volumes, lock. Whether they run, and
//! where, moves all day and is recorded, not compared.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::facts::{Fact, Facts, Object};
use crate::model::instance::{Flavor, Instance};

/// One object per instance.
pub(super) fn facts(instances: &[Instance]) -> Facts {
    let object = |instance: &Instance| {
        let flavor = flavor(&instance.flavor);
        let fields = BTreeMap::from([
            ("addresses".to_owned(), Fact::new(instance.addresses.clone())),
            ("description".to_owned(), Fact::new(instance.description.clone())),
            ("flavor".to_owned(), Fact::new(flavor.clone())),
            ("image_id".to_owned(), Fact::new(instance.image_id.clone())),
            ("key_name".to_owned(), Fact::new(instance.key_name.clone())),
            ("locked".to_owned(), Fact::new(instance.locked)),
            ("name".to_owned(), Fact::new(instance.name.clone())),
            ("security_groups".to_owned(), Fact::new(instance.security_groups.clone())),
            ("volumes".to_owned(), Fact::new(instance.volumes.clone())),
        ]);
        let summary = json!({ "name": instance.name, "flavor": flavor, "addresses": instance.addresses });
        (instance.id.clone(), Object { name: instance.name.clone(), summary, fields })
    };
    Facts { objects: instances.iter().map(object).collect(), open_ended: false }
}

/// `m1.small, 1 vCPU, 2048 MiB, 20 GiB`: another size is one difference, not four.
fn flavor(flavor: &Flavor) -> Value {
    let size = |number: Option<i64>, unit: &str| number.map(|number| format!("{number} {unit}"));
    let sizes = [size(flavor.vcpus, "vCPU"), size(flavor.ram_mib, "MiB"), size(flavor.disk_gib, "GiB")];
    let words: Vec<String> = std::iter::once(flavor.name.clone()).chain(sizes.into_iter().flatten()).collect();
    json!(words.join(", "))
}
