//! Kill -9 at every step of a change of the key order: the next process goes on with it, and nothing
//! that was acknowledged before, in between or afterwards is lost, doubled or undone.

use super::child::{Job, TABLE, Work};
use super::is_whole;
use super::ledger::Ledger;
use super::victim::Victim;
use crate::rekey::{open_hurried, orders};
use crate::support::open;
use storage::FaultPoint;

/// The points that a rekey passes, with which occurrence of it, and whether the new order is the
/// table's when the process dies there.
const POINTS: &[(FaultPoint, u64, bool)] = &[
    (FaultPoint::CatalogWriting, 1, false),
    (FaultPoint::CatalogWritten, 1, false),
    (FaultPoint::RekeyJournaled, 1, false),
    (FaultPoint::CatalogWriting, 2, false),
    (FaultPoint::CatalogWritten, 2, false),
    (FaultPoint::RekeyMade, 1, false),
    (FaultPoint::RekeyCapturing, 1, false),
    (FaultPoint::RekeyCopied, 1, false),
    (FaultPoint::RekeyCopied, 3, false),
    (FaultPoint::RekeyApplied, 1, false),
    (FaultPoint::RekeyApplied, 3, false),
    (FaultPoint::RekeySaved, 1, false),
    (FaultPoint::CatalogWriting, 3, false),
    (FaultPoint::CatalogWritten, 3, false),
    (FaultPoint::RekeyCaughtUp, 1, false),
    (FaultPoint::RekeyGated, 1, false),
    (FaultPoint::RekeyDrained, 1, false),
    (FaultPoint::RekeyPublished, 1, true),
    (FaultPoint::RekeyReleased, 1, true),
    (FaultPoint::RekeyCleaned, 1, true),
];

/// How often a process is killed while it changes the order all the time.
const RANDOM_KILLS: usize = 10;

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_step_of_a_rekey() {
    for &(point, nth, published) in POINTS {
        let root = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::default();
        // The process after the first one is killed, too, where it goes on.
        let works = [Work::Rekey { resumed: false }, Work::Rekey { resumed: true }];
        let works = if published { &works[..1] } else { &works[..] };
        for work in works {
            let context = format!("{point} {nth} {work:?}");
            println!("{context}");
            let mut victim = Victim::start(&Job::new(root.path(), *work).kill_at(point, nth));
            match work {
                Work::Rekey { resumed: false } => victim.wait_for_the_point(),
                // What is done already it does not pass again.
                _ => victim.wait_for_either("@point", "@resliced"),
            }
            ledger.add(victim.kill());
            is_whole(root.path(), &context).await;
            // A start without going on leaves it to the next.
            let storage = open_hurried(root.path()).await;
            ledger.check(&storage.table(TABLE).unwrap()).await;
            storage.close().await.unwrap();
        }
        check(root.path(), ledger, published, &format!("{point} {nth}")).await;
    }
}

/// Goes on with the rekey, if it is under way, and compares.
async fn check(root: &std::path::Path, mut ledger: Ledger, published: bool, context: &str) {
    let storage = open_hurried(root).await;
    let table = storage.table(TABLE).unwrap();
    ledger.check(&table).await;
    if published {
        assert_eq!((table.order(), table.pending_rekey()), (1, None), "{context}");
    }
    if table.order() == 0 {
        orders::rekey(&table, &["0", "1"])
            .await
            .unwrap_or_else(|error| panic!("{context}: {error}"));
    }
    assert_eq!(table.partition_map().partitions.len(), 3, "{context}");
    let more: Vec<String> = (0..100).map(|n| format!("more-{n:04}")).collect();
    futures::future::join_all(more.iter().map(|key| orders::put(&table, key, "1"))).await;
    ledger.expect_more(&more);
    ledger.check(&table).await;
    storage.close().await.unwrap();
    let storage = open(root).await;
    ledger.check(&storage.table(TABLE).unwrap()).await;
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_undoing_a_rekey() {
    for (point, nth) in [
        (FaultPoint::RekeyUndoing, 1),
        (FaultPoint::RekeyUndoDeleted, 1),
        (FaultPoint::CatalogWriting, 3),
        (FaultPoint::CatalogWritten, 3),
    ] {
        let root = tempfile::tempdir().unwrap();
        let job = Job::new(root.path(), Work::Rekey { resumed: false }).kill_at(point, nth);
        let mut victim = Victim::start(&job.fail_at(FaultPoint::RekeyCapturing));
        victim.wait_for_the_point();
        let mut ledger = Ledger::default();
        ledger.add(victim.kill());
        is_whole(root.path(), &format!("{point} {nth}")).await;
        check(root.path(), ledger, false, &format!("{point} {nth}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_while_changing_the_order_under_load() {
    let root = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::default();
    for round in 0..RANDOM_KILLS {
        let mut victim = Victim::start(&Job::new(root.path(), Work::RekeyForEver).synced());
        victim.wait_until_ready();
        match round % 2 {
            0 => victim.wait_for_several("@ack", 50 + 40 * round),
            _ => victim.wait_for_several("@resliced", 1),
        }
        ledger.add(victim.kill());
        is_whole(root.path(), &format!("round {round}")).await;
        let storage = open_hurried(root.path()).await;
        let table = storage.table(TABLE).unwrap();
        ledger.check(&table).await;
        println!("round {round}: {ledger}, order {}", table.order());
        storage.close().await.unwrap();
    }
    assert!(ledger.acknowledged > 500 && ledger.reslices >= 5, "{ledger}");
}
