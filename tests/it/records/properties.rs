//! Whatever a cloud shows in whatever order, the records stay consistent.

use std::sync::Arc;

use chrono::{DateTime, Duration, TimeDelta, Utc};
use proptest::prelude::*;
use tenantd::clock::{Clock, VirtualClock};
use tenantd::drift::flapping::FlapGuard;
use tenantd::drift::rules::{Mode, Rules};
use tenantd::jobs::context::{Context, Exchanges, Live};
use tenantd::jobs::effects::{Effect, Tally, apply};
use tenantd::model::quota::{Limit, Quota, Quotas};
use tenantd::model::server_group::ServerGroup;
use tenantd::model::{Body, Observation, ResourceType, Tenant};
use tenantd::store::Store;
use tenantd::store::findings::Filter;
use tenantd::store::tenants::Seen;
use uuid::Uuid;

/// A context without clouds, and a tenant.
struct World {
    context: Context,
    clock: VirtualClock,
    tenant: Tenant,
}

impl World {
    async fn new(modes: [Mode; ResourceType::ALL.len()]) -> Self {
        let store = Store::open("sqlite::memory:", 1).await.unwrap();
        store.migrate().await.unwrap();
        let clock = VirtualClock::at(DateTime::UNIX_EPOCH);
        // What is told of each change is looked at here; damping has tests of its own.
        let flapping = FlapGuard { flips: 0, ..Rules::default().flapping };
        let live = Live { rules: Rules { modes, flapping, ..Rules::default() }, ..Live::default() };
        let exchanges = Exchanges { events: "events".into(), dead: "dead".into() };
        let seen = Seen {
            cloud: "sim".into(),
            backend_id: "p".into(),
            name: "p".into(),
            domain: "d".into(),
            description: String::new(),
            enabled: true,
            tags: Vec::new(),
            domain_name: String::new(),
        };
        let mut tx = store.begin().await.unwrap();
        let tenant = tx.save_tenant(Uuid::from_u128(1), &seen, clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        let context = Context::new(store, Arc::new(clock.clone()), "test".into(), live, Some(exchanges));
        Self { context, clock, tenant }
    }

    async fn observe(&self, asked_at: DateTime<Utc>, body: Body) {
        let effects =
            [Effect::Observed { tenant: self.tenant.clone(), observation: Observation::clean(asked_at, body) }];
        let mut tx = self.context.store().begin().await.unwrap();
        apply(&self.context, &self.context.live(), &mut tx, None, &effects, &mut Tally::default()).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// How many events tell this step in the life of a finding.
    async fn told(&self, step: &str) -> usize {
        let outbox = self.context.store().outgoing(10_000).await.unwrap();
        let about = |key: &str| key.starts_with("drift.") && key.ends_with(step);
        outbox.iter().filter(|message| about(&message.routing_key)).count()
    }

    async fn known(&self, resource_type: ResourceType) -> Body {
        let store = self.context.store();
        let statuses = store.statuses(self.tenant.uuid).await.unwrap();
        let status = statuses.iter().find(|status| status.resource_type == resource_type).unwrap();
        store.snapshot(status.snapshot.unwrap()).await.unwrap().unwrap().body
    }
}

/// Limits of three quotas; none is unlimited.
fn quotas(limits: &[Option<u64>; 3]) -> Body {
    let quota = |limit: &Option<u64>| Quota { limit: Some(limit.map_or(Limit::Unlimited, Limit::Of)), usage: None };
    let named = ["vcpu", "ram", "volumes"].into_iter().zip(limits);
    Body::Quotas(named.map(|(name, limit)| (name.to_owned(), quota(limit))).collect::<Quotas>())
}

fn limits() -> impl Strategy<Value = [Option<u64>; 3]> {
    prop::array::uniform3(prop::option::of(0_u64..3))
}

fn run<F: Future<Output = Result<(), TestCaseError>>>(case: F) -> Result<(), TestCaseError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(case)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn findings_are_opened_once_and_resolved_once(looks in prop::collection::vec((limits(), 0_i64..120), 1..12)) {
        run(async {
            let world = World::new([Mode::Guard; ResourceType::ALL.len()]).await;
            for (limits, seconds) in &looks {
                world.clock.advance((TimeDelta::seconds(1 + seconds)).to_std().unwrap());
                world.observe(world.clock.now(), quotas(limits)).await;
                let standing = world.context.store().findings(Filter::default()).await.unwrap().len();
                let differing = looks[0].0.iter().zip(limits).filter(|(was, is)| was != is).count();
                prop_assert_eq!(standing, differing);
                prop_assert_eq!(world.told(".opened").await - world.told(".resolved").await, standing);
            }
            world.clock.advance(std::time::Duration::from_secs(1));
            world.observe(world.clock.now(), quotas(&looks[0].0)).await;
            prop_assert_eq!(world.context.store().findings(Filter::default()).await.unwrap(), []);
            prop_assert_eq!(world.told(".opened").await, world.told(".resolved").await);
            Ok(())
        })?;
    }

    #[test]
    fn the_newest_look_wins_whatever_the_order(looks in prop::collection::vec(limits(), 1..8), seed in any::<u64>()) {
        run(async {
            let world = World::new([Mode::Guard; ResourceType::ALL.len()]).await;
            let mut order: Vec<usize> = (0..looks.len()).collect();
            order.sort_by_key(|at| seed.rotate_left(u32::try_from(7 * at).unwrap()) ^ (*at as u64));
            for at in order {
                let asked_at = world.clock.now() + Duration::seconds(i64::try_from(at).unwrap());
                world.observe(asked_at, quotas(&looks[at])).await;
            }
            prop_assert_eq!(world.known(ResourceType::Quotas).await, quotas(looks.last().unwrap()));
            Ok(())
        })?;
    }

    #[test]
    fn following_ends_where_the_cloud_is(looks in prop::collection::vec(prop::collection::btree_set(0_u8..6, 0..6), 1..8)) {
        run(async {
            let world = World::new([Mode::Follow; ResourceType::ALL.len()]).await;
            let body = |names: &std::collections::BTreeSet<u8>| {
                let group = |name: &u8| ServerGroup {
                    id: name.to_string(),
                    name: name.to_string(),
                    policy: "affinity".into(),
                    members: vec![],
                };
                Body::ServerGroups(names.iter().map(group).collect())
            };
            // The last thing seen is seen until even a mass disappearance is believed.
            let last = looks.last().unwrap();
            for look in looks.iter().chain(std::iter::repeat_n(last, 6)) {
                world.clock.advance(std::time::Duration::from_secs(61));
                world.observe(world.clock.now(), body(look)).await;
            }
            prop_assert_eq!(world.known(ResourceType::ServerGroups).await, body(last));
            let expected = world.context.store().expectations(world.tenant.uuid).await.unwrap().remove(0);
            prop_assert_eq!(expected.body, body(last));
            prop_assert_eq!(world.context.store().findings(Filter::default()).await.unwrap(), []);
            Ok(())
        })?;
    }
}
