//! History on disk: which of the collector's bytes go under which name.
//!
//! | name | content |
//! |---|---|
//! | `history/<table>/<order>day-<day>` | one day of 5-minute bins, `workload`'s day chunk |
//! | `history/<table>/<order>windows` | the short windows, cells and open bins, `workload`'s snapshot |
//!
//! `<table>` is the table's incarnation, so a table made anew under an old name starts without a
//! past. `<order>` is empty before the table's key order has changed for the first time, then
//! `order-<n>/`: history is about keys, and those of another order mean nothing. A process that dies
//! between a change of the order and the forgetting leaves history of the order before, which is
//! found by its name, left out with a warning, and deleted.
//!
//! The formats are `workload`'s; this module only reads and writes. A damaged chunk costs that
//! day of history, with a warning, and never the start of the service.

use crate::error::ManagerError;
use bytes::Bytes;
use parking_lot::Mutex;
use storage::Blobs;
use types::TableId;
use workload::{Collector, DayRef};

fn directory(table: TableId) -> String {
    format!("history/{table}")
}

/// Where the history of one key order of a table is.
fn directory_of(table: TableId, order: u64) -> String {
    match order {
        0 => directory(table),
        order => format!("{}/order-{order}", directory(table)),
    }
}

fn day_name(table: TableId, order: u64, day: i64) -> String {
    format!("{}/day-{day}", directory_of(table, order))
}

fn windows_name(table: TableId, order: u64) -> String {
    format!("{}/windows", directory_of(table, order))
}

/// Whether a blob is history of this order, by its name.
fn is_of(name: &str, table: TableId, order: u64) -> bool {
    let rest = name.strip_prefix(&directory_of(table, order));
    rest.and_then(|rest| rest.strip_prefix('/')).is_some_and(|rest| !rest.contains('/'))
}

/// Writes what has changed since it was last written. `order` is the one that the collector counts in.
pub(crate) async fn save(
    blobs: &Blobs,
    collector: &Mutex<Collector>,
    table: TableId,
    order: u64,
) -> Result<(), ManagerError> {
    for (day, content) in changed_days(collector, table) {
        blobs.put(&day_name(table, order, day.day), Bytes::from(content)).await?;
        collector.lock().mark_saved(table, day);
    }
    let snapshot = collector.lock().encode_snapshot(table);
    if let Some(snapshot) = snapshot {
        blobs.put(&windows_name(table, order), Bytes::from(snapshot)).await?;
    }
    Ok(())
}

/// Encodes under the lock, so that the revision marked as saved is the one that was encoded.
fn changed_days(collector: &Mutex<Collector>, table: TableId) -> Vec<(DayRef, Vec<u8>)> {
    let collector = collector.lock();
    let days = collector.changed_days(table);
    days.into_iter().filter_map(|day| Some((day, collector.encode_day(table, day.day)?))).collect()
}

/// Reads a table's history back, as far as it is of the order that the table has; the table's partitions
/// must be known to the collector.
pub(crate) async fn restore(
    blobs: &Blobs,
    collector: &Mutex<Collector>,
    table: TableId,
    order: u64,
) -> Result<(), ManagerError> {
    let windows = windows_name(table, order);
    let names = blobs.list(&directory(table)).await?;
    let (names, others): (Vec<String>, Vec<String>) =
        names.into_iter().partition(|name| is_of(name, table, order));
    if let Some(other) = others.first() {
        tracing::warn!(
            %table, order, of = others.len(), %other,
            "history of another key order is left out and deleted: its keys are no more"
        );
    }
    for name in others {
        blobs.delete(&name).await?;
    }
    for name in names.iter().filter(|name| **name != windows) {
        let Some(content) = blobs.get(name).await? else { continue };
        if let Err(error) = collector.lock().restore_day(table, &content) {
            tracing::warn!(%name, %error, "a day of history is damaged and left out");
        }
    }
    if let Some(content) = blobs.get(&windows).await?
        && let Err(error) = collector.lock().restore_snapshot(table, &content)
    {
        tracing::warn!(name = %windows, %error, "the windows are damaged and start empty");
    }
    Ok(())
}

/// Forgets a dropped table's history.
pub(crate) async fn forget(blobs: &Blobs, table: TableId) -> Result<(), ManagerError> {
    for name in blobs.list(&directory(table)).await? {
        blobs.delete(&name).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
