//! Cells come and go, totals stay; new partitions have a history at once.

mod common;

use bytes::Bytes;
use common::*;
use proptest::prelude::*;
use types::{KeyRange, PartitionId, Strategy as KeyStrategy, TableId};
use workload::{Channel, Collector, CollectorSettings, Vector, Window};

const CHANNELS: [Channel; 5] = [
    Channel::ReadUnits,
    Channel::WriteUnits,
    Channel::Requests,
    Channel::Bytes,
    Channel::Throttles,
];

/// The sums over ranges that tile the axis are the total, bin by bin and in every timeline.
fn check_totals(collector: &Collector, ranges: &[KeyRange]) {
    let windows =
        Window::ALL.map(|window| collector.timeline(TABLE, window).expect("something came"));
    for timeline in windows.into_iter().chain(collector.history(TABLE)) {
        for channel in CHANNELS {
            let total = timeline.series(&KeyRange::full(), channel);
            let parts = timeline.matrix(ranges, channel, timeline.start_ms());
            for (bin, value) in total.values.iter().enumerate() {
                assert_close(parts.iter().map(|part| part.values[bin]).sum(), *value);
            }
        }
    }
}

/// Partitions between the first bytes given.
fn cut_at(bytes: &[u8]) -> Vec<(PartitionId, KeyRange)> {
    let mut boundaries: Vec<[u8; 8]> =
        bytes.iter().filter(|byte| **byte > 0).map(|byte| [*byte, 0, 0, 0, 0, 0, 0, 0]).collect();
    boundaries.sort_unstable();
    boundaries.dedup();
    partitions(&boundaries.iter().map(|boundary| &boundary[..]).collect::<Vec<_>>())
}

