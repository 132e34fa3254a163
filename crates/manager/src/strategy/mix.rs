//! What is asked of a table, from counts and a sample of its requests, as `planner::strategy` takes it.

use planner::strategy::Mix;
use planner::strategy::result::Counted;
use planner::view::{PartitionView, TableView};
use types::{KeyRange, Strategy, TableId, Units};
use workload::{Channel, Collector, Reach, VectorView, Window};

/// Hexadecimal digits of the hash before a partition key in hash order.
const HASH_DIGITS: usize = 16;

/// What was asked of a table in the last day, as far as that is known and not before `from_ms`.
pub(crate) fn counted(collector: &Collector, table: TableId, from_ms: i64) -> Counted {
    let Some(day) = collector.timeline(table, Window::Day) else {
        return Counted { from_ms, until_ms: from_ms, ..Counted::default() };
    };
    let from_ms = from_ms.max(day.start_ms());
    let until_ms = day.end_ms().max(from_ms);
    // A minute that had begun before is no minute of it.
    let bins = usize::try_from((until_ms - from_ms) / day.bin_ms()).unwrap_or(0);
    let mean = |channel| day.recent_rate(&KeyRange::full(), channel, bins).unwrap_or(0.0);
    Counted {
        from_ms,
        until_ms,
        requests_per_s: mean(Channel::Requests),
        units_per_s: mean(Channel::ReadUnits) + mean(Channel::WriteUnits),
        refused_per_s: mean(Channel::Throttles),
    }
}

/// What requests a table gets, from its forecast and a sample of its requests.
pub(super) fn mix(view: &TableView, sample: &[VectorView], requests_per_s: f64) -> Mix {
    let loads: Vec<Units> = view.partitions.iter().map(load).collect();
    let load: Units = loads.iter().copied().sum();
    let hottest =
        view.partitions.iter().zip(&loads).map(|(p, load)| p.top_key_share * load.total());
    let per_s = |count: f64| requests_per_s * count / sample.len().max(1) as f64;
    let of = |reach| sample.iter().filter(move |vector| vector.reach == reach);
    let ranges = of(Reach::Range).count();
    let data_bytes: f64 = view.partitions.iter().map(|p| p.size_bytes as f64).sum();
    let range_bytes: f64 = of(Reach::Range).map(|query| f64::from(query.data_bytes)).sum();
    let segment_units: f64 = of(Reach::Segment).map(|scan| f64::from(scan.read_units)).sum();
    Mix {
        load,
        collection_queries_per_s: per_s(of(Reach::Collection).count() as f64),
        range_queries_per_s: per_s(ranges as f64),
        segment_scan_units_per_s: per_s(segment_units),
        range_query_width: match ranges {
            0 => 0.0,
            count => (range_bytes / count as f64 / data_bytes.max(1.0)).min(1.0),
        },
        monotonic_share: monotonic_share(view.strategy, sample),
        hottest_share: hottest.fold(0.0, f64::max) / load.total().max(f64::MIN_POSITIVE),
        largest_collection_bytes: view
            .partitions
            .iter()
            .filter(|partition| planner::view::is_single_key(&partition.range))
            .map(|partition| partition.size_bytes as f64)
            .fold(0.0, f64::max),
        data_bytes,
        partitions: view.partitions.len(),
        capacity: view.partitions.first().map_or(Units::ZERO, |partition| partition.capacity),
        has_sort_key: sample.iter().any(|vector| !vector.range_key.is_empty()),
        copies: 1.0,
    }
}

/// What a partition is expected to get, on the mean of the horizon; what it gets, without a forecast.
fn load(partition: &PartitionView) -> Units {
    let steps = partition.steps();
    if steps == 0 {
        return partition.load_recent;
    }
    let at = |step| partition.forecast_at(step, forecast::Quantile::Q50);
    planner::load::scale((0..steps).map(at).sum(), 1.0 / steps as f64)
}

/// The share of stores that went behind all keys before them in the sample.
fn monotonic_share(strategy: Strategy, sample: &[VectorView]) -> f64 {
    let mut stores: Vec<&VectorView> = sample.iter().filter(|v| v.request == "store").collect();
    stores.sort_by_key(|vector| vector.timestamp_ms);
    let from = if strategy.is_hash_order() { HASH_DIGITS } else { 0 };
    let (mut highest, mut rising) = ("", 0_usize);
    for store in &stores {
        let key = store.storage_key.get(from..).unwrap_or_default();
        if key > highest {
            (highest, rising) = (key, rising + 1);
        }
    }
    rising as f64 / stores.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::PartitionId;
    use workload::Outcome;

    fn vector(request: &'static str, reach: Reach, key: &str, timestamp_ms: i64) -> VectorView {
        VectorView {
            request,
            reach,
            partition: PartitionId(1),
            key_hash: "00000000000000ff".into(),
            storage_key: format!("{}{key}", "9".repeat(HASH_DIGITS)),
            range_key: "01".into(),
            timestamp_ms,
            client: "a".into(),
            data_bytes: 1000,
            read_units: 2.0,
            write_units: 1.0,
            outcome: Outcome::Served,
            demand: true,
        }
    }

    fn store(key: i64, timestamp_ms: i64) -> VectorView {
        vector("store", Reach::Item, &format!("{key:04}"), timestamp_ms)
    }

    #[test]
    fn rising_keys_are_seen_behind_their_hashes_and_others_are_not() {
        let rising: Vec<VectorView> = (0..100).map(|n| store(n, n)).collect();
        assert_eq!(monotonic_share(Strategy::Hash, &rising), 1.0);
        let shuffled: Vec<VectorView> = (0..100).map(|n| store(n * 37 % 100, n)).collect();
        assert!(monotonic_share(Strategy::Hash, &shuffled) < 0.1);
        assert_eq!(monotonic_share(Strategy::Hash, &[]), 0.0);
    }

    #[test]
    fn queries_are_counted_by_what_they_are_about() {
        let mut sample = vec![vector("retrieve", Reach::Item, "1", 0)];
        let queries = [Reach::Collection, Reach::Range, Reach::Range, Reach::Scan, Reach::Segment];
        sample.extend(queries.map(|reach| vector("query", reach, "1", 0)));
        let mut view = crate::anomalies::view_for_tests();
        view.partitions.iter_mut().for_each(|partition| partition.size_bytes = 50_000);
        let found = mix(&view, &sample, 60.0);
        assert_eq!((found.collection_queries_per_s, found.range_queries_per_s), (10.0, 20.0));
        assert_eq!(found.segment_scan_units_per_s, 20.0);
        let width = 1_000.0 / (50_000.0 * view.partitions.len() as f64);
        assert!((found.range_query_width - width).abs() < 1e-12, "{found:?}");
        assert!(found.has_sort_key && found.partitions == view.partitions.len());
    }
}
