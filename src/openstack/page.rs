//! One page of a listing, read object by object: an object that cannot be read does not take its neighbours with it.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use super::answer::Broken;
use super::error::Error;
use super::http::{Incoming, parsed};
use super::request::Request;

/// The objects of a page, not yet read, and where the next page is.
pub(crate) struct Page<'a> {
    pub objects: Vec<Object<'a>>,
    pub next: Option<String>,
    /// Keystone's word for "there is more", also where it gives no link.
    pub truncated: bool,
}

/// One object as the service wrote it.
pub(crate) struct Object<'a> {
    raw: &'a RawValue,
    id: Option<Cow<'a, str>>,
}

/// An object, or what is wrong with it.
pub(crate) enum Read<T> {
    Whole(T),
    Broken(Broken),
}

#[derive(Deserialize)]
struct Identified<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Link {
    rel: String,
    href: String,
}

impl<'a> Page<'a> {
    /// Takes the list below `key` out of an answer, with its links in any of the services' forms.
    pub(crate) fn read(answer: &'a Incoming, request: &Request<'_>, key: &str) -> Result<Self, Error> {
        let fields: HashMap<Cow<'a, str>, &'a RawValue> = answer.json(request)?;
        let field = |name: &str| fields.get(name).map(|raw| raw.get());
        let list = field(key).ok_or_else(|| answer.unexpected(request, &format!("no list `{key}`")))?;
        let objects: Vec<&'a RawValue> = serde_json::from_str(list)
            .map_err(|error| answer.unexpected(request, &format!("`{key}` is no list: {error}")))?;
        let links = field(&format!("{key}_links")).and_then(|raw| serde_json::from_str::<Vec<Link>>(raw).ok());
        let own = links.into_iter().flatten().find(|link| link.rel == "next").map(|link| link.href);
        let keystone = || {
            let links = serde_json::from_str::<Value>(field("links")?).ok()?;
            links.get("next")?.as_str().map(str::to_owned)
        };
        let glance = || serde_json::from_str::<Option<String>>(field("next")?).ok()?;
        let next = own.or_else(keystone).or_else(glance);
        Ok(Self {
            objects: objects.into_iter().map(Object::new).collect(),
            next,
            truncated: field("truncated") == Some("true"),
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.objects.len()
    }

    /// Removes the first object and says which it was.
    pub(crate) fn take_first_id(&mut self) -> Option<String> {
        if self.objects.is_empty() {
            return None;
        }
        self.objects.remove(0).id.map(Cow::into_owned)
    }
}

impl<'a> Object<'a> {
    fn new(raw: &'a RawValue) -> Self {
        let id = serde_json::from_str::<Identified<'a>>(raw.get()).ok().map(|it| it.id);
        Self { raw, id }
    }

    pub(crate) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Reads the object as the API describes it.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Read<T> {
        match parsed(self.raw.get().as_bytes()) {
            Ok(item) => Read::Whole(item),
            Err(error) => {
                let value: Value = serde_json::from_str(self.raw.get()).unwrap_or_default();
                let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
                Read::Broken(Broken {
                    id: text("id"),
                    project: PROJECT_KEYS.iter().find_map(|key| text(key)),
                    error: error.to_string(),
                })
            }
        }
    }
}

/// Where the services put an object's project.
const PROJECT_KEYS: [&str; 5] =
    ["project_id", "tenant_id", "os-vol-tenant-attr:tenant_id", "os-extended-snapshot-attributes:project_id", "owner"];
