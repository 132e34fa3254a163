//! Backups: one instant, whatever else is going on; kept as long as they are wanted, and no longer.

mod failures;
pub(crate) mod instant;
mod kept;

pub(crate) use failures::pinned;

use crate::support::{get, keys, open, put, reslice, table, unless_locked};
use instant::{Writers, state, unexplained};
use std::sync::Arc;
use storage::{BackupState, Direction, NewTable, Storage, StorageError, Table};
use types::{BackupId, KeyRange};

/// Makes a backup, with a note of its own.
pub(crate) async fn back_up(storage: &Storage, table: &Arc<Table>) -> BackupId {
    let note = serde_json::json!({"of": table.name()});
    storage.create_backup(table, note).await.unwrap().backup.id
}

/// Restores a backup into a table of this name.
pub(crate) async fn restore(storage: &Storage, name: &str, backup: BackupId) -> Arc<Table> {
    let definition = storage.backup(backup).unwrap().definition;
    let new = NewTable { name: name.to_owned(), definition, boundaries: Vec::new() };
    storage.restore_table(new, backup).await.unwrap()
}

/// Writes, makes backups and restores them, all at once; the same on every store.
pub(crate) async fn live_with_backups(storage: &Arc<Storage>, writes: u64, rounds: u64) {
    let orders = table(storage, "orders", &["g", "n", "t"]).await;
    let writers = Writers::start(&orders, 6, 26);
    let mut taken = Vec::new();
    for round in 0..rounds {
        writers.wait_for(writes).await;
        if round == 1 {
            let ids = crate::support::load::ids(&orders);
            reslice(&orders, &ids[1..], &["k", "p", "w"]).await.unwrap();
        }
        let from = writers.now();
        let report = storage.create_backup(&orders, round.into()).await.unwrap();
        taken.push((from, writers.now(), report.backup.id));
        println!("writes held for {:.1} ms, {:.1} ms in all", report.hold_ms, report.total_ms);
    }
    writers.wait_for(writes).await;
    let history = writers.stop().await;
    let now = state(&orders).await;
    for (round, (from, to, backup)) in taken.into_iter().enumerate() {
        let restored = restore(storage, &format!("restored-{round}"), backup).await;
        let state = state(&restored).await;
        assert_ne!(state, now, "{round}");
        if let Some(why) = unexplained(&history, &state, from, to) {
            panic!("backup {round}: {why}");
        }
    }
    assert_eq!(state(&orders).await, now);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_has_the_state_of_one_instant() {
    let root = tempfile::tempdir().unwrap();
    let storage = open(root.path()).await;
    live_with_backups(&storage, 300, 4).await;
    storage.close().await.unwrap();
    let report = unless_locked(async || Storage::check(root.path()).await).await;
    assert!(report.is_whole() && report.read.backups == 4, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_table_is_a_table_of_its_own() {
    let root = tempfile::tempdir().unwrap();
    let storage = open(root.path()).await;
    let orders = table(&storage, "orders", &["m"]).await;
    for key in ["a", "b", "x"] {
        put(&orders, key, "old").await;
    }
    let backup = back_up(&storage, &orders).await;
    put(&orders, "a", "new").await;
    let restored = restore(&storage, "again", backup).await;
    assert_eq!(restored.partition_map().partitions.len(), 2);
    assert_eq!(*restored.definition(), *orders.definition());
    put(&restored, "y", "mine").await;
    reslice(&restored, &[1, 2], &["b"]).await.unwrap();
    let shown = storage.backup(backup).unwrap();
    assert_eq!((shown.state, shown.table, shown.partitions), (BackupState::Whole, orders.id(), 2));
    assert_eq!(shown.note, serde_json::json!({"of": "orders"}));
    assert!(shown.bytes > 0);
    storage.close().await.unwrap();

    let storage = open(root.path()).await;
    let restored = storage.table("again").unwrap();
    assert_eq!(get(&restored, "a").await.as_deref(), Some("old"));
    let all = keys(&restored, KeyRange::full(), Direction::Forward).await;
    assert_eq!(all, ["a", "b", "x", "y"]);
    let orders = storage.table("orders").unwrap();
    assert_eq!(get(&orders, "a").await.as_deref(), Some("new"));
    assert_eq!(get(&orders, "y").await, None);
    assert_eq!(storage.backups(), [shown]);
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_what_nobody_wrote_to_the_checkpoint_is_shared() {
    let root = tempfile::tempdir().unwrap();
    let storage = open(root.path()).await;
    let orders = table(&storage, "orders", &["m"]).await;
    put(&orders, "a", "1").await;
    let one = storage.create_backup(&orders, "one".into()).await.unwrap();
    assert_eq!(one.unchanged, 0);
    assert!(storage.is_as_in_backup(&orders, one.backup.id));
    put(&orders, "z", "1").await;
    assert!(!storage.is_as_in_backup(&orders, one.backup.id));
    let two = storage.create_backup(&orders, "two".into()).await.unwrap();
    assert_eq!(two.unchanged, 1);
    let three = storage.create_backup(&orders, "three".into()).await.unwrap();
    assert_eq!(three.unchanged, 2);
    // Whichever goes, the others stay.
    storage.delete_backup(one.backup.id).await.unwrap();
    storage.delete_backup(three.backup.id).await.unwrap();
    let restored = restore(&storage, "again", two.backup.id).await;
    assert_eq!(keys(&restored, KeyRange::full(), Direction::Forward).await, ["a", "z"]);
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_exist_or_is_taken_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let storage = open(root.path()).await;
    let orders = table(&storage, "orders", &[]).await;
    let backup = back_up(&storage, &orders).await;
    let new = |name: &str, boundaries: &[&str]| NewTable {
        name: name.to_owned(),
        definition: serde_json::Value::Null,
        boundaries: boundaries.iter().map(|b| b.as_bytes().to_vec().into()).collect(),
    };
    let refused = storage.restore_table(new("orders", &[]), backup).await.unwrap_err();
    assert!(matches!(refused, StorageError::TableExists(_)), "{refused}");
    let refused = storage.restore_table(new("x y", &[]), backup).await.unwrap_err();
    assert!(matches!(refused, StorageError::Refused(_)), "{refused}");
    let refused = storage.restore_table(new("other", &["m"]), backup).await.unwrap_err();
    assert!(matches!(refused, StorageError::Refused(_)), "{refused}");
    let missing = storage.restore_table(new("other", &[]), BackupId(99)).await.unwrap_err();
    assert!(matches!(missing, StorageError::NoSuchBackup(_)), "{missing}");
    storage.delete_backup(backup).await.unwrap();
    let missing = storage.delete_backup(backup).await.unwrap_err();
    assert!(matches!(missing, StorageError::NoSuchBackup(_)), "{missing}");
    storage.drop_table("orders").await.unwrap();
    let gone = storage.create_backup(&orders, "".into()).await.unwrap_err();
    assert!(matches!(gone, StorageError::NoSuchTable(_)), "{gone}");
    storage.close().await.unwrap();
    let closed = storage.delete_backup(backup).await.unwrap_err();
    assert!(matches!(closed, StorageError::Closed), "{closed}");
}
