//! What a running log counts: for those who watch it, never for a decision of its own.
//!
//! Relaxed atomics, filled by the log's one thread; a reader may miss the last group.

use crate::disk::Disk;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Buckets of a [`Powers`]: the last one, from 2^30 on, also has everything larger.
const POWERS: usize = 32;

/// Counts of numbers by powers of two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Powers {
    /// How many numbers were at most 2^n and more than the one before; the last has no bound.
    pub counts: Vec<u64>,
    /// All numbers together.
    pub sum: u64,
}

impl Powers {
    /// How many numbers were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// What a log has counted since its start, and how it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogMetrics {
    /// All segments together, up to their last frames.
    pub bytes: u64,
    /// How many segments there are.
    pub segments: usize,
    /// How many databases hold the oldest one.
    pub holders: usize,
    /// How much waits for the disk.
    pub queued_bytes: usize,
    /// Groups that were written and forced.
    pub commits: u64,
    /// Appends in a group.
    pub group_appends: Powers,
    /// How long forcing a file took, in microseconds; failed ones count, too.
    pub sync_us: Powers,
    /// Why the log takes no more writes, if it has failed.
    pub failure: Option<String>,
}

#[derive(Debug, Default)]
struct Counting {
    counts: [AtomicU64; POWERS],
    sum: AtomicU64,
}

impl Counting {
    fn add(&self, number: u64) {
        // 0 counts with 1.
        let power = match number > 1 << (POWERS - 2) {
            true => POWERS - 1,
            false => number.next_power_of_two().trailing_zeros() as usize,
        };
        self.counts[power].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(number, Ordering::Relaxed);
    }

    fn now(&self) -> Powers {
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        Powers { counts, sum: self.sum.load(Ordering::Relaxed) }
    }
}

/// Where the log's thread counts.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    bytes: AtomicU64,
    commits: AtomicU64,
    group_appends: Counting,
    sync_us: Counting,
}

impl Counters {
    pub(crate) fn committed(&self, appends: usize) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.group_appends.add(appends as u64);
    }

    pub(crate) fn size(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
    }

    /// What was counted; the rest is not known here.
    pub(crate) fn now(&self) -> LogMetrics {
        LogMetrics {
            bytes: self.bytes.load(Ordering::Relaxed),
            commits: self.commits.load(Ordering::Relaxed),
            group_appends: self.group_appends.now(),
            sync_us: self.sync_us.now(),
            ..LogMetrics::default()
        }
    }
}

/// A disk whose forced writes are timed.
#[derive(Debug)]
pub(crate) struct Timed {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) counters: Arc<Counters>,
}

impl Disk for Timed {
    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }

    fn length(&self, file: &str) -> io::Result<u64> {
        self.disk.length(file)
    }

    fn read(&self, file: &str, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.disk.read(file, offset, into)
    }

    fn create(&self, file: &str) -> io::Result<()> {
        self.disk.create(file)
    }

    fn write(&self, file: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.write(file, offset, bytes)
    }

    fn truncate(&self, file: &str, length: u64) -> io::Result<()> {
        self.disk.truncate(file, length)
    }

    fn sync(&self, file: &str) -> io::Result<()> {
        let began = Instant::now();
        let synced = self.disk.sync(file);
        self.counters.sync_us.add(began.elapsed().as_micros() as u64);
        synced
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, file: &str) -> io::Result<()> {
        self.disk.remove(file)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.disk.sync_directory()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_under_the_power_that_they_do_not_exceed() {
        let counting = Counting::default();
        let numbers = [0, 1, 2, 3, 4, 5, 1 << 30, (1 << 30) + 1, u64::MAX / 4];
        numbers.iter().for_each(|number| counting.add(*number));
        let counts = counting.now().counts;
        assert_eq!(counts[..4], [2, 1, 2, 1]);
        assert_eq!(counts[30..], [1, 2]);
        assert_eq!(counting.now().count(), 9);
    }
}
