//! What is saved comes back: a restart changes nothing, the same load gives the same bytes, old
//! versions still open, damaged bytes are refused.

mod common;

use common::*;
use proptest::prelude::*;
use types::{KeyRange, PartitionId, Strategy, TableId};
use workload::{Channel, Collector, CollectorSettings, Outcome, Vector, WorkloadError};

fn boundaries() -> Vec<(PartitionId, KeyRange)> {
    partitions(&[&[0x40, 0, 0, 0, 0, 0, 0, 0], &[0xc0, 0, 0, 0, 0, 0, 0, 0]])
}

fn fresh() -> Collector {
    collector(&CollectorSettings::default(), Strategy::Hash, &boundaries())
}

/// Requests of every kind, `every_ms` apart, on keys of which some are hot.
fn load(from: u64, to: u64, every_ms: i64) -> impl Iterator<Item = Vector> {
    (from..to).map(move |n| {
        let key = if n % 3 == 0 { hash_key(5) } else { hash_key(n * n % 1_009) };
        let refused = n % 11 == 0;
        Vector {
            client: n % 5,
            read_units: (n % 7) as f32 / 2.0,
            data_bytes: (n % 300) as u32,
            outcome: if refused { Outcome::Throttled } else { Outcome::Served },
            demand: n % 13 != 0,
            ..vector(NOON_MS + n as i64 * every_ms, &key)
        }
    })
}

fn run(collector: &mut Collector, vectors: impl Iterator<Item = Vector>) {
    vectors.for_each(|vector| collector.ingest(&vector));
}

/// A new collector with everything that was saved of another.
fn restarted(from: &Collector) -> Collector {
    let (days, snapshot) = saved(from);
    let mut restarted = fresh();
    for day in days.iter().rev() {
        restarted.restore_day(TABLE, day).expect("it was saved just now");
    }
    restarted.restore_snapshot(TABLE, &snapshot).expect("it was saved just now");
    restarted
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_restart_changes_nothing(
        events in 1u64..3_000,
        restart_at in any::<prop::sample::Index>(),
        every_ms in prop::sample::select(vec![50i64, 900, 7_000, 120_000]),
    ) {
        let restart_at = restart_at.index(events as usize) as u64;
        let mut uninterrupted = fresh();
        run(&mut uninterrupted, load(0, events, every_ms));
        let mut before = fresh();
        run(&mut before, load(0, restart_at.max(1), every_ms));
        let mut after = restarted(&before);
        run(&mut after, load(restart_at.max(1), events, every_ms));
        prop_assert!(saved(&uninterrupted) == saved(&after));
        let end_ms = NOON_MS + events as i64 * every_ms + 600_000;
        uninterrupted.advance(end_ms);
        after.advance(end_ms);
        prop_assert!(saved(&uninterrupted) == saved(&after));
    }
}

#[test]
fn the_same_load_gives_the_same_bytes() {
    let [first, second] = [(); 2].map(|()| {
        let mut collector = fresh();
        run(&mut collector, load(0, 20_000, 5_000));
        saved(&collector)
    });
    assert_eq!(first.0.len(), 2, "two days");
    assert!(first == second);
}

#[test]
fn time_between_save_and_restart_is_unknown() {
    let mut before = fresh();
    run(&mut before, load(0, 3_600, 1_000));
    let mut after = restarted(&before);
    after.resume(NOON_MS + 2 * 3_600_000);
    after.advance(NOON_MS + 3 * 3_600_000);
    let requests = history(&after, &KeyRange::full(), Channel::Requests);
    let known: Vec<usize> = (0..requests.known.len()).filter(|bin| requests.known[*bin]).collect();
    // Twelve bins of load, twelve of which nobody knows, and quiet ones.
    assert_eq!(
        known,
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34]
    );
}

#[test]
fn history_alone_is_enough_to_go_on() {
    let mut before = fresh();
    run(&mut before, load(0, 10_000, 10_000));
    before.advance(NOON_MS + 110_000_000);
    let (days, _) = saved(&before);
    let mut after = fresh();
    for day in &days {
        after.restore_day(TABLE, day).unwrap();
    }
    for channel in Channel::ALL {
        let range = &boundaries()[1].1;
        assert_eq!(history(&before, range, channel), history(&after, range, channel));
    }
    after.resume(NOON_MS + 120_000_000);
    run(&mut after, load(12_000, 13_000, 10_000));
    assert!(history(&after, &KeyRange::full(), Channel::Requests).known.last().unwrap());
}

