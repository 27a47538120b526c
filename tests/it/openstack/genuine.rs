//! The client against genuine services: `TENANTD_TEST_OPENSTACK_CLOUD` names an entry of `clouds.yaml` with an
//! administrator's role. Without it nothing is asked and the test says so.
#![expect(clippy::print_stdout, reason = "what was skipped, and what the cloud showed")]

use std::collections::BTreeSet;
use std::sync::Arc;

use tenantd::clock::SystemClock;
use tenantd::openstack::{Cloud, Error, Options, ProjectFilter, SecurityGroup, Service, Which, clouds_yaml};

fn cloud(page_size: Option<usize>) -> Option<Cloud> {
    let Some(entry) = std::env::var("TENANTD_TEST_OPENSTACK_CLOUD").ok().filter(|entry| !entry.is_empty()) else {
        println!("skipped: TENANTD_TEST_OPENSTACK_CLOUD names no cloud");
        return None;
    };
    let profile = clouds_yaml::load(&entry, None, &clouds_yaml::Sources::from_process()).unwrap();
    let options = Options { name: entry, page_size, ..Options::default() };
    Some(Cloud::new(profile, options, Arc::new(SystemClock)).unwrap())
}

#[tokio::test]
async fn every_call_is_understood_and_pages_of_any_size_give_the_same() {
    let Some(cloud) = cloud(None) else { return };
    let identity = cloud.identity().await.unwrap();
    println!("{} of {}, roles {}", identity.user_name, identity.scope, identity.roles.join(", "));
    println!("clock skew {} ms", cloud.clock_skew().await.unwrap().num_milliseconds());
    for ability in cloud.abilities(None).await.unwrap() {
        println!("{} {}: {}", ability.service, ability.operation, ability.verdict());
        assert_eq!(ability.verdict(), "allowed", "{:?}", ability.outcome);
    }
    let small = self::cloud(Some(3)).unwrap();
    macro_rules! same {
        ($($call:ident),+) => {$({
            let whole = cloud.$call(Which::All).await.unwrap();
            let paged = small.$call(Which::All).await.unwrap();
            println!("{}: {} objects, {} pages of 3", stringify!($call), whole.items.len(), paged.pages.len());
            assert_eq!((whole.broken, paged.broken), (Vec::new(), Vec::new()));
            assert!(paged.pages.iter().all(|page| page.asked.as_ref().is_some_and(|it| it.id.starts_with("req-"))));
            let whole: BTreeSet<_> = whole.items.into_iter().map(|it| it.id).collect();
            let paged: Vec<_> = paged.items.into_iter().map(|it| it.id).collect();
            assert_eq!(paged.len(), whole.len());
            assert_eq!(paged.into_iter().collect::<BTreeSet<_>>(), whole);
        })+};
    }
    same!(security_groups, floating_ips, server_groups, servers, networks, subnets, ports, routers, volumes);
    same!(volume_snapshots);
    println!("{} domains", cloud.domains().await.unwrap().items.len());
}

/// Neutron orders a group's rules differently from answer to answer.
fn sorted(groups: impl IntoIterator<Item = SecurityGroup>) -> Vec<SecurityGroup> {
    let mut groups: Vec<_> = groups.into_iter().collect();
    for group in &mut groups {
        group.security_group_rules.sort_by(|a, b| a.id.cmp(&b.id));
    }
    groups
}

/// Asked for one project's objects, a service gives those of them that are the project's.
fn same_ids<T>(own: Vec<T>, all: &[T], id: impl Fn(&T) -> (String, bool)) {
    let part = all.iter().map(&id).filter(|(_, is_own)| *is_own).map(|(id, _)| id);
    assert_eq!(own.into_iter().map(|it| id(&it).0).collect::<BTreeSet<_>>(), part.collect::<BTreeSet<_>>());
}

