//! Wrong tokens cost their sender time: an address that sent too many within a minute is not listened to for the rest of
//! it, except with a token that was right before, for others may share the address.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Duration, Utc};
use uuid::Uuid;

use crate::model::token::Token;

/// Wrong tokens that an address may send within [`WINDOW`].
const MOST: u32 = 10;
/// How long they are remembered.
const WINDOW: Duration = Duration::minutes(1);
/// Addresses that are remembered.
const ADDRESSES: usize = 4_096;

/// Who came with a wrong token how often.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    wrong: HashMap<IpAddr, (DateTime<Utc>, u32)>,
    /// Tokens that were right, as id and verifier: as many as there are tokens.
    right: HashSet<(Uuid, String)>,
}

/// Addresses that one person can change at will count as one.
fn place(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) if address.to_ipv4_mapped().is_none() => {
            IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into())
        }
        other => other,
    }
}

impl Throttle {
    fn with<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        change(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// For how many seconds an address is not listened to with this token.
    pub fn wait(&self, from: Option<IpAddr>, token: Option<&Token>, now: DateTime<Utc>) -> Option<i64> {
        let from = place(from?);
        self.with(|inner| {
            let (since, count) = *inner.wrong.get(&from)?;
            let left = since + WINDOW - now;
            let is_known = || token.is_some_and(|token| inner.right.contains(&(token.id, token.verifier())));
            (count >= MOST && left > Duration::zero() && !is_known()).then(|| left.num_seconds() + 1)
        })
    }

    /// Notes a wrong token.
    pub fn wrong(&self, from: Option<IpAddr>, token: Option<&Token>, now: DateTime<Utc>) {
        self.with(|inner| {
            if let Some(token) = token {
                inner.right.remove(&(token.id, token.verifier()));
            }
            let Some(from) = from.map(place) else { return };
            if inner.wrong.len() >= ADDRESSES {
                inner.wrong.retain(|_, (since, _)| *since + WINDOW > now);
            }
            if inner.wrong.len() >= ADDRESSES {
                inner.wrong.clear();
            }
            let (since, count) = inner.wrong.entry(from).or_insert((now, 0));
            if *since + WINDOW <= now {
                (*since, *count) = (now, 0);
            }
            *count += 1;
        });
    }

    /// Notes a right one.
    pub fn right(&self, token: &Token) {
        self.with(|inner| inner.right.insert((token.id, token.verifier())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_wrong_tokens_silence_an_address_for_a_while() {
        let (throttle, now) = (Throttle::default(), DateTime::UNIX_EPOCH);
        let (from, other) = (Some("192.0.2.1".parse().unwrap()), Some("192.0.2.2".parse().unwrap()));
        let right = Token::new(Uuid::from_u128(1));
        throttle.right(&right);
        for _ in 0..MOST {
            assert_eq!(throttle.wait(from, None, now), None);
            throttle.wrong(from, None, now);
        }
        assert_eq!(throttle.wait(from, None, now), Some(61));
        assert_eq!((throttle.wait(other, None, now), throttle.wait(None, None, now)), (None, None));
        assert_eq!(throttle.wait(from, Some(&right), now), None, "whoever shares the address is listened to");
        assert_eq!(throttle.wait(from, Some(&Token::new(right.id)), now), Some(61));
        throttle.wrong(from, Some(&right), now);
        assert_eq!(throttle.wait(from, Some(&right), now), Some(61), "it is right no more");
        assert_eq!(throttle.wait(from, None, now + WINDOW), None);
        throttle.wrong(from, None, now + WINDOW);
        assert_eq!(throttle.wait(from, None, now + WINDOW), None);
    }

    #[test]
    fn the_addresses_of_one_network_count_as_one() {
        let at = |text: &str| place(text.parse().unwrap());
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff:0:1"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
        assert_ne!(at("192.0.2.1"), at("192.0.2.2"));
        assert_ne!(at("::ffff:192.0.2.1"), at("::ffff:192.0.2.2"));
    }
}
