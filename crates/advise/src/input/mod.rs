//! Files to metrics and keys.
//!
//! Formats are recognised by their content. Several files add up: a day each, or one metric each.

mod cloudwatch;
mod insights;
mod tabular;
mod trace;

use crate::error::AdviseError;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Read units.
    Read,
    /// Write units.
    Write,
}

impl Kind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Read, Self::Write];

    /// Its name in the plural.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "reads",
            Self::Write => "writes",
        }
    }

    /// What one partition serves per second: the same for every table of DynamoDB.
    pub fn partition_limit(self) -> f64 {
        match self {
            Self::Read => 3_000.0,
            Self::Write => 1_000.0,
        }
    }
}

/// A metric's values by the start of their period, in milliseconds.
pub type Points = BTreeMap<i64, f64>;

/// What CloudWatch knows of a table, per kind of load.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics {
    /// Consumed capacity units in each period (the statistic Sum).
    pub consumed: [Points; 2],
    /// Throttled requests in each period.
    pub throttled: [Points; 2],
    /// Provisioned capacity, units per second.
    pub provisioned: [Points; 2],
}

/// One key as Contributor Insights or a trace has seen it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Key {
    /// Its name.
    pub name: String,
    /// Units (or requests) in all.
    pub units: f64,
    /// Units per second in its busiest period; `None` if periods are not known.
    pub peak: Option<f64>,
}

/// The busiest keys and what they are parts of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Keys {
    /// All keys together, those not listed included.
    pub all: f64,
    /// The busiest.
    pub top: Vec<Key>,
}

/// All that was given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inputs {
    /// Load over time.
    pub metrics: Metrics,
    /// Load by key.
    pub keys: Keys,
}

impl Inputs {
    /// Adds the metrics in a CloudWatch export: JSON of `get-metric-data` or `get-metric-statistics`,
    /// or CSV.
    pub fn read_cloudwatch(&mut self, path: &Path) -> Result<(), AdviseError> {
        let text = text_of(path)?;
        let problem = |problem| AdviseError::Format { path: path.into(), problem };
        if text.trim_start().starts_with('{') {
            cloudwatch::read(&text, &mut self.metrics).map_err(problem)
        } else {
            tabular::read(&text, &mut self.metrics).map_err(problem)
        }
    }

    /// Adds the keys in a Contributor Insights export, the JSON of `get-insight-rule-report`.
    pub fn read_insights(&mut self, path: &Path) -> Result<(), AdviseError> {
        let problem = |problem| AdviseError::Format { path: path.into(), problem };
        insights::read(&text_of(path)?, &mut self.keys).map_err(problem)
    }

    /// Adds load and keys of a key trace; every request is one unit.
    pub fn read_trace(&mut self, path: &Path) -> Result<(), AdviseError> {
        trace::read(path, self)
    }
}

fn text_of(path: &Path) -> Result<String, AdviseError> {
    std::fs::read_to_string(path).map_err(|source| AdviseError::Read { path: path.into(), source })
}

/// A metric that is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Consumed(Kind),
    Throttled(Kind),
    Provisioned(Kind),
}

impl Metrics {
    fn points(&mut self, meaning: Meaning) -> &mut Points {
        match meaning {
            Meaning::Consumed(kind) => &mut self.consumed[kind as usize],
            Meaning::Throttled(kind) => &mut self.throttled[kind as usize],
            Meaning::Provisioned(kind) => &mut self.provisioned[kind as usize],
        }
    }
}

/// What a label or an id stands for: exports let people choose both.
fn meaning(label: &str) -> Option<Meaning> {
    let plain: String =
        label.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    let kind = match (plain.contains("read"), plain.contains("write")) {
        (true, false) => Kind::Read,
        (false, true) => Kind::Write,
        _ => return None,
    };
    if plain.contains("consumed") {
        Some(Meaning::Consumed(kind))
    } else if plain.contains("throttle") {
        Some(Meaning::Throttled(kind))
    } else if plain.contains("provisioned") {
        Some(Meaning::Provisioned(kind))
    } else {
        None
    }
}

/// A moment in milliseconds: RFC 3339, seconds since 1970, or a date and time, taken as UTC.
fn moment_ms(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return seconds.is_finite().then_some((seconds * 1_000.0) as i64);
    }
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(at.as_millisecond());
    }
    let civil = ["%Y/%m/%d %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y/%m/%d %H:%M"];
    let at = civil.iter().find_map(|form| DateTime::strptime(form, text).ok())?;
    Some(at.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_understood_as_people_write_them() {
        assert_eq!(meaning("ConsumedReadCapacityUnits"), Some(Meaning::Consumed(Kind::Read)));
        assert_eq!(meaning("orders consumed_write"), Some(Meaning::Consumed(Kind::Write)));
        assert_eq!(meaning("WriteThrottleEvents"), Some(Meaning::Throttled(Kind::Write)));
        assert_eq!(meaning("ProvisionedReadCapacityUnits"), Some(Meaning::Provisioned(Kind::Read)));
        assert_eq!(meaning("SuccessfulRequestLatency"), None);
        assert_eq!(meaning("ReadWriteConsumed"), None, "of which kind nobody can say");
    }

    #[test]
    fn moments_come_in_several_forms() {
        let noon_ms = 1_759_147_200_000;
        for text in [
            "2025-09-29T12:00:00Z",
            "2025-09-29T14:00:00+02:00",
            "2025/09/29 12:00:00",
            "1759147200",
        ] {
            assert_eq!(moment_ms(text), Some(noon_ms), "{text}");
        }
        assert_eq!(moment_ms("Full label"), None);
    }
}
