//! How much room a store takes after many reslices: old files, parents and manifests do not pile up.

use crate::support::{components, settings, table};
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use storage::{
    Decision, MaintainReport, PartitionMap, Reslice, Storage, StorageError, StorageSettings, Table,
};

/// Reslices in the ordinary run, and if there is time (`FORESHARD_TEST_LONG=1`).
const RESLICES: usize = 40;
const RESLICES_LONG: usize = 1_000;
/// The table's keys, all of which exist from the beginning on, and the bytes of a value.
const KEYS: u32 = 3_000;
const VALUE_BYTES: usize = 2_000;
const PARTITIONS_MAX: usize = 10;
/// After so many reslices the store is tidied once, as the manager does it now and then.
const TIDY_EVERY: usize = 5;
/// What the disk may hold, in per cent of what is alive.
const DISK_PERCENT_MAX: u64 = 150;
/// The bounds on what grows with the number of reslices if nobody takes care.
const MANIFEST_BYTES_MAX: u64 = 20_000;
const RETIRED_MAX: usize = 60;
const VERSIONS_MAX: usize = 4;

/// Housekeeping in fractions of a second, and a log that is small against the data.
fn hurried(root: &Path) -> StorageSettings {
    StorageSettings {
        compaction_poll_ms: 20,
        scan_grace_ms: 2_000,
        garbage_poll_ms: 100,
        garbage_age_ms: 1_000,
        retired_max: RETIRED_MAX,
        log_segment_bytes: 256 << 10,
        log_release_bytes: 512 << 10,
        log_bytes_max: 32 << 20,
        ..settings(root)
    }
}

fn key(n: u32) -> String {
    format!("k{n:05}")
}

async fn write(table: &Table, n: u32, random: &mut StdRng) {
    let mut value = vec![0; VALUE_BYTES];
    random.fill(&mut value[..]);
    let value = Bytes::from(value);
    table.read_modify_write(key(n).as_bytes(), |_| Decision::Put(value, ())).await.unwrap();
}

/// Overwrites random keys until it is told to stop.
fn writer(table: &Arc<Table>, seed: u64, stop: &Arc<AtomicBool>) -> tokio::task::JoinHandle<u64> {
    let (table, stop) = (table.clone(), stop.clone());
    tokio::spawn(async move {
        let mut random = StdRng::seed_from_u64(seed);
        let mut written = 0;
        while !stop.load(Ordering::SeqCst) {
            let n = random.random_range(0..KEYS);
            write(&table, n, &mut random).await;
            written += 1;
        }
        written
    })
}

/// A reslice of up to three neighbours into up to three others.
fn random_reslice(map: &PartitionMap, random: &mut StdRng) -> Reslice {
    let count = map.partitions.len();
    let from = random.random_range(0..count);
    let sources = random.random_range(1..=3.min(count - from));
    let most = (PARTITIONS_MAX - (count - sources)).min(3);
    let children = random.random_range(1..=most);
    let chosen = &map.partitions[from..from + sources];
    let (start, end) = (&chosen[0].range.start, &chosen[sources - 1].range.end);
    let mut boundaries: Vec<Bytes> = (1..children)
        .map(|_| Bytes::from(key(random.random_range(0..KEYS))))
        .filter(|b| b > start && end.as_ref().is_none_or(|end| b < end))
        .collect();
    boundaries.sort();
    boundaries.dedup();
    Reslice { sources: chosen.iter().map(|partition| partition.id).collect(), boundaries }
}

/// Reslices `times` while writers write.
async fn reslice_under_load(storage: &Storage, table: &Arc<Table>, times: usize) -> u64 {
    let mut random = StdRng::seed_from_u64(7);
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..4).map(|seed| writer(table, seed, &stop)).collect();
    let mut done = 0;
    while done < times {
        match table.reslice(random_reslice(&table.partition_map(), &mut random)).await {
            Ok(_) => done += 1,
            // What it asked for is what is there already, or too much is waiting to be let go of.
            Err(StorageError::Refused(_)) => {
                storage.maintain().await.unwrap();
                continue;
            }
            Err(error) => panic!("{error}"),
        }
        if done % TIDY_EVERY == 0 {
            storage.maintain().await.unwrap();
        }
    }
    stop.store(true, Ordering::SeqCst);
    let mut written = 0;
    for writer in writers {
        written += writer.await.unwrap();
    }
    written
}

