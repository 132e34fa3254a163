//! The log with its thread, on real files.

use nodelog::{
    DatabaseName, Disk, Fault, Files, Hooks, Listener, LogError, LogPoint, LogSettings, NoHooks,
    NodeLog, SimulatedDisk, Start, Sync, Writer,
};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Remembers what it was told.
#[derive(Debug, Default)]
struct Told {
    durable: AtomicU64,
    appends: AtomicU64,
    closed: Mutex<Option<LogError>>,
}

impl Listener for Told {
    fn durable(&self, id: u64, appends: usize, _bytes: usize) {
        assert!(self.durable.swap(id, Ordering::SeqCst) < id);
        self.appends.fetch_add(appends as u64, Ordering::SeqCst);
    }

    fn closed(&self, why: &LogError) {
        assert!(self.closed.lock().unwrap().replace(why.clone()).is_none(), "told once");
    }
}

fn settings() -> LogSettings {
    LogSettings {
        segment_bytes: 20_000,
        release_bytes: 50_000,
        log_bytes_max: 100_000,
        zero_ahead_bytes: 4_096,
        ..LogSettings::default()
    }
}

fn open_on(disk: Arc<dyn Disk>) -> NodeLog {
    NodeLog::open(Start { disk, hooks: Arc::new(NoHooks), seed: 1 }, settings()).unwrap()
}

fn open(directory: &Path) -> NodeLog {
    open_on(Arc::new(Files::open(directory, Sync::Skipped).unwrap()))
}

fn name(n: u64) -> DatabaseName {
    DatabaseName::new(&format!("data/t1/p{n}")).unwrap()
}

