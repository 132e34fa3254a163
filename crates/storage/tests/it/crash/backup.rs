//! Processes that are killed while they make, delete or restore a backup.

use super::child::{Job, TABLE, Work};
use super::is_whole;
use super::ledger::{Ledger, read_all};
use super::victim::Victim;
use crate::backup::{back_up, restore};
use crate::support::{open, table};
use std::path::Path;
use storage::{BackupState, Direction, FaultPoint};

/// Lets a process die, and answers what it had said.
fn killed(root: &Path, work: Work, point: FaultPoint, nth: u64) -> Ledger {
    let mut victim = Victim::start(&Job::new(root, work).kill_at(point, nth));
    victim.wait_for_the_point();
    let mut ledger = Ledger::default();
    ledger.add(victim.kill());
    ledger
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_making_a_backup() {
    for (point, nth, whole) in [
        (FaultPoint::CatalogWriting, 2, false),
        (FaultPoint::CatalogWritten, 2, false),
        (FaultPoint::BackupJournaled, 1, false),
        (FaultPoint::BackupGated, 1, false),
        (FaultPoint::BackupCut, 1, false),
        (FaultPoint::BackupStored, 1, false),
        (FaultPoint::CatalogWriting, 3, false),
        (FaultPoint::CatalogWritten, 3, true),
    ] {
        let context = format!("{point}:{nth}");
        let root = tempfile::tempdir().unwrap();
        let mut ledger = killed(root.path(), Work::Backup, point, nth);
        is_whole(root.path(), &context).await;
        let storage = open(root.path()).await;
        let orders = storage.table(TABLE).unwrap();
        ledger.check(&orders).await;
        let backups = storage.backups();
        assert_eq!(backups.len(), usize::from(whole), "{context}");
        let pinned = crate::backup::pinned(root.path(), "data/t1/p1").await;
        assert_eq!(pinned.len(), backups.len(), "{context}");
        for backup in backups {
            assert_eq!(backup.state, BackupState::Whole, "{context}");
            restore(&storage, "again", backup.id).await;
        }
        // Another one can be made, and shows what is there.
        let backup = back_up(&storage, &orders).await;
        let restored = restore(&storage, "again-2", backup).await;
        ledger.check(&restored).await;
        storage.close().await.unwrap();
        is_whole(root.path(), &context).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_deleting_a_backup() {
    for (point, nth, is_there) in [
        (FaultPoint::CatalogWriting, 1, true),
        (FaultPoint::CatalogWritten, 1, false),
        (FaultPoint::BackupDeleting, 1, false),
        (FaultPoint::BackupReleased, 1, false),
    ] {
        let context = format!("{point}:{nth}");
        let root = tempfile::tempdir().unwrap();
        {
            let storage = open(root.path()).await;
            let counters = table(&storage, TABLE, &["w4"]).await;
            back_up(&storage, &counters).await;
            storage.close().await.unwrap();
        }
        let mut ledger = killed(root.path(), Work::DeleteBackup, point, nth);
        is_whole(root.path(), &context).await;
        let storage = open(root.path()).await;
        ledger.check(&storage.table(TABLE).unwrap()).await;
        assert_eq!(storage.backups().len(), usize::from(is_there), "{context}");
        for database in ["data/t1/p1", "data/t1/p2"] {
            let pinned = crate::backup::pinned(root.path(), database).await;
            assert_eq!(pinned.len(), usize::from(is_there), "{context}");
        }
        storage.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_restoring_a_backup() {
    for (point, nth, is_there) in [
        (FaultPoint::CreateNumbered, 1, false),
        (FaultPoint::RestoreCloned, 1, false),
        (FaultPoint::CreatePrepared, 1, false),
        (FaultPoint::CatalogWritten, 1, false),
        (FaultPoint::CatalogWritten, 2, false),
        (FaultPoint::CatalogWritten, 3, true),
        (FaultPoint::CatalogWriting, 4, true),
    ] {
        let context = format!("{point}:{nth}");
        let root = tempfile::tempdir().unwrap();
        let backup = {
            let storage = open(root.path()).await;
            let counters = table(&storage, TABLE, &["w4"]).await;
            crate::support::put(&counters, "w0-00", "0").await;
            let backup = back_up(&storage, &counters).await;
            storage.close().await.unwrap();
            backup
        };
        let mut ledger = killed(root.path(), Work::Restore, point, nth);
        is_whole(root.path(), &context).await;
        let storage = open(root.path()).await;
        ledger.check(&storage.table(TABLE).unwrap()).await;
        assert_eq!(storage.table("restored").is_some(), is_there, "{context}");
        let tables = std::fs::read_dir(root.path().join("data")).unwrap().count();
        assert_eq!(tables, if is_there { 2 } else { 1 }, "{context}");
        let restored = match storage.table("restored") {
            Some(restored) => restored,
            None => restore(&storage, "restored", backup).await,
        };
        let all = read_all(&restored, Direction::Forward).await;
        assert_eq!(all, [("w0-00".to_owned(), 0)].into(), "{context}");
        // The backup is whole, and can go.
        storage.delete_backup(backup).await.unwrap();
        storage.close().await.unwrap();
        is_whole(root.path(), &context).await;
    }
}
