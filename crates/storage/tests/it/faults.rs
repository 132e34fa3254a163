//! Steps that fail: what was not published is undone, what was is finished, and writes go on.

use crate::support::{components, get, keys, load, open, put, reslice, settings, table};
use async_trait::async_trait;
use parking_lot::Mutex;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use storage::{
    Components, Decision, Direction, FaultPoint, Faults, Storage, StorageError, StorageSettings,
    Table, Verdict,
};
use tokio::sync::Semaphore;
use types::{KeyRange, PartitionId};

/// What happens at the n-th passing of a point.
#[derive(Debug)]
pub(crate) enum Effect {
    Fail,
    /// Waits until it is released.
    Wait(Arc<Semaphore>),
    /// Puts something in the way of a file that is about to be written; it can be neither written nor
    /// read then.
    Block(PathBuf),
    /// Does the same to a file that was just written, and keeps it elsewhere; the writer is told of a
    /// failure.
    Hide(PathBuf, PathBuf),
}

/// A hook that does each thing once.
#[derive(Debug, Default)]
pub(crate) struct Once(Mutex<Vec<(FaultPoint, u64, Effect)>>);

impl Once {
    pub(crate) fn arm(&self, point: FaultPoint, nth: u64, effect: Effect) {
        self.0.lock().push((point, nth, effect));
    }

    /// Whether something has still to happen.
    pub(crate) fn is_armed(&self) -> bool {
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
            Some(Effect::Block(path)) => symlink(&path, &path).unwrap(),
            Some(Effect::Hide(path, elsewhere)) => {
                std::fs::rename(&path, elsewhere).unwrap();
                symlink(&path, &path).unwrap();
                return Verdict::Fail;
            }
            None => {}
        }
        Verdict::Proceed
    }
}

pub(crate) async fn open_with(settings: StorageSettings) -> (Arc<Storage>, Arc<Once>) {
    let hook = Arc::new(Once::default());
    let components = Components { faults: hook.clone(), ..components() };
    (Storage::open(settings, components).await.unwrap(), hook)
}

