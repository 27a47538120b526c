//! How much of something each address has, so that none has all of it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::api::Peer;

/// How much each address has.
#[derive(Debug, Default)]
pub(super) struct Addresses(Mutex<HashMap<IpAddr, usize>>);

/// Something that counts until it is dropped.
#[derive(Debug)]
pub(super) struct Counted {
    addresses: Arc<Addresses>,
    address: Option<IpAddr>,
}

impl Addresses {
    fn all(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one more for an address, unless it has so many. A peer without an address is not counted.
    pub fn take(self: &Arc<Self>, Peer(address): Peer, most: usize) -> Option<Counted> {
        if let Some(address) = address {
            let mut all = self.all();
            let count = all.entry(address).or_default();
            if *count >= most {
                return None;
            }
            *count += 1;
        }
        Some(Counted { addresses: Arc::clone(self), address })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let Some(address) = self.address else { return };
        let mut all = self.addresses.all();
        if let Some(count) = all.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                all.remove(&address);
            }
        }
    }
}
