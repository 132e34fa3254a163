//! Request ids in DynamoDB's form: 52 characters of base 32.
//!
//! Unique within a server and unlikely to repeat between servers; not secret and not random: a
//! seed and a counter, hashed, so that tests and replays see the same ids.

use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderValue;
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// The digits of base 32 with the alphabet that DynamoDB's ids show.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHIJKLMNOPQRSTUV";

/// Characters of an id: 256 bits in steps of five.
const LENGTH: usize = 52;

tokio::task_local! {
    /// The id of the request that a task works on.
    static CURRENT: HeaderValue;
}

/// Works on a request: what is logged meanwhile can be told to be about it.
pub(crate) async fn within<T>(id: HeaderValue, work: impl Future<Output = T>) -> T {
    CURRENT.scope(id, work).await
}

/// Shows the id of the request that this task works on, if it works on one. What a request leaves to
/// other tasks and threads has none.
pub fn with_current_request_id<T>(show: impl FnOnce(Option<&str>) -> T) -> T {
    let id = CURRENT.try_with(HeaderValue::clone).ok();
    show(id.as_ref().and_then(|id| id.to_str().ok()))
}

/// Hands out request ids.
#[derive(Debug)]
pub(crate) struct RequestIds {
    seed: u64,
    next: AtomicU64,
}

impl RequestIds {
    /// Ids that follow from `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, next: AtomicU64::new(0) }
    }

    /// The next id, ready to be sent.
    pub(crate) fn next(&self) -> HeaderValue {
        let count = self.next.fetch_add(1, Ordering::Relaxed).to_le_bytes();
        let low = xxh3_128_with_seed(&count, self.seed);
        let high = xxh3_128_with_seed(&count, !self.seed);
        let mut text = [0u8; LENGTH];
        let mut bits = [high, low].into_iter();
        for half in text.chunks_mut(LENGTH / 2) {
            let mut rest = bits.next().unwrap_or_default();
            for place in half {
                *place = DIGITS[(rest & 31) as usize];
                rest >>= 5;
            }
        }
        HeaderValue::from_bytes(&text).expect("base 32 digits are visible ASCII")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_have_the_form_and_do_not_repeat() {
        let ids = RequestIds::new(7);
        let mut seen = HashSet::new();
        for _ in 0..10_000 {
            let id = ids.next();
            assert_eq!(id.len(), LENGTH);
            assert!(id.as_bytes().iter().all(|b| DIGITS.contains(b)));
            assert!(seen.insert(id));
        }
    }

    #[test]
    fn the_seed_decides() {
        assert_eq!(RequestIds::new(7).next(), RequestIds::new(7).next());
        assert_ne!(RequestIds::new(7).next(), RequestIds::new(8).next());
    }
}