#[derive(Clone, Debug)]
enum Step {
    /// So many requests, most of them on keys around the byte.
    Load {
        requests: u16,
        hot: u8,
    },
    Partitions(Vec<u8>),
    Idle {
        minutes: u8,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let load = (1u16..600, any::<u8>()).prop_map(|(requests, hot)| Step::Load { requests, hot });
    let cut = prop::collection::vec(any::<u8>(), 0..6).prop_map(Step::Partitions);
    let idle = (1u8..90).prop_map(|minutes| Step::Idle { minutes });
    prop::collection::vec(prop_oneof![4 => load, 2 => cut, 1 => idle], 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn totals_stay_whatever_happens_to_cells(
        steps in steps(),
        range_order in any::<bool>(),
        budget in prop::sample::select(vec![4usize, 20, 256]),
    ) {
        let settings = CollectorSettings {
            cells_max: budget,
            cells_initial: 8,
            ..CollectorSettings::default()
        };
        let strategy = if range_order { KeyStrategy::Range } else { KeyStrategy::Hash };
        let mut collector = collector(&settings, strategy, &partitions(&[]));
        let mut now_ms = NOON_MS;
        collector.advance(now_ms);
        let mut sent = 0u64;
        let mut current = partitions(&[]);
        for step in &steps {
            match step {
                Step::Load { requests, hot } => for n in 0..*requests {
                    now_ms += 733;
                    let spread = hash_key(u64::from(n) % 97);
                    let key = if n % 4 == 0 { spread } else { [&[*hot, n as u8 % 8], &spread[..]].concat() };
                    collector.ingest(&vector(now_ms, &key));
                    sent += 1;
                },
                Step::Partitions(bytes) => {
                    current = cut_at(bytes);
                    collector.set_partitions(TABLE, strategy, &current);
                }
                Step::Idle { minutes } => {
                    now_ms += i64::from(*minutes) * 60_000;
                    collector.advance(now_ms);
                }
            }
            let cells = collector.cells(TABLE).unwrap();
            prop_assert!(cells.len() <= budget.max(current.len()), "{} cells", cells.len());
            for (_, range) in current.iter().skip(1) {
                prop_assert!(cells.boundaries().contains(&range.start));
            }
        }
        collector.advance(now_ms + 3_600_000);
        let ranges: Vec<KeyRange> = current.iter().map(|(_, range)| range.clone()).collect();
        check_totals(&collector, &ranges);
        let cells: Vec<KeyRange> = collector.cells(TABLE).unwrap().ranges().collect();
        check_totals(&collector, &cells);
        let requests = history(&collector, &KeyRange::full(), Channel::Requests);
        // The first bin may be one that began before the table did.
        prop_assert!(NOON_MS % 300_000 == 0);
        assert_close(requests.values.iter().sum::<f64>() * 300.0, sent as f64);
    }
}

/// An hour and a half of load, one request a second, on keys in the order of `key`.
fn loaded(strategy: KeyStrategy, key: impl Fn(u64) -> Vec<u8>) -> Collector {
    let mut collector = collector(&CollectorSettings::default(), strategy, &partitions(&[]));
    for n in 0..5_400u64 {
        collector.ingest(&vector(NOON_MS + n as i64 * 1_000, &key(n)));
    }
    collector
}

/// Rates of the cells over the last bins.
fn cell_rates(collector: &Collector) -> Vec<(KeyRange, f64)> {
    let timeline = collector.timeline(TABLE, Window::FiveMinutes).expect("something came");
    let rate = |range: &KeyRange| {
        timeline.recent_rate(range, Channel::WriteUnits, 300).expect("it was watched")
    };
    let cells = collector.cells(TABLE).expect("announced");
    cells.ranges().map(|range| (range.clone(), rate(&range))).collect()
}

#[test]
fn even_load_needs_no_more_cells() {
    let collector = loaded(KeyStrategy::Hash, hash_key);
    assert_eq!(collector.cells(TABLE).unwrap().len(), 64);
}

#[test]
fn keys_in_order_get_cells_where_they_are() {
    let collector = loaded(KeyStrategy::Range, |n| format!("user/{:05}", n * 7_919 % 5_000).into());
    let rates = cell_rates(&collector);
    assert!(rates.len() >= 32, "{} cells", rates.len());
    let (_, hottest) = rates.iter().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
    assert!(*hottest <= 0.06, "the hottest cell has {hottest} of 1");
}

#[test]
fn a_hot_key_gets_a_cell_of_its_own() {
    for (strategy, hot) in
        [(KeyStrategy::Hash, hash_key(77)), (KeyStrategy::Range, b"user/00077".to_vec())]
    {
        let collector = loaded(strategy, |n| match (n % 2, strategy) {
            (0, _) => hot.clone(),
            (_, KeyStrategy::Hash) => hash_key(1_000 + n),
            _ => format!("user/{:05}", n * 7_919 % 5_000).into(),
        });
        let cells = cell_rates(&collector);
        let (cell, rate) = cells.iter().find(|(range, _)| range.contains(&hot)).unwrap();
        assert!((0.48..0.56).contains(rate), "{strategy:?}: {rate} in {cell:?}");
        let in_cell =
            (0..5_000).filter(|n| cell.contains(format!("user/{n:05}").as_bytes())).count();
        assert!(in_cell <= 50, "{strategy:?}: {in_cell} keys beside it");
        let hottest = collector.hot_keys(TABLE, Window::Hour, 1).remove(0);
        assert_eq!(hottest.storage_key.as_bytes(), hot);
        assert!((0.49..0.51).contains(&hottest.share), "{strategy:?}: {}", hottest.share);
        assert!(
            (0.49..0.51).contains(&hottest.write_units),
            "{strategy:?}: {}",
            hottest.write_units
        );
    }
}

#[test]
fn a_child_has_the_history_of_its_keys_at_once() {
    // Three quarters of the load lie in the first tenth of the axis.
    let key = |n: u64| {
        let at = if n.is_multiple_of(4) { n * 61 % 1_000 } else { n * 61 % 100 };
        let hash = at << 54;
        [&hash.to_be_bytes()[..], b"k"].concat()
    };
    let mut collector = loaded(KeyStrategy::Hash, key);
    let children = cut_at(&[(100u64 << 54).to_be_bytes()[0]]);
    collector.set_partitions(TABLE, KeyStrategy::Hash, &children);
    let child = history(&collector, &children[0].1, Channel::WriteUnits);
    assert_eq!(child.values.len(), 17);
    // The axis was cut evenly at first, so that the boundary, a little before the tenth, cut cells.
    let truth = (0..5_400).filter(|n| children[0].1.contains(&key(*n))).count() as f64 / 5_400.0;
    for value in &child.values {
        assert!((value - truth).abs() < 0.06, "{value} instead of {truth}");
    }
}

#[test]
fn what_lies_inside_an_old_cell_is_learned_later() {
    // In key order the first bins have one cell for everything.
    let keys = |n: u64| format!("user/{:05}", n * 7_919 % 5_000).into_bytes();
    let collector = loaded(KeyStrategy::Range, keys);
    let half = KeyRange::new("user/", Some(Bytes::from("user/02500")));
    let rates = history(&collector, &half, Channel::WriteUnits);
    let first = rates.values[0];
    assert!((0.4..0.6).contains(&first), "by bytes it would be almost nothing: {first}");
}

#[test]
fn tables_share_one_budget() {
    let settings = CollectorSettings { cells_max: 200, ..CollectorSettings::default() };
    let mut collector = Collector::new(&settings);
    let tables: Vec<TableId> = (1..=5).map(TableId).collect();
    let total = |collector: &Collector| {
        tables
            .iter()
            .filter_map(|table| collector.cells(*table))
            .map(|cells| cells.len())
            .sum::<usize>()
    };
    for (at, table) in tables.iter().enumerate() {
        collector.set_partitions(*table, KeyStrategy::Range, &partitions(&[]));
        for n in 0..6_000u64 {
            let key = format!("user/{:05}", n * n % 5_003);
            let timestamp_ms = NOON_MS + (at as i64 * 6_000 + n as i64) * 1_000;
            collector.ingest(&Vector { table: *table, ..vector(timestamp_ms, key.as_bytes()) });
            assert!(total(&collector) <= 200);
        }
    }
    for table in &tables {
        let cells = collector.cells(*table).unwrap().len();
        assert!(cells >= 20, "table {table} has {cells} cells");
    }
    collector.drop_table(TableId(1));
    assert!(collector.cells(TableId(1)).is_none());
}

#[test]
fn partitions_get_cells_even_beyond_the_budget() {
    let settings = CollectorSettings { cells_max: 4, ..CollectorSettings::default() };
    let many: Vec<u8> = (1..=40).collect();
    let collector = collector(&settings, KeyStrategy::Hash, &cut_at(&many));
    assert_eq!(collector.cells(TABLE).unwrap().len(), 41);
}
