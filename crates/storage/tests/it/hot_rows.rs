//! The row cache shows what the engine would show: with writers, readers and reslices at once, no
//! read is older than what was acknowledged, or seen by anybody, before it began.

use crate::support::wire::{Fate, Request, Wire};
use crate::support::{components, load, reslice, settings, table};
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use storage::{Components, Decision, Storage, StorageSettings, Table};

/// Few keys, so that all of them are hot and some share a stripe; spread over the axis.
const KEYS: usize = 6;
const WRITERS: usize = 4;
const READERS: usize = 4;
const RESLICES: usize = 8;

fn key(n: usize) -> String {
    format!("k{n}")
}

/// What is known of each key: at least so much was acknowledged, or seen.
#[derive(Debug, Default)]
struct Floors([AtomicU64; KEYS]);

async fn count_up(table: &Table, floors: &Floors, n: usize) {
    let before = floors.0[n].load(Ordering::SeqCst);
    let key = key(n);
    let counted = table.read_modify_write(key.as_bytes(), |old| {
        let old = old.map_or(0, |old| std::str::from_utf8(old).unwrap().parse().unwrap());
        Decision::Put(Bytes::from((old + 1).to_string()), old + 1)
    });
    let now: u64 = counted.await.unwrap();
    assert!(now > before);
    floors.0[n].fetch_max(now, Ordering::SeqCst);
}

