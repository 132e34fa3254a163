//! Making a table and opening one that exists.

use super::{Defined, Life, Routes, Shared, Table};
use crate::catalog::TableObject;
use crate::engine::Engine;
use crate::error::{Result, StorageError};
use crate::maintain::Unneeded;
use crate::map::PartitionInfo;
use crate::partition::Partition;
use crate::record::table::{PartitionRecord, TableRecord};
use crate::rekey::Rekeying;
use crate::rows::RowsNumber;
use arc_swap::{ArcSwap, ArcSwapOption};
use futures::StreamExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64};
use tokio::sync::{Notify, watch};
use types::TableId;

/// How many partitions are opened at once: opening waits for the disk, mostly.
const OPEN_CONCURRENCY: usize = 8;

/// Whether a partition's database has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// It was never made.
    Nothing,
    /// It was just cloned from databases that are open here.
    Clone,
    /// It was made by a process before; if it is missing, data are lost.
    Database,
}

impl Table {
    /// Opens the partitions that `record` names.
    pub(crate) async fn open(
        shared: Arc<Shared>,
        object: TableObject,
        record: TableRecord,
        expect: Expect,
    ) -> Result<Arc<Self>> {
        let partitions = open_partitions(&shared, record.id, &record.partitions, expect).await?;
        if record.rekey.is_some() {
            // Nobody has written yet, so nothing escapes.
            let captures = partitions.iter().map(|partition| partition.capture_from_here());
            futures::future::try_join_all(captures).await?;
        }
        let routes = Routes::new(record.id, record.epoch, record.order, partitions.clone());
        let defined = Defined { order: record.order, definition: Arc::new(record.definition) };
        let table = Arc::new(Self {
            id: record.id,
            name: record.name,
            created_ms: record.created_ms,
            defined: ArcSwap::from_pointee(defined),
            defining: tokio::sync::Mutex::default(),
            shared,
            object,
            map: watch::Sender::new(routes.map.clone()),
            routes: ArcSwap::from_pointee(routes),
            state: ArcSwap::from_pointee(Life::Serving),
            ended: Notify::new(),
            undecided: AtomicBool::new(false),
            workflow: Arc::default(),
            unneeded: Unneeded::default(),
            unused: Unneeded::default(),
            closing: Arc::default(),
            previous: ArcSwapOption::empty(),
            rekeying: Rekeying::new(record.rekey),
            rekeyed_ms: AtomicI64::new(record.rekeyed_ms.unwrap_or(i64::MIN)),
        });
        table.watch_over(&partitions);
        Ok(table)
    }
}

/// Opens partitions, several at once, in the given order; all of them or none.
pub(crate) async fn open_partitions(
    shared: &Shared,
    table: TableId,
    records: &[PartitionRecord],
    expect: Expect,
) -> Result<Vec<Arc<Partition>>> {
    let rows = shared.rows.number();
    let opened: Vec<Result<Arc<Partition>>> = futures::stream::iter(records.to_vec())
        .map(|record| open_partition(shared, table, record, rows, expect))
        .buffered(OPEN_CONCURRENCY)
        .collect()
        .await;
    if opened.iter().all(Result::is_ok) {
        return opened.into_iter().collect();
    }
    // A database that is merely dropped goes on writing in the background.
    for partition in opened.iter().flatten() {
        partition.close().await?;
    }
    opened.into_iter().collect()
}

async fn open_partition(
    shared: &Shared,
    table: TableId,
    record: PartitionRecord,
    rows: RowsNumber,
    expect: Expect,
) -> Result<Arc<Partition>> {
    let path = Engine::path(table, record.id);
    if expect != Expect::Nothing {
        let missing = || StorageError::Corrupt {
            path: path.to_string(),
            reason: "the catalog names this partition, but its database is missing".to_owned(),
        };
        let manifest = shared.engine.manifest(&path).await?.ok_or_else(missing)?;
        if expect == Expect::Database {
            shared.engine.catch_up(&path, &manifest).await?;
        }
    }
    let db = shared.engine.open(&path).await?;
    let info =
        PartitionInfo { id: record.id, range: record.range(), created_ms: record.created_ms };
    Ok(Partition::new(info, path, db, rows, shared))
}
