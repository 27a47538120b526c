//! Tokens of the API: what one may do, and how one is written, shown once, and recognised again.

use std::fmt::Write;

use chrono::{DateTime, Duration, Utc};
use serde::Serialize;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::body::hex_digest;
use super::words::words;

words! {
    /// What the holder of a token may do; each role may also do what those before it may.
    Role {
        /// Read everything.
        Viewer = "viewer",
        /// Change tenants, as an administrator of a portal's project may.
        Operator = "operator",
        /// Everything: limits, states, and what the records hold at all.
        Staff = "staff",
    }
}

/// What a token begins with, so that scanners for leaked secrets know it.
const PREFIX: &str = "tnt";
/// Bytes of the secret half.
const SECRET: usize = 32;

/// A token as its holder has it: an id to find its record by, and a secret that only the holder knows.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// Which record it belongs to; no secret.
    pub id: Uuid,
    secret: String,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Token").field(&self.id).finish()
    }
}

impl Token {
    /// A new one.
    pub fn new(id: Uuid) -> Self {
        let bytes: [u8; SECRET] = rand::random();
        let secret = bytes.iter().fold(String::with_capacity(2 * SECRET), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        Self { id, secret }
    }

    /// Reads what a client sends.
    pub fn parse(text: &str) -> Option<Self> {
        let (prefix, rest) = text.split_once('_')?;
        let (id, secret) = rest.split_once('_')?;
        let is_secret = secret.len() == 2 * SECRET && secret.bytes().all(|it| it.is_ascii_hexdigit());
        let id = Uuid::parse_str(id).ok().filter(|_| prefix == PREFIX && is_secret)?;
        Some(Self { id, secret: secret.to_ascii_lowercase() })
    }

    /// What its holder is given, once.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}_{}_{}", self.id.simple(), self.secret)
    }

    /// What is kept of it. One round of SHA-256 is enough: the secret has 256 random bits, so nobody can go through
    /// what it may be, as people's passwords can be gone through, and a slow digest would only slow every request.
    pub fn verifier(&self) -> String {
        hex_digest(&self.secret)
    }

    /// Whether it is the one that `verifier` was kept of; the time that it takes tells nothing of how much agrees.
    pub fn fits(&self, verifier: &str) -> bool {
        self.verifier().as_bytes().ct_eq(verifier.as_bytes()).into()
    }
}

/// A token as recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Grant {
    /// Its id.
    pub id: Uuid,
    /// What its holder is called in the records.
    pub name: String,
    /// What it is good for.
    pub role: Role,
    /// See [`Token::verifier`].
    #[serde(skip)]
    pub verifier: String,
    /// How long it lasts without being used; none: for ever.
    #[serde(serialize_with = "seconds")]
    pub lifetime: Option<Duration>,
    /// When it ends, unless it is used before.
    pub expires_at: Option<DateTime<Utc>>,
    /// Who made it.
    pub author: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// When it was last used, to about a minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When somebody took it back.
    pub revoked_at: Option<DateTime<Utc>>,
}

#[expect(clippy::ref_option, reason = "serde gives it so")]
fn seconds<S: serde::Serializer>(lifetime: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    lifetime.map(|it| it.num_seconds()).serialize(serializer)
}

/// Uses that follow each other more closely than this are written down once.
const USED_AGAIN: Duration = Duration::minutes(1);

impl Grant {
    /// Whether it was not used for too long.
    pub fn is_expired(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// Whether a use at `now` is to be written down: each moves the end of the token.
    pub fn is_use_news(&self, now: DateTime<Utc>) -> bool {
        let spacing = self.lifetime.map_or(USED_AGAIN, |lifetime| USED_AGAIN.min(lifetime / 10));
        self.last_used_at.is_none_or(|last| now - last >= spacing)
    }

    /// When it ends, if it is used at `now` for the last time.
    pub fn end_after(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.lifetime.map(|lifetime| now + lifetime)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_recognised_and_a_similar_one_is_not() {
        let token = Token::new(Uuid::from_u128(7));
        let kept = token.verifier();
        assert_eq!(kept.len(), 64);
        assert!(!token.reveal().contains(&kept) && !format!("{token:?}").contains(&token.secret));
        let read = Token::parse(&token.reveal()).unwrap();
        assert!(read == token && read.fits(&kept));
        assert!(!Token::new(token.id).fits(&kept) && !token.fits("") && !token.fits(&kept[1..]));
        let shown = token.reveal();
        for wrong in ["", "tnt_", &shown[1..], &shown[..shown.len() - 1], &shown.replace('_', "-"), "tnt_ä_b"] {
            assert_eq!(Token::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn roles_include_those_before_them() {
        assert!(Role::Staff > Role::Operator && Role::Operator > Role::Viewer);
    }
}