#[test]
fn a_snapshot_older_than_the_history_is_caught_up() {
    let mut before = fresh();
    run(&mut before, load(0, 1_000, 1_000));
    let snapshot = before.encode_snapshot(TABLE).unwrap();
    run(&mut before, load(1_000, 5_000, 1_000));
    let (days, _) = saved(&before);
    let mut after = fresh();
    after.restore_day(TABLE, &days[0]).unwrap();
    after.restore_snapshot(TABLE, &snapshot).unwrap();
    let series = |collector: &Collector| history(collector, &KeyRange::full(), Channel::WriteUnits);
    assert_eq!(series(&before), series(&after));
    run(&mut after, load(5_000, 6_000, 1_000));
    run(&mut before, load(5_000, 6_000, 1_000));
    let [before, after] = [series(&before), series(&after)];
    assert_eq!(before.values.len(), after.values.len());
    assert_eq!(before.values.last(), after.values.last());
}

#[test]
fn only_days_that_changed_are_to_be_saved() {
    let mut collector = fresh();
    run(&mut collector, load(0, 1_440, 60_000));
    let changed = collector.changed_days(TABLE);
    assert_eq!(changed.iter().map(|changed| changed.day).collect::<Vec<_>>(), [20_360, 20_361]);
    collector.mark_saved(TABLE, changed[0]);
    // Another bin is closed while the second day is being saved: it has changed again.
    run(&mut collector, load(1_440, 1_450, 60_000));
    collector.mark_saved(TABLE, changed[1]);
    let changed = collector.changed_days(TABLE);
    assert_eq!(changed.iter().map(|changed| changed.day).collect::<Vec<_>>(), [20_361]);
    collector.mark_saved(TABLE, changed[0]);
    assert_eq!(collector.changed_days(TABLE), []);
    assert_eq!(collector.encode_day(TABLE, 20_359), None);
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut before = fresh();
    run(&mut before, load(0, 2_000, 1_000));
    let (days, snapshot) = saved(&before);
    let mut other = Collector::new(&CollectorSettings::default());
    for error in [
        other.restore_day(TABLE, &days[0]).map(drop),
        other.restore_snapshot(TABLE, &snapshot),
        before.restore_day(TABLE, &days[0]).map(drop),
        before.restore_snapshot(TABLE, &snapshot),
    ] {
        assert!(matches!(error, Err(WorkloadError::Mismatch { .. })), "{error:?}");
    }
    other.set_partitions(TableId(8), Strategy::Hash, &boundaries());
    let error = other.restore_day(TableId(8), &days[0]).unwrap_err().to_string();
    assert_eq!(
        error,
        "stored day of workload history does not fit table t8: it was saved for another table"
    );
    let error = fresh().restore_day(TABLE, &snapshot).unwrap_err().to_string();
    assert!(error.contains("another kind"), "{error}");
}

#[test]
fn damaged_bytes_are_refused_and_change_nothing() {
    let mut before = fresh();
    run(&mut before, load(0, 2_000, 1_000));
    let (days, snapshot) = saved(&before);
    for at in (0..days[0].len()).step_by(7) {
        let mut damaged = days[0].clone();
        damaged[at] ^= 0x10;
        let mut after = fresh();
        assert!(matches!(after.restore_day(TABLE, &damaged), Err(WorkloadError::Stored { .. })));
        assert!(after.history(TABLE).is_none());
    }
    let mut damaged = snapshot;
    damaged[20] ^= 1;
    assert!(matches!(fresh().restore_snapshot(TABLE, &damaged), Err(WorkloadError::Stored { .. })));
}

/// The load behind the fixtures, with small sketches; it must never change.
fn load_of_the_fixtures() -> Collector {
    let settings =
        CollectorSettings { heavy_hitters_max: 4, samples_max: 8, ..CollectorSettings::default() };
    let mut collector = collector(&settings, Strategy::Hash, &boundaries());
    run(&mut collector, load(0, 4_000, 1_000));
    collector
}

/// Bytes of version 1 as they were first written must open for ever.
#[test]
fn version_1_still_opens() {
    let mut opened = fresh();
    opened.restore_day(TABLE, include_bytes!("fixtures/history-day-v1.bin")).unwrap();
    opened.restore_snapshot(TABLE, include_bytes!("fixtures/snapshot-v1.bin")).unwrap();
    let requests = history(&opened, &KeyRange::full(), Channel::Requests);
    assert_eq!(requests.start_ms, NOON_MS);
    let expected = |bin: u64| (bin * 300..bin * 300 + 300).filter(|n| n % 13 != 0).count();
    for (bin, value) in requests.values.iter().enumerate() {
        assert_close(*value, expected(bin as u64) as f64 / 300.0);
    }
    assert_eq!(requests.values.len(), 13);
    let window = opened.window_view(TABLE, workload::Window::Hour, workload::ViewSize::default());
    assert_eq!(window.unwrap().distinct_clients, 5.0);
}

/// Writes the fixtures of the present version; run by hand when a version is added, with a new name.
#[test]
#[ignore = "writes files"]
fn write_fixtures() {
    let (days, snapshot) = saved(&load_of_the_fixtures());
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    std::fs::write(folder.join("history-day-v1.bin"), &days[0]).unwrap();
    std::fs::write(folder.join("snapshot-v1.bin"), snapshot).unwrap();
}
