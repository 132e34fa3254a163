//! Every action under mixed load, with faults at every step: the recorded history of each key has an
//! order that explains it, and scans neither skip nor repeat a key.

use crate::support::history::{Done, History};
use crate::support::{boundaries, components, load, settings, table};
use async_trait::async_trait;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use storage::{
    Decision, Direction, FaultPoint, Faults, Reslice, Storage, StorageError, StorageSettings,
    Table, Verdict,
};
use tokio::sync::Notify;
use types::{KeyRange, PartitionId};

/// Keys that are swapped and read; between them lie others that are there from the start and stay.
const KEYS: u64 = 24;
const WRITERS: u64 = 6;
const READERS: u64 = 3;
/// How often each action is done; `FORESHARD_LONG=1` makes it ten times as often.
const ROUNDS: usize = 2;

/// Where a reslice can fail so that it is undone.
const POINTS: [FaultPoint; 10] = [
    FaultPoint::ResliceJournaled,
    FaultPoint::ReslicePrepared,
    FaultPoint::ResliceKeeping,
    FaultPoint::ResliceSealed,
    FaultPoint::ResliceFirstCloned,
    FaultPoint::ResliceCloned,
    FaultPoint::ResliceOpened,
    FaultPoint::ResliceCaughtUp,
    FaultPoint::ResliceGated,
    FaultPoint::ResliceDrained,
];

/// Fails once at the point that is set.
#[derive(Debug, Default)]
struct FailOnce(Mutex<Option<FaultPoint>>);

#[async_trait]
impl Faults for FailOnce {
    async fn reached(&self, point: FaultPoint) -> Verdict {
        let mut armed = self.0.lock().unwrap();
        match *armed == Some(point) {
            true => {
                *armed = None;
                Verdict::Fail
            }
            false => Verdict::Proceed,
        }
    }
}

/// Everybody who uses the table.
struct Clients {
    table: Arc<Table>,
    history: Arc<History>,
    stop: Arc<AtomicBool>,
    scans: Arc<AtomicU64>,
    /// Told of every swap: who reads is not to run ahead of who writes.
    beat: Arc<Notify>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

fn key(n: u64) -> String {
    format!("k{:02}", n % KEYS)
}

fn settled(n: u64) -> String {
    format!("k{n:02}-settled")
}

impl Clients {
    fn start(table: &Arc<Table>) -> Self {
        let mut clients = Self {
            table: table.clone(),
            history: Arc::default(),
            stop: Arc::default(),
            scans: Arc::default(),
            beat: Arc::default(),
            tasks: Vec::new(),
        };
        for writer in 0..WRITERS {
            let beat = clients.beat.clone();
            clients.spawn(writer, move |table, history, n| {
                let beat = beat.clone();
                async move {
                    // Another value each time, and never 0.
                    swap(&table, &history, &key(n.wrapping_mul(7)), n + 1).await;
                    beat.notify_waiters();
                }
            });
        }
        for reader in 0..READERS {
            let beat = clients.beat.clone();
            clients.spawn(WRITERS + reader, move |table, history, n| {
                let beat = beat.clone();
                async move {
                    let swapped = beat.notified();
                    read(&table, &history, &key(n.wrapping_mul(5))).await;
                    read(&table, &history, &key(n.wrapping_mul(11))).await;
                    swapped.await;
                }
            });
        }
        for direction in [Direction::Forward, Direction::Backward] {
            let (scans, beat) = (clients.scans.clone(), clients.beat.clone());
            clients.spawn(0, move |table, history, _| {
                let (scans, beat) = (scans.clone(), beat.clone());
                async move {
                    let swapped = beat.notified();
                    scan(&table, &history, direction).await;
                    scans.fetch_add(1, Ordering::SeqCst);
                    swapped.await;
                }
            });
        }
        clients
    }

    /// Does something over and over, each time with another number.
    fn spawn<F: Future<Output = ()> + Send>(
        &mut self,
        first: u64,
        work: impl Fn(Arc<Table>, Arc<History>, u64) -> F + Send + 'static,
    ) {
        let (table, history) = (self.table.clone(), self.history.clone());
        let stop = self.stop.clone();
        self.tasks.push(tokio::spawn(async move {
            for turn in 0.. {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let n = turn * (WRITERS + READERS) + first;
                work(table.clone(), history.clone(), n).await;
            }
        }));
    }

    /// Waits until so much more has been done, and each scanner has come round.
    async fn go_on(&self, more: usize) {
        let (calls, scans) = (self.history.len() + more, self.scans.load(Ordering::SeqCst) + 2);
        while self.history.len() < calls || self.scans.load(Ordering::SeqCst) < scans {
            assert!(
                self.tasks.iter().all(|task| !task.is_finished()),
                "a client was told an error"
            );
            tokio::task::yield_now().await;
        }
    }

