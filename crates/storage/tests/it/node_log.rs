//! The log that all partitions share: who may open what, what it forgets, and what happens when it
//! fails.

use crate::support::{components, get, keys, load, open, put, reslice, settings, table};
use bytes::Bytes;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use storage::{
    Components, Decision, Direction, FaultPoint, KillAt, LogKind, Storage, StorageError,
    StorageSettings, Table, Verdict,
};
use types::KeyRange;

/// Segments of a few dozen writes.
fn small_log(root: &Path) -> StorageSettings {
    StorageSettings {
        log_segment_bytes: 64 << 10,
        log_release_bytes: 256 << 10,
        log_bytes_max: 1 << 20,
        ..settings(root)
    }
}

fn engine_log(root: &Path) -> StorageSettings {
    StorageSettings { log: LogKind::Engine, ..settings(root) }
}

async fn open_with(settings: StorageSettings) -> storage::Result<Arc<Storage>> {
    Storage::open(settings, components()).await
}

/// The bytes and the number of the log's segments.
fn log_size(root: &Path) -> (u64, usize) {
    let files = std::fs::read_dir(root.join("log")).unwrap();
    // One may be renamed or removed meanwhile.
    let lengths: Vec<u64> =
        files.filter_map(|file| Some(file.unwrap().metadata().ok()?.len())).collect();
    (lengths.iter().sum(), lengths.len())
}

/// Writes about so much, under keys of its own.
async fn fill(table: &Table, prefix: &str, kilobytes: usize) {
    let writes = (0..kilobytes).map(|n| async move {
        let value = Bytes::from(vec![b'x'; 1_000]);
        let key = format!("{prefix}-{n:06}");
        table.read_modify_write(key.as_bytes(), |_| Decision::Put(value, ())).await.unwrap();
    });
    futures::future::join_all(writes).await;
}