async fn start(log: &NodeLog, n: u64, epoch: u64) -> (Writer, Arc<Told>) {
    let told = Arc::new(Told::default());
    let claim = log.claim(&name(n), epoch).await.unwrap();
    let last_id = claim.recovered.as_ref().map_or(0, |recovered| recovered.last_id);
    (claim.start(last_id, told.clone()).unwrap(), told)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_many_writers_appended_is_found_by_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    let writers = (0..8).map(|n| {
        let log = log.clone();
        tokio::spawn(async move {
            let (writer, told) = start(&log, n, 1).await;
            for id in 1..=200 {
                writer.append(id, vec![n as u8; id as usize]).await.unwrap();
            }
            writer.settle().await.unwrap();
            assert_eq!(told.durable.load(Ordering::SeqCst), 200);
            assert_eq!(told.appends.load(Ordering::SeqCst), 200);
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    log.close();
    let log = open(directory.path());
    assert_eq!(log.databases().len(), 8);
    for n in 0..8 {
        let claim = log.claim(&name(n), 2).await.unwrap();
        let found = claim.recovered.as_ref().unwrap();
        assert_eq!((found.last_id, found.records.len()), (200, 200));
        for (rows, id) in log.read(&found.records).unwrap().into_iter().zip(1..) {
            assert_eq!(rows, vec![n as u8; id]);
        }
    }
    log.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_forgotten_ends_its_writers() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    let (writer, told) = start(&log, 1, 1).await;
    writer.append(1, b"kept".to_vec()).await.unwrap();
    drop(log);
    assert!(matches!(*told.closed.lock().unwrap(), Some(LogError::Closed)));
    assert!(matches!(writer.append(2, Vec::new()).await, Err(LogError::Closed)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_writer_ends_the_earlier_and_sees_all_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    let (first, told) = start(&log, 1, 1).await;
    first.append(5, b"first".to_vec()).await.unwrap();
    let claim = log.claim(&name(1), 2).await.unwrap();
    assert!(matches!(*told.closed.lock().unwrap(), Some(LogError::Fenced(_))));
    let late = first.append(6, b"late".to_vec()).await.unwrap_err();
    assert!(matches!(late, LogError::Fenced(_)));
    let found = claim.recovered.clone().unwrap();
    assert_eq!(found.last_id, 5);
    assert_eq!(log.read(&found.records).unwrap(), [b"first"]);
    // An epoch that is older gets nothing, whenever it comes.
    assert!(matches!(log.claim(&name(1), 1).await, Err(LogError::Fenced(_))));
    let second = claim.start(5, Arc::new(Told::default())).unwrap();
    assert!(claim.start(5, Arc::new(Told::default())).is_err(), "one writer at a time");
    assert!(second.append(5, Vec::new()).await.is_err(), "ids grow");
    second.append(7, b"second".to_vec()).await.unwrap();
    log.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_database_is_forgotten_and_holds_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    let (gone, told) = start(&log, 1, 1).await;
    let (kept, _) = start(&log, 2, 1).await;
    gone.append(1, b"gone".to_vec()).await.unwrap();
    kept.append(1, b"kept".to_vec()).await.unwrap();
    log.drop_database(&name(1)).await.unwrap();
    log.drop_database(&name(3)).await.unwrap();
    assert!(matches!(*told.closed.lock().unwrap(), Some(LogError::Closed)));
    assert!(gone.append(2, Vec::new()).await.is_err());
    log.close();
    let log = open(directory.path());
    assert_eq!(log.databases(), [name(2)]);
    log.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_row_of_an_idle_database_is_named_as_the_holder_until_it_is_stored() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    let (idle, _) = start(&log, 1, 1).await;
    let (busy, _) = start(&log, 2, 1).await;
    idle.append(1, b"one row".to_vec()).await.unwrap();
    let mut status = log.status();
    for id in 1..=110 {
        busy.append(id, vec![7; 1_000]).await.unwrap();
        busy.settle().await.unwrap();
        log.mark_stored(&name(2), id);
    }
    let held = status.wait_for(|status| status.full).await.unwrap().clone();
    assert_eq!(held.holders, [name(1)]);
    assert!(held.wants_release && log.is_full());
    log.mark_stored(&name(1), 1);
    log.room().await.unwrap();
    let size = status.wait_for(|status| !status.wants_release).await.unwrap().size;
    assert!(size.segments <= 2, "{size:?}");
    log.close();
    assert!(Files::open(directory.path(), Sync::Skipped).unwrap().list().unwrap().len() <= 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_only_its_end_makes_unneeded_goes_without_another_mark() {
    let log = open_on(Arc::new(SimulatedDisk::new(1)));
    let (writer, _) = start(&log, 1, 1).await;
    writer.append(1, vec![7; 20_000]).await.unwrap();
    writer.settle().await.unwrap();
    log.mark_stored(&name(1), 1);
    writer.settle().await.unwrap();
    writer.append(2, b"ends the segment".to_vec()).await.unwrap();
    // The second one is answered after everything that the first group brought about.
    writer.settle().await.unwrap();
    writer.settle().await.unwrap();
    let size = log.status().borrow().size;
    assert_eq!((size.segments, size.newest), (1, 2));
    log.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_segment_is_never_full_because_nobody_could_empty_it() {
    let log = open_on(Arc::new(SimulatedDisk::new(1)));
    let (writer, _) = start(&log, 1, 1).await;
    writer.append(1, vec![7; 20_000]).await.unwrap();
    writer.settle().await.unwrap();
    log.mark_stored(&name(1), 1);
    writer.append(2, vec![7; 150_000]).await.unwrap();
    for (id, full) in [(3, false), (4, true)] {
        // The second one is answered after everything that the group before brought about.
        writer.settle().await.unwrap();
        writer.settle().await.unwrap();
        assert_eq!(log.is_full(), full);
        writer.append(id, b"ends the segment".to_vec()).await.unwrap();
    }
    assert_eq!(log.status().borrow().holders, [name(1)]);
    log.mark_stored(&name(1), 2);
    log.room().await.unwrap();
    log.close();
}

/// A disk on which reading can be made to fail, and is counted.
#[derive(Debug)]
struct Reads {
    disk: SimulatedDisk,
    count: AtomicU64,
    fail: AtomicBool,
}

impl Disk for Reads {
    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }
    fn length(&self, file: &str) -> io::Result<u64> {
        self.disk.length(file)
    }
    fn read(&self, file: &str, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.count.fetch_add(1, Ordering::SeqCst);
        match self.fail.load(Ordering::SeqCst) {
            true => Err(io::Error::other("as asked")),
            false => self.disk.read(file, offset, into),
        }
    }
    fn create(&self, file: &str) -> io::Result<()> {
        self.disk.create(file)
    }
    fn write(&self, file: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.write(file, offset, bytes)
    }
    fn truncate(&self, file: &str, length: u64) -> io::Result<()> {
        self.disk.truncate(file, length)
    }
    fn sync(&self, file: &str) -> io::Result<()> {
        self.disk.sync(file)
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, file: &str) -> io::Result<()> {
        self.disk.remove(file)
    }
    fn sync_directory(&self) -> io::Result<()> {
        self.disk.sync_directory()
    }
}

fn counting() -> Arc<Reads> {
    let (count, fail) = (AtomicU64::new(0), AtomicBool::new(false));
    Arc::new(Reads { disk: SimulatedDisk::new(1), count, fail })
}

#[tokio::test(flavor = "multi_thread")]
async fn claiming_what_the_log_does_not_know_reads_nothing() {
    let disk = counting();
    let log = open_on(disk.clone());
    let (writer, _) = start(&log, 1, 1).await;
    writer.append(1, b"rows".to_vec()).await.unwrap();
    writer.settle().await.unwrap();
    let before = disk.count.load(Ordering::SeqCst);
    let claim = log.claim(&name(2), 1).await.unwrap();
    assert_eq!(claim.recovered, None);
    assert_eq!(disk.count.load(Ordering::SeqCst), before);
    // One that it knows is read.
    let again = log.claim(&name(1), 2).await.unwrap();
    assert_eq!(again.recovered.as_ref().unwrap().last_id, 1);
    assert!(disk.count.load(Ordering::SeqCst) > before);
    log.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_fails_keeps_nothing() {
    let disk = counting();
    let log = open_on(disk.clone());
    let (writer, _) = start(&log, 1, 1).await;
    writer.append(1, vec![7; 20_000]).await.unwrap();
    writer.settle().await.unwrap();
    disk.fail.store(true, Ordering::SeqCst);
    assert!(log.claim(&name(1), 2).await.is_err());
    let (other, _) = start(&log, 2, 1).await;
    other.append(1, b"ends the segment".to_vec()).await.unwrap();
    log.mark_stored(&name(1), 1);
    other.settle().await.unwrap();
    other.settle().await.unwrap();
    assert_eq!(log.status().borrow().size.segments, 1);
    log.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_claim_may_still_read_is_not_removed() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    let (writer, _) = start(&log, 1, 1).await;
    for id in 1..=60 {
        writer.append(id, vec![1; 1_000]).await.unwrap();
        writer.settle().await.unwrap();
    }
    let claim = log.claim(&name(1), 2).await.unwrap();
    log.mark_stored(&name(1), 60);
    let again = log.claim(&name(1), 2).await.unwrap();
    assert!(again.recovered.as_ref().unwrap().records.len() < 61);
    let records = &claim.recovered.as_ref().unwrap().records;
    assert_eq!(log.read(records).unwrap().len(), 60);
    let mut status = log.status();
    drop((claim, again));
    status.wait_for(|status| status.size.segments == 1).await.unwrap();
    log.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_fails_is_told_to_everybody_and_nothing_is_written_any_more() {
    let disk = Arc::new(SimulatedDisk::new(1));
    let log = open_on(disk.clone());
    let (first, told) = start(&log, 1, 1).await;
    let (second, also_told) = start(&log, 2, 1).await;
    first.append(1, b"kept".to_vec()).await.unwrap();
    first.settle().await.unwrap();
    // A write and then its sync.
    disk.plan(disk.operations() + 1, Fault::Fail);
    first.append(2, b"lost".to_vec()).await.unwrap();
    let failed = first.settle().await.unwrap_err();
    assert!(failed.to_string().contains("syncing failed"), "{failed}");
    assert_eq!(told.durable.load(Ordering::SeqCst), 1);
    for told in [&told, &also_told] {
        assert!(matches!(*told.closed.lock().unwrap(), Some(LogError::Io { .. })));
    }
    for error in [second.append(1, Vec::new()).await.unwrap_err(), log.check().unwrap_err()] {
        assert!(error.to_string().contains("until a restart"), "{error}");
    }
    let operations = disk.operations();
    log.close();
    assert_eq!(disk.operations(), operations, "it is not tried again");
    let log = open_on(disk);
    assert!(log.claim(&name(1), 2).await.unwrap().recovered.as_ref().unwrap().last_id >= 1);
    log.close();
}

/// Panics whenever it is told something; before that it says that it was told, and waits.
struct Panics {
    told: std::sync::mpsc::SyncSender<()>,
    go_on: Mutex<std::sync::mpsc::Receiver<()>>,
}

impl Listener for Panics {
    fn durable(&self, _id: u64, _appends: usize, _bytes: usize) {
        self.told.send(()).unwrap();
        self.go_on.lock().unwrap().recv().unwrap();
        panic!("as asked");
    }

    fn closed(&self, _why: &LogError) {
        panic!("as asked");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_on_the_logs_thread_is_told_to_everybody() {
    let disk = Arc::new(SimulatedDisk::new(1));
    let log = open_on(disk.clone());
    let (other, told) = start(&log, 2, 1).await;
    other.append(1, b"kept".to_vec()).await.unwrap();
    other.settle().await.unwrap();
    let claim = log.claim(&name(1), 1).await.unwrap();
    let (told_panics, was_told) = std::sync::mpsc::sync_channel(1);
    let (release, go_on) = std::sync::mpsc::channel();
    let panics = Panics { told: told_panics, go_on: Mutex::new(go_on) };
    let writer = claim.start(0, Arc::new(panics)).unwrap();
    writer.append(1, b"kept".to_vec()).await.unwrap();
    was_told.recv().unwrap();
    // What is asked for before the log has failed, and answered after it, is not told that all is well.
    let mut settled = std::pin::pin!(writer.settle());
    tokio::select! {
        biased;
        early = &mut settled => panic!("{early:?} before the listener was told"),
        () = std::future::ready(()) => release.send(()).unwrap(),
    }
    for error in [settled.await.unwrap_err(), log.ended().await] {
        assert!(error.to_string().contains("panicked: as asked"), "{error}");
    }
    assert!(matches!(*told.closed.lock().unwrap(), Some(LogError::Panicked(_))));
    let operations = disk.operations();
    assert!(matches!(other.append(2, Vec::new()).await, Err(LogError::Failed(_))));
    assert!(matches!(log.claim(&name(3), 1).await, Err(LogError::Failed(_))));
    log.close();
    assert_eq!(disk.operations(), operations, "nothing is written any more");
    let log = open_on(disk);
    assert_eq!(log.claim(&name(1), 2).await.unwrap().recovered.as_ref().unwrap().last_id, 1);
    log.close();
}

/// Fails at one point.
#[derive(Debug)]
struct FailAt(LogPoint);

impl Hooks for FailAt {
    fn reached(&self, point: LogPoint) -> io::Result<()> {
        match point == self.0 {
            true => Err(io::Error::other("as asked")),
            false => Ok(()),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_before_the_disk_has_it() {
    for point in [LogPoint::FrameWritten, LogPoint::FrameSynced] {
        let disk = Arc::new(SimulatedDisk::new(1));
        let start_with = Start { disk, hooks: Arc::new(FailAt(point)), seed: 1 };
        let log = NodeLog::open(start_with, settings()).unwrap();
        let (writer, told) = start(&log, 1, 1).await;
        writer.append(1, b"never told".to_vec()).await.unwrap();
        assert!(writer.settle().await.is_err());
        assert_eq!(told.durable.load(Ordering::SeqCst), 0, "{point:?}");
        log.close();
    }
}

/// Holds the thread at its first frame, so that the queue fills.
#[derive(Debug)]
struct Hold(Mutex<Option<std::sync::mpsc::Receiver<()>>>);

impl Hooks for Hold {
    fn reached(&self, point: LogPoint) -> io::Result<()> {
        if point == LogPoint::FrameWritten
            && let Some(release) = self.0.lock().unwrap().take()
        {
            release.recv().unwrap();
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn appends_wait_while_the_queue_is_full() {
    let (release, held) = std::sync::mpsc::channel();
    let start_with = Start {
        disk: Arc::new(SimulatedDisk::new(1)),
        hooks: Arc::new(Hold(Mutex::new(Some(held)))),
        seed: 1,
    };
    let bounded = LogSettings { queue_bytes_max: 10_000, ..LogSettings::default() };
    let log = NodeLog::open(start_with, bounded).unwrap();
    let (writer, told) = start(&log, 1, 1).await;
    let appending = tokio::spawn(async move {
        for id in 1..=100 {
            writer.append(id, vec![0; 1_000]).await.unwrap();
        }
        writer.settle().await.unwrap();
    });
    while log.queued_bytes() < 10_000 {
        tokio::task::yield_now().await;
    }
    assert!(log.queued_bytes() < 12_000 && !appending.is_finished());
    release.send(()).unwrap();
    appending.await.unwrap();
    assert_eq!(told.durable.load(Ordering::SeqCst), 100);
    log.close();
}

#[test]
fn files_that_are_only_read_cannot_be_changed() {
    let directory = tempfile::tempdir().unwrap();
    let writable = Files::open(directory.path(), Sync::Skipped).unwrap();
    writable.create("a").unwrap();
    writable.write("a", 0, b"bytes").unwrap();
    let files = Files::read_only(directory.path());
    assert_eq!(files.length("a").unwrap(), 5);
    let tried = [
        files.create("b"),
        files.write("a", 0, b"x"),
        files.truncate("a", 0),
        files.rename("a", "b"),
        files.remove("a"),
    ];
    assert!(tried.iter().all(Result::is_err), "{tried:?}");
    assert_eq!(std::fs::read(directory.path().join("a")).unwrap(), b"bytes");
    let nowhere = directory.path().join("missing");
    assert!(Files::read_only(&nowhere).list().is_err());
    assert!(!nowhere.exists());
}
