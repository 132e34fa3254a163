//! Reslices at rest and under load.

use crate::support::{boundaries, get, keys, load, open, open_synced, put, reslice, table};
use bytes::Bytes;
use storage::{Direction, Reslice, StorageError};
use types::{KeyRange, PartitionId};

#[tokio::test(flavor = "multi_thread")]
async fn split_merge_shift_and_isolate_keep_every_item() {
    let root = tempfile::tempdir().unwrap();
    let storage = open(root.path()).await;
    let orders = table(&storage, "orders", &[]).await;
    let all: Vec<String> = (0..200).map(|n| format!("k{n:03}")).collect();
    for key in &all {
        put(&orders, key, key).await;
    }
    let steps: [(&[u64], &[&str]); 6] = [
        (&[1], &["k100"]),                 // split: 2, 3
        (&[2, 3], &["k050"]),              // shift: 4, 5
        (&[5], &["k150", "k150\0"]),       // isolate: 6, 7, 8
        (&[6, 7, 8], &[]),                 // merge: 9
        (&[4, 9], &[]),                    // merge: 10
        (&[10], &["a", "k010", "m", "n"]), // split with empty ends
    ];
    for (epoch, (sources, boundaries)) in (2..).zip(steps) {
        let report = reslice(&orders, sources, boundaries).await.unwrap();
        assert_eq!(report.epoch, epoch);
        assert_eq!(orders.partition_map().epoch, epoch);
        assert_eq!(keys(&orders, KeyRange::full(), Direction::Forward).await, all);
        let mut backward = keys(&orders, KeyRange::full(), Direction::Backward).await;
        backward.reverse();
        assert_eq!(backward, all);
        // The next step starts from files and from memory.
        put(&orders, "k120", &format!("epoch {epoch}")).await;
    }
    assert_eq!(boundaries(&orders), ["a", "k010", "m", "n"]);
    assert_eq!(get(&orders, "k120").await.as_deref(), Some("epoch 7"));
    storage.close().await.unwrap();

    let storage = open(root.path()).await;
    let again = storage.table("orders").unwrap();
    assert_eq!(again.partition_map(), orders.partition_map());
    assert_eq!(keys(&again, KeyRange::full(), Direction::Forward).await, all);
    assert_eq!(get(&again, "k120").await.as_deref(), Some("epoch 7"));
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_partitions_are_ordinary() {
    let root = tempfile::tempdir().unwrap();
    let storage = open(root.path()).await;
    let orders = table(&storage, "orders", &[]).await;
    reslice(&orders, &[1], &["g", "p"]).await.unwrap(); // an empty one: 2, 3, 4
    reslice(&orders, &[2, 3], &[]).await.unwrap(); // two empty ones: 5
    put(&orders, "z", "1").await;
    reslice(&orders, &[5, 4], &[]).await.unwrap(); // an empty one with another: 6
    reslice(&orders, &[6], &["m"]).await.unwrap(); // an empty child: 7, 8
    put(&orders, "a", "2").await;
    reslice(&orders, &[7, 8], &["b"]).await.unwrap(); // 9, 10
    orders.read_modify_write(b"a", |_| storage::Decision::Delete(())).await.unwrap();
    reslice(&orders, &[9, 10], &["y"]).await.unwrap(); // a tombstone only: 11, 12
    put(&orders, "c", "3").await;
    assert_eq!(keys(&orders, KeyRange::full(), Direction::Forward).await, ["c", "z"]);
    storage.close().await.unwrap();
    let storage = open(root.path()).await;
    let orders = storage.table("orders").unwrap();
    assert_eq!(keys(&orders, KeyRange::full(), Direction::Backward).await, ["z", "c"]);
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_does_not_fit_changes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let storage = open(root.path()).await;
    let orders = table(&storage, "orders", &["m"]).await;
    let map = orders.partition_map();
    for (sources, boundaries) in [(vec![9], vec!["c"]), (vec![2, 1], vec![]), (vec![1], vec!["m"])]
    {
        let sources = sources.into_iter().map(PartitionId).collect();
        let boundaries = boundaries.into_iter().map(Bytes::from).collect();
        let refused = orders.reslice(Reslice { sources, boundaries }).await.unwrap_err();
        assert!(matches!(refused, StorageError::Refused(_)), "{refused}");
    }
    assert_eq!(orders.partition_map(), map);
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribers_see_every_map() {
    let root = tempfile::tempdir().unwrap();
    let storage = open(root.path()).await;
    let orders = table(&storage, "orders", &[]).await;
    let mut maps = orders.subscribe();
    reslice(&orders, &[1], &["m"]).await.unwrap();
    maps.changed().await.unwrap();
    assert_eq!(*maps.borrow_and_update(), orders.partition_map());
    assert_eq!(orders.partition_of(b"a"), PartitionId(2));
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_go_on_through_splits_and_merges() {
    let root = tempfile::tempdir().unwrap();
    let storage = open_synced(root.path()).await;
    let orders = table(&storage, "orders", &[]).await;
    let load = load::Load::start(&orders, 16);
    load.wait_for(500).await;
    let mut pauses = Vec::new();
    for _ in 0..10 {
        let ids = load::ids(&orders);
        let boundary: &[&str] = if ids.len() == 1 { &["w08"] } else { &[] };
        let report = reslice(&orders, &ids, boundary).await.unwrap();
        pauses.push(report);
        load.wait_for(200).await;
    }
    let done = load.stop().await;
    load::print_pauses("splits and merges with 16 writers", &pauses);
    assert!(done.total() >= 2_500);
    load::check(&orders, &done).await;
    storage.close().await.unwrap();
}
