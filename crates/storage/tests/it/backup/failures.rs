//! Steps that fail: a backup is whole or was never there, and the table knows nothing of it.

use super::instant::{Writers, state, unexplained};
use super::restore;
use crate::faults::{Effect, Once, open_with};
use crate::support::{put, reslice, settings, table};
use object_store::local::LocalFileSystem;
use slatedb::admin::AdminBuilder;
use std::path::Path;
use std::sync::Arc;
use storage::{FaultPoint, Storage, StorageError, StorageSettings, Table};
use tokio::sync::Semaphore;

/// The backups that have pinned something in a database, by the names of the checkpoints.
pub(crate) async fn pinned(root: &Path, database: &str) -> Vec<String> {
    let store = Arc::new(LocalFileSystem::new_with_prefix(root).unwrap());
    let admin = AdminBuilder::new(database, store).build();
    let checkpoints = admin.list_checkpoints(None).await.unwrap();
    let names = checkpoints.into_iter().filter_map(|checkpoint| checkpoint.name);
    names.filter(|name| name.starts_with("backup")).collect()
}

async fn back_up(storage: &Storage, table: &Arc<Table>) -> storage::Result<storage::BackupReport> {
    storage.create_backup(table, serde_json::Value::Null).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_fails_at_any_step_is_undone_and_can_be_repeated() {
    let root = tempfile::tempdir().unwrap();
    let (storage, hook) = open_with(settings(root.path())).await;
    let orders = table(&storage, "orders", &["m"]).await;
    let writers = Writers::start(&orders, 3, 12);
    for (point, nth) in [
        (FaultPoint::CatalogWriting, 1),
        (FaultPoint::CatalogWriting, 2),
        (FaultPoint::BackupJournaled, 1),
        (FaultPoint::BackupGated, 1),
        (FaultPoint::BackupCut, 1),
        (FaultPoint::BackupStored, 1),
        (FaultPoint::CatalogWriting, 3),
    ] {
        writers.wait_for(20).await;
        hook.arm(point, nth, Effect::Fail);
        let failed = back_up(&storage, &orders).await.unwrap_err();
        assert!(matches!(failed, StorageError::Injected(at) if at == point), "{point}: {failed}");
        assert_eq!(storage.backups(), [], "{point}");
        for database in ["data/t1/p1", "data/t1/p2"] {
            assert_eq!(pinned(root.path(), database).await, Vec::<String>::new(), "{point}");
        }
    }
    let from = writers.now();
    let report = back_up(&storage, &orders).await.unwrap();
    let to = writers.now();
    reslice(&orders, &[1, 2], &[]).await.unwrap();
    writers.wait_for(20).await;
    let history = writers.stop().await;
    let restored = restore(&storage, "again", report.backup.id).await;
    assert_eq!(unexplained(&history, &state(&restored).await, from, to), None);
    storage.close().await.unwrap();
}

/// Until a backup that could not be undone is undone, it is there and of no use.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_undo_and_a_failed_deletion_are_taken_up_by_housekeeping() {
    let root = tempfile::tempdir().unwrap();
    let (storage, hook) = open_with(settings(root.path())).await;
    let orders = table(&storage, "orders", &[]).await;
    put(&orders, "a", "1").await;
    hook.arm(FaultPoint::BackupStored, 1, Effect::Fail);
    hook.arm(FaultPoint::BackupUndone, 1, Effect::Fail);
    back_up(&storage, &orders).await.unwrap_err();
    let left = storage.backups()[0].id;
    let refused = storage.delete_backup(left).await.unwrap_err();
    assert!(matches!(refused, StorageError::BackupInUse(_)), "{refused}");
    storage.maintain().await.unwrap();
    assert_eq!(storage.backups(), []);

    for point in [FaultPoint::BackupDeleting, FaultPoint::BackupReleased] {
        let report = back_up(&storage, &orders).await.unwrap();
        hook.arm(point, 1, Effect::Fail);
        storage.delete_backup(report.backup.id).await.unwrap();
        assert_eq!(storage.backups().len(), 1, "{point}: what it pinned is there");
        let gone = storage.delete_backup(report.backup.id).await.unwrap_err();
        assert!(matches!(gone, StorageError::NoSuchBackup(_)), "{gone}");
        storage.maintain().await.unwrap();
        assert_eq!(storage.backups(), [], "{point}");
        assert_eq!(pinned(root.path(), "data/t1/p1").await, Vec::<String>::new(), "{point}");
    }
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_fails_at_any_step_leaves_nothing() {
    let root = tempfile::tempdir().unwrap();
    let (storage, hook) = open_with(settings(root.path())).await;
    let orders = table(&storage, "orders", &["m"]).await;
    put(&orders, "a", "1").await;
    let backup = back_up(&storage, &orders).await.unwrap().backup;
    for point in [FaultPoint::CreateNumbered, FaultPoint::RestoreCloned, FaultPoint::CreatePrepared]
    {
        hook.arm(point, 1, Effect::Fail);
        let new = storage::NewTable {
            name: "again".to_owned(),
            definition: backup.definition.clone(),
            boundaries: Vec::new(),
        };
        let failed = storage.restore_table(new, backup.id).await.unwrap_err();
        assert!(matches!(failed, StorageError::Injected(_)), "{point}: {failed}");
        let tables = std::fs::read_dir(root.path().join("data")).unwrap().count();
        assert_eq!(tables, 1, "{point}");
    }
    let restored = restore(&storage, "again", backup.id).await;
    assert_eq!(state(&restored).await.len(), 1);
    storage.delete_backup(backup.id).await.unwrap();
    storage.close().await.unwrap();
}

/// Who reaches the point waits there until it is released.
fn hold(hook: &Once, point: FaultPoint) -> Arc<Semaphore> {
    let release = Arc::new(Semaphore::new(0));
    hook.arm(point, 1, Effect::Wait(release.clone()));
    release
}

/// Waits until somebody waits there.
async fn held(hook: &Once) {
    while hook.is_armed() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_are_not_held_for_longer_than_the_bound() {
    let root = tempfile::tempdir().unwrap();
    let bounded = StorageSettings { cutover_ms_max: 100, ..settings(root.path()) };
    let (storage, hook) = open_with(bounded).await;
    let orders = table(&storage, "orders", &["m"]).await;
    put(&orders, "a", "1").await;
    let release = hold(&hook, FaultPoint::BackupGated);
    let making = {
        let (storage, orders) = (storage.clone(), orders.clone());
        tokio::spawn(async move { back_up(&storage, &orders).await })
    };
    held(&hook).await;
    // It waits with the gates closed, and does not go on before it is released: writes go on all the same.
    put(&orders, "b", "1").await;
    put(&orders, "z", "1").await;
    release.add_permits(1);
    let failed = making.await.unwrap().unwrap_err();
    assert!(matches!(failed, StorageError::TooSlow { step: "cut of the backup", .. }), "{failed}");
    assert_eq!(storage.backups(), []);
    back_up(&storage, &orders).await.unwrap();
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_use_is_not_deleted_and_what_is_made_waits_for_its_turn() {
    let root = tempfile::tempdir().unwrap();
    let (storage, hook) = open_with(settings(root.path())).await;
    let orders = table(&storage, "orders", &[]).await;
    put(&orders, "a", "1").await;
    let backup = back_up(&storage, &orders).await.unwrap().backup;
    // A restore holds on to its backup.
    let release = hold(&hook, FaultPoint::RestoreCloned);
    let restoring = {
        let storage = storage.clone();
        tokio::spawn(async move { drop(restore(&storage, "again", backup.id).await) })
    };
    held(&hook).await;
    let refused = storage.delete_backup(backup.id).await.unwrap_err();
    assert!(matches!(refused, StorageError::BackupInUse(_)), "{refused}");
    release.add_permits(1);
    restoring.await.unwrap();
    storage.delete_backup(backup.id).await.unwrap();
    // A backup waits for a reslice, and a reslice is told that it has to.
    let release = hold(&hook, FaultPoint::ReslicePrepared);
    let reslicing = {
        let orders = orders.clone();
        tokio::spawn(async move { reslice(&orders, &[1], &["m"]).await })
    };
    held(&hook).await;
    let making = {
        let (storage, orders) = (storage.clone(), orders.clone());
        tokio::spawn(async move { back_up(&storage, &orders).await })
    };
    release.add_permits(1);
    reslicing.await.unwrap().unwrap();
    let made = making.await.unwrap().unwrap();
    assert_eq!(made.backup.partitions, 2);
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_in_the_middle_of_a_rekey_has_the_order_of_before() {
    let root = tempfile::tempdir().unwrap();
    let (storage, hook) = open_with(settings(root.path())).await;
    let orders = table(&storage, "orders", &["m"]).await;
    for key in ["a", "n"] {
        put(&orders, key, "1").await;
    }
    let release = hold(&hook, FaultPoint::RekeyCopied);
    let rekeying = {
        let orders = orders.clone();
        tokio::spawn(async move { crate::rekey::orders::rekey(&orders, &["0"]).await })
    };
    held(&hook).await;
    // It is captured, and copied later.
    put(&orders, "z", "2").await;
    let backup = back_up(&storage, &orders).await.unwrap().backup;
    release.add_permits(1);
    rekeying.await.unwrap().unwrap();
    assert_eq!(orders.order(), 1);
    let restored = restore(&storage, "again", backup.id).await;
    let expected = [("a", 1), ("n", 1), ("z", 2)].map(|(key, n)| (key.to_owned(), n));
    assert_eq!(state(&restored).await, expected.into());
    // And one after it has the new one.
    let after = back_up(&storage, &orders).await.unwrap().backup;
    let restored = restore(&storage, "and-again", after.id).await;
    assert_eq!(state(&restored).await, state(&orders).await);
    storage.close().await.unwrap();
}
