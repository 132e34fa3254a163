//! The storage keys that crate `types` makes fit the key axis as it is reserved in
//! docs/adr/0002-key-layout.md.

use crate::support::{components, keys, open, put, settings, table};
use bytes::Bytes;
use proptest::prelude::*;
use slatedb::Db;
use storage::{
    AXIS_END, Decision, Direction, LogKind, NewTable, Storage, StorageError, StorageSettings,
};
use types::{KeyRange, KeyValue, PrimaryKey, Strategy as KeyStrategy, storage_key};

fn key_value() -> impl Strategy<Value = KeyValue> {
    let byte = prop_oneof![Just(0xff), Just(0x00), any::<u8>()];
    prop_oneof![
        prop::collection::vec(byte, 1..20).prop_map(|bytes| KeyValue::B(bytes.into())),
        ".{1,12}".prop_map(KeyValue::S),
        any::<i64>().prop_map(|number| KeyValue::N(number.to_string().parse().unwrap())),
    ]
}

proptest! {
    /// In hash order the ninth byte is a type byte, in range order the first one is; neither is 0xff.
    #[test]
    fn no_storage_key_reaches_the_reserved_area(
        partition in key_value(),
        sort in prop::option::of(key_value()),
    ) {
        let key = PrimaryKey { partition, sort };
        for strategy in [KeyStrategy::Hash, KeyStrategy::Composite, KeyStrategy::Range] {
            let stored = storage_key::encode(strategy, &key);
            prop_assert!(stored.as_ref() < &AXIS_END[..]);
            let first = if strategy == KeyStrategy::Range { 0 } else { 8 };
            prop_assert!(b"BNS".contains(&stored[first]));
        }
    }

    /// What is kept for an item collection lies between its items and the next collection.
    #[test]
    fn an_item_collection_is_contiguous_with_all_its_spaces(
        partition in key_value(),
        sort in key_value(),
        space: u8,
    ) {
        for strategy in [KeyStrategy::Hash, KeyStrategy::Range] {
            let prefix = storage_key::partition_prefix(strategy, &partition);
            let (item_space, collection) = prefix.split_last().unwrap();
            prop_assert_eq!(*item_space, storage_key::ITEM_SPACE);
            let key = PrimaryKey { partition: partition.clone(), sort: Some(sort.clone()) };
            let item = storage_key::encode(strategy, &key);
            prop_assert!(item.starts_with(&prefix));
            let mut other = collection.to_vec();
            other.push(space);
            other.extend_from_slice(&item[prefix.len()..]);
            prop_assert!(space == 0 || item.as_ref() < &other[..]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_boundaries_beyond_the_axis_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let storage = open(root.path()).await;
    let orders = table(&storage, "orders", &[]).await;
    let write = orders.read_modify_write(&AXIS_END, |_| Decision::Delete(())).await;
    assert!(matches!(write, Err(StorageError::Refused(_))));
    let beyond = NewTable {
        name: "beyond".to_owned(),
        definition: serde_json::Value::Null,
        boundaries: vec![Bytes::from_static(&AXIS_END)],
    };
    assert!(matches!(storage.create_table(beyond).await, Err(StorageError::Refused(_))));
    let sources = vec![orders.partition_of(b"a")];
    let reslice = storage::Reslice { sources, boundaries: vec![Bytes::from(vec![0xff; 10])] };
    assert!(matches!(orders.reslice(reslice).await, Err(StorageError::Refused(_))));
    storage.close().await.unwrap();
}

/// A record in the reserved area stays with its partition: no scan shows it, no child gets it. It is
/// put there behind the store's back, which only works if the database has a log of its own.
#[tokio::test(flavor = "multi_thread")]
async fn what_lies_beyond_the_axis_is_neither_scanned_nor_cloned() {
    let root = tempfile::tempdir().unwrap();
    let own_log = StorageSettings { log: LogKind::Engine, ..settings(root.path()) };
    let open = || async { Storage::open(own_log.clone(), components()).await.unwrap() };
    let storage = open().await;
    let orders = table(&storage, "orders", &[]).await;
    put(&orders, "a", "1").await;
    storage.close().await.unwrap();
    let hidden = [&AXIS_END[..], b"\x01record"].concat();
    let files = object_store::local::LocalFileSystem::new_with_prefix(root.path()).unwrap();
    let files = std::sync::Arc::new(files);
    let db = Db::open("data/t1/p1", files.clone()).await.unwrap();
    db.put(&hidden, b"kept").await.unwrap();
    db.close().await.unwrap();

    let storage = open().await;
    let orders = storage.table("orders").unwrap();
    for direction in [Direction::Forward, Direction::Backward] {
        assert_eq!(keys(&orders, KeyRange::full(), direction).await, ["a"]);
    }
    crate::support::reslice(&orders, &[1], &["m"]).await.unwrap();
    assert_eq!(keys(&orders, KeyRange::full(), Direction::Backward).await, ["a"]);
    storage.close().await.unwrap();
    let child = Db::open("data/t1/p3", files).await.unwrap();
    assert_eq!(child.get(&hidden).await.unwrap(), None);
    child.close().await.unwrap();
}
