//! Requests of many clients at once, on the same keys, while partitions change under them.

use crate::support::{load, open, put, reslice, table};
use bytes::Bytes;
use futures::FutureExt;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use storage::{Decision, Direction, StorageError, Table};
use types::KeyRange;

/// Takes the next number of a counter that everybody takes numbers of.
async fn take_number(table: &Table, key: &str) -> u64 {
    let taken = table.read_modify_write(key.as_bytes(), |old| {
        let number: u64 = old.map_or(0, |old| std::str::from_utf8(old).unwrap().parse().unwrap());
        Decision::Put(Bytes::from((number + 1).to_string()), number)
    });
    taken.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn conditional_writes_of_one_key_are_atomic_during_reslices() {
    const CLIENTS: u64 = 12;
    const HOT_KEYS: [&str; 3] = ["a", "m", "z"];
    let root = tempfile::tempdir().unwrap();
    let storage = open(root.path()).await;
    let counters = table(&storage, "counters", &[]).await;
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (table, stop) = (counters.clone(), stop.clone());
            tokio::spawn(async move {
                let mut taken = Vec::new();
                while !stop.load(Ordering::SeqCst) {
                    for key in HOT_KEYS {
                        taken.push((key, take_number(&table, key).await));
                    }
                }
                taken
            })
        })
        .collect();
    for boundaries in [&["m"][..], &["b", "m\0"], &[], &["n"], &["c", "k", "z"], &[]] {
        let ids = load::ids(&counters);
        reslice(&counters, &ids, boundaries).await.unwrap();
    }
    stop.store(true, Ordering::SeqCst);
    let mut taken = Vec::new();
    for client in clients {
        taken.extend(client.await.unwrap());
    }
    for key in HOT_KEYS {
        let mine: Vec<u64> = taken.iter().filter(|(k, _)| *k == key).map(|(_, n)| *n).collect();
        let distinct: BTreeSet<u64> = mine.iter().copied().collect();
        assert_eq!(distinct.len(), mine.len(), "{key}: a number was given out twice");
        assert_eq!(distinct.last(), Some(&(mine.len() as u64 - 1)), "{key}: a number is missing");
        assert_eq!(take_number(&counters, key).await, mine.len() as u64);
    }
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn scans_see_every_settled_key_once_during_reslices() {
    let root = tempfile::tempdir().unwrap();
    let storage = open(root.path()).await;
    let orders = table(&storage, "orders", &["k300", "k600"]).await;
    let all: Vec<String> = (0..900).map(|n| format!("k{n:03}")).collect();
    futures::future::join_all(all.iter().map(|key| put(&orders, key, key))).await;
    for direction in [Direction::Forward, Direction::Backward] {
        let mut scan = orders.scan(KeyRange::full(), direction);
        let mut found = Vec::new();
        for step in 0.. {
            // Change the map under the scan: behind it, where it stands, and ahead of it.
            if step % 200 == 100 {
                let ids = load::ids(&orders);
                let boundaries: &[&str] =
                    if ids.len() == 4 { &["k300"] } else { &["k050", "k101", "k777"] };
                reslice(&orders, &ids, boundaries).await.unwrap();
            }
            let Some((key, value)) = scan.next().await.unwrap() else {
                break;
            };
            assert_eq!(key, value);
            found.push(String::from_utf8(key.to_vec()).unwrap());
        }
        if direction == Direction::Backward {
            found.reverse();
        }
        assert_eq!(found, all);
        assert!(scan.next().await.unwrap().is_none(), "a finished scan stays finished");
    }
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_reslices_at_once_one_is_told_to_wait() {
    let root = tempfile::tempdir().unwrap();
    let storage = open(root.path()).await;
    let orders = table(&storage, "orders", &["m"]).await;
    let (first, second) =
        tokio::join!(reslice(&orders, &[1], &["c"]), reslice(&orders, &[2], &["r"]));
    let busy = [first, second].into_iter().filter_map(Result::err).collect::<Vec<_>>();
    assert!(matches!(busy[..], [StorageError::Busy(_)]), "{busy:?}");
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reslice_whose_caller_goes_away_runs_to_its_end() {
    let root = tempfile::tempdir().unwrap();
    let storage = open(root.path()).await;
    let orders = table(&storage, "orders", &[]).await;
    let mut maps = orders.subscribe();
    assert!(reslice(&orders, &[1], &["m"]).now_or_never().is_none());
    maps.changed().await.unwrap();
    assert_eq!(orders.partition_map().partitions.len(), 2);
    put(&orders, "z", "1").await;
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_goes_away_does_not_let_another_one_in_too_early() {
    let root = tempfile::tempdir().unwrap();
    let storage = open(root.path()).await;
    let counters = table(&storage, "counters", &[]).await;
    let mut abandoned = 0;
    let mut next = 0;
    for _ in 0..300 {
        // Polled once, which may hand the write over, and dropped.
        if take_number(&counters, "n").now_or_never().is_none() {
            abandoned += 1;
        }
        let number = take_number(&counters, "n").await;
        assert!((next..=next + 1).contains(&number), "{number} after {next}");
        next = number + 1;
    }
    assert!(abandoned > 0 && next > 300, "some abandoned writes took place: {next}");
    storage.close().await.unwrap();
}
