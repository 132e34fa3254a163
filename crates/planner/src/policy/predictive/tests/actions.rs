//! Shifts, isolations, wishes and what cannot be helped, each from a view to its plan.

use super::*;
use crate::layout;
use crate::plan::Kind;
use crate::view::{CellView, HotKeyView};
use bytes::Bytes;
use types::{KeyRange, PartitionId, Strategy};

/// The item collection at a share of hash space.
fn collection(share: f64) -> KeyRange {
    let hash = (share * u64::MAX as f64) as u64;
    layout::collection(Strategy::Hash, &hash.to_be_bytes()).unwrap()
}

/// A partition of `range` whose load is one key at a quarter of hash space, with `hot` units/s, and as
/// much of `rest` units/s over the whole axis as falls into the range.
fn heated(id: u64, range: KeyRange, hot: f64, rest: f64) -> PartitionView {
    let key = collection(0.25);
    let mut partition = PartitionView { range: range.clone(), ..partition(id, 0.0) };
    let rest = rest * crate::even::share_of_hashes(&range);
    let ends = layout::boundaries_around(&range, &key);
    let cells = range.cut(&ends).unwrap().into_iter().map(|range| {
        let write = if range == key { hot } else { rest / 2.0 };
        let forecast = vec![Units::write(write); 12];
        CellView {
            single_key: range == key,
            recent: Units::write(write),
            now: Units::ZERO,
            forecast,
            range,
        }
    });
    partition.cells = cells.collect();
    let write: f64 = partition.cells.iter().map(|cell| cell.recent.write).sum();
    if range.covers(&key) {
        let load = Units::write(hot);
        partition.hot_keys =
            vec![HotKeyView { range: key, key_hash: 0x4fff, load, share: hot / write }];
    }
    partition.write = certain(write);
    partition.load_recent = Units::write(write);
    partition.load_now = partition.load_recent;
    partition
}

/// The table after a plan.
fn after(view: &TableView, plan: &Plan, hot: f64, rest: f64) -> TableView {
    let mut ranges: Vec<KeyRange> = view.partitions.iter().map(|p| p.range.clone()).collect();
    for action in &plan.actions {
        let at = ranges.iter().position(|range| range.start == action.range.start).unwrap();
        ranges.splice(at..at + action.sources.len(), action.ranges().unwrap());
    }
    let made = ranges.into_iter().zip(1..).map(|(range, id)| heated(id, range, hot, rest));
    let last_plan_ms = if plan.is_hold() { view.last_plan_ms } else { Some(view.now_ms) };
    let partitions = made.collect();
    TableView { now_ms: view.now_ms + 600_000, partitions, last_plan_ms, ..view.clone() }
}

#[test]
fn a_neighbour_with_room_takes_over_what_is_too_much() {
    let view = table(vec![
        partition_in(1, range_between(0.0, 0.5), 1.1),
        partition_in(2, range_between(0.5, 1.0), 0.2),
    ]);
    let plan = without_floor().decide(&view);
    let [action] = &plan.actions[..] else { panic!("{plan:?}") };
    assert_eq!((action.kind, action.children()), (Kind::RangeAdjustment, 2));
    assert!(action.benefit > action.cost && action.cost > 0.0);
    assert!(action.reason.starts_with("shift the boundary between p1 and p2"), "{}", action.reason);
    assert!(action.shares.iter().all(|share| share.write <= 75.0 + 1e-6), "{:?}", action.shares);
}

#[test]
fn a_key_above_half_the_target_is_set_apart() {
    let view = table(vec![heated(1, KeyRange::full(), 70.0, 60.0)]);
    let plan = without_floor().decide(&view);
    let [action] = &plan.actions[..] else { panic!("{plan:?}") };
    assert_eq!((action.kind, action.children()), (Kind::Vertical, 3));
    assert_eq!(action.ranges().unwrap()[1], collection(0.25));
    assert!(action.reason.contains("set key 0000000000004fff of p1 apart"), "{}", action.reason);
    assert!(action.benefit > action.cost);
}

