//! Windows and history are what a naive model says: sums per second, added up.

mod common;

use common::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use types::{KeyRange, Strategy as KeyStrategy};
use workload::{Channel, Collector, CollectorSettings, Outcome, Timeline, Vector, Window};

/// Partitions, and cells: there is no quota for more.
const BOUNDARIES: [&[u8]; 3] = [b"d", b"h", b"p"];

/// When counting begins, in the middle of all bins but seconds.
const FIRST_MS: i64 = NOON_MS + 61_000;

fn settings() -> CollectorSettings {
    CollectorSettings { cells_per_table_max: 4, ..CollectorSettings::default() }
}

#[derive(Clone, Debug)]
struct Event {
    /// Time since the event before.
    after_ms: i64,
    /// How long it was on its way.
    late_ms: i64,
    key: u8,
    units: [f32; 2],
    refused: bool,
    retry: bool,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let pauses = prop_oneof![20 => 0i64..300, 5 => 0i64..20_000, 1 => 0i64..2_000_000];
    let event =
        (pauses, 0i64..900, b'a'..=b'z', [0f32..9.0, 0f32..9.0], any::<bool>(), any::<bool>());
    let event = event.prop_map(|(after_ms, late_ms, key, units, refused, retry)| Event {
        after_ms,
        late_ms,
        key,
        units,
        refused,
        retry,
    });
    prop::collection::vec(event, 1..200)
}

fn vectors(events: &[Event]) -> Vec<Vector> {
    let mut now_ms = FIRST_MS;
    let vector = |event: &Event| {
        now_ms += event.after_ms;
        let outcome = if event.refused { Outcome::Throttled } else { Outcome::Served };
        let [read_units, write_units] = event.units;
        let late_ms = if now_ms - event.late_ms < FIRST_MS { 0 } else { event.late_ms };
        let vector = vector(now_ms - late_ms, &[event.key]);
        Vector { read_units, write_units, outcome, demand: !event.retry, ..vector }
    };
    events.iter().map(vector).collect()
}

/// What a range of keys should show in the bin that begins at `start_s`.
fn expected(
    seconds: &BTreeMap<i64, Vec<Vector>>,
    range: &KeyRange,
    channel: Channel,
    start_s: i64,
    bin_s: i64,
    first_s: i64,
) -> f64 {
    let covered = (start_s + bin_s - first_s.max(start_s)) as f64;
    let inside = |vector: &&Vector| vector.demand && range.contains(vector.storage_key.as_bytes());
    let value = |vector: &Vector| match channel {
        Channel::ReadUnits => f64::from(vector.read_units),
        Channel::WriteUnits => f64::from(vector.write_units),
        Channel::Requests => 1.0,
        Channel::Bytes => f64::from(vector.data_bytes),
        Channel::Throttles => f64::from(u8::from(vector.outcome == Outcome::Throttled)),
        Channel::PeakToMean => vector.units(),
    };
    let in_second = |vectors: &Vec<Vector>| vectors.iter().filter(inside).map(value).sum::<f64>();
    let of_bin = seconds.range(start_s..start_s + bin_s).map(|(_, vectors)| in_second(vectors));
    if channel != Channel::PeakToMean {
        return of_bin.sum::<f64>() / covered;
    }
    let (sum, peak) =
        of_bin.fold((0.0, 0.0), |(sum, peak), units| (sum + units, f64::max(peak, units)));
    if sum > 0.0 { peak / (sum / covered) } else { 1.0 }
}

fn check(timeline: &Timeline, seconds: &BTreeMap<i64, Vec<Vector>>, first_s: i64) {
    let bin_s = timeline.bin_ms() / 1_000;
    for (_, range) in partitions(&BOUNDARIES) {
        for channel in Channel::ALL {
            let series = timeline.series(&range, channel);
            assert_eq!(series.values.len(), timeline.len());
            for (at, value) in series.values.iter().enumerate().filter(|(at, _)| series.known[*at])
            {
                let start_s = series.start_ms / 1_000 + at as i64 * bin_s;
                let expected = expected(seconds, &range, channel, start_s, bin_s, first_s);
                assert_close(*value, expected);
            }
        }
    }
}

