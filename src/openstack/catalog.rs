//! Which address a service has: the profile's override, else the catalog's entry for the region and interface.

use serde::Deserialize;
use url::Url;

use super::error::Error;
use super::profile::Profile;
use super::service::Service;

/// The catalog that came with a token; it may change when the token is renewed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Catalog {
    /// Its services.
    pub services: Vec<CatalogService>,
}

/// One service of the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CatalogService {
    /// Such as `network` or `volumev3`.
    #[serde(rename = "type")]
    pub service_type: String,
    /// Such as `neutron`.
    #[serde(default)]
    pub name: String,
    /// Its addresses.
    #[serde(default)]
    pub endpoints: Vec<Endpoint>,
}

/// One address of a service.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Endpoint {
    /// `public`, `internal` or `admin`.
    #[serde(default)]
    pub interface: String,
    /// The region's id.
    #[serde(default)]
    pub region_id: Option<String>,
    /// The region's old name; the same as its id wherever both are there.
    #[serde(default)]
    pub region: Option<String>,
    /// The address.
    pub url: String,
}

impl Endpoint {
    /// The region of this address.
    pub fn region(&self) -> Option<&str> {
        self.region_id.as_deref().or(self.region.as_deref())
    }
}

impl Catalog {
    /// The base address of `service`, ready for paths of its API; `project` is the token's.
    pub(crate) fn base(&self, service: Service, profile: &Profile, project: Option<&str>) -> Result<Url, Error> {
        let named = service.types().iter().find_map(|name| profile.endpoint_overrides.get(&name.replace('-', "_")));
        let found = named.map(String::as_str).or_else(|| self.find(service, profile));
        let address = match (found, service) {
            (Some(address), _) => address,
            (None, Service::Identity) => &profile.auth_url,
            (None, _) => return Err(self.missing(service, profile)),
        };
        let unusable = || Error::NoEndpoint {
            service,
            region: profile.region.clone(),
            interface: profile.interface.name(),
            available: format!("`{address}`, which is no http or https address"),
        };
        let url = Url::parse(address).map_err(|_| unusable())?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(unusable());
        }
        Ok(versioned(service, url, project))
    }

    fn find(&self, service: Service, profile: &Profile) -> Option<&str> {
        let fits = |endpoint: &&Endpoint| {
            endpoint.interface.trim_end_matches("URL") == profile.interface.name()
                && profile.region.as_deref().is_none_or(|region| endpoint.region() == Some(region))
        };
        service.types().iter().find_map(|name| {
            let services = self.services.iter().filter(|entry| entry.service_type == *name);
            services.flat_map(|entry| &entry.endpoints).find(fits).map(|endpoint| endpoint.url.as_str())
        })
    }

    fn missing(&self, service: Service, profile: &Profile) -> Error {
        let mut available: Vec<String> = self
            .services
            .iter()
            .filter(|entry| service.types().contains(&entry.service_type.as_str()))
            .flat_map(|entry| &entry.endpoints)
            .map(|endpoint| format!("{} in {}", endpoint.interface, endpoint.region().unwrap_or("no region")))
            .collect();
        if available.is_empty() {
            let types = self.services.iter().map(|entry| entry.service_type.as_str()).collect::<Vec<_>>();
            available.push(format!("no such service, only {}", types.join(", ")));
        }
        Error::NoEndpoint {
            service,
            region: profile.region.clone(),
            interface: profile.interface.name(),
            available: available.join(", "),
        }
    }
}

/// Completes an address with the API's version, for catalogs hold it with and without.
pub(crate) fn versioned(service: Service, mut url: Url, project: Option<&str>) -> Url {
    url.set_query(None);
    url.set_fragment(None);
    let mut segments: Vec<String> =
        url.path_segments().into_iter().flatten().filter(|part| !part.is_empty()).map(str::to_owned).collect();
    let version = segments.iter().rposition(|part| is_version(part));
    match (service, version) {
        // Keystone's and Cinder's old majors are gone from the servers sooner than from catalogs.
        (Service::Identity, Some(at)) => {
            segments.truncate(at);
            segments.push("v3".to_owned());
        }
        (Service::Volume, Some(at)) => "v3".clone_into(&mut segments[at]),
        (_, Some(_)) => {}
        (Service::Identity, None) => segments.push("v3".to_owned()),
        (Service::Network, None) => segments.push("v2.0".to_owned()),
        (Service::Compute, None) => segments.push("v2.1".to_owned()),
        (Service::Image, None) => segments.push("v2".to_owned()),
        // With the project in its path Cinder answers in every release.
        (Service::Volume, None) => {
            segments.push("v3".to_owned());
            segments.extend(project.map(str::to_owned));
        }
    }
    url.set_path(&segments.join("/"));
    url
}

/// Cuts everything after the version: where a service describes itself.
pub(crate) fn version_root(mut url: Url) -> Url {
    let segments: Vec<String> = url.path_segments().into_iter().flatten().map(str::to_owned).collect();
    if let Some(at) = segments.iter().rposition(|part| is_version(part)) {
        url.set_path(&format!("{}/", segments[..=at].join("/")));
    }
    url
}

fn is_version(segment: &str) -> bool {
    segment.strip_prefix('v').is_some_and(|rest| {
        rest.starts_with(|first: char| first.is_ascii_digit())
            && rest.chars().all(|each| each.is_ascii_digit() || each == '.')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_gets_its_version_once() {
        let table = [
            (Service::Network, "http://h:9696", "http://h:9696/v2.0"),
            (Service::Network, "http://h:9696/v2.0/", "http://h:9696/v2.0"),
            (Service::Network, "https://h/networking", "https://h/networking/v2.0"),
            (Service::Identity, "http://h/identity", "http://h/identity/v3"),
            (Service::Identity, "http://h:5000/v2.0", "http://h:5000/v3"),
            (Service::Identity, "http://h:5000/v3/", "http://h:5000/v3"),
            (Service::Compute, "http://h/compute/v2.1", "http://h/compute/v2.1"),
            (Service::Compute, "http://h:8774/v2.1/p1", "http://h:8774/v2.1/p1"),
            (Service::Compute, "http://h:8774/", "http://h:8774/v2.1"),
            (Service::Volume, "http://h/v3/p1", "http://h/v3/p1"),
            (Service::Volume, "http://h/v2/p1", "http://h/v3/p1"),
            (Service::Volume, "http://h/volume", "http://h/volume/v3/me"),
        ];
        for (service, given, expected) in table {
            assert_eq!(versioned(service, Url::parse(given).unwrap(), Some("me")).as_str(), expected, "{given}");
        }
    }

    #[test]
    fn a_service_describes_itself_at_its_version() {
        let table = [("http://h/v2.1/p1", "http://h/v2.1/"), ("http://h/compute/v2.1", "http://h/compute/v2.1/")];
        for (given, expected) in table {
            assert_eq!(version_root(Url::parse(given).unwrap()).as_str(), expected);
        }
    }
}
