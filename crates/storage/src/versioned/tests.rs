//! Compare-and-set, unknown outcomes, and pruning, on a real directory.

use super::*;
use crate::faults::NoFaults;
use crate::record::store::StoreRecord;
use crate::settings::LogKind;
use async_trait::async_trait;
use std::sync::atomic::{AtomicBool, Ordering};

const PREFIX: &str = "catalog/thing";

fn record(next_table: u64) -> StoreRecord {
    StoreRecord { created_ms: 0, next_table, log: LogKind::Node, next_backup: 1 }
}

fn context(root: &std::path::Path, seed: u64, faults: Arc<dyn Faults>) -> Arc<CatalogContext> {
    let directory = DataDirectory::open(root, false).unwrap();
    directory.unlock();
    Arc::new(CatalogContext::new(Arc::new(directory), faults, seed, 50))
}

async fn load(context: &Arc<CatalogContext>) -> VersionedObject<StoreRecord> {
    VersionedObject::load(context.clone(), PREFIX.to_owned()).await.unwrap()
}

async fn set(object: &VersionedObject<StoreRecord>, value: u64) -> Result<()> {
    object.write(|_| Ok((record(value), ()))).await
}

/// Fails once at a point.
#[derive(Debug)]
struct FailOnce(FaultPoint, AtomicBool);

#[async_trait]
impl Faults for FailOnce {
    async fn reached(&self, point: FaultPoint) -> Verdict {
        if point == self.0 && !self.1.swap(true, Ordering::SeqCst) {
            return Verdict::Fail;
        }
        Verdict::Proceed
    }
}

fn fail_once(point: FaultPoint) -> Arc<dyn Faults> {
    Arc::new(FailOnce(point, AtomicBool::new(false)))
}

#[tokio::test]
async fn the_newest_version_is_read_back_and_old_ones_go() {
    let root = tempfile::tempdir().unwrap();
    let context = context(root.path(), 1, Arc::new(NoFaults));
    let object = load(&context).await;
    assert_eq!(object.record().await.unwrap(), None);
    for value in 1..=10 {
        set(&object, value).await.unwrap();
    }
    assert_eq!(load(&context).await.record().await.unwrap(), Some(record(10)));
    let mut versions = list_versions(&context, PREFIX).await.unwrap();
    versions.sort_unstable();
    assert_eq!(versions, [7, 8, 9, 10]);
}

#[tokio::test]
async fn of_two_writers_on_one_version_only_the_first_succeeds() {
    let root = tempfile::tempdir().unwrap();
    let mine = load(&context(root.path(), 1, Arc::new(NoFaults))).await;
    let theirs = load(&context(root.path(), 2, Arc::new(NoFaults))).await;
    set(&mine, 1).await.unwrap();
    assert!(matches!(set(&theirs, 2).await, Err(StorageError::TakenOver(_))));
    // For good: the loser does not go on with what the winner has written.
    assert!(matches!(set(&theirs, 3).await, Err(StorageError::TakenOver(_))));
    assert!(matches!(theirs.record().await, Err(StorageError::TakenOver(_))));
    set(&mine, 4).await.unwrap();
    assert_eq!(load(&mine.context).await.record().await.unwrap(), Some(record(4)));
}

#[tokio::test]
async fn a_write_whose_outcome_was_unknown_recognises_itself() {
    let root = tempfile::tempdir().unwrap();
    let object = load(&context(root.path(), 1, fail_once(FaultPoint::CatalogWritten))).await;
    set(&object, 1).await.unwrap();
    set(&object, 2).await.unwrap();
    assert_eq!(object.newest.lock().await.version, 2);
}

#[tokio::test]
async fn a_write_that_did_not_happen_is_reported_and_can_be_repeated() {
    let root = tempfile::tempdir().unwrap();
    let object = load(&context(root.path(), 1, fail_once(FaultPoint::CatalogWriting))).await;
    let error = set(&object, 1).await.unwrap_err();
    assert!(matches!(error, StorageError::Injected(FaultPoint::CatalogWriting)), "{error}");
    assert_eq!(object.record().await.unwrap(), None);
    set(&object, 2).await.unwrap();
    assert_eq!(object.record().await.unwrap(), Some(record(2)));
}

#[tokio::test]
async fn a_change_that_fails_writes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let object = load(&context(root.path(), 1, Arc::new(NoFaults))).await;
    let refused: Result<()> = object.write(|_| Err(StorageError::Refused("no".to_owned()))).await;
    assert!(refused.is_err());
    assert!(list_versions(&object.context, PREFIX).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_lies_among_the_versions_by_mistake_is_named() {
    let root = tempfile::tempdir().unwrap();
    let context = context(root.path(), 1, Arc::new(NoFaults));
    std::fs::create_dir_all(root.path().join(PREFIX)).unwrap();
    std::fs::write(root.path().join(PREFIX).join("notes.txt"), b"hm").unwrap();
    let error = VersionedObject::<StoreRecord>::load(context, PREFIX.to_owned()).await.unwrap_err();
    assert!(error.to_string().contains("notes.txt"), "{error}");
}
