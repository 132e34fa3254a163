//! History that is read back, and history of keys that are no more.

use super::*;
use std::sync::Arc;
use storage::Storage;
use types::{KeyRange, ManualClock, PartitionId, Strategy};
use workload::{CollectorSettings, KeyPrefix, Outcome, RequestType, Vector};

const TABLE: TableId = TableId(7);
/// When the only request came.
const SEEN_MS: i64 = 1_759_147_200_000;

async fn store(root: &std::path::Path) -> Arc<Storage> {
    let components = storage::Components::new(Arc::new(ManualClock::new(0)), 1);
    Storage::open(storage::StorageSettings::at(root), components).await.unwrap()
}

fn collector() -> Mutex<Collector> {
    let mut collector = Collector::new(&CollectorSettings::default());
    collector.set_partitions(TABLE, Strategy::Hash, &[(PartitionId(1), KeyRange::full())]);
    Mutex::new(collector)
}

async fn names(blobs: &Blobs) -> Vec<String> {
    blobs.list("history").await.unwrap()
}

/// A collector that has seen one request to the table, an hour before now.
fn counted() -> Mutex<Collector> {
    let collector = collector();
    {
        let mut collector = collector.lock();
        collector.ingest(&Vector {
            table: TABLE,
            partition: PartitionId(1),
            key_hash: 1,
            timestamp_ms: SEEN_MS,
            client: 1,
            data_bytes: 100,
            read_units: 0.0,
            write_units: 3.0,
            storage_key: KeyPrefix::new(b"key"),
            range_key: KeyPrefix::EMPTY,
            request: RequestType::Store,
            outcome: Outcome::Served,
            demand: true,
        });
        collector.advance(SEEN_MS + 3_600_000);
    }
    collector
}

#[test]
fn a_name_says_of_which_order_it_is() {
    for (name, order, is) in [
        ("history/t7/day-3", 0, true),
        ("history/t7/windows", 0, true),
        ("history/t7/order-2/day-3", 2, true),
        ("history/t7/order-2/day-3", 0, false),
        ("history/t7/order-2/day-3", 1, false),
        ("history/t7/order-22/day-3", 2, false),
        ("history/t7/day-3", 2, false),
        ("history/t70/day-3", 0, false),
    ] {
        assert_eq!(is_of(name, TABLE, order), is, "{name} of {order}");
    }
    assert_eq!(day_name(TABLE, 0, 3), "history/t7/day-3", "as earlier versions have named it");
    assert_eq!(windows_name(TABLE, 2), "history/t7/order-2/windows");
}

/// As after a kill between the publication of another order and the forgetting of the old one's history.
#[tokio::test]
async fn history_of_another_key_order_is_not_restored() {
    let root = tempfile::tempdir().unwrap();
    let storage = store(root.path()).await;
    let blobs = storage.blobs();
    for (written, found) in [(0, 0), (0, 1), (1, 1), (1, 2), (3, 2)] {
        save(blobs, &counted(), TABLE, written).await.unwrap();
        assert_eq!(names(blobs).await.len(), 2, "a day and the windows");
        let restored = collector();
        restore(blobs, &restored, TABLE, found).await.unwrap();
        let has_history = restored.lock().history(TABLE).is_some();
        assert_eq!(has_history, written == found, "{written} {found}");
        assert_eq!(names(blobs).await.is_empty(), written != found, "{written} {found}");
        forget(blobs, TABLE).await.unwrap();
        assert!(names(blobs).await.is_empty());
    }
    storage.close().await.unwrap();
}
