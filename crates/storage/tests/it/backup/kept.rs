//! What a backup needs stays, whatever becomes of the table; and goes when nobody needs it any more.

use super::{back_up, restore};
use crate::support::{components, keys, put, reslice, settings, table, unless_locked};
use std::path::Path;
use std::sync::Arc;
use storage::{Direction, Storage, StorageSettings};
use types::KeyRange;

/// Settings under which compactions and collections take fractions of a second.
fn hurried(root: &Path) -> StorageSettings {
    StorageSettings {
        compaction_poll_ms: 20,
        scan_grace_ms: 60,
        garbage_poll_ms: 50,
        garbage_age_ms: 50,
        ..settings(root)
    }
}

async fn open(root: &Path) -> Arc<Storage> {
    unless_locked(async || Storage::open(hurried(root), components()).await).await
}

/// Tidies up until it is as it should be.
async fn maintain_until(storage: &Storage, done: impl Fn() -> bool) {
    while !done() {
        storage.maintain().await.unwrap();
        tokio::task::yield_now().await;
    }
}

/// The databases that there are, such as `t1/p2`.
fn databases(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let Ok(tables) = std::fs::read_dir(root.join("data")) else { return found };
    for table in tables.map(|entry| entry.unwrap()) {
        for database in std::fs::read_dir(table.path()).unwrap().map(|entry| entry.unwrap()) {
            let name = |entry: &std::fs::DirEntry| entry.file_name().into_string().unwrap();
            found.push(format!("{}/{}", name(&table), name(&database)));
        }
    }
    found.sort();
    found
}

async fn is_whole(root: &Path) {
    let report = unless_locked(async || Storage::check(root).await).await;
    assert!(report.findings.is_empty(), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_outlives_its_partitions_and_its_table() {
    let root = tempfile::tempdir().unwrap();
    let storage = open(root.path()).await;
    let orders = table(&storage, "orders", &[]).await;
    for key in ["a", "m", "z"] {
        put(&orders, key, "1").await;
    }
    let backup = back_up(&storage, &orders).await;
    put(&orders, "later", "1").await;
    reslice(&orders, &[1], &["n"]).await.unwrap();
    // The parent is the backup's now: the table's record does not count it any more, and it is not deleted.
    maintain_until(&storage, || retired(root.path(), "orders") == 0).await;
    assert_eq!(databases(root.path()), ["t1/p1", "t1/p2", "t1/p3"]);
    storage.drop_table("orders").await.unwrap();
    assert_eq!(databases(root.path()), ["t1/p1"]);
    storage.close().await.unwrap();
    is_whole(root.path()).await;

    let storage = open(root.path()).await;
    assert_eq!(databases(root.path()), ["t1/p1"]);
    // Another table of this name has nothing to do with it.
    table(&storage, "orders", &[]).await;
    let restored = restore(&storage, "again", backup).await;
    let all = async |table| keys(table, KeyRange::full(), Direction::Forward).await;
    assert_eq!(all(&restored).await, ["a", "m", "z"]);
    storage.delete_backup(backup).await.unwrap();
    assert_eq!(databases(root.path()), ["t1/p1", "t2/p1", "t3/p1"], "the restored table borrows");
    storage.close().await.unwrap();
    is_whole(root.path()).await;

    let storage = open(root.path()).await;
    let restored = storage.table("again").unwrap();
    assert_eq!(all(&restored).await, ["a", "m", "z"]);
    maintain_until(&storage, || databases(root.path()) == ["t2/p1", "t3/p1"]).await;
    assert_eq!(all(&restored).await, ["a", "m", "z"]);
    storage.close().await.unwrap();
    is_whole(root.path()).await;
}

/// How many retired partitions a table's record counts.
fn retired(root: &Path, name: &str) -> usize {
    let mut versions: Vec<_> =
        std::fs::read_dir(root.join("catalog/tables").join(name)).unwrap().collect();
    versions.sort_by_key(|entry| entry.as_ref().unwrap().file_name());
    let newest = versions.pop().unwrap().unwrap().path();
    let text = std::fs::read_to_string(newest).unwrap();
    let body = text.split_once('\n').unwrap().1;
    let record: serde_json::Value = serde_json::from_str(body).unwrap();
    record["retired"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_children_keeps_their_parents() {
    let root = tempfile::tempdir().unwrap();
    let storage = open(root.path()).await;
    let orders = table(&storage, "orders", &[]).await;
    for key in ["a", "m", "z"] {
        put(&orders, key, "1").await;
    }
    reslice(&orders, &[1], &["n"]).await.unwrap();
    // The children have no files of their own yet.
    let backup = back_up(&storage, &orders).await;
    maintain_until(&storage, || retired(root.path(), "orders") == 0).await;
    assert_eq!(databases(root.path()), ["t1/p1", "t1/p2", "t1/p3"]);
    let restored = restore(&storage, "again", backup).await;
    assert_eq!(keys(&restored, KeyRange::full(), Direction::Forward).await, ["a", "m", "z"]);
    storage.drop_table("again").await.unwrap();
    // When it goes, the parent is the table's again, and goes, too.
    storage.delete_backup(backup).await.unwrap();
    maintain_until(&storage, || databases(root.path()) == ["t1/p2", "t1/p3"]).await;
    assert_eq!(keys(&orders, KeyRange::full(), Direction::Forward).await, ["a", "m", "z"]);
    storage.close().await.unwrap();
    is_whole(root.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_when_tables_and_backups_are_gone() {
    let root = tempfile::tempdir().unwrap();
    let storage = open(root.path()).await;
    let orders = table(&storage, "orders", &["m"]).await;
    put(&orders, "a", "1").await;
    let one = back_up(&storage, &orders).await;
    let restored = restore(&storage, "again", one).await;
    put(&restored, "b", "1").await;
    let two = back_up(&storage, &restored).await;
    storage.drop_table("orders").await.unwrap();
    storage.delete_backup(one).await.unwrap();
    storage.drop_table("again").await.unwrap();
    // What the first table had is needed by the backup of the second.
    let third = restore(&storage, "third", two).await;
    assert_eq!(keys(&third, KeyRange::full(), Direction::Forward).await, ["a", "b"]);
    storage.drop_table("third").await.unwrap();
    storage.delete_backup(two).await.unwrap();
    assert_eq!(databases(root.path()), Vec::<String>::new());
    assert_eq!(std::fs::read_dir(root.path().join("catalog/backups")).unwrap().count(), 0);
    storage.close().await.unwrap();
    is_whole(root.path()).await;
}
