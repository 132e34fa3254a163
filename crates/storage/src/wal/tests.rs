//! SlateDB on the node log, without a store around it: the facts that the log relies on.

use super::session::Session;
use super::{NodeWal, name};
use crate::blocking::Blocking;
use crate::directory::DataDirectory;
use crate::engine::EngineClock;
use crate::error::StorageError;
use bytes::Bytes;
use nodelog::{
    Fault, Hooks, LogError, LogPoint, LogSettings, NoHooks, NodeLog, SimulatedDisk, Start,
};
use object_store::ObjectStore;
use object_store::memory::InMemory;
use object_store::path::Path;
use parking_lot::Mutex;
use slatedb::admin::AdminBuilder;
use slatedb::config::{
    CheckpointOptions, CheckpointScope, DurabilityLevel, FlushOptions, FlushType, ReadOptions,
    Settings,
};
use slatedb::{CloseReason, Db, ErrorKind};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

const PATH: &str = "data/t1/p1";

fn wal(disk: &Arc<SimulatedDisk>, hooks: Arc<dyn Hooks>) -> NodeWal {
    let start = Start { disk: disk.clone(), hooks, seed: 1 };
    node_wal(start, LogSettings::default(), None)
}

fn node_wal(start: Start, settings: LogSettings, directory: Option<Arc<DataDirectory>>) -> NodeWal {
    let log = NodeLog::open(start, settings).unwrap();
    let (blocking, simulated) = (Blocking::Elsewhere, false);
    NodeWal { log, directory, blocking, simulated, task: Arc::default() }
}

async fn open(wal: &NodeWal, files: &Arc<dyn ObjectStore>) -> Result<Db, slatedb::Error> {
    Db::builder(PATH, files.clone())
        .with_settings(Settings { flush_interval: None, ..Settings::default() })
        .with_wal_writer(wal.writer(&Path::from(PATH), Arc::new(EngineClock::new(None))).unwrap())
        .build()
        .await
}

fn files() -> Arc<dyn ObjectStore> {
    Arc::new(InMemory::new())
}

async fn put(db: &Db, key: &'static str) -> slatedb::WriteHandle {
    db.put(key, "1").await.unwrap()
}

async fn durable(db: &Db, key: &str) -> Option<Bytes> {
    let options = ReadOptions::new().with_durability_filter(DurabilityLevel::Remote);
    db.get_with_options(key, &options).await.unwrap()
}

async fn stored_seq(files: &Arc<dyn ObjectStore>) -> u64 {
    let admin = AdminBuilder::new(PATH, files.clone()).build();
    admin.read_manifest(None).await.unwrap().unwrap().last_l0_seq()
}

/// Lets the log's thread wait between writing a frame and forcing it, once it is armed.
#[derive(Debug)]
struct Hold {
    reached: Sender<()>,
    held: Mutex<Option<Receiver<()>>>,
}

