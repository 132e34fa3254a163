//! Demand, not traffic: tells a new request from the retry of one that was already counted.
//!
//! SDKs name each call (`amz-sdk-invocation-id`) and number its attempts (`amz-sdk-request:
//! attempt=n; max=m`), so a call counts once however often it is tried. A request without a name is
//! taken for a retry if the same client asked for the same on the same key and was throttled a moment
//! ago. Otherwise a store under pressure would forecast the echo of its own refusals.
//!
//! What was seen lives in a table of fixed size, set-associative like a processor's cache: eight
//! slots per set, plain atomics, no locks. Forgetting too early, or two threads meeting on one slot,
//! makes one retry count as new: harmless, and never an error of a request.
//!
//! Known limits: many workers of one client that hammer one key without naming their calls look like
//! one worker retrying; and an unnamed client that waits longer than the setting counts again.

use crate::{DemandSettings, Outcome, RequestType};
use std::sync::atomic::{AtomicU64, Ordering};
use xxhash_rust::xxh3::xxh3_64;

/// Slots that one request can lie in: one cache line of them.
const SLOTS_PER_SET: usize = 8;
/// How often a slot is fought for before the memory of this request is given up.
const STORE_TRIES_MAX: usize = 3;

/// One attempt at a request, as far as telling retries needs to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The client named the call this attempt belongs to.
    Named {
        /// Hash of the call's name.
        call: u64,
        /// Whether the client says that it is the first attempt.
        first: bool,
    },
    /// The client did not name it; hash of who asked for what.
    Nameless {
        /// Hash of client, key and request type.
        request: u64,
    },
}

impl Attempt {
    /// An attempt without a name, known by who wants what. Right for the single keys of a batch, too:
    /// an SDK sends the keys of a batch that were refused again as a new call.
    pub fn nameless(client: u64, key_hash: u64, request: RequestType) -> Self {
        let mut bytes = [0; 17];
        bytes[..8].copy_from_slice(&client.to_le_bytes());
        bytes[8..16].copy_from_slice(&key_hash.to_le_bytes());
        bytes[16] = request as u8;
        Self::Nameless { request: xxh3_64(&bytes) }
    }

    /// The attempt that the headers `amz-sdk-invocation-id` and `amz-sdk-request` describe, or
    /// `nameless` if there is no name.
    pub fn from_headers(
        invocation_id: Option<&str>,
        sdk_request: Option<&str>,
        nameless: Attempt,
    ) -> Self {
        match invocation_id {
            Some(id) if !id.is_empty() => Self::Named {
                call: xxh3_64(id.as_bytes()),
                first: sdk_request.and_then(attempt_number) == Some(1),
            },
            _ => nameless,
        }
    }
}

/// The `n` of `ttl=…; attempt=n; max=m`.
fn attempt_number(sdk_request: &str) -> Option<u32> {
    let parts = sdk_request.split(';').filter_map(|part| part.split_once('='));
    let mut attempts = parts.filter(|(name, _)| name.trim().eq_ignore_ascii_case("attempt"));
    attempts.next()?.1.trim().parse().ok()
}

/// The slots that one request can lie in, on one cache line.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Set([AtomicU64; SLOTS_PER_SET]);

/// Remembers recent requests to tell their retries from new demand.
#[derive(Debug)]
pub struct Demand {
    sets: Box<[Set]>,
    retry_ms_max: i64,
    nameless_retry_ms_max: i64,
}

impl Demand {
    /// A memory of the size that the settings say, taken now.
    pub fn new(settings: &DemandSettings) -> Self {
        let sets = settings.requests_max.div_ceil(SLOTS_PER_SET).next_power_of_two();
        Self {
            sets: (0..sets).map(|_| Set::default()).collect(),
            retry_ms_max: settings.retry_ms_max,
            nameless_retry_ms_max: settings.nameless_retry_ms_max,
        }
    }

