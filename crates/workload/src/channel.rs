//! What is counted, as the outside sees it.

use serde::{Deserialize, Serialize};

/// What can be asked of a range of keys over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Read units per second that were asked for.
    ReadUnits,
    /// Write units per second that were asked for.
    WriteUnits,
    /// Requests per second, retries not counted.
    Requests,
    /// Bytes read and written per second.
    Bytes,
    /// Requests refused per second, retries not counted.
    Throttles,
    /// How far the busiest second of a bin lies above the bin's mean, in read and write units
    /// together: 1 for even load, and for none. Of a range that spans several cells the peaks are
    /// taken to be independent, so that their squared distances from the mean add up.
    PeakToMean,
}

impl Channel {
    /// All channels, in the order of the API.
    pub const ALL: [Self; 6] = [
        Self::ReadUnits,
        Self::WriteUnits,
        Self::Requests,
        Self::Bytes,
        Self::Throttles,
        Self::PeakToMean,
    ];

    /// The name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::ReadUnits => "read_units",
            Self::WriteUnits => "write_units",
            Self::Requests => "requests",
            Self::Bytes => "bytes",
            Self::Throttles => "throttles",
            Self::PeakToMean => "peak_to_mean",
        }
    }

    /// The value of a bin in which nothing came.
    pub(crate) fn of_nothing(self) -> f64 {
        if self == Self::PeakToMean { 1.0 } else { 0.0 }
    }
}
