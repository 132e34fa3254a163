use super::*;
use object_store::memory::InMemory;
use slatedb_common::clock::SystemClock;
use types::ManualClock;

const STARTED_MS: i64 = 1_000_000;
const HOUR_MS: i64 = 3_600_000;

/// An engine that was started long ago, and goes by its own clock.
fn engine(store: &Arc<dyn ObjectStore>, started_ms: i64) -> Engine {
    let components = Components::new(Arc::new(ManualClock::new(0)), 1);
    let components = Components { started_ms: Some(started_ms), ..components };
    Engine::new(store.clone(), &StorageSettings::at("unused"), &components, None)
}

/// When a row was written, by its database's clock.
async fn written_ms(db: &Db) -> i64 {
    db.put("a", "1").await.unwrap();
    db.get_key_value("a").await.unwrap().unwrap().create_ts
}

/// If a child had its own clock, it would refuse to write when the wall clock was put back after its
/// parent was opened.
#[tokio::test(flavor = "multi_thread")]
async fn parents_and_children_have_one_clock() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let engine = engine(&store, STARTED_MS);
    let path = Engine::path(TableId(1), PartitionId(1));
    let parent = engine.open(&path).await.unwrap();
    let first_ms = written_ms(&parent).await;
    assert!((STARTED_MS..STARTED_MS + HOUR_MS).contains(&first_ms), "{first_ms}");
    flush_memtable(&parent).await.unwrap();
    let checkpoint = engine.checkpoint(&path).await.unwrap();
    let child = Engine::path(TableId(1), PartitionId(2));
    let source = CloneSource { path, checkpoint, range: KeyRange::full() };
    engine.clone_database(&child, &[source]).await.unwrap();
    let child = engine.open(&child).await.unwrap();
    let second_ms = written_ms(&child).await;
    assert!((first_ms..STARTED_MS + HOUR_MS).contains(&second_ms), "{second_ms}");
    child.close().await.unwrap();
    parent.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_set_back_goes_on_where_the_data_are() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let path = Engine::path(TableId(1), PartitionId(1));
    let db = engine(&store, STARTED_MS).open(&path).await.unwrap();
    let first_ms = written_ms(&db).await;
    flush_memtable(&db).await.unwrap();
    db.close().await.unwrap();

    let set_back = engine(&store, STARTED_MS - HOUR_MS);
    let manifest = set_back.manifest(&path).await.unwrap().unwrap();
    assert!(clock::newest_stamp(&manifest) >= first_ms);
    set_back.catch_up(&path, &manifest).await.unwrap();
    assert!(set_back.clock.now().timestamp_millis() >= first_ms);
    let db = set_back.open(&path).await.unwrap();
    assert!(written_ms(&db).await >= first_ms);
    flush_memtable(&db).await.unwrap();
    db.close().await.unwrap();
}
