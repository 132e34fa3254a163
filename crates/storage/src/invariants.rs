//! What must hold of a table's record, as named functions that run before every write of it.
//!
//! A record that breaks one of these is not written: better a failed reslice than a partition map
//! in which a key belongs to nobody.

use crate::map::AXIS_END;
use crate::record::table::{PartitionRecord, RekeyStage, TableRecord, TableState};
use std::collections::HashSet;
use types::{KeyRange, PartitionId};

type Check = std::result::Result<(), String>;

/// All checks of a step from `before` (none for the first record of a name) to `after`.
pub(crate) fn check(before: Option<&TableRecord>, after: &TableRecord) -> Check {
    partitions_tile_the_key_axis(after)?;
    databases_are_unique_and_numbered(after)?;
    reslice_fits_the_partitions(after)?;
    rekey_fills_a_key_axis_of_its_own(after)?;
    let Some(before) = before else { return Ok(()) };
    if before.id != after.id {
        return a_name_is_used_again_only_after_a_drop(before, after);
    }
    identity_is_kept(before, after)?;
    counters_only_grow(before, after)?;
    the_epoch_counts_the_changes_of_the_map(before, after)?;
    the_order_changes_with_all_partitions(before, after)?;
    no_database_is_forgotten_while_it_serves(before, after)
}

/// Every key belongs to exactly one partition: ranges in order, without gap or overlap, from the
/// beginning of the axis to its end.
pub(crate) fn partitions_tile_the_key_axis(record: &TableRecord) -> Check {
    if record.state == TableState::Dropped {
        return match record.partitions.is_empty() {
            true => Ok(()),
            false => Err("a dropped table has partitions".to_owned()),
        };
    }
    tile(&record.partitions, &KeyRange::full())
}

fn tile(partitions: &[PartitionRecord], whole: &KeyRange) -> Check {
    let (Some(first), Some(last)) = (partitions.first(), partitions.last()) else {
        return Err("there is no partition".to_owned());
    };
    if first.range().start != whole.start || last.range().end != whole.end {
        return Err(format!("partitions {} to {} leave an end open", first.id, last.id));
    }
    for partition in partitions {
        if partition.range().is_empty() {
            return Err(format!("partition {} is empty", partition.id));
        }
    }
    let inside = |partition: &PartitionRecord| *partition.start.0 < AXIS_END[..];
    if let Some(outside) = partitions.iter().find(|partition| !inside(partition)) {
        return Err(format!("partition {} begins beyond the key axis", outside.id));
    }
    for pair in partitions.windows(2) {
        if pair[0].range().end.as_ref() != Some(&pair[1].start.0) {
            return Err(format!("partitions {} and {} do not meet", pair[0].id, pair[1].id));
        }
    }
    Ok(())
}

/// No two databases of the table are the same, and each number was given out by the counter.
fn databases_are_unique_and_numbered(record: &TableRecord) -> Check {
    let mut seen = HashSet::new();
    for id in record.databases() {
        if !seen.insert(id) {
            return Err(format!("partition {id} is named twice"));
        }
        if id.0 >= record.next_partition {
            return Err(format!("partition {id} was never numbered"));
        }
    }
    Ok(())
}

/// A reslice replaces existing, adjacent partitions by children that tile the same range.
fn reslice_fits_the_partitions(record: &TableRecord) -> Check {
    let Some(reslice) = &record.reslice else {
        return Ok(());
    };
    let first = record.partitions.iter().position(|p| Some(&p.id) == reslice.sources.first());
    let first = first.ok_or("the reslice has no source that serves")?;
    let sources = &record.partitions[first..];
    let sources = sources.get(..reslice.sources.len()).ok_or("the reslice has too many sources")?;
    let ids: Vec<PartitionId> = sources.iter().map(|source| source.id).collect();
    if ids != reslice.sources {
        return Err(format!("the reslice's sources {:?} are not adjacent", reslice.sources));
    }
    let whole = KeyRange::new(
        sources[0].range().start,
        sources.last().and_then(|source| source.range().end),
    );
    tile(&reslice.children, &whole).map_err(|reason| format!("children of the reslice: {reason}"))
}

/// A rekey makes partitions that tile the key axis; none of those that serve is resliced meanwhile.
fn rekey_fills_a_key_axis_of_its_own(record: &TableRecord) -> Check {
    let Some(rekey) = &record.rekey else {
        return Ok(());
    };
    if record.reslice.is_some() {
        return Err("a reslice and a rekey are under way at once".to_owned());
    }
    let serves = |id: PartitionId| record.partitions.iter().any(|partition| partition.id == id);
    if let Some(copied) = rekey.copied.iter().find(|copied| !serves(copied.source)) {
        return Err(format!("the rekey copies partition {}, which does not serve", copied.source));
    }
    tile(&rekey.children, &KeyRange::full())
        .map_err(|reason| format!("children of the rekey: {reason}"))
}

/// A new key order has new partitions: those that the rekey has filled, and no others.
fn the_order_changes_with_all_partitions(before: &TableRecord, after: &TableRecord) -> Check {
    if before.order == after.order {
        return Ok(());
    }
    let filled = before.rekey.as_ref().filter(|rekey| rekey.stage == RekeyStage::Copying);
    match filled.is_some_and(|rekey| rekey.children == after.partitions) && after.rekey.is_none() {
        true if after.order == before.order + 1 => Ok(()),
        _ => Err(format!("the key order went from {} to {}", before.order, after.order)),
    }
}

fn a_name_is_used_again_only_after_a_drop(before: &TableRecord, after: &TableRecord) -> Check {
    if before.state != TableState::Dropped {
        return Err(format!("{} has not been dropped", before.id));
    }
    if after.id <= before.id {
        return Err(format!("{} is not newer than {}", after.id, before.id));
    }
    Ok(())
}

fn identity_is_kept(before: &TableRecord, after: &TableRecord) -> Check {
    if before.name != after.name || before.created_ms != after.created_ms {
        return Err("the table's name or age changed".to_owned());
    }
    match (before.state, after.state) {
        (TableState::Active, TableState::Active | TableState::Dropping)
        | (TableState::Dropping, TableState::Dropping | TableState::Dropped) => Ok(()),
        (from, to) => Err(format!("the table cannot go from {from:?} to {to:?}")),
    }
}

fn counters_only_grow(before: &TableRecord, after: &TableRecord) -> Check {
    if after.epoch < before.epoch || after.next_partition < before.next_partition {
        return Err("a counter went back".to_owned());
    }
    Ok(())
}

/// The epoch grows by one with each new partition map and by nothing else.
fn the_epoch_counts_the_changes_of_the_map(before: &TableRecord, after: &TableRecord) -> Check {
    let changed = before.partitions != after.partitions && after.state == TableState::Active;
    if after.epoch != before.epoch + u64::from(changed) {
        return Err(format!("the epoch went from {} to {}", before.epoch, after.epoch));
    }
    Ok(())
}

/// What served before serves on or is retired: its database may still be needed by its children.
fn no_database_is_forgotten_while_it_serves(before: &TableRecord, after: &TableRecord) -> Check {
    if after.state == TableState::Dropped {
        return Ok(());
    }
    let kept: HashSet<PartitionId> = after.databases().collect();
    match before.partitions.iter().find(|partition| !kept.contains(&partition.id)) {
        Some(lost) => Err(format!("partition {} is forgotten", lost.id)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
