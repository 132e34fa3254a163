//! What acting costs on this engine, as it was measured.
//!
//! `foreshard bench costs` starts stores, measures, and writes one file; the copy in `costs/` says which
//! machine it is of and is what the players use unless they are given another. docs/evaluation.md
//! describes the fields. What is not measured (a move to another node) is not in here, and no player
//! pretends to know it.

use crate::error::SimulatorError;
use crate::minutes::ActionCosts;
use crate::upkeep::UpkeepCosts;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::LazyLock;

/// The version of the file that is read and written.
pub const VERSION: u32 = 1;
/// New partitions count as cold until they serve reads for at most so many times the warm cost.
pub const COLD_RATIO: f64 = 1.1;

/// The copy that comes with the program.
static EMBEDDED: LazyLock<MeasuredCosts> = LazyLock::new(|| {
    // A test reads it: a program that does not come with a good copy is not shipped.
    MeasuredCosts::parse(include_str!("../costs/measured.json")).expect("the copy is good")
});

/// One file of measured costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasuredCosts {
    /// [`VERSION`].
    pub version: u32,
    /// Where, when and how it was measured.
    pub measured: Provenance,
    /// One partition made two.
    pub split: Reslice,
    /// Two made one.
    pub merge: Reslice,
    /// What a split leaves to be done in the background.
    pub debt: Debt,
    /// What a split does to reads.
    pub cold: Cold,
    /// Another key order; files from before it was measured do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rekey: Option<Rekey>,
    /// From asking for a stored partition until it serves, milliseconds.
    pub open_partition_ms: f64,
    /// What each further partition adds to a scan that runs through it, CPU microseconds.
    pub scan_partition_us: f64,
    /// What a partition in a bucket asks for.
    pub bucket: Bucket,
}

/// Where figures are from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// Processor, cores, memory, file system.
    pub machine: String,
    /// The day, as 2026-12-01.
    pub date: String,
    /// The command.
    pub command: String,
    /// How much data the partition had that was split, bytes.
    pub partition_bytes: u64,
}

/// One kind of reslice, with writers at work; medians.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reslice {
    /// From the request until the new partitions serve, milliseconds.
    pub total_ms: f64,
    /// Of it, for how long writes to these partitions were held.
    pub pause_ms: f64,
}

/// What is rewritten until the children of a split borrow nothing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Debt {
    /// Bytes written for each byte that the partition had.
    pub written_ratio: f64,
    /// CPU seconds for each gigabyte (2^30 bytes) that it had.
    pub cpu_s_per_gb: f64,
}

/// A change of the key order while nobody writes, as fast as it goes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rekey {
    /// Seconds for each gigabyte (2^30 bytes) of keys and values.
    pub s_per_gb: f64,
    /// CPU seconds for each.
    pub cpu_s_per_gb: f64,
    /// For how long writes were held at its end, milliseconds.
    pub pause_ms: f64,
}

/// Reads before and after a split, of keys of which most are asked for again and again.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cold {
    /// CPU of a read before, microseconds.
    pub warm_read_us: f64,
    /// CPU of a read in the first interval after, microseconds.
    pub cold_read_us: f64,
    /// Until a read costs less than [`COLD_RATIO`] times the warm one, milliseconds.
    pub lasts_ms: f64,
}

/// Requests of one partition in a bucket that are charged as PUTs, per month of 30 days.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// Written to all the time, with the default settings.
    pub puts_active_per_month: f64,
    /// Left alone.
    pub puts_idle_per_month: f64,
}

