//! Kill -9: whatever moment a process dies at, what it acknowledged is there afterwards, once, and
//! what it revealed stays true.
//!
//! The test starts its own binary again as a child ([`child`]) that opens a store and writes, reads
//! and reslices, reporting on a pipe. The parent ([`victim`]) kills it, opens the store itself, and
//! compares ([`ledger`]).

mod backup;
mod child;
mod ledger;
mod rekey;
mod victim;

use crate::support::{get, load, open, put, reslice, unless_locked};
use child::{Job, TABLE, Work};
use ledger::Ledger;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::time::Duration;
use storage::{FaultPoint, Storage};
use victim::Victim;

/// How many times a process is killed at random.
const RANDOM_KILLS: u64 = 20;
/// How many writes, or how many reslices, a process lives to see, at most; then it has up to some
/// milliseconds.
const WRITES_MAX: usize = 300;
const RESLICES_MAX: usize = 3;
const LAST_MS_MAX: u64 = 60;

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_while_reslicing_under_load() {
    let seed = seed();
    println!("seed {seed} (set FORESHARD_TEST_SEED to repeat the choices)");
    let mut random = StdRng::seed_from_u64(seed);
    let root = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::default();
    for round in 0..RANDOM_KILLS {
        let job = Job::new(root.path(), Work::ResliceForEver { seed: random.random() });
        let mut victim = Victim::start(&job.synced());
        victim.wait_until_ready();
        match round % 2 {
            0 => victim.wait_for_several("@ack", random.random_range(1..=WRITES_MAX)),
            _ => victim.wait_for_several("@resliced", random.random_range(1..=RESLICES_MAX)),
        }
        std::thread::sleep(Duration::from_millis(random.random_range(0..LAST_MS_MAX)));
        ledger.add(victim.kill());
        is_whole(root.path(), &format!("round {round}")).await;
        let storage = open(root.path()).await;
        let table = storage.table(TABLE).unwrap();
        ledger.check(&table).await;
        println!("round {round}: {ledger}, {} partitions", table.partition_map().partitions.len());
        storage.close().await.unwrap();
    }
    assert!(ledger.acknowledged > 1_000 && ledger.reslices > 10, "{ledger}");
}

/// What a kill leaves behind is no damage.
async fn is_whole(root: &std::path::Path, context: &str) {
    let report = unless_locked(async || Storage::check(root).await).await;
    assert!(report.is_whole(), "{context}: {:?}", report.findings);
}

fn seed() -> u64 {
    let given = std::env::var("FORESHARD_TEST_SEED").ok();
    given.map_or(20_240_601, |given| given.parse().unwrap())
}