impl Hooks for Hold {
    fn reached(&self, point: LogPoint) -> io::Result<()> {
        if point == LogPoint::FrameWritten
            && let Some(held) = self.held.lock().take()
        {
            let _ = self.reached.send(());
            let _ = held.recv();
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_durable_stored_or_shown_before_the_log_has_it() {
    let (reached, at_point) = channel();
    let hold = Arc::new(Hold { reached, held: Mutex::default() });
    let (disk, files) = (Arc::new(SimulatedDisk::new(1)), files());
    let wal = wal(&disk, hold.clone());
    let db = open(&wal, &files).await.unwrap();
    put(&db, "a").await.await_durable().await.unwrap();
    let (release, held) = channel();
    *hold.held.lock() = Some(held);
    let written = put(&db, "b").await;
    tokio::task::spawn_blocking(move || at_point.recv().unwrap()).await.unwrap();
    assert!(db.get("b").await.unwrap().is_some(), "a read that does not ask for durable ones");
    assert!(durable(&db, "b").await.is_none());
    let flushing = db.clone();
    let flush = tokio::spawn(async move {
        let flush_type = FlushType::MemTable;
        flushing.flush_with_options(FlushOptions { flush_type }).await
    });
    let durable_b = written.await_durable();
    let mut durable_b = std::pin::pin!(durable_b);
    let early = tokio::time::timeout(Duration::from_millis(200), &mut durable_b).await;
    assert!(early.is_err() && !flush.is_finished());
    assert!(stored_seq(&files).await < written.seqnum(), "the manifest waits for the log");
    release.send(()).unwrap();
    durable_b.await.unwrap();
    flush.await.unwrap().unwrap();
    assert!(durable(&db, "b").await.is_some());
    assert_eq!(stored_seq(&files).await, written.seqnum());
    db.close().await.unwrap();
    wal.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_loses_nothing_that_was_durable_and_numbers_go_on() {
    let (disk, files) = (Arc::new(SimulatedDisk::new(1)), files());
    let first = wal(&disk, Arc::new(NoHooks));
    let db = open(&first, &files).await.unwrap();
    let last = put(&db, "a").await;
    last.await_durable().await.unwrap();
    disk.plan(disk.operations(), Fault::PowerCut);
    let lost = put(&db, "b").await;
    assert!(first.durable(&lost).await.is_err(), "SlateDB alone would wait for ever");
    first.close().await;
    disk.power_cycle();
    let second = wal(&disk, Arc::new(NoHooks));
    let db = open(&second, &files).await.unwrap();
    assert!(durable(&db, "a").await.is_some());
    let next = put(&db, "c").await;
    assert!(next.seqnum() > last.seqnum());
    next.await_durable().await.unwrap();
    db.close().await.unwrap();
    second.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_opening_ends_the_first_and_has_all_of_it() {
    let (disk, files) = (Arc::new(SimulatedDisk::new(1)), files());
    let wal = wal(&disk, Arc::new(NoHooks));
    let first = open(&wal, &files).await.unwrap();
    let seen = put(&first, "a").await;
    let second = open(&wal, &files).await.unwrap();
    assert!(durable(&second, "a").await.is_some(), "also what nobody had waited for");
    assert!(put(&second, "b").await.seqnum() > seen.seqnum());
    let late = first.put("c", "1").await.map(|_| ()).unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Closed(CloseReason::Fenced));
    second.close().await.unwrap();
    wal.close().await;
}

/// Ids are sequence numbers, and a manifest says how far both are.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_lost_rows_is_refused() {
    let (disk, files) = (Arc::new(SimulatedDisk::new(1)), files());
    let first = wal(&disk, Arc::new(NoHooks));
    let db = open(&first, &files).await.unwrap();
    put(&db, "a").await;
    let flush_type = FlushType::MemTable;
    db.flush_with_options(FlushOptions { flush_type }).await.unwrap();
    let stored = stored_seq(&files).await;
    let last = put(&db, "b").await;
    last.await_durable().await.unwrap();
    // A manifest that knows of "b" but not where it is.
    let admin = AdminBuilder::new(PATH, files.clone()).build();
    db.create_checkpoint(CheckpointScope::Durable, &CheckpointOptions::default()).await.unwrap();
    let manifest = admin.read_manifest(None).await.unwrap().unwrap();
    assert_eq!((manifest.last_l0_seq(), manifest.next_wal_sst_id()), (stored, last.seqnum() + 1));
    first.close().await;
    let empty = wal(&Arc::new(SimulatedDisk::new(2)), Arc::new(NoHooks));
    let refused = open(&empty, &files).await.map(|_| ()).unwrap_err().to_string();
    assert!(refused.contains("never heard of the database"), "{refused}");
    empty.close().await;
    // With its log it opens.
    let again = wal(&disk, Arc::new(NoHooks));
    let db = open(&again, &files).await.unwrap();
    assert!(durable(&db, "b").await.is_some());
    db.close().await.unwrap();
    again.close().await;
}

/// A log of one database that is full: its first segment holds the database's only rows up to 2.
async fn full(directory: Option<Arc<DataDirectory>>) -> (NodeWal, nodelog::Writer) {
    let start = Start { disk: Arc::new(SimulatedDisk::new(1)), hooks: Arc::new(NoHooks), seed: 1 };
    let small = LogSettings {
        segment_bytes: 1_000,
        release_bytes: 1_000,
        log_bytes_max: 2_000,
        ..LogSettings::default()
    };
    let wal = node_wal(start, small, directory);
    let claim = wal.log.claim(&name(&Path::from(PATH)).unwrap(), 1).await.unwrap();
    let writer = claim.start(0, Session::new(0)).unwrap();
    for id in 1..=2 {
        writer.append(id, vec![7; 2_000]).await.unwrap();
        settle(&writer).await;
    }
    assert!(wal.is_full());
    (wal, writer)
}

/// The second one is answered after all that the first group brought about.
async fn settle(writer: &nodelog::Writer) {
    writer.settle().await.unwrap();
    writer.settle().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waited_too_long_for_a_full_log_is_told_who_holds_it() {
    let (wal, _writer) = full(None).await;
    let told = wal.room(1).await.unwrap_err();
    assert!(matches!(&told, StorageError::LogFull { holders, wait_ms: 1 } if holders == PATH));
    assert!(told.to_string().contains(PATH), "{told}");
    wal.mark_stored(&Path::from(PATH), 2);
    wal.room(u64::MAX).await.unwrap();
    wal.close().await;
    assert!(matches!(wal.room(1).await, Err(StorageError::Log(LogError::Closed))));
}

/// Whoever cannot force a manifest's name does not know that the manifest will be there.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_keeps_what_a_manifest_says_whose_name_may_not_be_on_the_disk() {
    let root = tempfile::tempdir().unwrap();
    let directory = Arc::new(DataDirectory::open(root.path(), true).unwrap());
    let (wal, writer) = full(Some(directory)).await;
    let path = Path::from(PATH);
    assert!(wal.mark_read(&path, 2).await.is_err(), "there is no such directory");
    settle(&writer).await;
    assert_eq!(wal.log.status().borrow().holders.len(), 1);
    std::fs::create_dir_all(root.path().join(PATH).join("manifest")).unwrap();
    wal.mark_read(&path, 2).await.unwrap();
    settle(&writer).await;
    assert!(wal.log.status().borrow().holders.is_empty());
    wal.close().await;
}
