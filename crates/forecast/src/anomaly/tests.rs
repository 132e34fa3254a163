//! Crowds and drops put into made-up days; and days without.

use super::*;
use std::f64::consts::TAU;

const DAY: usize = 1_440;

struct Noise(u64);

impl Noise {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((x ^ (x >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().max(f64::MIN_POSITIVE).ln()).sqrt();
        radius * (TAU * self.uniform()).cos()
    }
}

/// Minutes with a daily wave, a wandering level, and noise like that of counts per minute.
fn minutes(days: usize, seed: u64, mean: f64) -> Vec<f64> {
    let mut noise = Noise(seed);
    let mut level = 0.0;
    let minute = |at: usize| {
        let time = at as f64 / DAY as f64;
        level = 0.995 * level + 0.01 * noise.normal();
        let rate = mean * f64::exp(level) * (1.0 + 0.6 * (TAU * (time - 0.3)).sin());
        // Per second, of counts in sixty seconds.
        (rate + (rate / 60.0).sqrt() * 1.5 * noise.normal()).max(0.0)
    };
    (0..days * DAY).map(minute).collect()
}

fn watch(values: &[f64]) -> Vec<Change> {
    let mut detector = Detector::new(&AnomalySettings::default());
    let at = |minute: usize| minute as i64 * MINUTE_MS;
    values.iter().enumerate().filter_map(|(m, &load)| detector.push(at(m), load, None)).collect()
}

fn began(changes: &[Change]) -> Vec<Anomaly> {
    let begin = |change: &Change| match change {
        Change::Began(anomaly) => Some(*anomaly),
        Change::Ended(_) => None,
    };
    changes.iter().filter_map(begin).collect()
}

#[test]
fn clean_days_raise_at_most_one_false_alarm_in_ten() {
    let (mut alarms, mut days) = (0, 0);
    for seed in 0..12 {
        for mean in [0.5, 20.0, 800.0] {
            alarms += began(&watch(&minutes(3, seed, mean))).len();
            days += 3;
        }
    }
    assert!(alarms * 10 <= days, "{alarms} false alarms in {days} days");
}

#[test]
fn nine_in_ten_crowds_are_noticed_within_six_minutes() {
    let (mut found, mut all) = (0, 0);
    for seed in 100..140 {
        let mut values = minutes(2, seed, 50.0);
        let start = DAY + 100 + (seed as usize * 37) % 1_200;
        let factor = 2.5 + (seed % 4) as f64;
        for (minute, value) in values[start..start + 30].iter_mut().enumerate() {
            *value *= 1.0 + (factor - 1.0) * ((minute + 1) as f64 / 3.0).min(1.0);
        }
        all += 1;
        let window = start as i64 * MINUTE_MS..(start as i64 + 6) * MINUTE_MS;
        found += u32::from(began(&watch(&values)).iter().any(|anomaly| {
            anomaly.kind == AnomalyKind::FlashCrowd && window.contains(&anomaly.start_ms)
        }));
    }
    assert!(found * 10 >= all * 9, "{found} of {all}");
}

#[test]
fn a_drop_is_noticed_and_ends_when_the_load_is_back() {
    let mut values = minutes(2, 7, 100.0);
    values[2_000..2_040].fill(0.0);
    let changes = watch(&values);
    let [Change::Began(drop), Change::Ended(ended)] = changes[..] else {
        panic!("{changes:?}");
    };
    assert_eq!((drop.kind, drop.start_ms), (AnomalyKind::Drop, 2_000 * MINUTE_MS));
    let end = ended.end_ms.expect("over") / MINUTE_MS;
    assert!((2_038..2_045).contains(&end), "{end}");
}

#[test]
fn a_new_level_is_an_anomaly_only_for_so_long() {
    let mut values = minutes(3, 9, 100.0);
    values[2_000..].iter_mut().for_each(|value| *value *= 4.0);
    let changes = watch(&values);
    let [Change::Began(_), Change::Ended(ended)] = changes[..] else {
        panic!("{changes:?}");
    };
    let lasted = ended.end_ms.expect("over") / MINUTE_MS - 2_000;
    assert_eq!(lasted, i64::from(AnomalySettings::default().lasts_minutes_max));
}

#[test]
fn what_was_expected_is_no_anomaly() {
    let mut values = minutes(2, 11, 100.0);
    values[2_000..2_030].iter_mut().for_each(|value| *value *= 5.0);
    let mut detector = Detector::new(&AnomalySettings::default());
    for (minute, &load) in values.iter().enumerate() {
        let expected = Some((0.0, 1_500.0));
        assert_eq!(detector.push(minute as i64 * MINUTE_MS, load, expected), None);
    }
}

#[test]
fn gaps_and_nonsense_say_nothing() {
    let mut detector = Detector::new(&AnomalySettings::default());
    for minute in 0..2_000_i64 {
        let load = [10.0, f64::NAN, -5.0, f64::INFINITY][minute as usize % 4];
        assert_eq!(detector.push(minute * MINUTE_MS, load, None), None);
    }
    assert_eq!(detector.present(), None);
}