/// The points that a reslice passes, with which occurrence of it, and whether the map is the new
/// one when the process dies there.
const RESLICE_POINTS: &[(FaultPoint, u64, bool)] = &[
    (FaultPoint::CatalogWriting, 1, false),
    (FaultPoint::CatalogWritten, 1, false),
    (FaultPoint::ResliceJournaled, 1, false),
    (FaultPoint::ReslicePrepared, 1, false),
    (FaultPoint::ResliceKeeping, 1, false),
    (FaultPoint::ResliceSealed, 1, false),
    (FaultPoint::ResliceFirstCloned, 1, false),
    (FaultPoint::ResliceCloned, 1, false),
    (FaultPoint::ResliceOpened, 1, false),
    (FaultPoint::ResliceCaughtUp, 1, false),
    (FaultPoint::ResliceGated, 1, false),
    (FaultPoint::ResliceDrained, 1, false),
    (FaultPoint::CatalogWriting, 2, false),
    (FaultPoint::CatalogWritten, 2, true),
    (FaultPoint::ReslicePublished, 1, true),
    (FaultPoint::ResliceReleased, 1, true),
    (FaultPoint::ResliceCleaned, 1, true),
];

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_step_of_a_split() {
    for &(point, nth, published) in RESLICE_POINTS {
        kill_in_reslice(Work::Split { empty: false }, point, nth, published).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_step_of_a_merge() {
    for &(point, nth, published) in RESLICE_POINTS {
        kill_in_reslice(Work::Merge { empty: false }, point, nth, published).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_splitting_and_merging_empty_partitions() {
    for work in [Work::Split { empty: true }, Work::Merge { empty: true }] {
        kill_in_reslice(work, FaultPoint::ResliceCloned, 1, false).await;
        kill_in_reslice(work, FaultPoint::ReslicePublished, 1, true).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_undoing_a_reslice() {
    for work in [Work::Split { empty: false }, Work::Merge { empty: false }] {
        for (point, nth) in [
            (FaultPoint::UndoStarted, 1),
            (FaultPoint::UndoDeleted, 1),
            (FaultPoint::CatalogWriting, 2),
            (FaultPoint::CatalogWritten, 2),
        ] {
            let root = tempfile::tempdir().unwrap();
            let job = Job::new(root.path(), work).kill_at(point, nth);
            let job = job.fail_at(FaultPoint::ResliceDrained);
            check_after_reslice(root.path(), work, &job, false).await;
        }
    }
}

/// The points that the node log passes, and which occurrence of it.
const LOG_POINTS: &[(FaultPoint, u64)] = &[
    (FaultPoint::LogFrameWritten, 1),
    (FaultPoint::LogFrameWritten, 40),
    (FaultPoint::LogFrameSynced, 1),
    (FaultPoint::LogFrameSynced, 40),
    (FaultPoint::LogSegmentPrepared, 1),
    (FaultPoint::LogSegmentPrepared, 5),
    (FaultPoint::LogSegmentRolled, 1),
    (FaultPoint::LogSegmentRolled, 5),
    (FaultPoint::LogSegmentReleased, 1),
    (FaultPoint::LogSegmentReleased, 3),
    (FaultPoint::LogSegmentRemoved, 1),
    (FaultPoint::LogSegmentRemoved, 3),
];

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_step_of_the_log() {
    for &(point, nth) in LOG_POINTS {
        kill_in_reslice(Work::Write, point, nth, true).await;
    }
}

async fn kill_in_reslice(work: Work, point: FaultPoint, nth: u64, published: bool) {
    let root = tempfile::tempdir().unwrap();
    let job = Job::new(root.path(), work).kill_at(point, nth);
    check_after_reslice(root.path(), work, &job, published).await;
}

/// Lets a process die in a reslice, and then: everything is there, the map is the old or the new
/// one, 1,000 more items can be written, and the reslice can be run (again).
async fn check_after_reslice(root: &std::path::Path, work: Work, job: &Job, published: bool) {
    let context = format!("{job:?}");
    let mut victim = Victim::start(job);
    victim.wait_for_the_point();
    let mut ledger = Ledger::default();
    ledger.add(victim.kill());
    is_whole(root, &context).await;
    let storage = open(root).await;
    let table = storage.table(TABLE).unwrap();
    ledger.check(&table).await;
    let (before, after) = work.partitions();
    let found = table.partition_map().partitions.len();
    assert_eq!(found, if published { after } else { before }, "{context}");

    let more: Vec<String> = (0..1_000).map(|n| format!("more-{n:04}")).collect();
    futures::future::join_all(more.iter().map(|key| put(&table, key, "1"))).await;
    let ids = load::ids(&table);
    let boundary: &[&str] = if ids.len() == 1 { &["n"] } else { &[] };
    reslice(&table, &ids, boundary).await.unwrap_or_else(|error| panic!("{context}: {error}"));
    ledger.expect_more(&more);
    ledger.check(&table).await;
    storage.close().await.unwrap();
    let storage = open(root).await;
    ledger.check(&storage.table(TABLE).unwrap()).await;
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_making_a_table() {
    for (point, exists) in [
        (FaultPoint::CreateNumbered, false),
        (FaultPoint::CreatePrepared, false),
        (FaultPoint::CatalogWriting, false),
        (FaultPoint::CatalogWritten, true),
    ] {
        let root = tempfile::tempdir().unwrap();
        // The first catalog write of a new table numbers it, the second makes it.
        let nth = if exists { 2 } else { 1 };
        let mut victim = Victim::start(&Job::new(root.path(), Work::Create).kill_at(point, nth));
        victim.wait_for_the_point();
        victim.kill();
        is_whole(root.path(), &format!("{point}")).await;
        let storage = open(root.path()).await;
        assert_eq!(storage.table("second").is_some(), exists, "{point}");
        assert_eq!(get(&storage.table(TABLE).unwrap(), "kept").await.as_deref(), Some("1"));
        if !exists {
            let second = crate::support::table(&storage, "second", &["g", "p"]).await;
            put(&second, "a", "1").await;
            assert_eq!(get(&second, "a").await.as_deref(), Some("1"));
        }
        storage.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_dropping_a_table() {
    for (point, nth, exists) in [
        (FaultPoint::CatalogWriting, 1, true),
        (FaultPoint::CatalogWritten, 1, false),
        (FaultPoint::DropJournaled, 1, false),
        (FaultPoint::DropDeleted, 1, false),
    ] {
        let root = tempfile::tempdir().unwrap();
        let mut victim = Victim::start(&Job::new(root.path(), Work::Drop).kill_at(point, nth));
        victim.wait_for_the_point();
        victim.kill();
        is_whole(root.path(), &format!("{point}")).await;
        let storage = open(root.path()).await;
        let found = storage.table(TABLE);
        assert_eq!(found.is_some(), exists, "{point}");
        if let Some(table) = found {
            assert_eq!(get(&table, "kept").await.as_deref(), Some("1"));
            storage.drop_table(TABLE).await.unwrap();
        }
        let again = crate::support::table(&storage, TABLE, &[]).await;
        assert_eq!(get(&again, "kept").await, None, "{point}");
        storage.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_letting_go_of_parents() {
    for (point, nth) in [
        (FaultPoint::RetireDeleting, 1),
        (FaultPoint::RetireDeleted, 1),
        (FaultPoint::CatalogWritten, 1),
    ] {
        let root = tempfile::tempdir().unwrap();
        let mut victim = Victim::start(&Job::new(root.path(), Work::Maintain).kill_at(point, nth));
        victim.wait_for_the_point();
        let mut ledger = Ledger::default();
        ledger.add(victim.kill());
        is_whole(root.path(), &format!("{point}")).await;
        let storage = open(root.path()).await;
        ledger.check(&storage.table(TABLE).unwrap()).await;
        storage.maintain().await.unwrap();
        ledger.check(&storage.table(TABLE).unwrap()).await;
        storage.close().await.unwrap();
    }
}
