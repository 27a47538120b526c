//! Everything that the simulated cloud knows. One lock guards it: reads share, writes exclude.

use super::Options;
use super::call::{Call, Service};
use super::compute::{self, model::Compute};
use super::identity::{self, model::Identity};
use super::image::{self, Images};
use super::network::{self, model::Networking};
use super::random::Random;
use super::reply::Answer;
use super::seed;
use super::volume::{self, model::BlockStorage};

/// The state of all services.
#[derive(Debug)]
pub struct World {
    pub identity: Identity,
    pub network: Networking,
    pub compute: Compute,
    pub volume: BlockStorage,
    pub images: Images,
    /// Draws the ids of new objects.
    pub random: Random,
    /// The largest page of any listing.
    pub page_limit: usize,
}

impl World {
    /// A cloud with its tenants.
    pub fn seeded(options: &Options) -> Self {
        let mut world = Self {
            identity: Identity::default(),
            network: Networking::default(),
            compute: Compute::default(),
            volume: BlockStorage::default(),
            images: Images::default(),
            random: Random::new(options.seed),
            page_limit: options.page_limit.max(1),
        };
        seed::sow(&mut world, options);
        world
    }

    /// A request that changes nothing.
    pub fn read(&self, call: &Call) -> Answer {
        match call.service {
            Service::Identity => identity::read(self, call),
            Service::Compute => compute::read(self, call),
            Service::Network => network::read(self, call),
            Service::Volume => volume::read(self, call),
            Service::Image | Service::Control => image::read(self, call),
        }
    }

    /// A request that may change something.
    pub fn write(&mut self, call: &Call) -> Answer {
        match call.service {
            Service::Identity => identity::write(self, call),
            Service::Compute => compute::write(self, call),
            Service::Network => network::write(self, call),
            Service::Volume => volume::write(self, call),
            Service::Image | Service::Control => image::write(self, call),
        }
    }
}