async fn read(table: &Table, floors: &Floors, n: usize) {
    let before = floors.0[n].load(Ordering::SeqCst);
    let value = table.get(key(n).as_bytes()).await.unwrap();
    let now = value.map_or(0, |value| std::str::from_utf8(&value).unwrap().parse().unwrap());
    assert!(now >= before, "key {n}: {now} was read when {before} was known");
    floors.0[n].fetch_max(now, Ordering::SeqCst);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_read_is_older_than_what_was_known_when_it_began() {
    let root = tempfile::tempdir().unwrap();
    // A cache that is too small for all keys loses some, too.
    let small = StorageSettings { row_cache_bytes: 700, ..settings(root.path()) };
    let storage = Storage::open(small, components()).await.unwrap();
    let orders = table(&storage, "orders", &["k2"]).await;
    let (floors, stop) = (Arc::new(Floors::default()), Arc::new(AtomicBool::new(false)));
    let tasks: Vec<_> = (0..WRITERS + READERS)
        .map(|task| {
            let (table, floors, stop) = (orders.clone(), floors.clone(), stop.clone());
            tokio::spawn(async move {
                let mut random = StdRng::seed_from_u64(task as u64);
                let mut done = 0u64;
                while !stop.load(Ordering::SeqCst) {
                    let n = random.random_range(0..KEYS);
                    match task < WRITERS {
                        true => count_up(&table, &floors, n).await,
                        false => read(&table, &floors, n).await,
                    }
                    done += 1;
                    tokio::task::yield_now().await;
                }
                done
            })
        })
        .collect();
    for round in 0..RESLICES {
        let all = load::ids(&orders);
        let boundaries: &[&str] = [&["k3"][..], &["k1", "k4"], &[]][round % 3];
        reslice(&orders, &all, boundaries).await.unwrap();
        assert!(tasks.iter().all(|task| !task.is_finished()), "a task failed");
    }
    stop.store(true, Ordering::SeqCst);
    for task in tasks {
        assert!(task.await.unwrap() > 0);
    }
    for n in 0..KEYS {
        let known = floors.0[n].load(Ordering::SeqCst);
        for _ in 0..2 {
            assert_eq!(
                orders.get(key(n).as_bytes()).await.unwrap(),
                Some(known.to_string().into())
            );
        }
    }
    storage.close().await.unwrap();
}

/// A store that reaches its files through `wire`.
async fn open_behind(wire: &Wire, settings: &StorageSettings) -> Arc<Storage> {
    let components = Components { layer: Some(Arc::new(wire.clone())), ..components() };
    Storage::open(settings.clone(), components).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_read_needs_no_file_any_more() {
    let (root, wire) = (tempfile::tempdir().unwrap(), Wire::new());
    let uncached = StorageSettings { cache_bytes: 0, ..settings(root.path()) };
    let storage = open_behind(&wire, &uncached).await;
    let orders = table(&storage, "orders", &[]).await;
    crate::support::put(&orders, "a", "1").await;
    storage.close().await.unwrap();
    let storage = open_behind(&wire, &uncached).await;
    let orders = storage.table("orders").unwrap();
    let reads = wire.count_reads_of_files();
    let mut before = Vec::new();
    for _ in 0..3 {
        assert_eq!(crate::support::get(&orders, "a").await.as_deref(), Some("1"));
        assert_eq!(crate::support::get(&orders, "b").await, None);
        before.push(reads.load(Ordering::SeqCst));
    }
    assert!(before[0] > 0);
    assert_eq!(before[1], before[0]);
    assert_eq!(before[2], before[0]);
    // Nor at those who take the partition's place.
    for boundaries in [&["b"][..], &[]] {
        reslice(&orders, &load::ids(&orders), boundaries).await.unwrap();
        wire.rule(|request, path| match request == Request::Get && path.ends_with(".sst") {
            true => Fate::Failed,
            false => Fate::Done,
        });
        assert_eq!(crate::support::get(&orders, "a").await.as_deref(), Some("1"));
        assert_eq!(crate::support::get(&orders, "b").await, None);
        wire.mend();
    }
    storage.close().await.unwrap();
}

/// A table with so many items of 4,000 bytes, in files.
async fn large(storage: &Storage, name: &str, items: usize) {
    let table = table(storage, name, &[]).await;
    let puts = (0..items).map(|n| {
        let (table, value) = (table.clone(), Bytes::from(vec![b'v'; 4_000]));
        async move {
            let key = format!("{n:05}");
            let put = table.read_modify_write(key.as_bytes(), |_| Decision::Put(value, ()));
            put.await.unwrap();
        }
    });
    futures::future::join_all(puts).await;
}

/// Nothing is known of rows, and little of files: about one index.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_now_is_kept_whatever_was_read_often_before() {
    const ITEMS: usize = 500;
    let (root, wire) = (tempfile::tempdir().unwrap(), Wire::new());
    let small = StorageSettings {
        cache_bytes: 40 << 10,
        row_cache_bytes: 0,
        memtable_bytes: 8 << 20,
        ..settings(root.path())
    };
    let storage = open_behind(&wire, &small).await;
    for name in ["old", "new"] {
        large(&storage, name, ITEMS).await;
    }
    storage.close().await.unwrap();
    let storage = open_behind(&wire, &small).await;
    let (old, new) = (storage.table("old").unwrap(), storage.table("new").unwrap());
    for _ in 0..1_000 {
        old.get(b"00007").await.unwrap().unwrap();
    }
    let reads = wire.count_reads_of_files();
    let mut after = Vec::new();
    for _ in 0..10 {
        new.get(b"00007").await.unwrap().unwrap();
        after.push(reads.load(Ordering::SeqCst));
    }
    assert!(after[0] > 0);
    assert_eq!(after[9], after[2], "every read reads the file again: {after:?}");
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_many_want_at_once_is_read_once() {
    const MANY: usize = 100;
    let (root, wire) = (tempfile::tempdir().unwrap(), Wire::new());
    let unknown = StorageSettings { row_cache_bytes: 0, ..settings(root.path()) };
    let storage = open_behind(&wire, &unknown).await;
    let orders = table(&storage, "orders", &[]).await;
    crate::support::put(&orders, "a", "1").await;
    storage.close().await.unwrap();
    let storage = open_behind(&wire, &unknown).await;
    let orders = storage.table("orders").unwrap();
    let reads = wire.count_reads_of_files();
    wire.slow_down(std::time::Duration::from_millis(20));
    let all = futures::future::join_all((0..MANY).map(|_| orders.get(b"a"))).await;
    assert!(all.into_iter().all(|got| got.unwrap().as_deref() == Some(b"1")));
    // The end of the file, its index, its filter, a block.
    let reads = reads.load(Ordering::SeqCst);
    assert!((1..=8).contains(&reads), "{reads} reads");
    storage.close().await.unwrap();
}
