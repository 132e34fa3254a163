//! Tables, keys, scans, and what is left of them after closing and opening again.

use crate::support::wire::Wire;
use crate::support::{components, get, keys, open_synced as open, put, settings, table};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use storage::{Components, Decision, Direction, NewTable, Storage, StorageError, StorageSettings};
use types::{KeyRange, PartitionId};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_stored_is_read_after_opening_again() {
    let root = tempfile::tempdir().unwrap();
    let storage = open(root.path()).await;
    let orders = table(&storage, "orders", &["g", "p"]).await;
    for key in ["a", "g", "k", "z"] {
        put(&orders, key, &format!("value of {key}")).await;
    }
    orders.read_modify_write(b"k", |_| Decision::Delete(())).await.unwrap();
    storage.close().await.unwrap();

    let storage = open(root.path()).await;
    let again = storage.table("orders").unwrap();
    assert_eq!((again.id(), again.created_ms()), (orders.id(), orders.created_ms()));
    assert_eq!(again.partition_map(), orders.partition_map());
    assert_eq!(again.definition()["note"], "orders");
    assert_eq!(get(&again, "g").await.as_deref(), Some("value of g"));
    assert_eq!(get(&again, "k").await, None);
    assert_eq!(again.partition_of(b"g"), PartitionId(2));
    assert_eq!(keys(&again, KeyRange::full(), Direction::Forward).await, ["a", "g", "z"]);
    assert_eq!(keys(&again, KeyRange::full(), Direction::Backward).await, ["z", "g", "a"]);
    let middle = KeyRange::new("b", Some("z".into()));
    assert_eq!(keys(&again, middle, Direction::Backward).await, ["g"]);
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_judges_the_newest_version() {
    let root = tempfile::tempdir().unwrap();
    let storage = open(root.path()).await;
    let counters = table(&storage, "counters", &[]).await;
    let add_one = |old: Option<&Bytes>| {
        let old: u64 = old.map_or(0, |old| std::str::from_utf8(old).unwrap().parse().unwrap());
        Decision::Put((old + 1).to_string().into(), old)
    };
    let adders = (0..200).map(|_| counters.read_modify_write(b"n", add_one));
    let mut seen: Vec<u64> =
        futures::future::join_all(adders).await.into_iter().map(Result::unwrap).collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..200).collect::<Vec<_>>(), "each saw another value");
    assert_eq!(get(&counters, "n").await.as_deref(), Some("200"));
    let kept = counters.read_modify_write(b"n", |old| Decision::Keep(old.cloned())).await.unwrap();
    assert_eq!(kept.as_deref(), Some(&b"200"[..]));
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_refused_with_a_reason() {
    let root = tempfile::tempdir().unwrap();
    let storage = open(root.path()).await;
    let orders = table(&storage, "orders", &[]).await;
    let again = NewTable {
        name: "orders".to_owned(),
        definition: serde_json::Value::Null,
        boundaries: vec![],
    };
    let error = storage.create_table(again.clone()).await.unwrap_err();
    assert!(matches!(error, StorageError::TableExists(name) if name == "orders"));
    let falling =
        NewTable { name: "falling".to_owned(), boundaries: vec!["m".into(), "c".into()], ..again };
    let error = storage.create_table(falling).await.unwrap_err();
    assert!(error.to_string().contains("must rise"), "{error}");
    let error = orders.read_modify_write(b"", |_| Decision::Delete(())).await.unwrap_err();
    assert!(matches!(error, StorageError::Refused(_)), "{error}");
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_opener_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let storage = open(root.path()).await;
    let second =
        storage::Storage::open(crate::support::settings(root.path()), crate::support::components());
    assert!(matches!(second.await, Err(StorageError::Locked(_))));
    storage.close().await.unwrap();
    open(root.path()).await.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_is_replaced_and_kept() {
    let root = tempfile::tempdir().unwrap();
    let storage = open(root.path()).await;
    let orders = table(&storage, "orders", &[]).await;
    orders
        .update_definition(|old| serde_json::json!({ "was": old["note"], "limit": 5 }))
        .await
        .unwrap();
    assert_eq!(orders.definition()["limit"], 5);
    storage.close().await.unwrap();
    let storage = open(root.path()).await;
    let definition = storage.table("orders").unwrap().definition();
    assert_eq!(*definition, serde_json::json!({ "was": "orders", "limit": 5 }));
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_store_turns_every_call_away() {
    let root = tempfile::tempdir().unwrap();
    let storage = open(root.path()).await;
    let orders = table(&storage, "orders", &["m"]).await;
    put(&orders, "a", "1").await;
    let mut scan = orders.scan(KeyRange::full(), Direction::Forward);
    storage.close().await.unwrap();
    assert!(matches!(orders.get(b"a").await, Err(StorageError::Closed)));
    let write = orders.read_modify_write(b"a", |_| Decision::Delete(())).await;
    assert!(matches!(write, Err(StorageError::Closed)));
    assert!(matches!(scan.next().await, Err(StorageError::Closed)));
    // Nothing is written any more: the directory may be another process's.
    let redefined = orders.update_definition(|_| serde_json::Value::Null).await;
    assert!(matches!(redefined, Err(StorageError::Closed)));
    let resliced = crate::support::reslice(&orders, &[1], &["c"]).await;
    assert!(matches!(resliced, Err(StorageError::Closed)));
    assert!(matches!(storage.drop_table("orders").await, Err(StorageError::Closed)));
    let put = storage.blobs().put("x", Bytes::new()).await;
    assert!(matches!(put, Err(StorageError::Closed)));
    storage.close().await.unwrap();
}

/// How many requests for sorted files a scan of some 200 kB makes.
async fn requests_of_a_scan(root: &std::path::Path, scan_ahead_bytes: usize) -> u64 {
    let wire = Wire::new();
    let wired = Components { layer: Some(Arc::new(wire.clone())), ..components() };
    let ahead = StorageSettings { scan_ahead_bytes, ..settings(root) };
    let storage = Storage::open(ahead, wired).await.unwrap();
    let orders = storage.table("orders").unwrap();
    let reads = wire.count_reads_of_files();
    assert_eq!(keys(&orders, KeyRange::full(), Direction::Forward).await.len(), 100);
    storage.close().await.unwrap();
    reads.load(Ordering::SeqCst)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_reads_ahead_as_far_as_it_is_told() {
    let root = tempfile::tempdir().unwrap();
    let storage = open(root.path()).await;
    let orders = table(&storage, "orders", &[]).await;
    for n in 0..100 {
        put(&orders, &format!("k{n:03}"), &"x".repeat(2_000)).await;
    }
    storage.close().await.unwrap();
    let near = requests_of_a_scan(root.path(), 4 << 10).await;
    let far = requests_of_a_scan(root.path(), 64 << 10).await;
    assert!(far * 4 < near, "{far} requests with 64 kB ahead, {near} with 4 kB");
}
