//! Steps that fail, and rekeys that are cancelled: undone before the publication, finished after it.

use super::hurried;
use super::load::Counters;
use super::orders::{get, put, rekey};
use crate::support::components;
use async_trait::async_trait;
use parking_lot::Mutex;
use std::path::Path;
use std::sync::{Arc, Weak};
use storage::{
    Components, FaultPoint, Faults, Storage, StorageError, StorageSettings, Table, Verdict,
};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// All points before the publication, with which passing of it. Not `RekeyApplied`: whether it is passed
/// depends on who writes when (`crash::rekey` has it).
const BEFORE: &[(FaultPoint, u64)] = &[
    (FaultPoint::CatalogWriting, 1),
    (FaultPoint::RekeyJournaled, 1),
    (FaultPoint::CatalogWriting, 2),
    (FaultPoint::RekeyMade, 1),
    (FaultPoint::RekeyCapturing, 1),
    (FaultPoint::RekeyCopied, 1),
    (FaultPoint::RekeyCopied, 3),
    (FaultPoint::RekeySaved, 1),
    (FaultPoint::RekeyCaughtUp, 1),
    (FaultPoint::RekeyGated, 1),
    (FaultPoint::RekeyDrained, 1),
];

/// What happens at the n-th passing of a point.
#[derive(Debug)]
enum Effect {
    Fail,
    /// Waits until it is released.
    Wait(Arc<Semaphore>),
    Cancel(Weak<Table>),
}

#[derive(Debug, Default)]
struct Once(Mutex<Vec<(FaultPoint, u64, Effect)>>);

impl Once {
    fn arm(&self, point: FaultPoint, nth: u64, effect: Effect) {
        self.0.lock().push((point, nth, effect));
    }

    fn is_armed(&self) -> bool {
        !self.0.lock().is_empty()
    }

    fn due(&self, reached: FaultPoint) -> Option<Effect> {
        let mut armed = self.0.lock();
        let at = armed.iter().position(|(point, ..)| *point == reached)?;
        armed[at].1 -= 1;
        (armed[at].1 == 0).then(|| armed.remove(at).2)
    }
}

#[async_trait]
impl Faults for Once {
    async fn reached(&self, point: FaultPoint) -> Verdict {
        match self.due(point) {
            Some(Effect::Fail) => return Verdict::Fail,
            Some(Effect::Wait(release)) => drop(release.acquire().await.unwrap()),
            Some(Effect::Cancel(table)) => {
                let table = table.upgrade().unwrap();
                let cancelled = table.cancel_rekey().await;
                // Only while it cuts over it is too late.
                let late = [FaultPoint::RekeyGated, FaultPoint::RekeyDrained].contains(&point);
                assert_eq!(cancelled.is_err(), late, "{point}: {cancelled:?}");
            }
            None => {}
        }
        Verdict::Proceed
    }
}

async fn start(root: &Path) -> (Arc<Storage>, Arc<Once>, Arc<Table>) {
    start_with(hurried(root)).await
}

async fn start_with(settings: StorageSettings) -> (Arc<Storage>, Arc<Once>, Arc<Table>) {
    let hook = Arc::new(Once::default());
    let components = Components { faults: hook.clone(), ..components() };
    let storage = Storage::open(settings, components).await.unwrap();
    let table = crate::support::table(&storage, "orders", &["w2"]).await;
    (storage, hook, table)
}