fn databases(root: &Path) -> usize {
    std::fs::read_dir(root.join("data/t1")).unwrap().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reslice_that_fails_at_any_step_is_undone_and_can_be_repeated() {
    let root = tempfile::tempdir().unwrap();
    let (storage, hook) = open_with(settings(root.path())).await;
    let orders = table(&storage, "orders", &[]).await;
    let load = load::Load::start(&orders, 4);
    load.wait_for(20).await;
    let map = orders.partition_map();
    for (point, nth) in [
        (FaultPoint::CatalogWriting, 1),
        (FaultPoint::ResliceJournaled, 1),
        (FaultPoint::ReslicePrepared, 1),
        (FaultPoint::ResliceKeeping, 1),
        (FaultPoint::ResliceSealed, 1),
        (FaultPoint::ResliceFirstCloned, 1),
        (FaultPoint::ResliceCloned, 1),
        (FaultPoint::ResliceOpened, 1),
        (FaultPoint::ResliceCaughtUp, 1),
        (FaultPoint::ResliceGated, 1),
        (FaultPoint::ResliceDrained, 1),
        (FaultPoint::CatalogWriting, 2),
    ] {
        hook.arm(point, nth, Effect::Fail);
        let failed = reslice(&orders, &[1], &["w02"]).await.unwrap_err();
        assert!(matches!(failed, StorageError::Injected(at) if at == point), "{point}: {failed}");
        assert_eq!(orders.partition_map(), map, "{point}");
        assert_eq!(databases(root.path()), 1, "{point}: the children are deleted");
        load.wait_for(20).await;
    }
    reslice(&orders, &[1], &["w02"]).await.unwrap();
    load.wait_for(20).await;
    load::check(&orders, &load.stop().await).await;
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_undo_is_repeated_by_the_next_attempt() {
    let root = tempfile::tempdir().unwrap();
    let (storage, hook) = open_with(settings(root.path())).await;
    let orders = table(&storage, "orders", &[]).await;
    put(&orders, "a", "1").await;
    hook.arm(FaultPoint::ResliceOpened, 1, Effect::Fail);
    hook.arm(FaultPoint::UndoDeleted, 1, Effect::Fail);
    let failed = reslice(&orders, &[1], &["m"]).await.unwrap_err();
    assert!(matches!(failed, StorageError::Injected(FaultPoint::UndoDeleted)), "{failed}");
    let report = reslice(&orders, &[1], &["m"]).await.unwrap();
    assert_eq!(report.children[0].id, PartitionId(4), "numbers are not used again");
    put(&orders, "z", "1").await;
    assert_eq!(keys(&orders, KeyRange::full(), Direction::Forward).await, ["a", "z"]);
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_outcome_of_publishing_is_read_again() {
    let root = tempfile::tempdir().unwrap();
    let (storage, hook) = open_with(settings(root.path())).await;
    let orders = table(&storage, "orders", &[]).await;
    let load = load::Load::start(&orders, 4);
    for (nth, sources, boundaries) in [(1, &[1][..], &["w02"][..]), (2, &[2, 3], &[])] {
        hook.arm(FaultPoint::CatalogWritten, nth, Effect::Fail);
        reslice(&orders, sources, boundaries).await.unwrap();
        load.wait_for(20).await;
    }
    load::check(&orders, &load.stop().await).await;
    storage.close().await.unwrap();
}

/// A table whose reslice was perhaps published: writes and workflows are refused, reads go on.
async fn check_undecided(orders: &Arc<Table>) {
    let failed = reslice(orders, &[1], &["m"]).await.unwrap_err();
    assert!(matches!(failed, StorageError::Undecided(_)), "{failed}");
    let write = orders.read_modify_write(b"a", |_| Decision::Delete(())).await;
    assert!(matches!(write, Err(StorageError::Undecided(_))), "{write:?}");
    assert_eq!(get(orders, "a").await.as_deref(), Some("1"));
    let again = reslice(orders, &[1], &["m"]).await.unwrap_err();
    assert!(matches!(again, StorageError::Undecided(_)), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_that_cannot_be_found_out_stops_writes_until_a_restart() {
    for published in [false, true] {
        let root = tempfile::tempdir().unwrap();
        let impatient = StorageSettings { catalog_decide_ms_max: 20, ..settings(root.path()) };
        let (storage, hook) = open_with(impatient).await;
        let orders = table(&storage, "orders", &[]).await;
        put(&orders, "a", "1").await;
        put(&orders, "z", "1").await;
        let version = root.path().join("catalog/tables/orders/00000000000000000003");
        let elsewhere = root.path().join("elsewhere");
        match published {
            false => hook.arm(FaultPoint::CatalogWriting, 2, Effect::Block(version.clone())),
            true => {
                let hide = Effect::Hide(version.clone(), elsewhere.clone());
                hook.arm(FaultPoint::CatalogWritten, 2, hide);
            }
        }
        check_undecided(&orders).await;
        storage.maintain().await.unwrap();
        storage.close().await.unwrap();

        std::fs::remove_file(&version).unwrap();
        if published {
            std::fs::rename(&elsewhere, &version).unwrap();
        }
        let storage = open(root.path()).await;
        let orders = storage.table("orders").unwrap();
        assert_eq!(load::ids(&orders), if published { vec![2, 3] } else { vec![1] });
        put(&orders, "b", "2").await;
        let all = keys(&orders, KeyRange::full(), Direction::Forward).await;
        assert_eq!(all, ["a", "b", "z"]);
        storage.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cutover_that_passes_its_bound_lets_the_writers_go_on() {
    let root = tempfile::tempdir().unwrap();
    let bounded = StorageSettings { cutover_ms_max: 300, ..settings(root.path()) };
    let (storage, hook) = open_with(bounded).await;
    let orders = table(&storage, "orders", &[]).await;
    put(&orders, "a", "1").await;
    for point in [FaultPoint::ResliceGated, FaultPoint::ResliceDrained] {
        let release = Arc::new(Semaphore::new(0));
        hook.arm(point, 1, Effect::Wait(release.clone()));
        let table = orders.clone();
        let resliced = tokio::spawn(async move { reslice(&table, &[1], &["m"]).await });
        while hook.is_armed() {
            tokio::task::yield_now().await;
        }
        // The cutover stands still; what is written now is held until the bound has passed.
        let held = tokio::time::timeout(Duration::from_secs(20), put(&orders, "a", "2"));
        held.await.expect("the gate is opened again");
        assert!(!resliced.is_finished(), "the children are cleared away when they can be");
        release.add_permits(1);
        let failed = resliced.await.unwrap().unwrap_err();
        assert!(matches!(failed, StorageError::TooSlow { step: "cutover", .. }), "{failed}");
        assert_eq!(load::ids(&orders), [1]);
        assert_eq!(databases(root.path()), 1);
    }
    storage.close().await.unwrap();
}

/// The steps at which the children are made, while traffic runs.
const MAKING: [FaultPoint; 6] = [
    FaultPoint::ResliceKeeping,
    FaultPoint::ResliceSealed,
    FaultPoint::ResliceFirstCloned,
    FaultPoint::ResliceCloned,
    FaultPoint::ResliceOpened,
    FaultPoint::ResliceCaughtUp,
];

#[tokio::test(flavor = "multi_thread")]
async fn writes_go_on_while_the_children_are_made_and_are_there_afterwards() {
    let root = tempfile::tempdir().unwrap();
    let (storage, hook) = open_with(settings(root.path())).await;
    let orders = table(&storage, "orders", &[]).await;
    for (n, point) in MAKING.into_iter().enumerate() {
        for key in ["a", "b", "y", "z"] {
            put(&orders, key, "before").await;
        }
        let (release, table) = (Arc::new(Semaphore::new(0)), orders.clone());
        hook.arm(point, 1, Effect::Wait(release.clone()));
        let ids = load::ids(&orders);
        let boundary: &[&str] = if ids.len() == 1 { &["m"] } else { &[] };
        let boundary: Vec<&'static str> = boundary.to_vec();
        let resliced = tokio::spawn(async move { reslice(&table, &ids, &boundary).await });
        while hook.is_armed() {
            tokio::task::yield_now().await;
        }
        // None of these waits for the reslice.
        put(&orders, "a", "overwritten").await;
        put(&orders, "a", "overwritten twice").await;
        put(&orders, "c", &n.to_string()).await;
        for key in ["y", "never there"] {
            orders.read_modify_write(key.as_bytes(), |_| Decision::Delete(())).await.unwrap();
        }
        put(&orders, "z", "overwritten").await;
        assert!(!resliced.is_finished(), "{point}");
        release.add_permits(1);
        resliced.await.unwrap().unwrap();
        for (key, value) in [
            ("a", Some("overwritten twice")),
            ("b", Some("before")),
            ("c", Some(n.to_string().as_str())),
            ("y", None),
            ("z", Some("overwritten")),
        ] {
            assert_eq!(get(&orders, key).await.as_deref(), value, "{point}: {key}");
        }
        let all = keys(&orders, KeyRange::full(), Direction::Forward).await;
        assert_eq!(all, ["a", "b", "c", "z"], "{point}");
    }
    storage.close().await.unwrap();
    let storage = open(root.path()).await;
    let all = keys(&storage.table("orders").unwrap(), KeyRange::full(), Direction::Forward).await;
    assert_eq!(all, ["a", "b", "c", "z"]);
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn children_that_are_not_made_in_time_are_cleared_away() {
    let root = tempfile::tempdir().unwrap();
    let bounded = StorageSettings { prepare_ms_max: 100, ..settings(root.path()) };
    let (storage, hook) = open_with(bounded).await;
    let orders = table(&storage, "orders", &[]).await;
    for point in [FaultPoint::ResliceCloned, FaultPoint::ResliceOpened] {
        let (release, table) = (Arc::new(Semaphore::new(0)), orders.clone());
        hook.arm(point, 1, Effect::Wait(release.clone()));
        let resliced = tokio::spawn(async move { reslice(&table, &[1], &["m"]).await });
        // The point may not be reached before the bound has passed, but sooner or later it is.
        while hook.is_armed() {
            tokio::task::yield_now().await;
        }
        // Nothing of the reslice ends before the bound has.
        tokio::time::sleep(Duration::from_millis(400)).await;
        put(&orders, "a", "1").await;
        assert!(!resliced.is_finished(), "the children are cleared away when they can be");
        release.add_permits(1);
        let failed = resliced.await.unwrap().unwrap_err();
        assert!(matches!(failed, StorageError::TooSlow { step: "preparation", .. }), "{failed}");
        assert_eq!(databases(root.path()), 1, "{point}");
    }
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reslice_is_given_up_when_more_is_written_than_there_is_memory_for() {
    let root = tempfile::tempdir().unwrap();
    let small = StorageSettings {
        reslice_kept_bytes_max: 4_000,
        backlog_wait_ms_max: 1,
        ..settings(root.path())
    };
    let (storage, hook) = open_with(small).await;
    let orders = table(&storage, "orders", &[]).await;
    let (release, table) = (Arc::new(Semaphore::new(0)), orders.clone());
    hook.arm(FaultPoint::ResliceCloned, 1, Effect::Wait(release.clone()));
    let resliced = tokio::spawn(async move { reslice(&table, &[1], &["m"]).await });
    while hook.is_armed() {
        tokio::task::yield_now().await;
    }
    // Writers are slowed down, and never refused.
    for n in 0..50 {
        put(&orders, &format!("k{n:02}"), &"x".repeat(100)).await;
    }
    release.add_permits(1);
    let failed = resliced.await.unwrap().unwrap_err();
    assert!(matches!(failed, StorageError::Overrun { id: PartitionId(1), .. }), "{failed}");
    assert_eq!(databases(root.path()), 1);
    assert_eq!(keys(&orders, KeyRange::full(), Direction::Forward).await.len(), 50);
    reslice(&orders, &[1], &["m"]).await.unwrap();
    assert_eq!(keys(&orders, KeyRange::full(), Direction::Forward).await.len(), 50);
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_go_on_while_writes_are_held() {
    let root = tempfile::tempdir().unwrap();
    let (storage, hook) = open_with(settings(root.path())).await;
    let orders = table(&storage, "orders", &[]).await;
    put(&orders, "a", "1").await;
    let release = Arc::new(Semaphore::new(0));
    hook.arm(FaultPoint::ResliceDrained, 1, Effect::Wait(release.clone()));
    let table = orders.clone();
    let resliced = tokio::spawn(async move { reslice(&table, &[1], &["m"]).await });
    while hook.is_armed() {
        tokio::task::yield_now().await;
    }
    let writer = orders.clone();
    let held = tokio::spawn(async move { put(&writer, "a", "2").await });
    for _ in 0..20 {
        assert_eq!(get(&orders, "a").await.as_deref(), Some("1"));
        assert_eq!(keys(&orders, KeyRange::full(), Direction::Backward).await, ["a"]);
    }
    assert!(!held.is_finished());
    release.add_permits(1);
    held.await.unwrap();
    assert_eq!(resliced.await.unwrap().unwrap().children.len(), 2);
    assert_eq!(get(&orders, "a").await.as_deref(), Some("2"), "it went on at the child");
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_database_is_named_and_not_made_anew() {
    let root = tempfile::tempdir().unwrap();
    let storage = open(root.path()).await;
    table(&storage, "orders", &["m"]).await;
    storage.close().await.unwrap();
    std::fs::remove_dir_all(root.path().join("data/t1/p2")).unwrap();
    let error = Storage::open(settings(root.path()), components()).await.unwrap_err();
    assert!(
        matches!(&error, StorageError::Corrupt { path, .. } if path == "data/t1/p2"),
        "{error}"
    );
}
