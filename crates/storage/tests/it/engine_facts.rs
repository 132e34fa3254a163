//! Facts about SlateDB that this crate relies on and SlateDB does not promise. If one of these
//! fails after an update, read docs/storage.md before anything else.

use bytes::Bytes;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use slatedb::admin::AdminBuilder;
use slatedb::config::{
    CheckpointOptions, CheckpointScope, DurabilityLevel, FlushOptions, FlushType, PutOptions,
    ReadOptions, Settings, WriteOptions,
};
use slatedb::{CloneSourceSpec, Db};
use std::ops::Bound;
use std::sync::Arc;

fn store() -> Arc<dyn ObjectStore> {
    Arc::new(InMemory::new())
}

/// A database whose log is flushed only when it is asked to.
async fn open(store: &Arc<dyn ObjectStore>, path: &str) -> Db {
    let settings = Settings { flush_interval: None, ..Settings::default() };
    Db::builder(path, store.clone()).with_settings(settings).build().await.unwrap()
}

async fn put(db: &Db, key: &'static str) -> u64 {
    let (put, write) = (PutOptions::default(), WriteOptions::default());
    db.put_with_options(key, "1", &put, &write).await.unwrap().seqnum()
}

async fn flush_memtable(db: &Db) {
    let flush_type = FlushType::MemTable;
    db.flush_with_options(FlushOptions { flush_type }).await.unwrap();
}

/// So that the engine's own check finds the log replayed: see [`the_replay_point_lags`].
async fn flush_all(db: &Db) {
    db.flush().await.unwrap();
    flush_memtable(db).await;
}

type Part = (Bound<Bytes>, Bound<Bytes>);

fn below(end: &'static str) -> Part {
    (Bound::Unbounded, Bound::Excluded(Bytes::from(end)))
}

fn from(start: &'static str) -> Part {
    (Bound::Included(Bytes::from(start)), Bound::Unbounded)
}

async fn clone(
    store: &Arc<dyn ObjectStore>,
    child: &str,
    sources: Vec<(&str, Part)>,
) -> Result<(), slatedb::Error> {
    let mut specs = sources
        .into_iter()
        .map(|(path, part)| CloneSourceSpec::new(path).with_projection_range(part));
    let admin = AdminBuilder::new(child, store.clone()).build();
    let first = admin.create_clone_builder_from_source(specs.next().unwrap());
    specs.fold(first, |builder, spec| builder.with_source(spec)).build().await
}

#[tokio::test]
async fn a_read_shows_what_is_not_durable_unless_it_is_told_not_to() {
    let db = open(&store(), "db").await;
    put(&db, "a").await;
    let durable = ReadOptions::new().with_durability_filter(DurabilityLevel::Remote);
    assert!(db.get("a").await.unwrap().is_some());
    assert!(db.get_with_options("a", &durable).await.unwrap().is_none());
    db.flush().await.unwrap();
    assert!(db.get_with_options("a", &durable).await.unwrap().is_some());
    db.close().await.unwrap();
}

#[tokio::test]
async fn a_memtable_flush_returns_when_the_stored_manifest_has_everything() {
    let store = store();
    let db = open(&store, "db").await;
    let admin = AdminBuilder::new("db", store.clone()).build();
    for key in ["a", "b", "c"] {
        let seq = put(&db, key).await;
        flush_memtable(&db).await;
        let stored = admin.read_manifest(None).await.unwrap().unwrap();
        assert!(stored.last_l0_seq() >= seq);
    }
    db.close().await.unwrap();
}

#[tokio::test]
async fn a_database_that_was_killed_knows_its_last_sequence_number_when_it_is_open() {
    let store = store();
    let db = open(&store, "db").await;
    put(&db, "a").await;
    let seq = put(&db, "b").await;
    db.flush().await.unwrap();
    drop(db);
    let again = open(&store, "db").await;
    assert_eq!(again.subscribe().borrow().durable_seq, seq);
    again.close().await.unwrap();
}

/// Why clones are told that the log is empty, after it was asserted that everything is in files.
#[tokio::test]
async fn the_replay_point_lags() {
    let store = store();
    let parent = open(&store, "parent").await;
    let seq = put(&parent, "a").await;
    flush_memtable(&parent).await;
    assert_eq!(parent.manifest().last_l0_seq(), seq);
    let refused = clone(&store, "child", vec![("parent", below("m"))]).await.unwrap_err();
    assert!(refused.to_string().contains("WAL"), "{refused}");
    parent.close().await.unwrap();
}

#[tokio::test]
async fn sequence_numbers_go_on_in_clones_of_parts_and_of_unions() {
    let store = store();
    let parent = open(&store, "parent").await;
    put(&parent, "a").await;
    let last = put(&parent, "z").await;
    flush_all(&parent).await;
    parent.close().await.unwrap();
    clone(&store, "left", vec![("parent", below("m"))]).await.unwrap();
    clone(&store, "right", vec![("parent", from("m"))]).await.unwrap();
    let left = open(&store, "left").await;
    assert!(put(&left, "b").await > last);
    assert!(left.get("z").await.unwrap().is_none(), "it shows its part only");
    flush_all(&left).await;
    let last = put(&left, "c").await;
    flush_all(&left).await;
    left.close().await.unwrap();
    clone(&store, "both", vec![("left", below("m")), ("right", from("m"))]).await.unwrap();
    let both = open(&store, "both").await;
    assert!(put(&both, "d").await > last);
    for key in ["a", "b", "c", "d", "z"] {
        assert!(both.get(key).await.unwrap().is_some(), "{key}");
    }
    both.close().await.unwrap();
}

/// The trap because of which no path is ever used twice.
#[tokio::test]
async fn a_clone_onto_a_used_path_succeeds_and_keeps_what_was_there() {
    let store = store();
    let parent = open(&store, "parent").await;
    put(&parent, "a").await;
    flush_all(&parent).await;
    clone(&store, "child", vec![("parent", below("m"))]).await.unwrap();
    put(&parent, "b").await;
    flush_all(&parent).await;
    parent.close().await.unwrap();
    clone(&store, "child", vec![("parent", below("m"))]).await.unwrap();
    let child = open(&store, "child").await;
    assert!(child.get("a").await.unwrap().is_some());
    assert!(child.get("b").await.unwrap().is_none(), "the second clone did nothing");
    child.close().await.unwrap();
}

/// What a backup rests on: the cut is made by the call, not by the storing.
#[tokio::test]
async fn a_checkpoint_has_what_was_written_before_it_began_and_nothing_that_came_later() {
    let store = store();
    let db = open(&store, "db").await;
    for _ in 0..3 {
        let last = put(&db, "a").await;
        let scope = CheckpointScope::All;
        let pending = db.begin_checkpoint(scope, &CheckpointOptions::default()).await.unwrap();
        put(&db, "b").await;
        flush_all(&db).await;
        let made = pending.wait().await.unwrap();
        let admin = AdminBuilder::new("db", store.clone()).build();
        let kept = admin.read_manifest(Some(made.manifest_id)).await.unwrap().unwrap();
        assert_eq!(kept.last_l0_seq(), last);
    }
    db.close().await.unwrap();
}
