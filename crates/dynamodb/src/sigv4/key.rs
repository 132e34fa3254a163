//! Signing keys: what follows from a secret for one day, region and service.

use super::{SERVICE, TERMINATOR};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The key that signs for one day in one region. As good as the secret until the day has passed, so
/// it is never shown.
#[derive(Clone)]
pub struct SigningKey([u8; 32]);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

impl SigningKey {
    /// The key of `secret` for requests to DynamoDB.
    pub fn derive(secret: &str, date: &str, region: &str) -> Self {
        let first = mac(format!("AWS4{secret}").as_bytes(), date);
        let parts = [region, SERVICE, TERMINATOR];
        Self(parts.into_iter().fold(first, |key, part| mac(&key, part)))
    }

    /// Whether `signature` is this key's of `text`; takes as long whatever differs.
    pub(super) fn signed(&self, text: &str, signature: &[u8]) -> bool {
        let mut mac = keyed(&self.0);
        mac.update(text.as_bytes());
        mac.verify_slice(signature).is_ok()
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("keys of this code may have any length")
}

fn mac(key: &[u8], text: &str) -> [u8; 32] {
    let mut mac = keyed(key);
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}