    /// Whether this attempt is new demand. Call it once per attempt, when its outcome is known.
    ///
    /// `now_ms` must run as fast as the clients' waits do: real time, even if the service's clock is
    /// scaled. Its origin does not matter.
    pub fn counts(&self, attempt: &Attempt, outcome: Outcome, now_ms: i64) -> bool {
        let refused = outcome == Outcome::Throttled;
        match *attempt {
            Attempt::Named { call, first } => {
                let look = self.look(call, now_ms);
                self.remember(look, call, now_ms, refused);
                first || look.age_ms > self.retry_ms_max
            }
            Attempt::Nameless { request } => {
                let look = self.look(request, now_ms);
                let known = look.age_ms <= self.nameless_retry_ms_max;
                if refused {
                    self.remember(look, request, now_ms, true);
                } else if known {
                    // Served at last: the next request on this key is a new one.
                    look.slot.store(0, Ordering::Relaxed);
                }
                !known
            }
        }
    }

    /// Finds a request's slot, or else the one that it would take. The place comes from the lower bits
    /// of the hash, the mark in the slot from the upper ones.
    fn look(&self, hash: u64, now_ms: i64) -> Look<'_> {
        let set = &self.sets[hash as usize & (self.sets.len() - 1)].0;
        let (mark, now) = (mark(hash), tick(now_ms));
        let mut cheapest = (u64::MAX, &set[0], Seen(0));
        for slot in set {
            let seen = Seen(slot.load(Ordering::Relaxed));
            if seen.mark() == mark {
                return Look { slot, seen, age_ms: seen.age_ms(now) };
            }
            let worth = self.worth_of(seen, now);
            if worth < cheapest.0 {
                cheapest = (worth, slot, seen);
            }
        }
        let (_, slot, seen) = cheapest;
        Look { slot, seen, age_ms: i64::MAX }
    }

    fn remember<'a>(&'a self, mut look: Look<'a>, hash: u64, now_ms: i64, refused: bool) {
        let new = Seen::new(hash, now_ms, refused).0;
        for _ in 0..STORE_TRIES_MAX {
            let swapped =
                look.slot.compare_exchange(look.seen.0, new, Ordering::Relaxed, Ordering::Relaxed);
            if swapped.is_ok() {
                return;
            }
            look = self.look(hash, now_ms);
        }
    }

    /// What is lost by giving a slot to another request: least of an empty or old one, then of a served
    /// request (which is rarely tried again), the older the less.
    fn worth_of(&self, seen: Seen, now: u64) -> u64 {
        let age_ms = seen.age_ms(now);
        if seen.0 == 0 || age_ms > self.retry_ms_max {
            return 0;
        }
        let class = if seen.refused() { 2 } else { 1 };
        class * AGE_MS_LIMIT - age_ms as u64
    }
}

/// Where a request is remembered, or would be.
#[derive(Clone, Copy)]
struct Look<'a> {
    slot: &'a AtomicU64,
    /// What the slot held.
    seen: Seen,
    /// How long ago the request was seen; longer than anything if it is not known.
    age_ms: i64,
}

/// A slot: 40 bits of the request's hash, 23 bits of time, one bit "was refused". Zero is empty.
#[derive(Clone, Copy)]
struct Seen(u64);

/// Resolution of the time in a slot; 23 bits of it wrap around after 24 days.
const TICK_MS: i64 = 256;
const TICK_BITS: u32 = 23;
const TICK_MASK: u64 = (1 << TICK_BITS) - 1;
/// More than any age in milliseconds.
const AGE_MS_LIMIT: u64 = (TICK_MS as u64) << TICK_BITS;

/// The part of a hash that a slot keeps; never zero, so that a used slot is never empty.
fn mark(hash: u64) -> u64 {
    (hash >> (TICK_BITS + 1)).max(1)
}

/// The number of ticks at a time.
fn tick(now_ms: i64) -> u64 {
    now_ms.div_euclid(TICK_MS) as u64
}

impl Seen {
    fn new(hash: u64, now_ms: i64, refused: bool) -> Self {
        let tick = tick(now_ms) & TICK_MASK;
        Self(mark(hash) << (TICK_BITS + 1) | tick << 1 | u64::from(refused))
    }

    fn mark(self) -> u64 {
        self.0 >> (TICK_BITS + 1)
    }

    fn refused(self) -> bool {
        self.0 & 1 == 1
    }

    /// Ticks since it was seen; a time that seems to lie ahead wraps to a very long age.
    fn age_ms(self, now: u64) -> i64 {
        (now.wrapping_sub(self.0 >> 1) & TICK_MASK) as i64 * TICK_MS
    }
}

#[cfg(test)]
mod tests;
