//! That a side is planned as if it were alone, and that nothing crosses the border.

use super::*;
use crate::testing::{certain, key_at, partition_in, range_between, table};
use forecast::Quantile;
use proptest::prelude::*;

fn settings(target: f64) -> PlannerSettings {
    let mut settings = PlannerSettings::default();
    settings.slice.target_utilisation = target;
    settings
}

fn zoned() -> Zoned {
    Zoned::new(key_at(0.5), settings(0.5), settings(0.9))
}

/// Even partitions, so full now and to come.
fn parts(full: &[f64]) -> TableView {
    let width = 1.0 / full.len() as f64;
    let part = |(i, full): (usize, &f64)| {
        partition_in(i as u64, range_between(i as f64 * width, (i + 1) as f64 * width), *full)
    };
    table(full.iter().enumerate().map(part).collect())
}

#[test]
fn each_side_goes_by_its_own_thresholds() {
    let mut view = parts(&[0.9, 0.9, 0.9, 0.9]);
    for partition in &mut view.partitions {
        // 110 % is to come: three parts at 50 %, two at 90 %.
        partition.write = certain(110.0);
        for cell in &mut partition.cells {
            cell.forecast = vec![Units::write(110.0 / 16.0); 12];
        }
    }
    let plan = zoned().decide(&view);
    let shapes: Vec<(usize, usize)> =
        plan.actions.iter().map(|action| (action.sources.len(), action.children())).collect();
    assert_eq!(shapes, [(2, 5), (2, 3)], "220 % at 50 % and at 90 %: {}", plan.reason);
}

#[test]
fn neighbours_on_two_sides_are_not_merged() {
    let mut policy = zoned();
    let plan = policy.decide(&parts(&[0.1, 0.1, 0.1, 0.1]));
    let sources: Vec<usize> = plan.actions.iter().map(|action| action.sources.len()).collect();
    assert_eq!(sources, [2, 2]);
    let plan = policy.decide(&parts(&[0.1, 0.1]));
    assert!(plan.is_hold(), "one on each side is as few as there can be: {plan:?}");
}

#[test]
fn what_the_border_divides_belongs_to_the_rest() {
    let mut view = parts(&[0.1, 0.1, 0.1]);
    let (mut policy, mut rest) = (zoned(), Predictive::new(settings(0.9)));
    let plan = policy.decide(&view);
    assert_eq!(plan.actions.len(), 1);
    assert_eq!(plan.actions[0].sources, [view.partitions[1].id, view.partitions[2].id]);
    assert!(policy.score_of(&view.partitions[0].range).is_some());
    // With nothing below the border there is no canary.
    view.partitions.truncate(1);
    view.partitions[0].range = range_between(0.0, 1.0);
    assert_eq!(policy.decide(&view), rest.decide(&view));
}

#[test]
fn a_quantile_is_a_sides_own() {
    let mut canary = settings(0.9);
    canary.score.quantile = Quantile::Q50;
    let policy = Zoned::new(key_at(0.5), canary, settings(0.9));
    let quantile = |from, to| policy.score_of(&range_between(from, to)).map(|s| s.quantile);
    assert_eq!(quantile(0.0, 0.5), Some(Quantile::Q50));
    assert_eq!(quantile(0.5, 1.0), Some(Quantile::Q90));
    assert_eq!(quantile(0.4, 0.6), Some(Quantile::Q90));
}

#[test]
fn a_plan_on_one_side_does_not_hold_up_the_other() {
    let mut view = parts(&[0.1, 0.1, 0.1, 0.1]);
    let now_ms = view.now_ms;
    view.last_plan_ms = Some(now_ms - 60_000);
    view.partitions[0].created_ms = now_ms - 59_000;
    let plan = zoned().decide(&view);
    assert_eq!(plan.actions.len(), 1);
    assert_eq!(plan.actions[0].sources[0], view.partitions[2].id, "the canary cools down");
    // Nothing came of the last plan: both wait.
    view.partitions[0].created_ms = 0;
    let plan = zoned().decide(&view);
    assert!(plan.is_hold() && plan.reason.contains("cooling down"), "{}", plan.reason);
}

#[test]
fn what_is_asked_of_the_table_is_asked_of_all() {
    let mut rest = Predictive::new(settings(0.9));
    let view = parts(&[0.1, 0.1, 0.1, 0.1]);
    let warm = TableView { warm: Units::write(350.0), ..view.clone() };
    let busy = TableView { busy: true, ..view };
    for view in [warm, busy] {
        assert_eq!(zoned().decide(&view), rest.decide(&view));
    }
}

proptest! {
    /// As if the other side were not there; and never more partitions than a table may have.
    #[test]
    fn a_side_is_planned_alone(full in prop::collection::vec(0.0..2.0_f64, 2..12), most in 2..24_usize) {
        let view = parts(&full);
        let (mut canary, mut rest) = (settings(0.5), settings(0.9));
        (canary.action.per_plan_max, rest.action.per_plan_max) = (100, 100);
        let unlimited = Zoned::new(key_at(0.5), canary.clone(), rest.clone()).decide(&view);
        let below = view.partitions.iter().filter(|p| p.range.end.as_ref().is_some_and(|end| *end <= key_at(0.5)));
        let below = below.count();
        let alone = |partitions: &[PartitionView], settings: &PlannerSettings| {
            let view = TableView { partitions: partitions.to_vec(), ..view.clone() };
            Predictive::new(settings.clone()).decide(&view).actions
        };
        let mut expected = alone(&view.partitions[..below], &canary);
        expected.extend(alone(&view.partitions[below..], &rest));
        if below > 0 {
            prop_assert_eq!(unlimited.actions, expected);
        }
        rest.action.partitions_max = most;
        canary.action.partitions_max = most;
        let plan = Zoned::new(key_at(0.5), canary, rest).decide(&view);
        let more: usize = plan.actions.iter().map(|a| a.children().saturating_sub(a.sources.len())).sum();
        prop_assert!(more <= most.saturating_sub(view.partitions.len()));
        for action in &plan.actions {
            let crosses = action.range.start < key_at(0.5)
                && action.range.end.as_ref().is_none_or(|end| *end > key_at(0.5))
                && action.sources.len() > 1
                && below > 0;
            let straddles = view.partitions[below].range.start == action.range.start;
            prop_assert!(!crosses || straddles, "{:?}", action);
        }
    }
}
