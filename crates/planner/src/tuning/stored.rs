//! A table's tuning as it is stored: JSON with a version, read as a whole or not at all.
//!
//! | field | content |
//! |---|---|
//! | `version` | [`VERSION`](super::tuner::VERSION) |
//! | `base`, `in_force`, `proposed` | thresholds; the last may be `null` |
//! | `canary` | the proposal that is tried, where, since when and for how many days; may be `null` |
//! | `pins` | what the operator fixed, the rest `null` |
//! | `last_day`, `paused_until_day` | days since 1970 |
//! | `ratios`, `shadow` | the days that are remembered, as [`Tuner`] uses them |
//! | `records` | the journal, oldest first |
//!
//! Version 1 had no `canary`. Thresholds that are out of bounds are as damaged as what is no JSON.

use super::canary::Canary;
use super::thresholds::Thresholds;
use super::tuner::{Tuner, VERSION};
use crate::error::PlannerError;

impl Tuner {
    /// For the disk.
    ///
    /// # Errors
    /// None that is known: all of it can be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>, PlannerError> {
        serde_json::to_vec(self).map_err(|error| PlannerError::Stored(error.to_string()))
    }

    /// Back from the disk.
    ///
    /// # Errors
    /// If it is damaged or of another version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PlannerError> {
        let refuse = |why: String| Err(PlannerError::Stored(why));
        let mut tuner: Self = match serde_json::from_slice(bytes) {
            Ok(tuner) => tuner,
            Err(error) => return refuse(error.to_string()),
        };
        if !(1..=VERSION).contains(&tuner.version) {
            return refuse(format!("version {} is not 1 to {VERSION}", tuner.version));
        }
        tuner.version = VERSION;
        let proposed = tuner.proposed().is_none_or(Thresholds::is_within_bounds);
        // What the operator has set is the operator's affair.
        let in_force = tuner.in_force();
        let tried = |canary: &Canary| canary.proposal.thresholds.is_within_bounds();
        let canary = tuner.canary().is_none_or(tried);
        let within =
            (in_force.is_within_bounds() || in_force == tuner.base()) && proposed && canary;
        if !within || tuner.pins().validate().is_err() {
            return refuse("a threshold is out of its bounds".into());
        }
        Ok(tuner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tuning::doubly_robust::Estimate;
    use crate::tuning::{Border, Context, Day, Pins, Proposal, TunerSettings, Tuning};
    use bytes::Bytes;
    use forecast::Quantile;
    use proptest::prelude::*;

    /// As the first version was written. It is never changed.
    const VERSION_1: &str = include_str!("../../fixtures/tuner-1.json");
    /// The second, with a canary.
    const VERSION_2: &str = include_str!("../../fixtures/tuner-2.json");

    fn tuner() -> Tuner {
        let base = Thresholds {
            quantile: Quantile::Q90,
            lead_ms: 900_000,
            target_utilisation: 0.75,
            cooldown_ms: 600_000,
            score_threshold: 9.0,
        };
        let mut tuner = Tuner::new(base);
        let pins = Pins { lead_ms: Some(600_000), ..Pins::default() };
        tuner.pin(pins, 20_000, 10).unwrap();
        let day = Day { number: 20_001, cost: Some(50.0), reference: Some(40.0), ..Day::default() };
        tuner.close(&TunerSettings::default(), day);
        tuner
    }

    /// The same with a canary that is live.
    fn trying() -> Tuner {
        let mut tuner = tuner();
        let thresholds = Thresholds { target_utilisation: 0.85, ..tuner.in_force() };
        let saving = Estimate { mean: 0.125, standard_error: 0.0, days: 8 };
        let context = Context::default();
        let proposal = Proposal { thresholds, context, days_played: 180, saving };
        let day = Day { number: 20_002, proposal: Some(proposal), ..Day::default() };
        let on = TunerSettings { mode: Tuning::On, shadow_days_min: 0, ..TunerSettings::default() };
        tuner.close(&on, day);
        tuner.begin_canary(Border { key: Bytes::from_static(b"k"), share: 0.25 }, 20_003, 10);
        tuner
    }

    #[test]
    fn every_version_still_opens() {
        let opened = Tuner::from_bytes(VERSION_1.as_bytes()).unwrap();
        assert_eq!(opened, tuner());
        assert_eq!(opened.records().count(), 2);
        let opened = Tuner::from_bytes(VERSION_2.as_bytes()).unwrap();
        assert_eq!(opened, trying());
        assert!(opened.canary().is_some_and(|canary| canary.since_day == 20_004));
    }

    #[test]
    fn what_is_damaged_is_refused() {
        for (from, to) in [
            ("\"version\":2", "\"version\":3"),
            ("\"version\":2", "\"version\":0"),
            ("\"in_force\":{", "\"in_force\":{\"other\":1,"),
            (
                "\"in_force\":{\"quantile\":\"0.9\",\"lead_ms\":600000",
                "\"in_force\":{\"quantile\":\"0.9\",\"lead_ms\":6",
            ),
            ("\"target_utilisation\":0.85", "\"target_utilisation\":0.99"),
        ] {
            assert!(VERSION_2.contains(from), "{from}");
            let damaged = VERSION_2.replace(from, to);
            assert!(Tuner::from_bytes(damaged.as_bytes()).is_err(), "{to}");
        }
        for end in 0..VERSION_2.trim_end().len() {
            assert!(Tuner::from_bytes(&VERSION_2.as_bytes()[..end]).is_err());
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            days in proptest::collection::vec((0..1_000_000_u32, 0..1_000_000_u32), 0..30),
        ) {
            let mut tuner = tuner();
            for (number, (cost, shadow)) in (20_002..).zip(days) {
                let day = Day {
                    number,
                    // Such that ratios are short in decimals: of long ones JSON loses the last bit.
                    cost: Some(f64::from(cost)),
                    reference: Some(64.0),
                    shadow: Some(f64::from(shadow)),
                    sides: None,
                    frozen: (number % 5 == 0).then(|| "odd".into()),
                    proposal: None,
                };
                tuner.close(&TunerSettings::default(), day);
            }
            let read = Tuner::from_bytes(&tuner.to_bytes().unwrap()).unwrap();
            prop_assert_eq!(read, tuner);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = Tuner::from_bytes(&bytes);
        }
    }
}
