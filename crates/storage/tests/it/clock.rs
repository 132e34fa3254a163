//! A machine whose clock was set back between two starts: the engine refuses to go back, so its clock goes
//! on where it was.

use crate::support::{components, get, put, settings, table};
use nodelog::SimulatedDisk;
use std::sync::Arc;
use storage::{Components, Storage, StorageSettings};

const STARTED_MS: i64 = 1_700_000_000_000;
const DAY_MS: i64 = 86_400_000;

/// Opens the store at a time by the machine's clock, writes, and ends: in order, or not. Both of what the
/// engine has stamped, files and rows of the log, are there for the next one.
fn live(disk: &Arc<SimulatedDisk>, started_ms: i64, keys: [&str; 2], in_order: bool) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let at =
            Components { disk: Some(disk.clone()), started_ms: Some(started_ms), ..components() };
        let small = StorageSettings { memtable_bytes: 4 << 10, ..settings("unused".as_ref()) };
        let storage = Storage::open(small, at).await.unwrap();
        let orders = match storage.table("orders") {
            Some(orders) => orders,
            None => table(&storage, "orders", &[]).await,
        };
        for key in keys {
            put(&orders, key, &"x".repeat(3_000)).await;
            assert!(get(&orders, key).await.is_some());
        }
        assert!(get(&orders, "first").await.is_some());
        if in_order {
            storage.close().await.unwrap();
        }
    });
}

#[test]
fn writes_go_on_when_the_clock_was_set_back() {
    for in_order in [true, false] {
        let disk = Arc::new(SimulatedDisk::new(1));
        live(&disk, STARTED_MS, ["first", "second"], in_order);
        live(&disk, STARTED_MS - DAY_MS, ["third", "fourth"], in_order);
        live(&disk, STARTED_MS - 2 * DAY_MS, ["fifth", "sixth"], in_order);
    }
}