    async fn stop(self) -> Arc<History> {
        self.stop.store(true, Ordering::SeqCst);
        for task in self.tasks {
            // The last writers may have ended before a reader began to wait for one.
            while !task.is_finished() {
                self.beat.notify_waiters();
                tokio::task::yield_now().await;
            }
            task.await.unwrap();
        }
        self.history
    }
}

fn number(value: Option<&Bytes>) -> u64 {
    value.map_or(0, |value| std::str::from_utf8(value).unwrap().parse().unwrap())
}

async fn swap(table: &Table, history: &History, key: &str, value: u64) {
    let began = history.now();
    let new = Bytes::from(value.to_string());
    let old = table.read_modify_write(key.as_bytes(), |old| Decision::Put(new, number(old)));
    let old = old.await.unwrap();
    history.note(key, began, Done::Swap(old, value));
}

async fn read(table: &Table, history: &History, key: &str) {
    let began = history.now();
    let seen = number(table.get(key.as_bytes()).await.unwrap().as_ref());
    history.note(key, began, Done::Read(seen));
}

/// Reads all keys: each once, in order, as it was at some moment since the scan began.
async fn scan(table: &Arc<Table>, history: &History, direction: Direction) {
    let began = history.now();
    let mut scan = table.scan(KeyRange::full(), direction);
    let mut found: Vec<String> = Vec::new();
    while let Some((key, value)) = scan.next().await.unwrap() {
        let key = String::from_utf8(key.to_vec()).unwrap();
        if key.len() == 3 {
            history.note(&key, began, Done::Read(number(Some(&value))));
        }
        found.push(key);
    }
    if direction == Direction::Backward {
        found.reverse();
    }
    assert!(found.windows(2).all(|pair| pair[0] < pair[1]), "out of order or repeated: {found:?}");
    let there = found.iter().filter(|key| key.len() > 3).cloned();
    assert!(there.eq((0..KEYS).map(settled)), "skipped: {found:?}");
}

/// Carries out an action after it has failed once, at the next point in turn.
async fn act(table: &Arc<Table>, faults: &FailOnce, turn: usize, cuts: &[&str], take: &[usize]) {
    let map = table.partition_map();
    let sources: Vec<PartitionId> = take.iter().map(|at| map.partitions[*at].id).collect();
    let cuts: Vec<Bytes> = cuts.iter().map(|cut| Bytes::copy_from_slice(cut.as_bytes())).collect();
    let reslice = || Reslice { sources: sources.clone(), boundaries: cuts.clone() };
    let point = POINTS[turn % POINTS.len()];
    *faults.0.lock().unwrap() = Some(point);
    let failed = table.reslice(reslice()).await;
    assert!(matches!(failed, Err(StorageError::Injected(at)) if at == point), "{failed:?}");
    assert_eq!(table.partition_map(), map, "what has failed at {point} is undone");
    table.reslice(reslice()).await.unwrap();
    tiles(table);
}

fn tiles(table: &Table) {
    let map = table.partition_map();
    assert!(map.partitions[0].range.start.is_empty());
    assert_eq!(map.partitions.last().unwrap().range.end, None);
    let meets =
        |pair: &[storage::PartitionInfo]| pair[0].range.end.as_ref() == Some(&pair[1].range.start);
    assert!(map.partitions.windows(2).all(meets));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_action_keeps_every_key_linearizable() {
    let root = tempfile::tempdir().unwrap();
    let faults = Arc::new(FailOnce::default());
    let parts = storage::Components { faults: faults.clone(), ..components() };
    // So small that files and compactions take part.
    let small = StorageSettings {
        memtable_bytes: 64 << 10,
        compaction_poll_ms: 20,
        scan_grace_ms: 200,
        ..settings(root.path())
    };
    let storage = Storage::open(small, parts).await.unwrap();
    let orders = table(&storage, "orders", &[]).await;
    for n in 0..KEYS {
        crate::support::put(&orders, &settled(n), "1").await;
    }
    let rounds = if std::env::var_os("FORESHARD_LONG").is_some() { 10 * ROUNDS } else { ROUNDS };
    let clients = Clients::start(&orders);
    for round in 0..rounds {
        let turn = round * 6;
        clients.go_on(50).await;
        act(&orders, &faults, turn, &["k06", "k12-", "k18"], &[0]).await; // split into 4
        clients.go_on(50).await;
        act(&orders, &faults, turn + 1, &["k15"], &[1, 2]).await; // shift
        clients.go_on(50).await;
        act(&orders, &faults, turn + 2, &["k09", "k09\0"], &[1]).await; // isolate
        clients.go_on(50).await;
        storage.maintain().await.unwrap();
        act(&orders, &faults, turn + 3, &["k03", "k07"], &[0, 1, 2]).await; // three into three others
        clients.go_on(50).await;
        act(&orders, &faults, turn + 4, &[], &[1, 2]).await; // merge two
        clients.go_on(50).await;
        let all: Vec<usize> = (0..load::ids(&orders).len()).collect();
        act(&orders, &faults, turn + 5, &[], &all).await; // merge all
    }
    clients.go_on(50).await;
    let history = clients.stop().await;
    assert_eq!(history.contradiction(), None, "of {} calls", history.len());
    assert_eq!(boundaries(&orders), Vec::<String>::new());
    let last = history.last_values();
    assert_eq!(last.len() as u64, KEYS);
    storage.close().await.unwrap();

    // What was acknowledged is there after a restart, too.
    let storage = crate::support::open(root.path()).await;
    let again = storage.table("orders").unwrap();
    let mut found = BTreeMap::new();
    for key in last.keys() {
        found.insert(key.clone(), number(again.get(key.as_bytes()).await.unwrap().as_ref()));
    }
    assert_eq!(found, last);
    storage.close().await.unwrap();
}
