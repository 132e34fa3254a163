//! A window's sketches cover its time and forget what is older.

use super::*;
use crate::testing::vector_at;

const START_S: i64 = 1_759_147_200;

/// One request a second, each from a client of its own, on ten keys.
fn watched(seconds: i64) -> Sketches {
    let mut sketches = Sketches::new(&CollectorSettings::default(), 0);
    for second in START_S..START_S + seconds {
        let vector = vector_at(second * 1_000);
        let key_hash = (second % 10) as u64;
        sketches.add(&Vector { key_hash, client: second as u64, ..vector });
        sketches.close_second(second + 1, true);
    }
    sketches
}

#[test]
fn windows_are_named_and_divided_evenly() {
    for window in Window::ALL {
        assert_eq!(Window::from_name(window.name()), Some(window));
        assert_eq!(window.slice_s() * window.slices() as i64 * 1_000, window.length_ms());
        let json = serde_json::to_string(&window).unwrap();
        assert_eq!(json, format!("\"{}\"", window.name()));
    }
    assert_eq!(Window::from_name("7d"), None);
}

#[test]
fn each_window_knows_its_own_time() {
    let sketches = watched(2 * 86_400 + 90);
    for (window, seconds) in [
        // Full slices, and the time since the last one ended.
        (Window::FiveMinutes, 300 + 30),
        (Window::Hour, 3_600 + 90),
        (Window::Day, 86_400 + 90),
    ] {
        let sketch = sketches.of(window);
        assert_eq!((sketch.seconds, sketch.requests), (seconds, seconds), "{window:?}");
        assert_eq!(sketch.units, seconds as f64);
        let clients = sketch.clients.estimate();
        assert!((clients / seconds as f64 - 1.0).abs() < 0.2, "{window:?}: {clients} clients");
        let oldest = sketch.sample.vectors()[0].timestamp_ms / 1_000;
        let end = START_S + 2 * 86_400 + 90;
        assert!(oldest >= end - seconds as i64, "{window:?}");
        let top = sketch.hitters.top(10);
        let share = |hitter: &crate::sketch::Hitter| hitter.units() / seconds as f64;
        assert!(top.iter().all(|(_, hitter)| (share(hitter) - 0.1).abs() < 0.01), "{top:?}");
    }
}

#[test]
fn sampled_keys_stand_for_all_requests() {
    let sketches = watched(7_200);
    for window in [Window::FiveMinutes, Window::Hour] {
        let requests: f64 = sketches.sampled_keys(window).iter().map(|key| key.requests).sum();
        let seconds = sketches.of(window).seconds as f64;
        assert!((requests - seconds).abs() < 1e-6, "{window:?}: {requests} of {seconds}");
    }
}
