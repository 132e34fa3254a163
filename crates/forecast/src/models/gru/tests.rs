//! The network as a whole: gradients, learning, determinism, the stored form.

use super::network::{HIDDEN, Layout};
use super::*;
use crate::{ForecastError, ForecastSettings, Observation, Series};
use proptest::prelude::*;

const HOUR_MS: i64 = 3_600_000;

fn settings() -> ForecastSettings {
    ForecastSettings { bin_ms: HOUR_MS, horizon_steps: 3, ..Default::default() }
}

/// Days with a peak whose hour differs from series to series, growing a little.
fn peaks(hour: usize, days: usize) -> Series {
    let value = |bin: usize| {
        let from_peak = (bin % 24).abs_diff(hour).min(24 - (bin % 24).abs_diff(hour)) as f64;
        10.0 + 100.0 * (-from_peak * from_peak / 8.0).exp() + bin as f64 / 100.0
    };
    Series::new(0, HOUR_MS, (0..24 * days).map(value).collect())
}

fn trained(updates: u32, seed: u64) -> Trainer {
    let mut trainer = Trainer::new(&settings(), updates, seed).expect("valid settings");
    let series: Vec<Series> = [3, 9, 15, 21].iter().map(|&hour| peaks(hour, 28)).collect();
    while !trainer.train(&series, 25) {}
    trainer
}

#[test]
fn training_learns_and_the_same_seed_gives_the_same_bits() {
    let (short, long) = (trained(50, 7), trained(300, 7));
    assert!(long.loss() < short.loss() / 2.0, "{} and then {}", short.loss(), long.loss());
    assert_eq!(trained(50, 7).best(), short.best());
    assert_ne!(trained(50, 8).best(), short.best());
}

#[test]
fn a_peak_is_forecast_in_a_series_that_was_not_trained_on() {
    let network = Arc::new(trained(300, 1).best().clone());
    let settings = settings();
    let series = peaks(12, 20);
    let mut history = History::new(0, &settings).expect("an hour");
    let mut state = GruState::default();
    let (mut missed, mut naive) = (0.0, 0.0);
    for (bin, &value) in series.values.iter().enumerate() {
        let mut points = [0.0; 3];
        if bin == 24 * 10 {
            assert!(state.adopt(&network, &history, 3));
        }
        if bin + 2 < series.values.len() && state.predict(&history, &mut points) {
            missed += (points[2] - series.values[bin + 2]).abs();
            naive += (series.values[bin - 1] - series.values[bin + 2]).abs();
        }
        history.push(Observation::Value(value));
        state.push(&history);
    }
    assert!(naive > 0.0 && missed < naive / 3.0, "{missed} against {naive}");
}

#[test]
fn a_network_for_other_bins_is_refused() {
    let network = Arc::new(Network::random(3, 300_000, 1));
    let history = History::new(0, &settings()).expect("an hour");
    assert!(!GruState::default().adopt(&network, &history, 3));
    assert!(!GruState::default().predict(&history, &mut [0.0; 3]));
}

#[test]
fn the_stored_form_is_read_back_and_damage_is_refused() {
    let network = Network::random(12, 300_000, 3);
    let bytes = network.to_bytes();
    assert_eq!(Network::from_bytes(&bytes).expect("just written"), network);
    for at in [0, 5, 7, bytes.len() / 2, bytes.len() - 1] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        let refused = Network::from_bytes(&damaged);
        assert!(matches!(refused, Err(ForecastError::StoredNetwork { .. })), "byte {at}");
    }
}

#[test]
fn the_layout_covers_the_weights_once() {
    let layout = Layout { steps: 12 };
    assert_eq!(Layout::head_row(12), layout.len());
    assert_eq!(Layout::BIAS - Layout::STATE, 3 * HIDDEN * HIDDEN);
}

proptest! {
    #[test]
    fn cut_bytes_never_make_a_network(cut in 0_usize..2_000) {
        let bytes = Network::random(2, HOUR_MS, 1).to_bytes();
        let cut = cut.min(bytes.len() - 1);
        prop_assert!(Network::from_bytes(&bytes[..cut]).is_err());
    }
}
