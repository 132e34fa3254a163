//! A disk that fails, fills up or crawls while the store is open: clear errors, nothing lost, and no
//! restart where that can be.

use crate::support::wire::{Fate, Request, Wire};
use crate::support::{components, get, keys, load, open, put, reslice, settings, table};
use bytes::Bytes;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use storage::{Components, Decision, Direction, Storage, StorageError, StorageSettings, Table};
use types::KeyRange;

async fn open_wired(settings: StorageSettings, wire: &Wire) -> Arc<Storage> {
    let wired = Components { layer: Some(Arc::new(wire.clone())), ..components() };
    Storage::open(settings, wired).await.unwrap()
}

/// A log and memtables that are full after a megabyte.
fn small(root: &Path) -> StorageSettings {
    StorageSettings {
        log_segment_bytes: 64 << 10,
        log_release_bytes: 128 << 10,
        log_bytes_max: 1 << 20,
        log_wait_ms_max: 50,
        compaction_poll_ms: 20,
        ..settings(root)
    }
}

async fn try_put(table: &Table, key: &str, bytes: usize) -> storage::Result<()> {
    let value = Bytes::from(vec![b'x'; bytes]);
    table.read_modify_write(key.as_bytes(), |_| Decision::Put(value, ())).await
}

/// Writes key after key until one fails; answers how many were acknowledged.
async fn write_until_refused(table: &Table, from: usize) -> (usize, StorageError) {
    for n in from.. {
        if let Err(error) = try_put(table, &format!("k{n:06}"), 10_000).await {
            return (n, error);
        }
    }
    unreachable!("a disk is never that large")
}