fn databases(root: &Path) -> usize {
    std::fs::read_dir(root.join("data/t1")).unwrap().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rekey_that_fails_at_any_step_is_undone_and_can_be_repeated() {
    let root = tempfile::tempdir().unwrap();
    let (storage, hook, table) = start(root.path()).await;
    let counters = Counters::start(&table, 4);
    counters.wait_for(100).await;
    let map = table.partition_map();
    for &(point, nth) in BEFORE {
        hook.arm(point, nth, Effect::Fail);
        let failed = rekey(&table, &["3"]).await.unwrap_err();
        assert!(matches!(failed, StorageError::Injected(at) if at == point), "{point}: {failed}");
        assert_eq!((table.partition_map(), table.order()), (map.clone(), 0), "{point}");
        assert_eq!(databases(root.path()), 2, "{point}: what was made is deleted");
        assert_eq!(table.rekey_progress(), None, "{point}");
        counters.wait_for(20).await;
    }
    rekey(&table, &["3"]).await.unwrap();
    counters.wait_for(20).await;
    counters.stop_and_check(&table).await;
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_after_the_publication_changes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let (storage, hook, table) = start(root.path()).await;
    let counters = Counters::start(&table, 4);
    for point in [FaultPoint::RekeyPublished, FaultPoint::RekeyReleased, FaultPoint::RekeyCleaned] {
        counters.wait_for(20).await;
        hook.arm(point, 1, Effect::Fail);
        rekey(&table, &[]).await.unwrap();
        while hook.is_armed() {
            tokio::task::yield_now().await;
        }
    }
    counters.stop_and_check(&table).await;
    assert_eq!(table.order(), 3);
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_outcome_of_publishing_is_read_again() {
    let root = tempfile::tempdir().unwrap();
    let (storage, hook, table) = start(root.path()).await;
    put(&table, "a", "1").await;
    // Every write of the catalog: journaled, made, how far it is, published.
    for nth in 1..=4 {
        hook.arm(FaultPoint::CatalogWritten, nth, Effect::Fail);
        rekey(&table, &[]).await.unwrap();
        assert!(!hook.is_armed());
        assert_eq!(get(&table, "a").await.as_deref(), Some("1"));
    }
    assert_eq!(table.order(), 4);
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn it_can_be_cancelled_at_any_step_until_the_cutover() {
    let root = tempfile::tempdir().unwrap();
    let (storage, hook, table) = start(root.path()).await;
    let counters = Counters::start(&table, 4);
    counters.wait_for(100).await;
    for &(point, nth) in BEFORE {
        let late = [FaultPoint::RekeyGated, FaultPoint::RekeyDrained].contains(&point);
        if point == FaultPoint::CatalogWriting {
            continue;
        }
        hook.arm(point, nth, Effect::Cancel(Arc::downgrade(&table)));
        let (before, done) = (table.order(), rekey(&table, &[]).await);
        assert_eq!(done.is_ok(), late, "{point}: {done:?}");
        assert_eq!(table.order(), before + u64::from(late), "{point}");
        assert!(late || matches!(done, Err(StorageError::Cancelled(_))), "{point}: {done:?}");
        counters.wait_for(20).await;
    }
    let nothing = table.cancel_rekey().await.unwrap_err().to_string();
    assert!(nothing.contains("no rekey is under way"), "{nothing}");
    counters.stop_and_check(&table).await;
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_undo_is_finished_by_the_next_attempt_or_the_next_start() {
    for restarted in [false, true] {
        for point in [FaultPoint::RekeyUndoing, FaultPoint::RekeyUndoDeleted] {
            let root = tempfile::tempdir().unwrap();
            let (storage, hook, table) = start(root.path()).await;
            put(&table, "a", "1").await;
            let cancelled = Arc::downgrade(&table);
            hook.arm(FaultPoint::RekeyCaughtUp, 1, Effect::Cancel(cancelled));
            hook.arm(point, 1, Effect::Fail);
            let failed = rekey(&table, &[]).await.unwrap_err();
            assert!(matches!(failed, StorageError::Injected(at) if at == point), "{failed}");
            let (storage, table) = match restarted {
                false => (storage, table),
                true => {
                    storage.close().await.unwrap();
                    let storage = super::open_hurried(root.path()).await;
                    let table = storage.table("orders").unwrap();
                    assert_eq!(table.pending_rekey(), None, "{point}: the start has undone it");
                    assert_eq!(databases(root.path()), 2, "{point}");
                    (storage, table)
                }
            };
            put(&table, "b", "2").await;
            rekey(&table, &[]).await.unwrap();
            assert_eq!(get(&table, "a").await.as_deref(), Some("1"));
            assert_eq!(get(&table, "b").await.as_deref(), Some("2"));
            storage.close().await.unwrap();
        }
    }
}

/// How many captured keys there may be in the next tests, and how many writers there are.
const CAPTURED_MAX: u64 = 50;
const WRITERS: u64 = 4;

/// A rekey under load that stands still while it copies; it goes on when the semaphore says so.
async fn stand_still(
    settings: StorageSettings,
) -> (Arc<Storage>, Arc<Table>, Counters, Arc<Semaphore>, JoinHandle<()>) {
    let (storage, hook, table) = start_with(settings).await;
    let counters = Counters::start(&table, WRITERS);
    counters.wait_for(100).await;
    let release = Arc::new(Semaphore::new(0));
    // Both partitions copy by themselves.
    for _ in 0..2 {
        hook.arm(FaultPoint::RekeyCopied, 1, Effect::Wait(release.clone()));
    }
    let rekeyed = table.clone();
    let rekeying = tokio::spawn(async move {
        rekey(&rekeyed, &["3"]).await.unwrap();
    });
    while hook.is_armed() {
        tokio::task::yield_now().await;
    }
    (storage, table, counters, release, rekeying)
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_wait_when_the_copying_does_not_keep_up() {
    let root = tempfile::tempdir().unwrap();
    let bounded = StorageSettings {
        rekey_captured_max: CAPTURED_MAX,
        backlog_wait_ms_max: 3_600_000,
        ..hurried(root.path())
    };
    let (storage, table, counters, release, rekeying) = stand_still(bounded).await;
    // All of them come to wait, and then nothing is captured any more.
    let progress = loop {
        let progress = table.rekey_progress().unwrap();
        if progress.writers_waiting == WRITERS {
            break progress;
        }
        tokio::task::yield_now().await;
    };
    // Two partitions; and who had looked before the last of them came writes once more.
    let most = 2 * (CAPTURED_MAX + WRITERS);
    assert!((2 * CAPTURED_MAX..=most).contains(&progress.captured), "{progress:?}");
    release.add_permits(2);
    rekeying.await.unwrap();
    counters.wait_for(20).await;
    counters.stop_and_check(&table).await;
    assert_eq!(table.order(), 1);
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_that_have_waited_for_long_enough_go_on() {
    let root = tempfile::tempdir().unwrap();
    let bounded = StorageSettings {
        rekey_captured_max: CAPTURED_MAX,
        backlog_wait_ms_max: 1,
        ..hurried(root.path())
    };
    let (storage, table, counters, release, rekeying) = stand_still(bounded).await;
    while table.rekey_progress().unwrap().captured < 4 * CAPTURED_MAX {
        tokio::task::yield_now().await;
    }
    release.add_permits(2);
    rekeying.await.unwrap();
    counters.stop_and_check(&table).await;
    storage.close().await.unwrap();
}
