//! The recorder: takes one workload vector per request from many threads, gives them to one drain.
//!
//! Recording must never slow a request or fail it. The queue is therefore split into shards: a thread
//! keeps to its own, pushing is lock-free, nothing is allocated, and a full shard drops the vector and
//! counts it. With more threads than shards some share one, which costs contention, not correctness.
//! The shards are bounded array queues after D. Vyukov's bounded MPMC queue (crossbeam's `ArrayQueue`).

use crate::{RecorderSettings, Vector};
use crossbeam_queue::ArrayQueue;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Where request threads leave their vectors.
#[derive(Debug)]
pub struct Recorder {
    shards: Box<[Shard]>,
}

/// Aligned to two cache lines: neighbouring counters must not share one (adjacent-line prefetch).
#[derive(Debug)]
#[repr(align(128))]
struct Shard {
    queue: ArrayQueue<Vector>,
    dropped: AtomicU64,
}

/// Numbers threads in the order in which they first record; shards are dealt out by it.
static THREADS_SEEN: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static THREAD_NUMBER: usize = THREADS_SEEN.fetch_add(1, Ordering::Relaxed);
}

impl Recorder {
    /// A recorder whose memory, `settings.vectors_max` vectors, is taken now and never grows.
    pub fn new(settings: &RecorderSettings) -> Self {
        let shards = settings.shards.max(1);
        let per_shard = settings.vectors_max.div_ceil(shards).max(1);
        let shard = |_| Shard { queue: ArrayQueue::new(per_shard), dropped: AtomicU64::new(0) };
        Self { shards: (0..shards).map(shard).collect() }
    }

    /// Leaves one vector for the next drain, or drops and counts it if this thread's shard is full.
    #[inline]
    pub fn record(&self, vector: &Vector) {
        // A thread that is being torn down has no number any more; any shard will do.
        let number = THREAD_NUMBER.try_with(|number| *number).unwrap_or(0);
        let shard = &self.shards[number % self.shards.len()];
        if shard.queue.push(*vector).is_err() {
            shard.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Moves what has been recorded to the end of `into`, shard by shard. Requests that keep
    /// recording meanwhile cannot hold the drain up: it takes at most one fill of every shard.
    pub fn drain_into(&self, into: &mut Vec<Vector>) {
        for shard in &self.shards {
            for _ in 0..shard.queue.capacity() {
                match shard.queue.pop() {
                    Some(vector) => into.push(vector),
                    None => break,
                }
            }
        }
    }

    /// How many vectors were dropped since the start because a shard was full.
    pub fn dropped(&self) -> u64 {
        self.shards.iter().map(|shard| shard.dropped.load(Ordering::Relaxed)).sum()
    }

    /// How many vectors wait to be drained.
    pub fn waiting(&self) -> usize {
        self.shards.iter().map(|shard| shard.queue.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::vector_at;
    use std::collections::BTreeSet;

    #[test]
    fn a_full_recorder_drops_and_counts() {
        let recorder = Recorder::new(&RecorderSettings { vectors_max: 8, shards: 1 });
        (0..11).for_each(|n| recorder.record(&vector_at(n)));
        let mut drained = Vec::new();
        recorder.drain_into(&mut drained);
        let times: Vec<i64> = drained.iter().map(|vector| vector.timestamp_ms).collect();
        assert_eq!(times, (0..8).collect::<Vec<_>>(), "the newest are dropped, the order is kept");
        assert_eq!((recorder.dropped(), recorder.waiting()), (3, 0));
    }

    #[test]
    fn threads_lose_and_double_nothing() {
        const THREADS: i64 = 4;
        const EACH: i64 = 5_000;
        let recorder = Recorder::new(&RecorderSettings { vectors_max: 65_536, shards: 3 });
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let recorder = &recorder;
                scope.spawn(move || {
                    (0..EACH).for_each(|n| recorder.record(&vector_at(thread * EACH + n)));
                });
            }
        });
        let mut drained = Vec::new();
        recorder.drain_into(&mut drained);
        let distinct: BTreeSet<i64> = drained.iter().map(|vector| vector.timestamp_ms).collect();
        assert_eq!(drained.len() as i64, THREADS * EACH);
        assert_eq!(distinct.len() as i64, THREADS * EACH);
        assert_eq!(recorder.dropped(), 0);
    }
}
