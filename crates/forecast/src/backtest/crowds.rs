//! How soon flash crowds are noticed, and how often an alarm is false.
//!
//! The detector watches a recorded series minute by minute, as in service but without forecasts: what it
//! reports there is false as far as the recording is clean. Then crowds of known height are put into
//! it, one at a time, at random minutes with load (twice nothing is nothing), each ramping up within two minutes and lasting half an hour;
//! one counts as found if an anomaly of its kind begins to be reported within six minutes.

use crate::Series;
use crate::anomaly::{Anomaly, AnomalyKind, AnomalySettings, Change, Detector};
use crate::random::Random;
use serde::{Deserialize, Serialize};

const MINUTE_MS: i64 = 60_000;
/// What a detector sees before a crowd: a day and some.
const BEFORE_MINUTES: usize = 1_500;
const LASTS_MINUTES: usize = 30;
const RAMP_MINUTES: usize = 2;
/// So many places are tried before the first will do.
const PLACES_MAX: usize = 1_000;
const FOUND_WITHIN_MINUTES: i64 = 6;

/// The result for one series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CrowdReport {
    /// The series' name.
    pub series: String,
    /// How long it is, in days.
    pub days: f64,
    /// What was reported in the series as it is.
    pub alarms: Vec<Anomaly>,
    /// Crowds that were put in, by height.
    pub crowds: Vec<CrowdsFound>,
}

/// Crowds of one height.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CrowdsFound {
    /// So many times the load that was there.
    pub factor: f64,
    /// How many were put in.
    pub injected: u32,
    /// How many were found within six minutes.
    pub found: u32,
    /// The median time from the crowd's first minute to the end of the minute in which it was
    /// reported; NaN if none was found.
    pub minutes_median: f64,
}

/// Watches `series`, which must have bins of a minute, and then puts `injected` crowds of each
/// height into it. `None` if it is shorter than the two days that this takes, or has other bins.
pub fn crowds(
    name: &str,
    series: &Series,
    settings: &AnomalySettings,
    factors: &[f64],
    injected: u32,
    seed: u64,
) -> Option<CrowdReport> {
    let room = series.len().checked_sub(BEFORE_MINUTES + 2 * LASTS_MINUTES)?;
    if series.bin_ms != MINUTE_MS || room < 1_000 {
        return None;
    }
    let mut random = Random::new(seed);
    let mut of_height = |&factor: &f64| {
        let mut waits = Vec::new();
        for _ in 0..injected {
            let start = place(series, room, &mut random);
            waits.extend(found_after(series, settings, start, factor));
        }
        waits.sort_unstable();
        CrowdsFound {
            factor,
            injected,
            found: waits.len() as u32,
            minutes_median: waits.get(waits.len() / 2).map_or(f64::NAN, |&wait| wait as f64),
        }
    };
    let crowds = factors.iter().map(&mut of_height).collect();
    let days = series.len() as f64 / 1_440.0;
    Some(CrowdReport { series: name.into(), days, alarms: alarms(series, settings), crowds })
}

/// Where a crowd begins: at a minute followed by at least a request a minute.
fn place(series: &Series, room: usize, random: &mut Random) -> usize {
    let busy = |start: &usize| {
        let load: f64 = series.values[*start..*start + LASTS_MINUTES].iter().sum();
        load / LASTS_MINUTES as f64 >= 1.0 / 60.0
    };
    let mut drawn = || BEFORE_MINUTES + random.below(room);
    (0..PLACES_MAX).map(|_| drawn()).find(busy).unwrap_or(BEFORE_MINUTES)
}

/// Everything that is reported in the series as it is.
fn alarms(series: &Series, settings: &AnomalySettings) -> Vec<Anomaly> {
    let mut detector = Detector::new(settings);
    let mut alarms: Vec<Anomaly> = Vec::new();
    for (minute, &load) in (0..).zip(&series.values) {
        match detector.push(series.start_ms + minute * MINUTE_MS, load, None) {
            Some(Change::Began(anomaly)) => alarms.push(anomaly),
            Some(Change::Ended(anomaly)) => {
                alarms.pop();
                alarms.push(anomaly);
            }
            None => {}
        }
    }
    alarms
}

/// After how many minutes a crowd that begins at minute `start` is found; `None` if too late.
fn found_after(
    series: &Series,
    settings: &AnomalySettings,
    start: usize,
    factor: f64,
) -> Option<i64> {
    let mut detector = Detector::new(settings);
    let from = start - BEFORE_MINUTES;
    for minute in from..start + LASTS_MINUTES {
        let into = minute.checked_sub(start).map_or(0, |into| into + 1).min(RAMP_MINUTES);
        let height = 1.0 + (factor - 1.0) * into as f64 / RAMP_MINUTES as f64;
        let load = series.values[minute] * height;
        let change = detector.push(series.start_ms + minute as i64 * MINUTE_MS, load, None);
        let waited = minute as i64 - start as i64 + 1;
        match change {
            Some(Change::Began(anomaly))
                if anomaly.kind == AnomalyKind::FlashCrowd && waited > 0 =>
            {
                return Some(waited).filter(|waited| *waited <= FOUND_WITHIN_MINUTES);
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Five days of counts around a daily wave: 2 to 10 requests a second.
    fn series(seed: u64) -> Series {
        let mut random = Random::new(seed);
        let mut noise = || (0..12).map(|_| f64::from(random.uniform())).sum::<f64>() / 2.0;
        let value = |minute: i32| {
            let phase = f64::from(minute) / 1_440.0 * std::f64::consts::TAU;
            let rate = 6.0 + 4.0 * phase.sin();
            (rate + noise() * (rate / 60.0).sqrt()).max(0.0)
        };
        Series::new(0, MINUTE_MS, (0..5 * 1_440).map(value).collect())
    }

    #[test]
    fn crowds_are_found_soon_and_quiet_days_give_no_alarm() {
        let factors = [1.0, 2.0, 4.0];
        let settings = AnomalySettings::default();
        let report = crowds("made up", &series(3), &settings, &factors, 20, 1).unwrap();
        assert!(report.alarms.is_empty(), "{:?}", report.alarms);
        let found: Vec<u32> = report.crowds.iter().map(|crowds| crowds.found).collect();
        assert_eq!(found[0], 0, "no crowd, nothing found");
        assert!(found[1] >= 18 && found[2] == 20, "{report:?}");
        assert!(report.crowds[2].minutes_median <= 4.0);
        let again = crowds("made up", &series(3), &settings, &factors[1..], 20, 1).unwrap();
        assert_eq!(again.alarms, report.alarms);
    }

    #[test]
    fn only_days_of_minutes_will_do() {
        let settings = AnomalySettings::default();
        let hourly = Series::new(0, 3_600_000, vec![1.0; 5_000]);
        assert_eq!(crowds("hours", &hourly, &settings, &[3.0], 1, 1), None);
        let short = Series::new(0, MINUTE_MS, vec![1.0; 1_440]);
        assert_eq!(crowds("a day", &short, &settings, &[3.0], 1, 1), None);
    }
}
