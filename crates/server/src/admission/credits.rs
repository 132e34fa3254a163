//! What the buckets of new partitions start with: what their parents had left.
//!
//! Credit (and debt) is neither made nor lost at a reslice, else splitting would print capacity.
//! Where the load that is expected of every child is known, credit is divided the same way;
//! otherwise every parent's part goes in equal parts to the children it overlaps.
//! What a child's bucket cannot hold is gone.

use std::sync::Arc;

use storage::PartitionInfo;
use types::{KeyRange, Units};

use super::gate::Gate;

/// Where a partition's buckets come from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Level {
    /// It was there before, as the gate at this index.
    Kept(usize),
    /// It is new and starts with this much.
    Inherited(Units),
}

/// The levels of `partitions`, which replace those behind `old`; both in the order of the key axis.
pub(super) fn levels(
    old: &[Arc<Gate>],
    partitions: &[PartitionInfo],
    share: impl Fn(&KeyRange) -> Option<Units>,
    now_ms: i64,
) -> Vec<Level> {
    let mut levels = Vec::with_capacity(partitions.len());
    let mut parents = old.iter().enumerate().peekable();
    while levels.len() < partitions.len() {
        let first = &partitions[levels.len()];
        let Some((index, parent)) = parents.next() else {
            // Maps tile the key axis, so parents and children end together.
            levels.resize(partitions.len(), Level::Inherited(Units::ZERO));
            break;
        };
        if parent.partition() == first.id && parent.range() == &first.range {
            levels.push(Level::Kept(index));
            continue;
        }
        // A group: the parents and children up to the first boundary that both have.
        let mut group = vec![parent];
        let mut children = 1;
        loop {
            let parents_end = &group[group.len() - 1].range().end;
            let children_end = &partitions[levels.len() + children - 1].range.end;
            match ends_before(parents_end, children_end) {
                Some(true) => match parents.next() {
                    Some((_, parent)) => group.push(parent),
                    None => break,
                },
                Some(false) if levels.len() + children < partitions.len() => children += 1,
                _ => break,
            }
        }
        let children = &partitions[levels.len()..levels.len() + children];
        levels.extend(divide(&group, children, &share, now_ms).into_iter().map(Level::Inherited));
    }
    levels
}

/// Whether a range that ends at `left` ends before one that ends at `right`; `None` if both end at
/// the same key.
fn ends_before(left: &Option<bytes::Bytes>, right: &Option<bytes::Bytes>) -> Option<bool> {
    match (left, right) {
        (None, None) => None,
        (None, Some(_)) => Some(false),
        (Some(_), None) => Some(true),
        (Some(left), Some(right)) => (left != right).then_some(left < right),
    }
}

/// Divides what `parents` have left among `children`, which cover the same keys.
fn divide(
    parents: &[&Arc<Gate>],
    children: &[PartitionInfo],
    share: impl Fn(&KeyRange) -> Option<Units>,
    now_ms: i64,
) -> Vec<Units> {
    let levels: Vec<Units> =
        parents.iter().map(|parent| parent.level(now_ms).unwrap_or(Units::ZERO)).collect();
    let shares = children.iter().map(|child| share(&child.range));
    if let Some(shares) = shares.collect::<Option<Vec<Units>>>() {
        return planner::bucket::divide(planner::bucket::merge(&levels), &shares);
    }
    let mut parts = vec![Units::ZERO; children.len()];
    for (parent, level) in parents.iter().zip(levels) {
        let heirs: Vec<usize> = (0..children.len())
            .filter(|child| children[*child].range.intersection(parent.range()).is_some())
            .collect();
        let equal = planner::bucket::divide(level, &vec![Units::ZERO; heirs.len()]);
        for (heir, part) in heirs.into_iter().zip(equal) {
            parts[heir] += part;
        }
    }
    parts
}
