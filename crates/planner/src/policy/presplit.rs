//! Making a table ready for the throughput that somebody has asked for, before it comes.
//!
//! As many partitions as that throughput needs, cut evenly by hash, or by the load of the cells where
//! keys are in their own order. What was asked for is a floor for merging, too ([`needed`]).

use crate::even;
use crate::load::utilisation;
use crate::plan::{Action, Alternative, Kind, Plan, Trigger};
use crate::view::{PartitionView, TableView};
use types::Units;

/// The most partitions that a wish makes, whatever throughput it names.
const PARTITIONS_MAX: usize = 64;

/// How many partitions the throughput needs that the table is to be ready for; 0 if it is for none.
pub(crate) fn needed(view: &TableView, partitions_max: usize) -> usize {
    let one = view.partitions.first().map_or(Units::ZERO, |partition| partition.capacity);
    let parts = utilisation(view.warm, one).ceil();
    if parts.is_finite() { (parts as usize).min(PARTITIONS_MAX).min(partitions_max) } else { 0 }
}

/// The plan that makes the table ready; `None` if it is.
pub(crate) fn presplit(view: &TableView, partitions_max: usize) -> Option<Plan> {
    let needed = needed(view, partitions_max);
    if view.partitions.len() >= needed {
        return None;
    }
    let mut plan = Plan::hold(format!(
        "the table is to be ready for {:.0} read and {:.0} write units/s, which needs {needed} partitions",
        view.warm.read, view.warm.write
    ));
    for (partition, parts) in view.partitions.iter().zip(parts(view, needed)) {
        if parts < 2 {
            continue;
        }
        match split(view, partition, parts, &plan.reason) {
            Some(action) => plan.actions.push(action),
            None => plan.alternatives.push(Alternative {
                what: format!("split {} into {parts}", partition.id),
                rejected: "too little is known of its keys to say where".into(),
                benefit: 0.0,
                cost: 0.0,
            }),
        }
    }
    Some(plan)
}

/// Into how many parts each partition is cut, so that there are `needed` in all: by the width of each
/// in hash order, evenly otherwise; the widest part is always cut next.
fn parts(view: &TableView, needed: usize) -> Vec<usize> {
    let width = |partition: &PartitionView| match view.strategy.is_hash_order() {
        true => even::share_of_hashes(&partition.range),
        false => 1.0,
    };
    let widths: Vec<f64> = view.partitions.iter().map(width).collect();
    let mut parts = vec![1; widths.len()];
    for _ in widths.len()..needed {
        let part = |at: usize| widths[at] / parts[at] as f64;
        let Some(widest) = (0..widths.len()).max_by(|a, b| part(*a).total_cmp(&part(*b))) else {
            break;
        };
        parts[widest] += 1;
    }
    parts
}

fn split(
    view: &TableView,
    partition: &PartitionView,
    parts: usize,
    reason: &str,
) -> Option<Action> {
    let boundaries = match view.strategy.is_hash_order() {
        true => even::hashes(&partition.range, parts),
        false => even::cuts(view.strategy, &partition.range, Some(partition), parts),
    }?;
    Some(Action {
        sources: vec![partition.id],
        range: partition.range.clone(),
        kind: Kind::of(1, parts),
        trigger: Trigger::Warm,
        shares: vec![Units::ZERO; parts],
        boundaries,
        crossing_ms: None,
        benefit: 0.0,
        cost: 0.0,
        reason: reason.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{cells, partition, partition_in, range_between, table};
    use types::Strategy;

    #[test]
    fn as_many_as_the_throughput_needs_evenly_by_hash() {
        let mut view = table(vec![partition(1, 0.0)]);
        assert_eq!(presplit(&view, 256), None);
        view.warm = Units { read: 100.0, write: 350.0 };
        let plan = presplit(&view, 256).unwrap();
        assert_eq!(plan.actions[0].boundaries, even::hashes(&view.partitions[0].range, 4).unwrap());
        assert_eq!(
            (plan.actions[0].trigger, plan.actions[0].kind),
            (Trigger::Warm, Kind::Vertical)
        );
        assert_eq!(needed(&view, 3), 3, "the table's own bound holds");
        view.warm = Units::write(1e12);
        assert_eq!(needed(&view, 256), PARTITIONS_MAX);
    }

    #[test]
    fn wide_partitions_are_cut_more_often_and_narrow_ones_not() {
        let mut view = table(vec![
            partition_in(1, range_between(0.0, 0.75), 0.0),
            partition_in(2, range_between(0.75, 1.0), 0.0),
        ]);
        view.warm = Units::write(400.0);
        let plan = presplit(&view, 256).unwrap();
        assert_eq!(plan.actions.len(), 1);
        assert_eq!((plan.actions[0].sources[0].0, plan.actions[0].children()), (1, 3));
    }

    #[test]
    fn in_the_order_of_keys_only_what_is_known_is_cut() {
        let mut view = table(vec![partition(1, 0.0)]);
        (view.strategy, view.warm) = (Strategy::Range, Units::write(200.0));
        view.partitions[0].cells = cells(&range_between(0.0, 1.0), &[5.0, 1.0, 1.0, 3.0]);
        let plan = presplit(&view, 256).unwrap();
        assert_eq!(plan.actions[0].boundaries, [view.partitions[0].cells[1].range.start.clone()]);
        view.partitions[0].cells.truncate(1);
        let plan = presplit(&view, 256).unwrap();
        assert!(plan.is_hold() && plan.alternatives[0].rejected.contains("too little"), "{plan:?}");
    }
}
