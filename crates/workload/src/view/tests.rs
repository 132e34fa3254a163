//! The documents say what the timelines say.

use super::*;
use crate::testing::{TABLE, vector};
use crate::{CollectorSettings, Outcome};
use bytes::Bytes;
use types::Strategy;

const NOON_MS: i64 = 1_759_147_200_000;

/// Ten minutes of two requests a second: one on a hot key, one on one of a hundred; every fifth is
/// refused and tried again.
fn collector(names: &ClientNames) -> Collector {
    let mut collector = Collector::new(&CollectorSettings::default());
    let halves = KeyRange::full().cut(&[Bytes::from_static(&[0x80, 0, 0, 0, 0, 0, 0, 0])]).unwrap();
    let partitions: Vec<_> = [4, 5].map(PartitionId).into_iter().zip(halves).collect();
    collector.set_partitions(TABLE, Strategy::Hash, &partitions);
    let client = names.register("a client");
    for n in 0..600u64 {
        let at_ms = NOON_MS + n as i64 * 1_000;
        let hot = Vector { client, ..vector(at_ms, b"\x10hot key") };
        collector.ingest(&hot);
        let spread = (n % 100 * 655).to_be_bytes();
        let cold = Vector { client: 9, read_units: 0.5, ..vector(at_ms, &spread[6..]) };
        collector.ingest(&cold);
        if n % 5 == 0 {
            collector.ingest(&Vector { outcome: Outcome::Throttled, ..cold });
            collector.ingest(&Vector { demand: false, ..cold });
        }
    }
    collector.advance(NOON_MS + 601_000);
    collector
}

fn sum(matrix: &[Vec<f32>]) -> f64 {
    matrix.iter().flatten().map(|value| f64::from(*value)).sum()
}

#[test]
fn a_window_view_shows_the_window() {
    let collector = collector(&ClientNames::new(10));
    let view = collector.window_view(TABLE, Window::FiveMinutes, ViewSize::default()).unwrap();
    assert_eq!((view.start_ms, view.bin_ms, view.known.len()), (NOON_MS + 300_000, 1_000, 300));
    let cells = collector.cells(TABLE).unwrap();
    assert_eq!(view.cells.len(), cells.len());
    for matrix in view.channels.values() {
        assert!(matrix.len() == 300 && matrix.iter().all(|bin| bin.len() == cells.len()));
    }
    for (channel, expected) in [
        ("read_units", 0.5 * 360.0),
        ("write_units", 660.0),
        ("requests", 660.0),
        ("bytes", 66_000.0),
        ("throttles", 60.0),
        ("peak_to_mean", 300.0 * cells.len() as f64),
    ] {
        let sum = sum(&view.channels[channel]);
        assert!((sum - expected).abs() < 1e-3, "{channel}: {sum}");
    }
    // Sketches take vectors as they come, up to the allowed lateness ahead of the bins.
    assert!(view.requests.abs_diff(660) <= 5 && view.retries.abs_diff(60) <= 1);
    assert_eq!(view.distinct_clients, 2.0);
    assert_eq!(view.cells[0].start, "");
    assert_eq!(view.cells[0].partition, Some(PartitionId(4)));
    let last = &view.cells[cells.len() - 1];
    assert_eq!((&last.end, last.partition), (&None, Some(PartitionId(5))));
    let hot = &view.heavy_hitters[0];
    assert_eq!(hot.key, "10686f74206b6579");
    assert!(
        (hot.share - 300.0 / 840.0).abs() < 0.01 && (hot.write_units - 1.0).abs() < 0.01,
        "{hot:?}"
    );
}

#[test]
fn quantiles_follow_the_requests() {
    let collector = collector(&ClientNames::new(10));
    let view = collector.window_view(TABLE, Window::FiveMinutes, ViewSize::default()).unwrap();
    let shown: Vec<f64> = view.key_quantiles.iter().map(|shown| shown.quantile).collect();
    assert_eq!(shown, QUANTILES_SHOWN);
    assert!(view.key_quantiles.is_sorted_by_key(|shown| shown.key.clone()));
    // Of eleven requests, five are on the hot key at 0x10 and less than one lies below it.
    let key_at = |quantile: f64| {
        let shown = view.key_quantiles.iter().find(|shown| shown.quantile == quantile).unwrap();
        shown.key.as_str()
    };
    assert_eq!(key_at(0.25), "10686f74206b6579");
    assert!(key_at(0.75) > "60", "{}", key_at(0.75));
}

#[test]
fn smaller_views_put_bins_and_cells_together() {
    let collector = collector(&ClientNames::new(10));
    let size = ViewSize { bins_max: 7, cells_max: 10 };
    let view = collector.window_view(TABLE, Window::FiveMinutes, size).unwrap();
    assert!(view.known.len() <= 7 && view.cells.len() <= 10);
    assert_eq!(view.bin_ms, 43_000);
    assert!(view.cells.windows(2).all(|pair| pair[0].end.as_ref() == Some(&pair[1].start)));
    let requests = &view.channels["requests"];
    let per_second = sum(&requests[..6]) / 6.0;
    assert!((per_second - 2.2).abs() < 0.05, "{per_second}");
}

#[test]
fn documents_are_json() {
    let names = ClientNames::new(10);
    let collector = collector(&names);
    let view = collector.window_view(TABLE, Window::Hour, ViewSize::default()).unwrap();
    let json = serde_json::to_value(&view).unwrap();
    assert_eq!(json["window"], "1h");
    assert_eq!(json["bin_ms"], 10_000);
    assert_eq!(json["channels"]["requests"][0].as_array().unwrap().len(), view.cells.len());
}

#[test]
fn sampled_vectors_are_shown_with_names() {
    let names = ClientNames::new(10);
    let sampled = collector(&names).sampled_vectors(TABLE, Window::FiveMinutes, &names);
    assert_eq!(sampled.len(), CollectorSettings::default().samples_max);
    assert!(sampled.is_sorted_by_key(|shown| shown.timestamp_ms));
    let hot = sampled.iter().find(|shown| shown.storage_key == "10686f74206b6579").unwrap();
    assert_eq!((hot.client.as_str(), hot.request), ("a client", "store"));
    assert!(sampled.iter().any(|shown| shown.client == "0000000000000009"), "no name: its number");
    assert!(sampled.iter().any(|shown| !shown.demand), "retries are sampled, too");
    let json = serde_json::to_value(hot).unwrap();
    assert_eq!((&json["outcome"], &json["write_units"]), (&"served".into(), &1.0.into()));
}

#[test]
fn unknown_tables_have_no_view() {
    let names = ClientNames::new(10);
    let collector = Collector::new(&CollectorSettings::default());
    assert!(collector.window_view(TABLE, Window::Day, ViewSize::default()).is_none());
    assert!(collector.sampled_vectors(TABLE, Window::Day, &names).is_empty());
    assert!(collector.hot_keys(TABLE, Window::Day, 5).is_empty());
}