fn check_all(collector: &Collector, vectors: &[Vector], end_s: i64) {
    let mut seconds: BTreeMap<i64, Vec<Vector>> = BTreeMap::new();
    for vector in vectors {
        seconds.entry(vector.timestamp_ms.div_euclid(1_000)).or_default().push(*vector);
    }
    let first_s = FIRST_MS.div_euclid(1_000);
    let windows =
        Window::ALL.map(|window| collector.timeline(TABLE, window).expect("something came"));
    for timeline in windows.into_iter().chain(collector.history(TABLE)) {
        let bin_s = timeline.bin_ms() / 1_000;
        assert_eq!(timeline.end_ms() / 1_000, end_s.div_euclid(bin_s) * bin_s);
        let whole = end_s.div_euclid(bin_s) - first_s.div_euclid(bin_s);
        assert_eq!(timeline.len() as i64, whole.min(timeline.bins_max() as i64));
        check(timeline, &seconds, first_s);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn bins_are_what_a_naive_model_says(events in events(), idle_s in 0i64..400) {
        let vectors = vectors(&events);
        let mut collector = collector(&settings(), KeyStrategy::Range, &partitions(&BOUNDARIES));
        collector.advance(FIRST_MS);
        vectors.iter().for_each(|vector| collector.ingest(vector));
        let last_ms = vectors.iter().map(|vector| vector.timestamp_ms).max().unwrap();
        let now_ms = last_ms + idle_s * 1_000 + 2_000;
        collector.advance(now_ms);
        prop_assert_eq!((collector.stats().late, collector.stats().lost), (0, 0));
        check_all(&collector, &vectors, now_ms.div_euclid(1_000) - 1);
    }
}

#[test]
fn a_drain_puts_vectors_of_all_shards_in_order() {
    use workload::{Recorder, RecorderSettings};
    let recorder = Recorder::new(&RecorderSettings { vectors_max: 10_000, shards: 4 });
    let vectors: Vec<Vector> =
        (0..4_000).map(|n| vector(FIRST_MS + n * 250, &[b'a' + (n % 20) as u8])).collect();
    // Each thread records its own quarter of the time, which is 1,000 s: all together far out of order.
    std::thread::scope(|scope| {
        for quarter in vectors.chunks(1_000) {
            scope.spawn(|| quarter.iter().for_each(|vector| recorder.record(vector)));
        }
    });
    let mut collector = collector(&settings(), KeyStrategy::Range, &partitions(&BOUNDARIES));
    collector.advance(FIRST_MS);
    let drained = collector.drain(&recorder, FIRST_MS + 1_001_000);
    assert_eq!((drained.ingested, drained.late, drained.lost, drained.dropped), (4_000, 0, 0, 0));
    check_all(&collector, &vectors, FIRST_MS / 1_000 + 1_000);
}

#[test]
fn late_vectors_go_where_there_is_still_room() {
    let mut collector = collector(&settings(), KeyStrategy::Range, &partitions(&[]));
    let at = |second: i64| vector(NOON_MS + second * 1_000, b"k");
    collector.ingest(&at(0));
    collector.ingest(&at(290));
    collector.ingest(&at(250));
    assert_eq!((collector.stats().late, collector.stats().lost), (1, 0));
    collector.ingest(&at(400));
    collector.ingest(&at(299));
    assert_eq!((collector.stats().late, collector.stats().lost), (1, 1));
    collector.advance(NOON_MS + 700_000);
    let requests = history(&collector, &KeyRange::full(), Channel::Requests);
    assert_eq!(requests.values, [3.0 / 300.0, 1.0 / 300.0]);
}

#[test]
fn a_vector_from_the_future_came_now() {
    use workload::{Recorder, RecorderSettings};
    let recorder = Recorder::new(&RecorderSettings::default());
    recorder.record(&vector(NOON_MS + 86_400_000, b"k"));
    let mut collector = collector(&settings(), KeyStrategy::Range, &partitions(&[]));
    collector.drain(&recorder, NOON_MS);
    collector.drain(&recorder, NOON_MS + 600_000);
    let requests = history(&collector, &KeyRange::full(), Channel::Requests);
    assert_eq!(requests.start_ms, NOON_MS);
    assert_eq!(requests.values[0], 1.0 / 300.0);
}

#[test]
fn vectors_of_unknown_tables_are_counted_as_such() {
    let mut collector = Collector::new(&settings());
    collector.ingest(&vector(NOON_MS, b"k"));
    assert_eq!((collector.stats().ingested, collector.stats().unknown_table), (0, 1));
    assert!(collector.history(TABLE).is_none());
}

#[test]
fn down_time_is_unknown_not_quiet() {
    let mut collector = collector(&settings(), KeyStrategy::Range, &partitions(&[]));
    for minute in 0..30 {
        collector.ingest(&vector(NOON_MS + minute * 60_000, b"k"));
    }
    collector.advance(NOON_MS + 30 * 60_000 + 1_000);
    collector.resume(NOON_MS + 50 * 60_000);
    collector.advance(NOON_MS + 60 * 60_000 + 2_000);
    let requests = history(&collector, &KeyRange::full(), Channel::Requests);
    let unknown: Vec<usize> = (0..12).filter(|bin| !requests.known[*bin]).collect();
    assert_eq!(unknown, [6, 7, 8, 9]);
    // From 1/60 a second down to none, in five steps.
    assert_close(requests.values[5], 1.0 / 60.0);
    assert_close(requests.values[7], 1.0 / 60.0 * 3.0 / 5.0);
    assert_close(requests.values[10], 0.0);
    let streamed = collector.history(TABLE).unwrap().series_from(
        &KeyRange::full(),
        Channel::Requests,
        NOON_MS + 35 * 60_000,
    );
    assert_eq!(streamed.values, requests.values[7..], "the same when only the end is asked for");
    assert_eq!(streamed.start_ms, NOON_MS + 35 * 60_000);
}