/// All files below `root`, with their sizes.
fn files(root: &Path) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    // Files come and go while we look.
    for entry in std::fs::read_dir(root).into_iter().flatten().flatten() {
        let Ok(metadata) = entry.metadata() else { continue };
        match metadata.is_dir() {
            true => found.extend(files(&entry.path())),
            false => found.push((entry.path().to_string_lossy().into_owned(), metadata.len())),
        }
    }
    found
}

fn bytes(root: &Path) -> u64 {
    files(root).iter().map(|(_, bytes)| bytes).sum()
}

/// Tidies up until nothing is borrowed and the disk holds little more than what is alive.
async fn quiesce(storage: &Storage, root: &Path, live: u64) -> MaintainReport {
    let begun = Instant::now();
    loop {
        let report = storage.maintain().await.unwrap();
        let small = bytes(root) * 100 <= live * DISK_PERCENT_MAX;
        if report.borrowing == 0 && report.parents_kept == 0 && small {
            return report;
        }
        if begun.elapsed() > Duration::from_secs(60) {
            for (path, bytes) in files(root) {
                println!("{bytes:>9} {path}");
            }
            panic!("{report:?}: {} bytes for {live} alive", bytes(root));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The largest manifest of a database, and how many databases there are.
fn manifests(root: &Path) -> (u64, usize) {
    let all = files(&root.join("data"));
    let manifests = all.iter().filter(|(path, _)| path.ends_with(".manifest"));
    let databases: HashSet<&str> = manifests
        .clone()
        .filter_map(|(path, _)| path.split_once("/manifest/").map(|(database, _)| database))
        .collect();
    (manifests.map(|(_, bytes)| *bytes).max().unwrap_or(0), databases.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_reslices_leave_little_more_than_what_is_alive() {
    let times = match std::env::var("FORESHARD_TEST_LONG") {
        Ok(_) => RESLICES_LONG,
        Err(_) => RESLICES,
    };
    let root = tempfile::tempdir().unwrap();
    let storage = Storage::open(hurried(root.path()), components()).await.unwrap();
    let orders = table(&storage, "orders", &["k01000", "k02000"]).await;
    let mut random = StdRng::seed_from_u64(1);
    for n in 0..KEYS {
        write(&orders, n, &mut random).await;
    }
    let written = reslice_under_load(&storage, &orders, times).await;
    let (manifest_bytes, databases) = manifests(root.path());
    assert!(databases <= RETIRED_MAX + PARTITIONS_MAX, "{databases} databases");
    println!(
        "{times} reslices, {written} writes: {} bytes on the disk, {databases} databases, largest \
         manifest {manifest_bytes} bytes",
        bytes(root.path())
    );
    let live = u64::from(KEYS) * (VALUE_BYTES as u64 + 6);
    quiesce(&storage, root.path(), live).await;
    let (manifest_bytes, databases) = manifests(root.path());
    assert_eq!(databases, orders.partition_map().partitions.len());
    assert!(manifest_bytes <= MANIFEST_BYTES_MAX, "a manifest of {manifest_bytes} bytes");
    let versions = files(&root.path().join("catalog/tables/orders")).len();
    assert!(versions <= VERSIONS_MAX, "{versions} versions of the table's record");
    let counted: u64 =
        orders.partition_sizes().await.unwrap().iter().map(|size| size.live_bytes).sum();
    // A quiet partition may keep an eighth beside its largest run.
    assert!(counted.abs_diff(live) * 100 <= live * 23, "{counted} counted, {live} alive");
    storage.close().await.unwrap();

    let begun = Instant::now();
    let storage = Storage::open(hurried(root.path()), components()).await.unwrap();
    println!(
        "quiet: {} bytes for {live} alive, largest manifest {manifest_bytes} bytes, {databases} \
         databases open in {:.0?}",
        bytes(root.path()),
        begun.elapsed()
    );
    let orders = storage.table("orders").unwrap();
    let all = crate::support::keys(&orders, types::KeyRange::full(), storage::Direction::Forward);
    assert_eq!(all.await, (0..KEYS).map(key).collect::<Vec<_>>());
    storage.close().await.unwrap();
}
