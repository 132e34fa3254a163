//! History on disk: which of the collector's bytes go under which name.
//!
//! | name | content |
//! |---|---|
//! | `history/<table>/day-<day>` | one day of 5-minute bins, `workload`'s day chunk |
//! | `history/<table>/windows` | the short windows, cells and open bins, `workload`'s snapshot |
//!
//! `<table>` is the table's incarnation, so a table made anew under an old name starts without a
//! past. The formats are `workload`'s; this module only reads and writes. A damaged chunk costs that
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

fn day_name(table: TableId, day: i64) -> String {
    format!("{}/day-{day}", directory(table))
}

fn windows_name(table: TableId) -> String {
    format!("{}/windows", directory(table))
}

/// Writes what has changed since it was last written.
pub(crate) async fn save(
    blobs: &Blobs,
    collector: &Mutex<Collector>,
    table: TableId,
) -> Result<(), ManagerError> {
    for (day, content) in changed_days(collector, table) {
        blobs.put(&day_name(table, day.day), Bytes::from(content)).await?;
        collector.lock().mark_saved(table, day);
    }
    let snapshot = collector.lock().encode_snapshot(table);
    if let Some(snapshot) = snapshot {
        blobs.put(&windows_name(table), Bytes::from(snapshot)).await?;
    }
    Ok(())
}

/// Encodes under the lock, so that the revision marked as saved is the one that was encoded.
fn changed_days(collector: &Mutex<Collector>, table: TableId) -> Vec<(DayRef, Vec<u8>)> {
    let collector = collector.lock();
    let days = collector.changed_days(table);
    days.into_iter().filter_map(|day| Some((day, collector.encode_day(table, day.day)?))).collect()
}

/// Reads a table's history back; the table's partitions must be known to the collector.
pub(crate) async fn restore(
    blobs: &Blobs,
    collector: &Mutex<Collector>,
    table: TableId,
) -> Result<(), ManagerError> {
    let windows = windows_name(table);
    for name in blobs.list(&directory(table)).await? {
        if name == windows {
            continue;
        }
        let Some(content) = blobs.get(&name).await? else { continue };
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
