//! Ordinary days after a history with accidents in it: what must not be learnt.
//!
//! As `diurnal`. In the four weeks of history there are three outages (a tenth of the load, 3 hours)
//! and three crowds (three times the load, 2 hours), at drawn moments of which the last two lie in the
//! last three days; in the weeks that are played there is one more outage. The seed draws all of it.

use super::parts::{DAY, Days, PLAYED_DAYS, PLAYED_FROM, day_curve, ordinary_noise, spread_evenly};
use super::{Generator, Stratum};
use crate::matrix::LoadMatrix;
use crate::random::Random;

const MEAN: f64 = 4_000.0;
const DEPTH: f64 = 0.7;
const OUTAGE: f64 = 0.1;
const OUTAGE_MINUTES: usize = 180;
const CROWD: f64 = 3.0;
const CROWD_MINUTES: usize = 120;
const RECENT_DAYS: usize = 3;

pub(super) const GENERATOR: Generator = Generator {
    name: "history-with-anomalies",
    stratum: Stratum::Predictable,
    about: "ordinary days after outages and crowds",
    make,
};

struct Anomaly {
    minutes: std::ops::Range<usize>,
    factor: f64,
}

fn make(seed: u64) -> LoadMatrix {
    let (days, noise) = (Days::new(seed), ordinary_noise(seed));
    let anomalies = anomalies(seed);
    let total = |minute: usize| {
        let struck = anomalies.iter().find(|anomaly| anomaly.minutes.contains(&minute));
        let factor = struck.map_or(1.0, |anomaly| anomaly.factor);
        MEAN * day_curve(minute, 14.0, DEPTH) * days.factor(minute) * noise[minute] * factor
    };
    spread_evenly(total, seed)
}

fn anomalies(seed: u64) -> Vec<Anomaly> {
    let random = Random::new(seed).of(0x6163_6369);
    let anomaly = |number: u64, from: usize, to: usize, (factor, lasts): (f64, usize)| {
        let begins = from + random.of(number).below((to - from - lasts) as u64) as usize;
        Anomaly { minutes: begins..begins + lasts, factor }
    };
    let (outage, crowd) = ((OUTAGE, OUTAGE_MINUTES), (CROWD, CROWD_MINUTES));
    let recent = PLAYED_FROM - RECENT_DAYS * DAY;
    let end = PLAYED_FROM + PLAYED_DAYS as usize * DAY;
    vec![
        anomaly(0, 0, recent, outage),
        anomaly(1, 0, recent, outage),
        anomaly(2, 0, recent, crowd),
        anomaly(3, 0, recent, crowd),
        anomaly(4, recent, PLAYED_FROM, outage),
        anomaly(5, recent, PLAYED_FROM, crowd),
        anomaly(6, PLAYED_FROM, end, outage),
    ]
}
