//! Databases that stop on an error that SlateDB does not repeat: they are opened again, and nothing is
//! lost.

use crate::support::wire::{Fate, Request, Wire};
use crate::support::{components, get, keys, put, reslice, settings, table};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use storage::{Components, Decision, Direction, Storage, StorageError, StorageSettings, Table};
use types::KeyRange;

async fn try_put(table: &Table, key: &str) -> storage::Result<()> {
    let value = Bytes::from(vec![b'x'; 2_000]);
    table.read_modify_write(key.as_bytes(), |_| Decision::Put(value, ())).await
}

/// Writes key after key until the database has stopped; answers which were acknowledged.
async fn write_until_it_stops(table: &Table) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for n in 0..100_000 {
        let key = format!("k{n:06}");
        match try_put(table, &key).await {
            Ok(()) => acknowledged.push(key),
            Err(StorageError::Engine { .. }) => return acknowledged,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("it does not stop");
}

/// Waits until writes succeed again; in the meantime they fail as before.
async fn written_again(table: &Table, key: &str) {
    let again = async {
        while let Err(error) = try_put(table, key).await {
            assert!(matches!(error, StorageError::Engine { .. }), "{error}");
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), again).await.expect("writes go on");
}

async fn stop_and_go_on(settings: StorageSettings, wire: &Wire) {
    let wired = || Components { layer: Some(Arc::new(wire.clone())), ..components() };
    let storage = Storage::open(settings.clone(), wired()).await.unwrap();
    let orders = table(&storage, "orders", &["m"]).await;
    put(&orders, "a", "1").await;
    put(&orders, "z", "1").await;
    let mut acknowledged = vec!["a".to_owned()];
    for round in 0..2 {
        wire.rule(|request, path| {
            let stopping = request == Request::Put && path.contains("/p1/compacted/");
            if stopping { Fate::Missing } else { Fate::Done }
        });
        acknowledged.extend(write_until_it_stops(&orders).await);
        assert!(wire.met());
        assert_eq!(get(&orders, "z").await.as_deref(), Some("1"), "the others go on");
        put(&orders, "z", "1").await;
        wire.mend();
        let again = format!("again{round}");
        written_again(&orders, &again).await;
        acknowledged.push(again);
        let found = keys(&orders, KeyRange::full(), Direction::Forward).await;
        let lost: Vec<&String> = acknowledged.iter().filter(|key| !found.contains(key)).collect();
        assert!(lost.is_empty(), "{lost:?}");
    }
    // It can be resliced, and closed, as any other, once the opening has let go of the table.
    while let Err(error) = reslice(&orders, &[1], &["k"]).await {
        assert!(matches!(error, StorageError::Busy(_)), "{error}");
        tokio::task::yield_now().await;
    }
    put(&orders, "b", "2").await;
    acknowledged.push("b".to_owned());
    storage.close().await.unwrap();
    let storage = Storage::open(settings, wired()).await.unwrap();
    let orders = storage.table("orders").unwrap();
    let found = keys(&orders, KeyRange::full(), Direction::Forward).await;
    assert!(acknowledged.iter().all(|key| found.contains(key)));
    storage.close().await.unwrap();
}

fn small(settings: StorageSettings) -> StorageSettings {
    StorageSettings { memtable_bytes: 64 << 10, unflushed_bytes_max: 1 << 20, ..settings }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_stops_is_opened_again_and_nothing_is_lost() {
    let root = tempfile::tempdir().unwrap();
    stop_and_go_on(small(settings(root.path())), &Wire::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_stops_in_a_bucket_is_opened_again() {
    let bucket = StorageSettings {
        store: Some("s3://test/prefix".to_owned()),
        bucket_flush_ms: 1,
        bucket_poll_ms: 50,
        ..settings(std::path::Path::new("/nonexistent"))
    };
    stop_and_go_on(small(bucket), &Wire::in_memory()).await;
}

/// While that fails, nothing hangs, and closing works.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_closes_while_a_database_cannot_be_opened_again() {
    let (root, wire) = (tempfile::tempdir().unwrap(), Wire::new());
    let wired = Components { layer: Some(Arc::new(wire.clone())), ..components() };
    let storage = Storage::open(small(settings(root.path())), wired).await.unwrap();
    let orders = table(&storage, "orders", &[]).await;
    wire.rule(|request, path| match request == Request::Put && path.contains("/p1/") {
        true => Fate::Missing,
        false => Fate::Done,
    });
    let acknowledged = write_until_it_stops(&orders).await;
    let refused = try_put(&orders, "a").await.unwrap_err();
    assert!(matches!(refused, StorageError::Engine { .. }), "{refused}");
    let closing = tokio::time::timeout(Duration::from_secs(60), storage.close());
    // That one could not be closed in order is no secret.
    let _ = closing.await.expect("it ends");
    let storage = Storage::open(settings(root.path()), components()).await.unwrap();
    let orders = storage.table("orders").unwrap();
    let found = keys(&orders, KeyRange::full(), Direction::Forward).await;
    assert!(acknowledged.iter().all(|key| found.contains(key)));
    storage.close().await.unwrap();
}
