//! Which key order a table's requests ask for: what was sampled of them, put into `planner::strategy`.
//!
//! Once an hour the strategies are compared for every table; what has been the best for long enough is
//! told once, as [`Event::Proposed`](crate::Event), for somebody to carry out. Nothing is rekeyed here.

use crate::tables::TableState;
use planner::strategy::{Choice, Mix, Proposal, StrategySettings, Watch, choose};
use planner::view::TableView;
use serde::Serialize;
use types::{Strategy, Units};
use workload::{Channel, ClientNames, Collector, VectorView, Window};

/// How often strategies are compared, on the service's clock.
const INTERVAL_MS: i64 = 3_600_000;
/// Hexadecimal digits of the hash before a partition key in hash order.
const HASH_DIGITS: usize = 16;

/// A change of strategy that would pay, and has for long enough.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProposalDocument {
    /// The table's name.
    pub table: String,
    /// What it has.
    pub from: Strategy,
    /// What would pay.
    pub proposal: Proposal,
}

/// What is remembered of one table.
#[derive(Debug, Default)]
pub(crate) struct StrategyWatch {
    watch: Watch,
    next_ms: Option<i64>,
    told: Option<Strategy>,
}

/// Compares the strategies for a table as it is now.
pub(crate) fn compare(
    view: &TableView,
    collector: &Collector,
    clients: &ClientNames,
    settings: &StrategySettings,
) -> Choice {
    let sample = collector.sampled_vectors(view.table, Window::Day, clients);
    let hour = collector.timeline(view.table, Window::Hour);
    let requests_per_s = hour.map_or(0.0, |hour| {
        let series = hour.series(&types::KeyRange::full(), Channel::Requests);
        series.values.iter().sum::<f64>() / series.values.len().max(1) as f64
    });
    choose(&mix(view, &sample, requests_per_s), view.strategy, settings)
}

/// Compares them once an hour; what has lasted, once.
pub(crate) fn follow(
    state: &mut TableState,
    collector: &Collector,
    clients: &ClientNames,
    settings: &StrategySettings,
) -> Option<ProposalDocument> {
    let view = state.controller.view();
    let now_ms = view.now_ms;
    if view.partitions.is_empty() || state.strategy_watch.next_ms.is_some_and(|next| now_ms < next)
    {
        return None;
    }
    let choice = compare(view, collector, clients, settings);
    let (table, from) = (view.name.clone(), view.strategy);
    let known = &mut state.strategy_watch;
    known.next_ms = Some(now_ms + INTERVAL_MS);
    let proposal = known.watch.note(&choice, now_ms, settings);
    let told = std::mem::replace(&mut known.told, proposal.as_ref().map(|proposal| proposal.to));
    let proposal = proposal.filter(|proposal| told != Some(proposal.to))?;
    tracing::info!(table, reason = proposal.reason, "another strategy would pay");
    Some(ProposalDocument { table, from, proposal })
}

/// What requests a table gets, from its forecast and a sample of its requests. Queries over ranges of
/// partition keys are told from others by having no partition key.
fn mix(view: &TableView, sample: &[VectorView], requests_per_s: f64) -> Mix {
    let loads: Vec<Units> = view.partitions.iter().map(load).collect();
    let load: Units = loads.iter().copied().sum();
    let hottest =
        view.partitions.iter().zip(&loads).map(|(p, load)| p.top_key_share * load.total());
    let queries: Vec<&VectorView> = sample.iter().filter(|v| v.request == "query").collect();
    let per_s = |count: usize| requests_per_s * count as f64 / sample.len().max(1) as f64;
    let of_collections = queries.iter().filter(|query| has_key(query)).count();
    let ranges: Vec<&&VectorView> =
        queries.iter().filter(|query| !has_key(query) && !query.storage_key.is_empty()).collect();
    let data_bytes: f64 = view.partitions.iter().map(|p| p.size_bytes as f64).sum();
    let range_bytes = ranges.iter().map(|query| f64::from(query.data_bytes)).sum::<f64>();
    Mix {
        load,
        collection_queries_per_s: per_s(of_collections),
        range_queries_per_s: per_s(ranges.len()),
        range_query_width: match ranges.len() {
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
    }
}

/// What a partition is expected to get, on the mean of the horizon; what it gets, without a forecast.
fn load(partition: &planner::view::PartitionView) -> Units {
    let steps = partition.steps();
    if steps == 0 {
        return partition.load_recent;
    }
    let at = |step| partition.forecast_at(step, forecast::Quantile::Q50);
    planner::load::scale((0..steps).map(at).sum(), 1.0 / steps as f64)
}

fn has_key(query: &VectorView) -> bool {
    query.key_hash.bytes().any(|digit| digit != b'0')
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

    fn vector(request: &'static str, key: &str, timestamp_ms: i64) -> VectorView {
        VectorView {
            request,
            partition: PartitionId(1),
            key_hash: "00000000000000ff".into(),
            storage_key: format!("{}{key}", "9".repeat(HASH_DIGITS)),
            range_key: "01".into(),
            timestamp_ms,
            client: "a".into(),
            data_bytes: 1000,
            read_units: 0.0,
            write_units: 1.0,
            outcome: Outcome::Served,
            demand: true,
        }
    }

    #[test]
    fn rising_keys_are_seen_behind_their_hashes_and_others_are_not() {
        let rising: Vec<VectorView> =
            (0..100).map(|n| vector("store", &format!("{n:04}"), n)).collect();
        assert_eq!(monotonic_share(Strategy::Hash, &rising), 1.0);
        let shuffled: Vec<VectorView> =
            (0..100).map(|n| vector("store", &format!("{:04}", n * 37 % 100), n)).collect();
        assert!(monotonic_share(Strategy::Hash, &shuffled) < 0.1);
        assert_eq!(monotonic_share(Strategy::Hash, &[]), 0.0);
    }

    #[test]
    fn queries_are_counted_by_what_they_are_about() {
        let mut sample = vec![vector("query", "1", 0), vector("retrieve", "1", 0)];
        sample.push(VectorView { key_hash: "0".repeat(16), ..vector("query", "1", 0) });
        // Where a scan begins there is no key at all.
        let scan = VectorView { key_hash: "0".repeat(16), ..vector("query", "", 0) };
        sample.push(VectorView { storage_key: String::new(), ..scan });
        let view = crate::anomalies::view_for_tests();
        let found = mix(&view, &sample, 40.0);
        assert_eq!((found.collection_queries_per_s, found.range_queries_per_s), (10.0, 10.0));
        assert!(found.has_sort_key && found.partitions == view.partitions.len());
    }
}
