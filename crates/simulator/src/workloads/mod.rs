//! Generated workloads: shapes of load that a policy must cope with, each with all its parameters.
//!
//! One file per shape, its parameters as constants beside it and stated in its doc comment; they were
//! fixed in a commit of their own before any policy was run on them, and a change of one is a new
//! workload. Each is made of a seed and nothing else. All have four weeks of history and two weeks
//! that are played, loads of about 3 to 5 thousand write units per second on partitions of one
//! thousand (DynamoDB's), and one unit per request. What stands in the history is known to a policy,
//! what comes after it is not.

mod batch_step;
mod constant;
mod data_growth;
mod diurnal;
mod drifting_hot_spot;
mod flash_crowd;
mod history_with_anomalies;
mod monotonic_inserts;
mod one_hot_key;
mod parts;
mod period_change;
mod tenant_onboarding;
mod weekly;
mod white_noise;
mod zipf_shift;

use crate::matrix::LoadMatrix;
use serde::{Deserialize, Serialize};

pub(crate) use parts::hashed_weights;
pub use parts::{HISTORY_DAYS, PLAYED_DAYS, START_MS};

/// What kind of task a workload sets: results are reported per kind, because one blended number
/// misleads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stratum {
    /// It has happened like this before: there is something to know.
    Predictable,
    /// The load moves over the keys, or grows.
    Moving,
    /// What comes has no forerunner.
    Surprise,
    /// There is nothing to know; predicting must cost nothing.
    Nothing,
    /// A recording.
    Real,
}

impl Stratum {
    /// All, in the order of reports.
    pub const ALL: [Self; 5] =
        [Self::Predictable, Self::Moving, Self::Surprise, Self::Nothing, Self::Real];

    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Predictable => "predictable",
            Self::Moving => "moving",
            Self::Surprise => "surprise",
            Self::Nothing => "nothing to know",
            Self::Real => "real",
        }
    }
}

/// A workload that can be generated.
#[derive(Clone, Copy, Debug)]
pub struct Generator {
    /// Its name on the command line.
    pub name: &'static str,
    /// What kind of task it sets.
    pub stratum: Stratum,
    /// What it is, in a few words.
    pub about: &'static str,
    /// Makes it.
    pub make: fn(u64) -> LoadMatrix,
}

/// All generated workloads, by stratum.
pub const ALL: [Generator; 15] = [
    diurnal::GENERATOR,
    weekly::GENERATOR,
    batch_step::GENERATOR,
    flash_crowd::ANNOUNCED,
    history_with_anomalies::GENERATOR,
    drifting_hot_spot::GENERATOR,
    monotonic_inserts::GENERATOR,
    zipf_shift::GENERATOR,
    one_hot_key::GENERATOR,
    tenant_onboarding::GENERATOR,
    data_growth::GENERATOR,
    flash_crowd::UNANNOUNCED,
    period_change::GENERATOR,
    white_noise::GENERATOR,
    constant::GENERATOR,
];

/// The workload called `name`.
pub fn find(name: &str) -> Option<&'static Generator> {
    ALL.iter().find(|generator| generator.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::{CELLS, Kind};

    #[test]
    fn every_workload_is_made_of_its_seed_alone() {
        for generator in ALL {
            let (once, again) = ((generator.make)(1), (generator.make)(1));
            assert!(once == again, "{}", generator.name);
            assert_eq!(find(generator.name).map(|found| found.name), Some(generator.name));
            if generator.name != "constant" {
                assert!(once != (generator.make)(2), "{} ignores its seed", generator.name);
            }
        }
    }

    #[test]
    fn loads_are_of_the_size_that_is_stated() {
        for generator in ALL {
            let matrix = (generator.make)(1);
            let days = HISTORY_DAYS + PLAYED_DAYS;
            assert_eq!(matrix.minutes() as i64, days * 1_440, "{}", generator.name);
            let rows = (0..matrix.minutes()).filter_map(|minute| matrix.row(Kind::Write, minute));
            let loads = rows.flat_map(|row| row.iter().copied());
            assert!(loads.clone().all(|load| load.is_finite() && load >= 0.0));
            let mean = loads.map(f64::from).sum::<f64>() / matrix.minutes() as f64;
            assert!((2_000.0..6_000.0).contains(&mean), "{}: {mean}", generator.name);
            assert!(matrix.row(Kind::Write, 0).is_some_and(|row| row.len() == CELLS));
        }
    }
}
