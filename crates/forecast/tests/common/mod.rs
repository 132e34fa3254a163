//! Made-up workloads for the tests: seeded, so that every run sees the same numbers.
// Every test file is a crate of its own and uses some of these.
#![allow(dead_code)]

use forecast::{ForecastSettings, Series};
use std::f64::consts::TAU;

/// Bins of five minutes in a day.
pub(crate) const DAY: usize = 288;
/// The length of a bin.
pub(crate) const BIN_MS: i64 = 300_000;
/// A Monday at midnight UTC.
pub(crate) const MONDAY_MS: i64 = 1_699_833_600_000;

/// The splitmix64 generator (S. Vigna): small, seeded, good enough to make noise.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }

    /// Between 0 and 1.
    pub(crate) fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Normal with mean 0 and deviation 1 (Box and Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().max(f64::MIN_POSITIVE).ln()).sqrt();
        radius * (TAU * self.uniform()).cos()
    }

    pub(crate) fn shuffle(&mut self, values: &mut [f64]) {
        for at in (1..values.len()).rev() {
            values.swap(at, (self.next() % (at as u64 + 1)) as usize);
        }
    }
}

/// Settings for five-minute bins.
pub(crate) fn settings() -> ForecastSettings {
    ForecastSettings::default()
}

/// A series of five-minute bins that starts on a Monday.
pub(crate) fn series(values: Vec<f64>) -> Series {
    Series::new(MONDAY_MS, BIN_MS, values)
}

/// Load with a daily wave, quiet weekends, a level that wanders over hours, and noise like that of
/// counts.
pub(crate) fn diurnal(days: usize, seed: u64) -> Vec<f64> {
    let mut random = Random::new(seed);
    let mut level = 0.0;
    let bin = |at: usize| {
        let time = at as f64 / DAY as f64;
        let wave = 1.0 + 0.6 * (TAU * (time - 0.3)).sin() + 0.2 * (2.0 * TAU * time).sin();
        let weekend = if (at / DAY) % 7 >= 5 { 0.6 } else { 1.0 };
        level = 0.98 * level + 0.03 * random.normal();
        let mean = 100.0 * wave * weekend * f64::exp(level);
        (mean + 2.0 * mean.max(0.0).sqrt() * random.normal()).max(0.0)
    };
    (0..days * DAY).map(bin).collect()
}

/// A shop's load: nothing at night and on Saturdays, bursts by day.
pub(crate) fn shop(days: usize, seed: u64) -> Vec<f64> {
    let mut random = Random::new(seed);
    let bin = |at: usize| {
        let (day, hour) = ((at / DAY) % 7, (at % DAY) / 12);
        let open = day != 5 && (8..18).contains(&hour);
        if open { (3.0 + random.normal()).exp() } else { 0.0 }
    };
    (0..days * DAY).map(bin).collect()
}

/// The same load all the time, but for noise.
pub(crate) fn white_noise(days: usize, seed: u64) -> Vec<f64> {
    let mut random = Random::new(seed);
    (0..days * DAY).map(|_| (100.0 + 20.0 * random.normal()).max(0.0)).collect()
}
