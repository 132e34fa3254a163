//! Workloads that make each strategy the choice, and some on which the table stays as it is.

use super::*;

const CAPACITY: Units = Units { read: 3000.0, write: 1000.0 };
const GB: f64 = (1_u64 << 30) as f64;

/// A table of 1 GB in four partitions with point reads and writes, spread evenly.
fn points() -> Mix {
    Mix {
        load: Units { read: 6_000.0, write: 2_000.0 },
        hottest_share: 0.001,
        largest_collection_bytes: 1e6,
        data_bytes: GB,
        partitions: 4,
        capacity: CAPACITY,
        has_sort_key: true,
        ..Mix::default()
    }
}

fn best(mix: &Mix, current: Strategy) -> Option<Strategy> {
    choose(mix, current, &StrategySettings::default()).proposal.map(|proposal| proposal.to)
}

#[test]
fn point_reads_and_writes_stay_where_they_are() {
    for current in [Strategy::Hash, Strategy::Composite, Strategy::Range] {
        let choice = choose(&points(), current, &StrategySettings::default());
        assert_eq!(choice.proposal, None, "{choice:?}");
        assert_eq!(choice.estimates.len(), 3);
        assert!(choice.reason.contains("cheapest"), "{}", choice.reason);
    }
}

#[test]
fn ranges_of_partition_keys_ask_for_range_order() {
    let mix = Mix { range_queries_per_s: 2.0, range_query_width: 0.01, ..points() };
    let choice = choose(&mix, Strategy::Hash, &StrategySettings::default());
    let proposal = choice.proposal.unwrap();
    assert_eq!((proposal.to, proposal.rekey), (Strategy::Range, true));
    assert!(proposal.reason.contains("rekey to range: estimated gain"), "{}", proposal.reason);
    assert_eq!(choice.estimates[0].strategy, Strategy::Range);
    assert_eq!(best(&mix, Strategy::Range), None);
}

#[test]
fn a_collection_with_more_load_than_a_partition_takes_asks_for_composite() {
    let mix = Mix { hottest_share: 0.9, collection_queries_per_s: 50.0, ..points() };
    let choice = choose(&mix, Strategy::Hash, &StrategySettings::default());
    let proposal = choice.proposal.unwrap();
    assert_eq!((proposal.to, proposal.rekey), (Strategy::Composite, false));
    assert_eq!((proposal.moving_units, proposal.payback_s), (0.0, 0.0));
    // Without a sort key a collection is one item, and no order divides that.
    assert_eq!(best(&Mix { has_sort_key: false, ..mix }, Strategy::Hash), None);
}

#[test]
fn a_collection_that_outgrows_a_partition_asks_for_composite() {
    let mix = Mix {
        hottest_share: 0.49,
        largest_collection_bytes: 200.0 * GB,
        data_bytes: 220.0 * GB,
        partitions: 30,
        ..points()
    };
    assert_eq!(best(&mix, Strategy::Hash), Some(Strategy::Composite));
}

#[test]
fn scans_in_segments_keep_hash_order_unless_ranges_ask_for_much_more() {
    let ranges = Mix { range_queries_per_s: 2.0, range_query_width: 0.01, ..points() };
    let scanned = Mix { segment_scan_units_per_s: 1e5, ..ranges };
    let choice = choose(&scanned, Strategy::Hash, &StrategySettings::default());
    assert_eq!(choice.proposal, None, "{choice:?}");
    let range = choice.estimates.iter().find(|e| e.strategy == Strategy::Range).unwrap();
    assert_eq!(range.segment_scans, 1e6, "who scans the other segments waits");
    let a_few = Mix { segment_scan_units_per_s: 1e3, ..ranges };
    assert_eq!(best(&a_few, Strategy::Hash), Some(Strategy::Range));
}

#[test]
fn what_the_last_changes_copied_is_what_the_next_one_costs() {
    let mix = Mix { range_queries_per_s: 2.0, range_query_width: 0.01, ..points() };
    let moving = |copies| {
        let choice = choose(&Mix { copies, ..mix }, Strategy::Hash, &StrategySettings::default());
        choice.proposal.unwrap().moving_units
    };
    assert_eq!((moving(0.0), moving(3.0)), (moving(1.0), 3.0 * moving(1.0)));
}

#[test]
fn inserts_in_the_order_of_keys_ask_for_hash() {
    let mix = Mix { load: Units::write(3_000.0), monotonic_share: 0.95, ..points() };
    let choice = choose(&mix, Strategy::Range, &StrategySettings::default());
    assert_eq!(choice.proposal.unwrap().to, Strategy::Hash);
    let terms = choice.estimates.iter().find(|e| e.strategy == Strategy::Range).unwrap();
    assert!(terms.monotonic_inserts > 0.0 && terms.total == terms.monotonic_inserts);
}

#[test]
fn little_is_not_enough() {
    // One range query an hour is not worth moving anything for.
    let rare = Mix { range_queries_per_s: 1.0 / 3600.0, range_query_width: 0.01, ..points() };
    let choice = choose(&rare, Strategy::Hash, &StrategySettings::default());
    assert_eq!(choice.proposal, None);
    assert!(choice.reason.contains("less than the 30 %"), "{}", choice.reason);
    assert_eq!(choice.estimates[0].strategy, Strategy::Range, "it would be cheaper");
    // A terabyte that hardly anybody asks for is not moved either.
    let cold = Mix {
        load: Units::read(1.0),
        range_queries_per_s: 2e-6,
        range_query_width: 0.01,
        data_bytes: 1024.0 * GB,
        ..points()
    };
    let choice = choose(&cold, Strategy::Hash, &StrategySettings::default());
    assert!(choice.reason.contains("earned back only after"), "{}", choice.reason);
}

#[test]
fn a_proposal_has_to_last() {
    let settings = StrategySettings::default();
    let wanted = Mix { range_queries_per_s: 2.0, range_query_width: 0.01, ..points() };
    let choice = |mix: &Mix| choose(mix, Strategy::Hash, &settings);
    let hour_ms = 3_600_000;
    let mut watch = Watch::default();
    for hour in 0..24 {
        assert_eq!(watch.note(&choice(&wanted), hour * hour_ms, &settings), None, "{hour}");
    }
    assert_eq!(watch.note(&choice(&wanted), 24 * hour_ms, &settings).unwrap().to, Strategy::Range);
    // One hour of something else, and it begins anew.
    assert_eq!(watch.note(&choice(&points()), 25 * hour_ms, &settings), None);
    assert_eq!(watch.note(&choice(&wanted), 26 * hour_ms, &settings), None);
    assert_eq!(watch.note(&choice(&wanted), 49 * hour_ms, &settings), None);
    assert!(watch.note(&choice(&wanted), 50 * hour_ms, &settings).is_some());
}
