//! Token buckets: how a partition's capacity with its burst allowance is kept.
//!
//! A bucket fills with the partition's capacity per second and holds at most `burst_s` seconds of
//! it: 300 in DynamoDB ("DynamoDB currently retains up to five minutes (300 seconds) of unused read
//! and write capacity", Developer Guide, *Burst and adaptive capacity*). A request is admitted as
//! long as the level is above zero and then takes what it costs, if need be below zero: what a
//! request costs is often known only after it was served, and a request larger than the bucket
//! must not wait forever. The debt is paid by the clock before the next one is admitted.
//!
//! A level is never reset. At a reslice the parents' levels are divided among the children by
//! forecast share ([`divide`]) or added up ([`merge`]): new partitions have full capacity at once
//! but no more saved up than there was before, else splitting would be a way to print credit.
//!
//! Shared by admission in the server and by the simulator. Time is passed in.

use serde::{Deserialize, Serialize};
use types::Units;

/// How long unused capacity is kept, in seconds of capacity, as in DynamoDB.
pub const BURST_S: f64 = 300.0;

/// One kind of capacity of one partition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokenBucket {
    per_second: f64,
    most: f64,
    level: f64,
    updated_ms: i64,
}

impl TokenBucket {
    /// A full bucket.
    pub fn full(per_second: f64, burst_s: f64, now_ms: i64) -> Self {
        let most = (per_second * burst_s).max(0.0);
        Self { per_second, most, level: most, updated_ms: now_ms }
    }

    /// A bucket at `level`, or full if that is more than it holds.
    pub fn at_level(level: f64, per_second: f64, burst_s: f64, now_ms: i64) -> Self {
        let full = Self::full(per_second, burst_s, now_ms);
        Self { level: level.min(full.most), ..full }
    }

    /// What is in it at `now_ms`; below zero if there is debt.
    pub fn level(&mut self, now_ms: i64) -> f64 {
        // A clock that steps back refills nothing, and what it repeats is not refilled twice.
        let passed_ms = (now_ms - self.updated_ms).max(0);
        self.level = (self.level + self.per_second * passed_ms as f64 / 1000.0).min(self.most);
        self.updated_ms = self.updated_ms.max(now_ms);
        self.level
    }

    /// Whether a request may go on now; takes nothing.
    pub fn admits(&mut self, now_ms: i64) -> bool {
        self.level(now_ms) > 0.0
    }

    /// Takes what a request cost, whatever is left; a negative amount gives back what was taken
    /// too much.
    pub fn debit(&mut self, units: f64) {
        self.level = (self.level - units).min(self.most);
    }

    /// Admits and debits in one step; `false` takes nothing.
    pub fn try_take(&mut self, units: f64, now_ms: i64) -> bool {
        let admitted = self.admits(now_ms);
        if admitted {
            self.debit(units);
        }
        admitted
    }

    /// What it can hold.
    pub fn most(&self) -> f64 {
        self.most
    }

    /// What it gains per second.
    pub fn per_second(&self) -> f64 {
        self.per_second
    }
}

/// The read and the write bucket of one partition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Buckets {
    /// Read units.
    pub read: TokenBucket,
    /// Write units.
    pub write: TokenBucket,
}

impl Buckets {
    /// Full buckets, for a new table.
    pub fn full(capacity: Units, burst_s: f64, now_ms: i64) -> Self {
        Self {
            read: TokenBucket::full(capacity.read, burst_s, now_ms),
            write: TokenBucket::full(capacity.write, burst_s, now_ms),
        }
    }

    /// Buckets at given levels, for a child of a reslice.
    pub fn at_level(level: Units, capacity: Units, burst_s: f64, now_ms: i64) -> Self {
        Self {
            read: TokenBucket::at_level(level.read, capacity.read, burst_s, now_ms),
            write: TokenBucket::at_level(level.write, capacity.write, burst_s, now_ms),
        }
    }

    /// What is left of both kinds.
    pub fn level(&mut self, now_ms: i64) -> Units {
        Units { read: self.read.level(now_ms), write: self.write.level(now_ms) }
    }

    /// Admits a request if every kind it needs has something left, and takes what it costs.
    pub fn try_take(&mut self, units: Units, now_ms: i64) -> bool {
        let admitted = (units.read <= 0.0 || self.read.admits(now_ms))
            && (units.write <= 0.0 || self.write.admits(now_ms));
        if admitted {
            self.read.debit(units.read);
            self.write.debit(units.write);
        }
        admitted
    }
}

/// Divides what parents have left among children by their share of the forecast load.
///
/// Shares need not add up to one; without any load children get equal parts. Debt is divided the
/// same way. The parts add up to `parents`.
pub fn divide(parents: Units, shares: &[Units]) -> Vec<Units> {
    let total: Units = shares.iter().copied().sum();
    let part = |amount: f64, share: f64, total: f64| {
        if total > 0.0 { amount * (share / total) } else { amount / shares.len() as f64 }
    };
    shares
        .iter()
        .map(|share| Units {
            read: part(parents.read, share.read, total.read),
            write: part(parents.write, share.write, total.write),
        })
        .collect()
}

/// What a merged partition starts with: everything its parents had. The bucket it is poured into
/// keeps no more than it holds.
pub fn merge(parents: &[Units]) -> Units {
    parents.iter().copied().sum()
}

#[cfg(test)]
mod tests;