#[tokio::test]
async fn one_projects_view_is_its_part_of_everyones() {
    let Some(cloud) = cloud(Some(5)) else { return };
    let projects = cloud.projects(&ProjectFilter { enabled: Some(true), ..ProjectFilter::default() }).await.unwrap();
    println!("{} projects in {} pages", projects.items.len(), projects.pages.len());
    for project in &projects.items {
        // Neutron makes a project's default group when it is first asked for that project's groups.
        cloud.security_groups(Which::Project(&project.id)).await.unwrap();
    }
    let all = cloud.security_groups(Which::All).await.unwrap().items;
    let groups = cloud.server_groups(Which::All).await.unwrap().items;
    let (networks, ports) =
        (cloud.networks(Which::All).await.unwrap().items, cloud.ports(Which::All).await.unwrap().items);
    let (subnets, routers) =
        (cloud.subnets(Which::All).await.unwrap().items, cloud.routers(Which::All).await.unwrap().items);
    let (servers, volumes) =
        (cloud.servers(Which::All).await.unwrap().items, cloud.volumes(Which::All).await.unwrap().items);
    let snapshots = cloud.volume_snapshots(Which::All).await.unwrap().items;
    for project in &projects.items {
        let id = project.id.as_str();
        assert_eq!(cloud.project(id).await.unwrap().as_ref(), Some(project));
        let own = cloud.security_groups(Which::Project(id)).await.unwrap().items;
        assert!(sorted(own) == sorted(all.iter().filter(|it| it.project_id == id).cloned()), "{id}");
        let own = cloud.server_groups(Which::Project(id)).await.unwrap().items;
        let part = groups.iter().filter(|it| it.project_id.as_deref() == Some(id)).cloned().collect::<Vec<_>>();
        assert_eq!(own, part);
        let mine = |whose: &str| whose == id;
        same_ids(cloud.networks(Which::Project(id)).await.unwrap().items, &networks, |it| {
            (it.id.clone(), mine(&it.project_id))
        });
        same_ids(cloud.ports(Which::Project(id)).await.unwrap().items, &ports, |it| {
            (it.id.clone(), mine(&it.project_id))
        });
        same_ids(cloud.routers(Which::Project(id)).await.unwrap().items, &routers, |it| {
            (it.id.clone(), mine(&it.project_id))
        });
        same_ids(cloud.servers(Which::Project(id)).await.unwrap().items, &servers, |it| {
            (it.id.clone(), mine(&it.tenant_id))
        });
        same_ids(cloud.volumes(Which::Project(id)).await.unwrap().items, &volumes, |it| {
            (it.id.clone(), it.tenant_id.as_deref().is_some_and(mine))
        });
        same_ids(cloud.volume_snapshots(Which::Project(id)).await.unwrap().items, &snapshots, |it| {
            (it.id.clone(), it.project_id.as_deref().is_some_and(mine))
        });
        let own: Vec<String> = networks.iter().filter(|it| mine(&it.project_id)).map(|it| it.id.clone()).collect();
        if !own.is_empty() {
            same_ids(cloud.subnets_of(id, &own).await.unwrap().items, &subnets, |it| {
                (it.id.clone(), own.contains(&it.network_id))
            });
        }
        let (compute, network, volume) =
            tokio::join!(cloud.compute_quota(id), cloud.network_quota(id), cloud.volume_quota(id));
        let (compute, network, volume) = (compute.unwrap().value, network.unwrap().value, volume.unwrap().value);
        assert!(compute.broken.is_empty() && network.broken.is_empty() && volume.broken.is_empty());
        println!(
            "{}: cores {:?}, groups {:?}, gigabytes {:?}",
            project.name, compute.values["cores"], network.values["security_group"], volume.values["gigabytes"]
        );
        for service in [Service::Compute, Service::Network, Service::Volume] {
            assert!(!cloud.quota_defaults(service, id).await.unwrap().value.is_empty());
        }
    }
    assert_eq!(cloud.project("0123456789abcdef0123456789abcdef").await.unwrap(), None);
    assert!(matches!(cloud.compute_quota("0123456789abcdef").await, Err(Error::BadRequest(_))));
}