async fn wait_until(what: &str, mut is: impl FnMut() -> bool) {
    let since = Instant::now();
    while !is() {
        assert!(since.elapsed() < Duration::from_secs(30), "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_is_opened_with_the_log_that_it_was_made_with_or_not_at_all() {
    for (made, other) in [
        (engine_log as fn(&Path) -> _, settings as fn(&Path) -> _),
        (settings as fn(&Path) -> _, engine_log as fn(&Path) -> _),
    ] {
        let root = tempfile::tempdir().unwrap();
        let storage = open_with(made(root.path())).await.unwrap();
        let orders = table(&storage, "orders", &[]).await;
        put(&orders, "a", "1").await;
        storage.close().await.unwrap();
        let refused = open_with(other(root.path())).await.unwrap_err();
        assert!(matches!(refused, StorageError::Refused(_)), "{refused}");
        assert!(refused.to_string().contains("log = "), "{refused}");
        let storage = open_with(made(root.path())).await.unwrap();
        assert_eq!(get(&storage.table("orders").unwrap(), "a").await.as_deref(), Some("1"));
        storage.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_opened_without_the_log_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let storage = open(root.path()).await;
    let orders = table(&storage, "orders", &[]).await;
    put(&orders, "a", "1").await;
    storage.close().await.unwrap();
    let files = object_store::local::LocalFileSystem::new_with_prefix(root.path()).unwrap();
    let db = slatedb::Db::open("data/t1/p1", Arc::new(files)).await.unwrap();
    db.close().await.unwrap();
    let refused = open_with(settings(root.path())).await.unwrap_err();
    assert!(
        matches!(&refused, StorageError::Corrupt { path, .. } if path == "data/t1/p1"),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_gone_or_damaged_is_named() {
    let root = tempfile::tempdir().unwrap();
    let storage = open(root.path()).await;
    let orders = table(&storage, "orders", &[]).await;
    put(&orders, "a", "1").await;
    // Copied while it is open: what a backup of a running store would be.
    let copy = tempfile::tempdir().unwrap();
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .arg(root.path().join("."))
        .arg(copy.path())
        .status();
    assert!(copied.unwrap().success());
    storage.close().await.unwrap();

    let first = copy.path().join("log/0000000000000001.log");
    let mut bytes = std::fs::read(&first).unwrap();
    // A bit of the header.
    bytes[20] ^= 1;
    std::fs::write(&first, &bytes).unwrap();
    let refused = open_with(settings(copy.path())).await.unwrap_err().to_string();
    assert!(refused.contains("0000000000000001.log is damaged at offset 0"), "{refused}");
    for empty in [true, false] {
        match empty {
            true => std::fs::remove_file(&first).unwrap(),
            false => std::fs::remove_dir(copy.path().join("log")).unwrap(),
        }
        let refused = open_with(settings(copy.path())).await.unwrap_err();
        let named = matches!(&refused, StorageError::Corrupt { path, .. } if path == "log");
        assert!(named, "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_row_of_an_idle_partition_does_not_hold_the_log() {
    let root = tempfile::tempdir().unwrap();
    let storage = open_with(small_log(root.path())).await.unwrap();
    let orders = table(&storage, "orders", &["m"]).await;
    put(&orders, "z", "idle").await;
    for round in 0..8 {
        fill(&orders, &format!("a{round}"), 200).await;
    }
    wait_until("the log is small again", || log_size(root.path()).0 < 512 << 10).await;
    assert_eq!(get(&orders, "z").await.as_deref(), Some("idle"));
    storage.close().await.unwrap();
    let storage = open(root.path()).await;
    let orders = storage.table("orders").unwrap();
    assert_eq!(get(&orders, "z").await.as_deref(), Some("idle"));
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn retired_parents_and_dropped_tables_hold_nothing() {
    let root = tempfile::tempdir().unwrap();
    let storage = open_with(small_log(root.path())).await.unwrap();
    let orders = table(&storage, "orders", &[]).await;
    let dropped = table(&storage, "dropped", &[]).await;
    fill(&orders, "a", 300).await;
    fill(&dropped, "a", 300).await;
    reslice(&orders, &[1], &["a-000100"]).await.unwrap();
    storage.drop_table("dropped").await.unwrap();
    // The children hold the newest segment at the most.
    fill(&orders, "b", 70).await;
    wait_until("only the newest are left", || log_size(root.path()).1 <= 3).await;
    storage.close().await.unwrap();
    let storage = open_with(small_log(root.path())).await.unwrap();
    let orders = storage.table("orders").unwrap();
    assert_eq!(load::ids(&orders), [2, 3]);
    storage.close().await.unwrap();
}

/// What is there in place of a partition's sorted files, so that it cannot be flushed.
struct Blocked(std::path::PathBuf);

impl Blocked {
    fn new(root: &Path, database: &str) -> Self {
        let files = root.join(database).join("compacted");
        let _ = std::fs::rename(&files, files.with_extension("hidden"));
        std::os::unix::fs::symlink(&files, &files).unwrap();
        Self(files)
    }

    fn end(self) {
        std::fs::remove_file(&self.0).unwrap();
        let _ = std::fs::rename(self.0.with_extension("hidden"), &self.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_partition_that_cannot_be_flushed_is_named_and_hangs_nobody() {
    let root = tempfile::tempdir().unwrap();
    let impatient = StorageSettings { log_wait_ms_max: 1, ..small_log(root.path()) };
    let storage = open_with(impatient).await.unwrap();
    let orders = table(&storage, "orders", &["m"]).await;
    let stuck = table(&storage, "stuck", &[]).await;
    put(&stuck, "a", "1").await;
    let blocked = Blocked::new(root.path(), "data/t2/p1");
    let told = loop {
        let value = Bytes::from(vec![b'x'; 10_000]);
        match orders.read_modify_write(b"a", |_| Decision::Put(value, ())).await {
            Ok(()) => {}
            // Others may hold the log, too, until they are flushed.
            Err(StorageError::LogFull { holders, .. }) if holders == "data/t2/p1" => break holders,
            Err(StorageError::LogFull { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(told, "data/t2/p1");
    assert_eq!(get(&stuck, "a").await.as_deref(), Some("1"), "reads go on");
    storage.drop_table("orders").await.unwrap();
    blocked.end();
    storage.close().await.unwrap();
    let storage = open(root.path()).await;
    assert_eq!(get(&storage.table("stuck").unwrap(), "a").await.as_deref(), Some("1"));
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_does_not_wait_for_those_who_wait_for_the_log() {
    let root = tempfile::tempdir().unwrap();
    let patient = StorageSettings { log_wait_ms_max: u64::MAX, ..small_log(root.path()) };
    let storage = open_with(patient).await.unwrap();
    let orders = table(&storage, "orders", &[]).await;
    let stuck = table(&storage, "stuck", &[]).await;
    put(&stuck, "a", "1").await;
    let blocked = Blocked::new(root.path(), "data/t2/p1");
    let writing = {
        let orders = orders.clone();
        tokio::spawn(async move {
            loop {
                let value = Bytes::from(vec![b'x'; 10_000]);
                let put = |_: Option<&Bytes>| Decision::Put(value, ());
                if let Err(error) = orders.read_modify_write(b"a", put).await {
                    return error;
                }
            }
        })
    };
    wait_until("the log is full", || log_size(root.path()).0 > 1 << 20).await;
    let dropping = tokio::time::timeout(Duration::from_secs(30), storage.drop_table("orders"));
    dropping.await.expect("nobody who waits holds the table").unwrap();
    assert!(matches!(writing.await.unwrap(), StorageError::NoSuchTable(_)));
    blocked.end();
    storage.close().await.unwrap();
}

/// Fails once at a point.
#[derive(Debug)]
struct FailAt(FaultPoint, std::sync::atomic::AtomicBool);

#[async_trait::async_trait]
impl storage::Faults for FailAt {
    async fn reached(&self, point: FaultPoint) -> Verdict {
        let armed = self.1.load(std::sync::atomic::Ordering::SeqCst);
        if armed && point == self.0 { Verdict::Fail } else { Verdict::Proceed }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failure_of_the_log_nothing_is_acknowledged_until_a_restart() {
    let root = tempfile::tempdir().unwrap();
    let hook = Arc::new(FailAt(FaultPoint::LogFrameWritten, false.into()));
    let with_hook = Components { faults: hook.clone(), ..components() };
    let storage = Storage::open(settings(root.path()), with_hook).await.unwrap();
    let orders = table(&storage, "orders", &["m"]).await;
    let before = storage.log_metrics().unwrap();
    put(&orders, "a", "1").await;
    let after = storage.log_metrics().unwrap();
    assert_eq!(after.commits, before.commits + 1);
    assert_eq!(after.group_appends.sum, before.group_appends.sum + 1);
    assert_eq!(after.sync_us.count(), before.sync_us.count() + 1);
    assert!(after.bytes >= before.bytes && after.segments == 1 && after.failure.is_none());
    hook.1.store(true, std::sync::atomic::Ordering::SeqCst);
    for key in ["a", "z"] {
        let value = Bytes::from("2");
        let write = orders.read_modify_write(key.as_bytes(), |_| Decision::Put(value, ()));
        let failed = write.await.unwrap_err().to_string();
        assert!(failed.contains("injected fault at log-frame-written"), "{failed}");
        assert!(failed.contains("until a restart"), "{failed}");
    }
    let metrics = storage.log_metrics().unwrap();
    assert!(metrics.failure.unwrap().contains("injected fault"));
    // Reads go on, and show what is durable; a reply that follows from more than that does not come.
    assert_eq!(get(&orders, "a").await.as_deref(), Some("1"));
    assert_eq!(keys(&orders, KeyRange::full(), Direction::Forward).await, ["a"]);
    let kept = orders.read_modify_write(b"a", |seen| Decision::Keep(seen.cloned())).await;
    assert!(matches!(kept, Err(StorageError::Log(_))), "{kept:?}");
    // So does the refusal of a value that was made of what was shown.
    let huge = Bytes::from(vec![0; storage::VALUE_BYTES_MAX + 1]);
    let refused = orders.read_modify_write(b"a", |_| Decision::Put(huge, ())).await;
    assert!(matches!(refused, Err(StorageError::Log(_))), "{refused:?}");
    // What is on the disk then is found out by the next start; here it was written.
    let _ = storage.close().await;
    let storage = open(root.path()).await;
    let orders = storage.table("orders").unwrap();
    assert_eq!(get(&orders, "a").await.as_deref(), Some("2"));
    assert_eq!(get(&orders, "z").await, None);
    put(&orders, "z", "3").await;
    storage.close().await.unwrap();
}

#[test]
fn the_points_of_the_log_can_be_asked_for_by_name() {
    for name in ["log-frame-written", "log-segment-rolled:3", "log-segment-removed"] {
        KillAt::parse(name).unwrap();
    }
}
