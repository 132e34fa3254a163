//! What a division of the table costs beside partition-hours and throttled requests.
//!
//! Children borrow their parents' files until these are rewritten; a scan asks every partition; in a
//! bucket each partition asks for requests that are charged. A matrix says nothing of bytes, so what is rewritten is given for
//! each gigabyte that the table has, spread evenly over the key axis. Nothing here is decided by: the
//! figures stand beside a policy's others, for who weighs them. What a merge leaves to be rewritten was
//! not measured and is taken to be what a split leaves.

use crate::costs::MeasuredCosts;
use serde::{Deserialize, Serialize};

/// Hours in the month that buckets are charged for.
const MONTH_HOURS: f64 = 30.0 * 24.0;

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UpkeepCosts {
    /// Bytes written for each byte of the partitions that were divided anew.
    pub written_ratio: f64,
    /// CPU seconds of that for each gigabyte.
    pub cpu_s_per_gb: f64,
    /// What each further partition adds to a scan of the table, CPU microseconds.
    pub scan_partition_us: f64,
    /// What a partition in a bucket asks for in 30 days.
    pub bucket_puts_per_month: f64,
}

impl Default for UpkeepCosts {
    /// As measured when this program was made.
    fn default() -> Self {
        MeasuredCosts::embedded().upkeep()
    }
}

/// What a run paid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Upkeep {
    /// Bytes rewritten because of actions for each byte that the table has.
    pub rewritten_ratio: f64,
    /// CPU seconds of that for each gigabyte that it has.
    pub rewriting_cpu_s_per_gb: f64,
    /// CPU that a scan of the whole table needs on top of what it needs with one partition, in the mean
    /// over time, microseconds.
    pub scan_cpu_us: f64,
    /// Charged requests in the time that was played, if the table lay in a bucket.
    pub bucket_puts: f64,
}

impl Upkeep {
    /// Of a run of `hours` with so many partition-hours, whose actions divided these shares of the key
    /// axis anew.
    pub fn new(
        costs: &UpkeepCosts,
        divided_shares: impl Iterator<Item = f64>,
        partition_hours: f64,
        hours: f64,
    ) -> Self {
        let divided: f64 = divided_shares.sum();
        let partitions = if hours > 0.0 { partition_hours / hours } else { 0.0 };
        Self {
            rewritten_ratio: divided * costs.written_ratio,
            rewriting_cpu_s_per_gb: divided * costs.cpu_s_per_gb,
            scan_cpu_us: (partitions - 1.0).max(0.0) * costs.scan_partition_us,
            bucket_puts: partition_hours / MONTH_HOURS * costs.bucket_puts_per_month,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_and_every_partition_counts() {
        let costs = UpkeepCosts {
            written_ratio: 2.0,
            cpu_s_per_gb: 8.0,
            scan_partition_us: 100.0,
            bucket_puts_per_month: 720.0,
        };
        let paid = Upkeep::new(&costs, [0.5, 0.25].into_iter(), 30.0, 10.0);
        assert_eq!(
            paid,
            Upkeep {
                rewritten_ratio: 1.5,
                rewriting_cpu_s_per_gb: 6.0,
                scan_cpu_us: 200.0,
                bucket_puts: 30.0,
            }
        );
        assert_eq!(Upkeep::new(&costs, std::iter::empty(), 0.0, 0.0), Upkeep::default());
    }
}
