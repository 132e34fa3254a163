//! What several tests need: stores in temporary directories, keys, and reading a whole table.

pub(crate) mod history;
pub(crate) mod load;
pub(crate) mod wire;

use bytes::Bytes;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use storage::{
    Components, Decision, Direction, NewTable, Reslice, ResliceReport, Storage, StorageError,
    StorageSettings, Table,
};
use types::{KeyRange, ManualClock, PartitionId};

/// Each opening gets another seed, as the service does it.
static SEED: AtomicU64 = AtomicU64::new(1);

/// The components of a test: a clock that stands still, and no faults.
pub(crate) fn components() -> Components {
    let clock = Arc::new(ManualClock::new(1_700_000_000_000));
    Components::new(clock, SEED.fetch_add(1, Ordering::SeqCst))
}

/// How long a lock is waited for that nobody should have.
const LOCKED_MAX: Duration = Duration::from_secs(30);

/// Does what needs a directory's lock. A process that another test is just starting has a copy of every
/// descriptor of this one, the lock's too, until it runs its own program.
pub(crate) async fn unless_locked<T>(mut open: impl AsyncFnMut() -> storage::Result<T>) -> T {
    let begun = Instant::now();
    loop {
        match open().await {
            Err(StorageError::Locked(_)) if begun.elapsed() < LOCKED_MAX => {
                tokio::task::yield_now().await;
            }
            done => return done.unwrap(),
        }
    }
}

/// Opens a store that is not forced onto the disk: most tests ask for nothing that needs it.
pub(crate) async fn open(root: &Path) -> Arc<Storage> {
    unless_locked(async || Storage::open(settings(root), components()).await).await
}

/// Opens a store with everything that the service has.
pub(crate) async fn open_synced(root: &Path) -> Arc<Storage> {
    let synced = StorageSettings { fsync: true, ..settings(root) };
    unless_locked(async || Storage::open(synced.clone(), components()).await).await
}

/// Little memory, no forcing onto the disk, and patience with a busy machine.
pub(crate) fn settings(root: &Path) -> StorageSettings {
    StorageSettings {
        cache_bytes: 16 << 20,
        fsync: false,
        cutover_ms_max: 60_000,
        ..StorageSettings::at(root)
    }
}

/// A table with these boundaries.
pub(crate) async fn table(storage: &Storage, name: &str, boundaries: &[&str]) -> Arc<Table> {
    let boundaries = boundaries.iter().map(|b| Bytes::copy_from_slice(b.as_bytes())).collect();
    let definition = serde_json::json!({ "note": name });
    storage.create_table(NewTable { name: name.to_owned(), definition, boundaries }).await.unwrap()
}

/// Stores a value and waits until it is durable.
pub(crate) async fn put(table: &Table, key: &str, value: &str) {
    let value = Bytes::copy_from_slice(value.as_bytes());
    table.read_modify_write(key.as_bytes(), |_| Decision::Put(value, ())).await.unwrap();
}

/// Reads a value.
pub(crate) async fn get(table: &Table, key: &str) -> Option<String> {
    let value = table.get(key.as_bytes()).await.unwrap()?;
    Some(String::from_utf8(value.to_vec()).unwrap())
}

/// All keys of a range in the order of the scan.
pub(crate) async fn keys(table: &Arc<Table>, range: KeyRange, direction: Direction) -> Vec<String> {
    let mut scan = table.scan(range, direction);
    let mut keys = Vec::new();
    while let Some((key, _)) = scan.next().await.unwrap() {
        keys.push(String::from_utf8(key.to_vec()).unwrap());
    }
    keys
}

/// Reslices by numbers and text.
pub(crate) async fn reslice(
    table: &Arc<Table>,
    sources: &[u64],
    boundaries: &[&str],
) -> storage::Result<ResliceReport> {
    let sources = sources.iter().map(|id| PartitionId(*id)).collect();
    let boundaries = boundaries.iter().map(|b| Bytes::copy_from_slice(b.as_bytes())).collect();
    table.reslice(Reslice { sources, boundaries }).await
}

/// The boundaries between a table's partitions.
pub(crate) fn boundaries(table: &Table) -> Vec<String> {
    let map = table.partition_map();
    let starts = map.partitions.iter().skip(1).map(|p| p.range.start.to_vec());
    starts.map(|start| String::from_utf8(start).unwrap()).collect()
}
