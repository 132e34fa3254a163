//! Key latches: whoever holds a key's latch is the only one to judge and change that key.
//!
//! There is a fixed number of stripes per partition; keys that share one wait for each other
//! needlessly, but only while a change is handed to the engine in memory, never for the disk.
//!
//! A stripe remembers its last write. A reply that was derived from the newest version of a key
//! waits for that write to be durable: it is the newest one of the key, or a later one.

use slatedb::WriteHandle;
use std::sync::Arc;
use tokio::sync::{Mutex, OwnedMutexGuard};
use xxhash_rust::xxh3::xxh3_64;

/// Stripes per partition: about 20 kB, and few collisions at some dozens of writers.
const STRIPES: usize = 256;

/// What a latch guards.
#[derive(Debug, Default)]
pub(crate) struct Stripe {
    /// The last write of a key in this stripe; it may not be durable yet.
    pub(crate) last: Option<WriteHandle>,
}

/// A held latch.
pub(crate) type Latch = OwnedMutexGuard<Stripe>;

/// The latches of a partition.
#[derive(Debug)]
pub(crate) struct Latches {
    stripes: Box<[Arc<Mutex<Stripe>>]>,
}

impl Default for Latches {
    fn default() -> Self {
        Self { stripes: (0..STRIPES).map(|_| Arc::default()).collect() }
    }
}

impl Latches {
    /// Waits for the latch of `key`.
    pub(crate) async fn lock(&self, key: &[u8]) -> Latch {
        let stripe = (xxh3_64(key) % STRIPES as u64) as usize;
        self.stripes[stripe].clone().lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn one_key_has_one_holder_and_another_key_its_own() {
        let latches = Latches::default();
        let held = latches.lock(b"a").await;
        assert!(latches.lock(b"a").now_or_never().is_none());
        let others =
            (0..100u32).filter(|n| latches.lock(&n.to_be_bytes()).now_or_never().is_some());
        assert!(others.count() > 90);
        drop(held);
        assert!(latches.lock(b"a").now_or_never().is_some());
    }
}
