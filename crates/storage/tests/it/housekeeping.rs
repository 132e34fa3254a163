//! Dropping tables, letting go of parents, and sizes.

use crate::support::{components, get, keys, load, open, put, reslice, settings, table};
use bytes::Bytes;
use std::path::Path;
use std::time::{Duration, Instant};
use storage::{Decision, Direction, Storage, StorageError, StorageSettings, Table};
use types::KeyRange;

/// Settings under which compactions and collections take fractions of a second.
fn hurried(root: &Path) -> StorageSettings {
    StorageSettings {
        compaction_poll_ms: 20,
        scan_grace_ms: 100,
        garbage_poll_ms: 50,
        garbage_age_ms: 50,
        ..settings(root)
    }
}

fn databases(root: &Path) -> Vec<String> {
    let Ok(tables) = std::fs::read_dir(root.join("data")) else {
        return Vec::new();
    };
    let tables = tables.map(|entry| entry.unwrap().path());
    let mut found: Vec<String> = tables
        .flat_map(|table| std::fs::read_dir(table).unwrap())
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    found
}

async fn fill(table: &Table, keys: std::ops::Range<u32>, value_bytes: usize) {
    let writes = keys.map(|n| async move {
        let key = format!("k{n:05}");
        let value = Bytes::from(vec![(n % 251) as u8; value_bytes]);
        table.read_modify_write(key.as_bytes(), |_| Decision::Put(value, ())).await.unwrap();
    });
    futures::future::join_all(writes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_table_is_gone_and_its_name_is_free() {
    let root = tempfile::tempdir().unwrap();
    let storage = open(root.path()).await;
    let first = table(&storage, "orders", &["m"]).await;
    put(&first, "a", "1").await;
    storage.drop_table("orders").await.unwrap();
    assert!(storage.table("orders").is_none());
    assert!(matches!(first.get(b"a").await, Err(StorageError::NoSuchTable(_))));
    let write = first.read_modify_write(b"a", |_| Decision::Delete(())).await;
    assert!(matches!(write, Err(StorageError::NoSuchTable(_))));
    assert!(databases(root.path()).is_empty());
    assert!(matches!(storage.drop_table("orders").await, Err(StorageError::NoSuchTable(_))));

    let second = table(&storage, "orders", &[]).await;
    assert!(second.id() > first.id());
    assert_eq!(get(&second, "a").await, None);
    storage.close().await.unwrap();
    let storage = open(root.path()).await;
    assert_eq!(storage.table("orders").unwrap().id(), second.id());
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_tables_can_be_followed() {
    let root = tempfile::tempdir().unwrap();
    let storage = open(root.path()).await;
    let mut lists = storage.subscribe();
    table(&storage, "b", &[]).await;
    table(&storage, "a", &[]).await;
    let names = |list: &[std::sync::Arc<Table>]| {
        list.iter().map(|table| table.name().to_owned()).collect::<Vec<_>>()
    };
    assert!(lists.has_changed().unwrap());
    assert_eq!(names(&lists.borrow_and_update()), ["a", "b"]);
    storage.drop_table("b").await.unwrap();
    assert_eq!(names(&lists.borrow_and_update()), ["a"]);
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn parents_are_kept_while_children_borrow_and_deleted_afterwards() {
    let root = tempfile::tempdir().unwrap();
    let storage = Storage::open(hurried(root.path()), components()).await.unwrap();
    let orders = table(&storage, "orders", &[]).await;
    fill(&orders, 0..300, 200).await;
    reslice(&orders, &[1], &["k00100"]).await.unwrap();
    fill(&orders, 300..400, 200).await;
    reslice(&orders, &[2, 3], &["k00200"]).await.unwrap();
    let began = Instant::now();
    loop {
        let report = storage.maintain().await.unwrap();
        if report.borrowing == 0 && report.parents_kept == 0 {
            break;
        }
        if report.borrowing > 0 {
            // p2 never had a file of its own: all that it showed was in p1's, so p2 may go first.
            assert!(databases(root.path()).contains(&"p1".to_owned()), "{report:?}");
            assert!(report.parents_kept > 0, "{report:?}");
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{report:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(databases(root.path()), ["p4", "p5"]);
    assert_eq!(keys(&orders, KeyRange::full(), Direction::Forward).await.len(), 400);
    storage.close().await.unwrap();
    let storage = open(root.path()).await;
    let orders = storage.table("orders").unwrap();
    assert_eq!(keys(&orders, KeyRange::full(), Direction::Backward).await.len(), 400);
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sizes_of_children_add_up_to_the_parents() {
    let root = tempfile::tempdir().unwrap();
    let storage = open(root.path()).await;
    let orders = table(&storage, "orders", &[]).await;
    fill(&orders, 0..2_000, 1_000).await;
    let in_memory = orders.partition_sizes().await.unwrap()[0].live_bytes;
    assert!((2_000_000..2_100_000).contains(&in_memory), "{in_memory}");
    reslice(&orders, &[1], &["k00500", "k00600"]).await.unwrap();
    let sizes = orders.partition_sizes().await.unwrap();
    let sum: u64 = sizes.iter().map(|size| size.live_bytes).sum();
    assert!((1_900_000..2_300_000).contains(&sum), "{sizes:?}");
    for (size, items) in sizes.iter().zip([500, 100, 1_400]) {
        let off = size.live_bytes as f64 / (f64::from(items) * 1_000.0);
        assert!((0.9..1.15).contains(&off), "{sizes:?}");
    }
    assert_eq!(sizes, orders.partition_sizes().await.unwrap(), "the same when asked again");
    // A child of a child is smaller again.
    let ids = load::ids(&orders);
    reslice(&orders, &ids[2..], &["k01990"]).await.unwrap();
    let last = *orders.partition_sizes().await.unwrap().last().unwrap();
    assert!((5_000..20_000).contains(&last.live_bytes), "{last:?}");
    storage.close().await.unwrap();
}