async fn retried(table: &Table, key: &str) {
    for _ in 0..600 {
        match try_put(table, key, 10).await {
            Ok(()) => return,
            Err(StorageError::LogFull { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    panic!("writes do not go on");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_sorted_files_or_manifests_cannot_be_written_writes_stop_in_time_and_go_on_later() {
    for what in ["/compacted/", "/manifest/"] {
        let (root, wire) = (tempfile::tempdir().unwrap(), Wire::new());
        let storage = open_wired(small(root.path()), &wire).await;
        let orders = table(&storage, "orders", &["m"]).await;
        put(&orders, "a", "1").await;
        wire.rule(move |request, path| match request == Request::Put && path.contains(what) {
            true => Fate::Failed,
            false => Fate::Done,
        });
        let (written, error) = write_until_refused(&orders, 0).await;
        assert!(matches!(error, StorageError::LogFull { .. }), "{what}: {error}");
        // What is acknowledged and in no file is in memory: the bound on the log is one on that, too.
        assert!((50..300).contains(&written), "{what}: {written}");
        assert_eq!(get(&orders, "a").await.as_deref(), Some("1"), "reads go on");
        assert!(wire.met());
        wire.mend();
        retried(&orders, "z").await;
        let mut expected: Vec<String> = (0..written).map(|n| format!("k{n:06}")).collect();
        expected.insert(0, "a".to_owned());
        expected.push("z".to_owned());
        let found = keys(&orders, KeyRange::full(), Direction::Forward).await;
        assert_eq!(found, expected, "{what}");
        storage.close().await.unwrap();
        let storage = open(root.path()).await;
        let orders = storage.table("orders").unwrap();
        assert_eq!(keys(&orders, KeyRange::full(), Direction::Forward).await, expected);
        storage.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_read_fails_the_read_and_nothing_else() {
    let (root, wire) = (tempfile::tempdir().unwrap(), Wire::new());
    let storage = open(root.path()).await;
    let orders = table(&storage, "orders", &[]).await;
    put(&orders, "a", "1").await;
    storage.close().await.unwrap();
    let impatient = StorageSettings { read_ms_max: 50, ..settings(root.path()) };
    let storage = open_wired(impatient, &wire).await;
    let orders = storage.table("orders").unwrap();
    wire.rule(|request, path| match request == Request::Get && path.ends_with(".sst") {
        true => Fate::Failed,
        false => Fate::Done,
    });
    let unreadable = |error: StorageError| {
        assert!(matches!(error, StorageError::Unreadable { bound_ms: 50, .. }), "{error}");
    };
    unreadable(orders.get(b"a").await.unwrap_err());
    unreadable(try_put(&orders, "a", 10).await.unwrap_err());
    let mut scan = orders.scan(KeyRange::full(), Direction::Forward);
    unreadable(scan.next().await.unwrap_err());
    wire.mend();
    assert_eq!(get(&orders, "a").await.as_deref(), Some("1"));
    put(&orders, "a", "2").await;
    assert_eq!(keys(&orders, KeyRange::full(), Direction::Forward).await, ["a"]);
    storage.close().await.unwrap();
}

/// How many of the requests of a reslice fail, one in each reslice; the ordinary run leaves some out.
const REQUESTS: u64 = 16;
const LEFT_OUT: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn a_reslice_survives_any_request_that_fails_or_lies_once() {
    let (root, wire) = (tempfile::tempdir().unwrap(), Wire::new());
    let storage = open_wired(settings(root.path()), &wire).await;
    let orders = table(&storage, "orders", &[]).await;
    let load = load::Load::start(&orders, 3);
    load.wait_for(10).await;
    let step = if std::env::var("FORESHARD_TEST_LONG").is_ok() { 1 } else { LEFT_OUT };
    for (first, fate) in [(1, Fate::Failed), (3, Fate::DoneButFailed)] {
        for nth in (first..=REQUESTS).step_by(step) {
            let mut seen = 0;
            wire.rule(move |request, _| {
                seen += u64::from(request == Request::Put);
                if request == Request::Put && seen == nth { fate } else { Fate::Done }
            });
            let all = load::ids(&orders);
            let boundaries: &[&str] = if all.len() == 1 { &["w01"] } else { &[] };
            let resliced = reslice(&orders, &all, boundaries).await;
            let met = wire.met();
            wire.mend();
            if resliced.is_err() {
                assert!(met, "{resliced:?}");
                reslice(&orders, &all, boundaries).await.unwrap();
            }
            load.wait_for(5).await;
            if !met {
                break;
            }
        }
    }
    load::check(&orders, &load.stop().await).await;
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_disk_slows_down_and_breaks_nothing() {
    let (root, wire) = (tempfile::tempdir().unwrap(), Wire::new());
    let storage = open_wired(settings(root.path()), &wire).await;
    let orders = table(&storage, "orders", &[]).await;
    let load = load::Load::start(&orders, 3);
    load.wait_for(10).await;
    wire.slow_down(Duration::from_millis(20));
    let report = reslice(&orders, &[1], &["w01"]).await.unwrap();
    println!("20 ms for each request: {report:?}");
    load.wait_for(10).await;
    load::check(&orders, &load.stop().await).await;
    // The bound on making the children holds on a slow disk, too: then the reslice is undone.
    storage.close().await.unwrap();
    wire.slow_down(Duration::ZERO);
    let hasty = StorageSettings { prepare_ms_max: 200, ..settings(root.path()) };
    let storage = open_wired(hasty, &wire).await;
    let orders = storage.table("orders").unwrap();
    wire.slow_down(Duration::from_millis(100));
    let error = reslice(&orders, &[2, 3], &[]).await.unwrap_err();
    assert!(matches!(error, StorageError::TooSlow { step: "preparation", .. }), "{error}");
    put(&orders, "a", "1").await;
    storage.close().await.unwrap();
}

/// A small file system in memory; `None` where it may not be mounted.
struct Mounted(tempfile::TempDir);

impl Mounted {
    fn new(megabytes: u32) -> Option<Self> {
        let at = tempfile::tempdir().unwrap();
        let size = format!("size={megabytes}m");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(at.path())
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(at)),
            _ => {
                println!("skipped: a file system can be mounted by root only");
                None
            }
        }
    }

    /// False if somebody still has a file open for writing.
    fn remount(&self, option: &str) -> bool {
        let remounted = Command::new("mount").args(["-o", option]).arg(self.0.path()).output();
        remounted.unwrap().status.success()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_and_loses_none() {
    let Some(disk) = Mounted::new(24) else { return };
    let root = disk.0.path();
    let filler = root.join("filler");
    let storage = open(root).await;
    let orders = table(&storage, "orders", &["m"]).await;
    put(&orders, "a", "1").await;
    let (written, error) = write_until_refused(&orders, 0).await;
    let text = error.to_string();
    assert!(text.contains("No space left on device"), "{text}");
    assert!(!text.contains('\n'), "{text}");
    assert_eq!(get(&orders, "a").await.as_deref(), Some("1"), "reads go on");
    assert!(storage.log_metrics().unwrap().failure.is_some());
    // A restart with more room finds everything. A copy is what a process that dies now leaves
    // behind: without any room, nothing changes any more.
    std::fs::write(&filler, vec![0; 64 << 20]).unwrap_err();
    let image = tempfile::tempdir().unwrap();
    let copied =
        Command::new("cp").arg("-r").arg(root.join(".")).arg(image.path()).status().unwrap();
    assert!(copied.success());
    let storage = open(image.path()).await;
    let orders = storage.table("orders").unwrap();
    let found = keys(&orders, KeyRange::full(), Direction::Forward).await;
    assert!(found.len() > written, "{} of {written}", found.len());
    put(&orders, "z", "1").await;
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_file_system_is_said_to_be_one() {
    let Some(disk) = Mounted::new(64) else { return };
    let storage = open(disk.0.path()).await;
    let orders = table(&storage, "orders", &[]).await;
    put(&orders, "a", "1").await;
    storage.close().await.unwrap();
    drop((orders, storage));
    let mut tries = 0;
    while !disk.remount("remount,ro") {
        tries += 1;
        assert!(tries < 1_000, "a closed store has files open for writing");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let error = Storage::open(settings(disk.0.path()), components()).await.unwrap_err().to_string();
    assert!(error.contains("Read-only file system"), "{error}");
    assert!(!error.contains('\n'), "{error}");
    assert!(disk.remount("remount,rw"));
    let storage = open(disk.0.path()).await;
    assert_eq!(get(&storage.table("orders").unwrap(), "a").await.as_deref(), Some("1"));
    storage.close().await.unwrap();
}