impl MeasuredCosts {
    /// What was measured when this program was made.
    pub fn embedded() -> &'static Self {
        &EMBEDDED
    }

    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, SimulatorError> {
        let failed = |why: String| SimulatorError::Costs { path: path.to_path_buf(), why };
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        Self::parse(&text).map_err(failed)
    }

    /// Reads a document; an error names the field.
    pub fn parse(text: &str) -> Result<Self, String> {
        let costs: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if costs.version != VERSION {
            return Err(format!("version is {}, but must be {VERSION}", costs.version));
        }
        for (name, value, least) in costs.figures() {
            if !(value.is_finite() && value >= least) {
                return Err(format!("{name} is {value}, but must be at least {least}"));
            }
        }
        Ok(costs)
    }

    /// Every figure with its name and the least that it may be.
    fn figures(&self) -> Vec<(&'static str, f64, f64)> {
        let Self { split, merge, debt, cold, rekey, bucket, .. } = self;
        let mut figures = vec![
            ("split.pause_ms", split.pause_ms, 0.0),
            ("split.total_ms", split.total_ms, split.pause_ms),
            ("merge.pause_ms", merge.pause_ms, 0.0),
            ("merge.total_ms", merge.total_ms, merge.pause_ms),
            ("debt.written_ratio", debt.written_ratio, 0.0),
            ("debt.cpu_s_per_gb", debt.cpu_s_per_gb, 0.0),
            ("cold.warm_read_us", cold.warm_read_us, f64::MIN_POSITIVE),
            ("cold.cold_read_us", cold.cold_read_us, f64::MIN_POSITIVE),
            ("cold.lasts_ms", cold.lasts_ms, 0.0),
            ("open_partition_ms", self.open_partition_ms, 0.0),
            ("scan_partition_us", self.scan_partition_us, 0.0),
            ("bucket.puts_active_per_month", bucket.puts_active_per_month, 0.0),
            ("bucket.puts_idle_per_month", bucket.puts_idle_per_month, 0.0),
        ];
        if let Some(rekey) = rekey {
            figures.extend([
                ("rekey.s_per_gb", rekey.s_per_gb, f64::MIN_POSITIVE),
                ("rekey.cpu_s_per_gb", rekey.cpu_s_per_gb, 0.0),
                ("rekey.pause_ms", rekey.pause_ms, 0.0),
            ]);
        }
        figures
    }

    /// What is paid beside partition-hours and throttled requests.
    pub fn upkeep(&self) -> UpkeepCosts {
        UpkeepCosts {
            written_ratio: self.debt.written_ratio,
            cpu_s_per_gb: self.debt.cpu_s_per_gb,
            scan_partition_us: self.scan_partition_us,
            bucket_puts_per_month: self.bucket.puts_active_per_month,
        }
    }

    /// What an action does to a table that is played.
    pub fn action(&self) -> ActionCosts {
        let whole_ms = |ms: f64| ms.ceil() as i64;
        let Cold { warm_read_us, cold_read_us, lasts_ms } = self.cold;
        ActionCosts {
            duration_ms: whole_ms(self.split.total_ms),
            merge_ms: whole_ms(self.merge.total_ms),
            pause_ms: self.split.pause_ms,
            merge_pause_ms: self.merge.pause_ms,
            cold_ms: whole_ms(lasts_ms),
            cold_capacity: (warm_read_us / cold_read_us).min(1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn document() -> Value {
        serde_json::to_value(MeasuredCosts::embedded()).unwrap()
    }

    #[test]
    fn the_embedded_copy_is_read_and_is_what_is_played() {
        let costs = MeasuredCosts::embedded();
        assert_eq!(costs.action(), ActionCosts::default());
        assert_eq!(costs.upkeep(), UpkeepCosts::default());
        assert!(!costs.measured.machine.is_empty() && !costs.measured.command.is_empty());
        assert_eq!(MeasuredCosts::parse(&document().to_string()).as_ref(), Ok(costs));
    }

    #[test]
    fn a_refusal_names_the_field() {
        for (pointer, value, name) in [
            ("/split/pause_ms", json!(-1.0), "split.pause_ms is -1"),
            ("/split/total_ms", json!(0.0), "split.total_ms is 0"),
            ("/cold/warm_read_us", json!(0.0), "cold.warm_read_us is 0"),
            ("/bucket/puts_idle_per_month", json!(-3), "bucket.puts_idle_per_month is -3"),
            ("/version", json!(7), "version is 7"),
        ] {
            let mut document = document();
            *document.pointer_mut(pointer).unwrap() = value;
            let error = MeasuredCosts::parse(&document.to_string()).unwrap_err();
            assert!(error.starts_with(name), "{error}");
        }
        let mut missing = document();
        missing["debt"].as_object_mut().unwrap().remove("written_ratio");
        let error = MeasuredCosts::parse(&missing.to_string()).unwrap_err();
        assert!(error.contains("missing field `written_ratio`"), "{error}");
        let mut unknown = document();
        unknown["rekey_ms"] = json!(1);
        let error = MeasuredCosts::parse(&unknown.to_string()).unwrap_err();
        assert!(error.contains("unknown field `rekey_ms`"), "{error}");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = MeasuredCosts::read(Path::new("no/such.json")).unwrap_err().to_string();
        assert!(error.starts_with("costs file no/such.json: "), "{error}");
    }

    #[test]
    fn partitions_that_read_at_twice_the_cost_serve_half() {
        let mut costs = MeasuredCosts::embedded().clone();
        costs.cold = Cold { warm_read_us: 5.0, cold_read_us: 10.0, lasts_ms: 1_200.5 };
        costs.split.total_ms = 99.1;
        let action = costs.action();
        assert_eq!((action.cold_capacity, action.cold_ms, action.duration_ms), (0.5, 1_201, 100));
        costs.cold.cold_read_us = 4.0;
        assert_eq!(costs.action().cold_capacity, 1.0, "no more than all");
    }
}
