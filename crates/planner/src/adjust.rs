//! Two actions that an operator may ask for by name: shifting the boundary between two neighbours
//! (2→2), and setting a hot item collection or key apart (1→3).
//!
//! The planner makes the same ones by itself, out of the sweep of [`crate::slice`]: neighbours of which
//! one has room become two others, and a key above half the target becomes a slice of its own. Here
//! the question is only where; that somebody asked is reason enough.

use crate::layout;
use crate::load::utilisation;
use crate::plan::{Action, Kind, Trigger};
use crate::policy::{Basis, Cut, action, even_shift};
use crate::settings::PlannerSettings;
use crate::view::{PartitionView, TableView};
use types::{KeyRange, PartitionId, Units};

/// Moves the boundary between two neighbours to where their load is divided best.
///
/// # Errors
/// In one line: they are no neighbours, no load of theirs is known, or the boundary lies there already.
pub fn shift(
    view: &TableView,
    left: PartitionId,
    right: PartitionId,
    settings: &PlannerSettings,
) -> Result<Action, String> {
    let at = |id| view.partitions.iter().position(|partition| partition.id == id);
    let (Some(a), Some(b)) = (at(left), at(right)) else {
        return Err(format!("{left} and {right} are not partitions of the table now"));
    };
    if a.abs_diff(b) != 1 {
        return Err(format!("{left} and {right} are not neighbours"));
    }
    let pair = &view.partitions[a.min(b)..=a.max(b)];
    let known = pair.iter().all(PartitionView::has_forecast);
    let basis = if known { Basis::Forecast } else { Basis::Observed };
    let cut: Cut = even_shift(view, pair, basis, settings).ok_or_else(|| {
        let mut loads =
            pair.iter().flat_map(|p| &p.cells).flat_map(|c| c.forecast.iter().chain([&c.recent]));
        match loads.any(|load| *load != Units::ZERO) {
            true => format!(
                "the boundary between {left} and {right} lies where it divides their load best"
            ),
            false => format!("no load of {left} and {right} is known yet"),
        }
    })?;
    let reason = format!(
        "asked for by an operator: the fuller of the two goes from {:.0} % to {:.0} % of capacity",
        cut.full_before * 100.0,
        cut.full_after * 100.0
    );
    Ok(action(pair, cut, Trigger::Manual, reason))
}

/// Gives an item collection, or one item, a partition of its own.
///
/// # Errors
/// In one line: it lies in several partitions, is one already, or the strategy keeps it whole.
pub fn isolate(view: &TableView, part: &KeyRange) -> Result<Action, String> {
    let owner = view.partitions.iter().find(|partition| partition.range.covers(part));
    let owner = owner.ok_or("the key's items lie in more than one partition: merge those first")?;
    let boundaries = layout::boundaries_around(&owner.range, part);
    if boundaries.is_empty() {
        return Err(format!("{} holds nothing but that key", owner.id));
    }
    if let Some(inside) = boundaries.iter().find(|b| !layout::allows(view.strategy, b)) {
        return Err(format!(
            "a boundary {inside:?} lies inside an item collection, which {} keeps whole: leave the \
             sort key out",
            view.strategy
        ));
    }
    let expected = |range: &KeyRange| {
        let cells = owner.cells.iter().filter(|cell| range.contains(&cell.range.start));
        cells.map(|cell| cell.forecast.first().copied().unwrap_or(cell.recent)).sum::<Units>()
    };
    let ranges = owner.range.cut(&boundaries).unwrap_or_default();
    let hot = owner.hot_keys.iter().find(|key| key.range == *part);
    let share = hot.map_or(String::new(), |key| {
        format!(" with {:.0} % of its capacity", utilisation(key.load, owner.capacity) * 100.0)
    });
    Ok(Action {
        sources: vec![owner.id],
        range: owner.range.clone(),
        kind: Kind::of(1, ranges.len()),
        shares: ranges.iter().map(expected).collect(),
        boundaries,
        trigger: Trigger::Manual,
        crossing_ms: None,
        benefit: 0.0,
        cost: 0.0,
        reason: format!(
            "asked for by an operator: one key of {}{share} gets a partition",
            owner.id
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{partition_in, range_between, table};
    use bytes::Bytes;
    use types::{KeyValue, PrimaryKey, Strategy, storage_key};

    fn halves(left: f64, right: f64) -> TableView {
        table(vec![
            partition_in(1, range_between(0.0, 0.5), left),
            partition_in(2, range_between(0.5, 1.0), right),
        ])
    }

    fn shifted(view: &TableView, a: u64, b: u64) -> Result<Action, String> {
        shift(view, PartitionId(a), PartitionId(b), &PlannerSettings::default())
    }

    #[test]
    fn the_boundary_goes_to_where_the_load_is_halved() {
        let view = halves(0.9, 0.1);
        for (a, b) in [(1, 2), (2, 1)] {
            let action = shifted(&view, a, b).unwrap();
            assert_eq!((action.kind, action.children()), (Kind::RangeAdjustment, 2));
            assert!(action.boundaries[0] < view.partitions[1].range.start);
            assert_eq!(action.sources, [PartitionId(1), PartitionId(2)]);
            let writes: Vec<f64> = action.shares.iter().map(|share| share.write).collect();
            assert!((writes[0] - writes[1]).abs() <= 90.0 / 16.0 + 1e-6, "{writes:?}");
            assert!(action.reason.contains("from 90 %"), "{}", action.reason);
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_one_line() {
        let view = halves(0.5, 0.5);
        assert!(shifted(&view, 1, 2).unwrap_err().contains("divides their load best"));
        assert_eq!(
            shifted(&halves(0.0, 0.0), 1, 2).unwrap_err(),
            "no load of p1 and p2 is known yet"
        );
        assert!(shifted(&view, 1, 1).unwrap_err().contains("not neighbours"));
        assert!(shifted(&view, 1, 7).unwrap_err().contains("not partitions"));
        let across = range_between(0.4, 0.6);
        assert!(isolate(&view, &across).unwrap_err().contains("more than one"));
        assert!(isolate(&view, &range_between(0.5, 1.0)).unwrap_err().contains("nothing but"));
    }

    #[test]
    fn a_collection_is_set_apart_and_a_single_item_where_the_strategy_lets_it() {
        let mut view = table(vec![partition_in(1, range_between(0.0, 1.0), 0.5)]);
        let key =
            PrimaryKey { partition: KeyValue::S("a".into()), sort: Some(KeyValue::S("b".into())) };
        let item = storage_key::encode(Strategy::Hash, &key);
        let mut next = item.to_vec();
        next.push(0);
        let one = KeyRange { start: item.clone(), end: Some(Bytes::from(next)) };
        let collection = layout::collection(Strategy::Hash, &item).unwrap();
        let action = isolate(&view, &collection).unwrap();
        assert_eq!((action.children(), action.kind), (3, Kind::Vertical));
        assert_eq!(action.ranges().unwrap()[1], collection);
        assert!(isolate(&view, &one).unwrap_err().contains("leave the sort key out"));
        view.strategy = Strategy::Composite;
        assert_eq!(isolate(&view, &one).unwrap().ranges().unwrap()[1], one);
    }
}
