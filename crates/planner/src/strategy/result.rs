//! What came of a change of strategy: what requests took before it and after it.
//!
//! An estimate is in units per second of a load that has not come. What can be counted is what each
//! request took on the average, before and after; times the requests that came afterwards, the difference is
//! what was saved, in the estimate's measure. It is the change's doing only as far as the requests are
//! of the same kinds; the counts stand beside it for whoever wants to judge.

use super::REFUSED_WEIGHT;
use serde::{Deserialize, Serialize};

/// What was asked of a table in some time, per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counted {
    /// From when on.
    pub from_ms: i64,
    /// Until when.
    pub until_ms: i64,
    /// Requests, retries not counted.
    pub requests_per_s: f64,
    /// Read and write units of these.
    pub units_per_s: f64,
    /// Attempts that were refused.
    pub refused_per_s: f64,
}

impl Counted {
    /// What a request took on the average; a refused one counts as much more as in an estimate. Nothing
    /// if nobody asked.
    pub fn cost_per_request(&self) -> Option<f64> {
        if self.requests_per_s <= 0.0 {
            return None;
        }
        let each = self.units_per_s / self.requests_per_s;
        Some(each * (1.0 + REFUSED_WEIGHT * self.refused_per_s / self.requests_per_s))
    }
}

/// What was saved, in units per second; below zero if it became dearer. Nothing if it cannot be told.
pub fn saved_units_per_s(before: &Counted, after: &Counted) -> Option<f64> {
    Some((before.cost_per_request()? - after.cost_per_request()?) * after.requests_per_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(requests_per_s: f64, units_per_s: f64, refused_per_s: f64) -> Counted {
        Counted { from_ms: 0, until_ms: 1, requests_per_s, units_per_s, refused_per_s }
    }

    #[test]
    fn what_is_saved_is_saved_per_request_that_came_afterwards() {
        let (before, after) = (counted(10.0, 500.0, 0.0), counted(20.0, 200.0, 0.0));
        assert_eq!(saved_units_per_s(&before, &after), Some(800.0));
        assert_eq!(saved_units_per_s(&after, &before), Some(-400.0));
        // One in ten was refused, which counts ten times: each took twice as much.
        assert_eq!(
            saved_units_per_s(&counted(10.0, 100.0, 1.0), &counted(10.0, 100.0, 0.0)),
            Some(100.0)
        );
        assert_eq!(saved_units_per_s(&before, &counted(0.0, 0.0, 0.0)), None);
    }
}