#[test]
fn a_key_above_capacity_is_set_apart_once_and_never_cut_at_again() {
    for (hot, rest) in [(250.0, 90.0), (250.0, 1.0), (120.0, 300.0), (5_000.0, 0.0)] {
        for mut policy in [Predictive::default(), without_floor()] {
            let mut view = table(vec![heated(1, KeyRange::full(), hot, rest)]);
            let mut actions = 0;
            for _ in 0..50 {
                let plan = policy.decide(&view);
                actions += plan.actions.len();
                view = after(&view, &plan, hot, rest);
            }
            assert!(actions <= 2, "{actions} actions with {hot} and {rest}");
            let plan = policy.decide(&view);
            let text = format!("{:?}", plan.alternatives);
            assert!(plan.is_hold() && text.contains("single key"), "{text}");
            assert!(
                text.contains("0000000000004fff") && text.contains("alone is throttled"),
                "{text}"
            );
        }
    }
}

#[test]
fn a_hot_collection_is_divided_by_sort_key_where_the_strategy_lets_it() {
    let key = collection(0.25);
    let inside = |byte| {
        let mut cut = key.start.to_vec();
        cut.push(byte);
        Bytes::from(cut)
    };
    let mut hot = heated(1, key.clone(), 180.0, 0.0);
    let parts = key.cut(&[inside(60), inside(120), inside(200)]).unwrap();
    let part = |range| CellView {
        range,
        recent: Units::write(45.0),
        now: Units::ZERO,
        forecast: vec![Units::write(45.0); 12],
        single_key: false,
    };
    hot.cells = parts.into_iter().map(part).collect();
    let mut view = table(vec![hot]);
    view.strategy = Strategy::Composite;
    let plan = without_floor().decide(&view);
    let [action] = &plan.actions[..] else { panic!("{plan:?}") };
    assert!(action.boundaries.iter().all(|cut| key.contains(cut) && cut.len() == 9));
    assert!(action.boundaries.iter().all(|cut| !layout::allows(Strategy::Hash, cut)));
}

#[test]
fn what_was_asked_for_is_made_ready_and_stays_so() {
    let mut view = table(vec![partition(1, 0.0)]);
    view.warm = Units::write(350.0);
    (view.due, view.last_plan_ms) = (false, Some(view.now_ms));
    let plan = Predictive::default().decide(&view);
    assert_eq!((plan.actions[0].trigger, plan.actions[0].children()), (Trigger::Warm, 4));
    let quarter =
        |i: u64| partition_in(i + 1, range_between(i as f64 / 4.0, (i + 1) as f64 / 4.0), 0.0);
    let mut view = table((0..4).map(quarter).collect());
    view.warm = Units::write(350.0);
    assert!(Predictive::default().decide(&view).is_hold(), "idle, and kept");
    view.warm = Units::write(150.0);
    let plan = Predictive::default().decide(&view);
    assert_eq!(plan.actions[0].children(), 2, "not below what was asked for");
}

#[test]
fn when_the_node_is_the_limit_nothing_is_split() {
    let mut view = table(vec![partition(1, 2.0)]);
    assert!(!Predictive::default().decide(&view).is_hold());
    let load = Units::write(200.0);
    view.node = Some(NodeView { load, capacity: load, at_limit: true });
    let plan = Predictive::default().decide(&view);
    assert!(plan.is_hold() && plan.reason.contains("splitting will not help"), "{plan:?}");
    assert_eq!(plan.alternatives.len(), 1, "what would have been done: {:?}", plan.alternatives);
    view.node = Some(NodeView { load, capacity: load, at_limit: false });
    assert!(!Predictive::default().decide(&view).is_hold());
}

#[test]
fn ids_are_named_in_the_order_of_keys() {
    let action = &without_floor().decide(&table(vec![ahead(1.4)])).actions[0];
    assert_eq!(action.sources, [PartitionId(1)]);
    assert!(action.reason.starts_with("split p1 into 2: "), "{}", action.reason);
}
