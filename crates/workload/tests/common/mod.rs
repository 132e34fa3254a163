//! What several of this crate's tests share: vectors, partitions, and a collector to put them in.

#![allow(dead_code, reason = "no test needs all of it")]

use bytes::Bytes;
use types::{KeyRange, PartitionId, Strategy, TableId};
use workload::{
    Channel, Collector, CollectorSettings, KeyPrefix, Outcome, RateSeries, RequestType, Vector,
};
use xxhash_rust::xxh3::xxh3_64;

pub(crate) const TABLE: TableId = TableId(7);

/// A Monday at noon.
pub(crate) const NOON_MS: i64 = 1_759_147_200_000;

/// A served store of one write unit.
pub(crate) fn vector(timestamp_ms: i64, key: &[u8]) -> Vector {
    Vector {
        table: TABLE,
        partition: PartitionId(1),
        key_hash: xxh3_64(key),
        timestamp_ms,
        client: 1,
        data_bytes: 100,
        read_units: 0.0,
        write_units: 1.0,
        storage_key: KeyPrefix::new(key),
        range_key: KeyPrefix::EMPTY,
        request: RequestType::Store,
        outcome: Outcome::Served,
        demand: true,
    }
}

/// A storage key in hash order: `n` spread evenly over hash space, and something behind it.
pub(crate) fn hash_key(n: u64) -> Vec<u8> {
    let hash = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    [&hash.to_be_bytes()[..], format!("key {n}").as_bytes()].concat()
}

/// Partitions between boundaries that rise.
pub(crate) fn partitions(boundaries: &[&[u8]]) -> Vec<(PartitionId, KeyRange)> {
    let boundaries: Vec<Bytes> = boundaries.iter().map(|key| Bytes::copy_from_slice(key)).collect();
    let ranges = KeyRange::full().cut(&boundaries).expect("boundaries rise");
    (1..).map(PartitionId).zip(ranges).collect()
}

/// A collector that knows one table.
pub(crate) fn collector(
    settings: &CollectorSettings,
    strategy: Strategy,
    partitions: &[(PartitionId, KeyRange)],
) -> Collector {
    let mut collector = Collector::new(settings);
    collector.set_partitions(TABLE, strategy, partitions);
    collector
}

/// A channel of the table's history.
pub(crate) fn history(collector: &Collector, range: &KeyRange, channel: Channel) -> RateSeries {
    collector.history(TABLE).expect("something came").series(range, channel)
}

/// Everything that would be saved of the table.
pub(crate) fn saved(collector: &Collector) -> (Vec<Vec<u8>>, Vec<u8>) {
    let history = collector.history(TABLE).expect("something came");
    let days = history.start_ms().div_euclid(86_400_000)..=history.end_ms().div_euclid(86_400_000);
    let days = days.filter_map(|day| collector.encode_day(TABLE, day)).collect();
    (days, collector.encode_snapshot(TABLE).expect("the table is known"))
}

#[track_caller]
pub(crate) fn assert_close(left: f64, right: f64) {
    let tolerance = 1e-5 * left.abs().max(right.abs()).max(1e-3);
    assert!((left - right).abs() <= tolerance, "{left} is not {right}");
}
