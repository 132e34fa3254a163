use super::*;
use chrono::{DateTime, Utc};
use object_store::memory::InMemory;
use slatedb_common::clock::SystemClockTicker;
use std::pin::Pin;

/// A clock that stands still, and sleeps as others do.
#[derive(Debug)]
struct Stands(DateTime<Utc>, DefaultSystemClock);

impl SystemClock for Stands {
    fn now(&self) -> DateTime<Utc> {
        self.0
    }

    fn sleep<'a>(&'a self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        self.1.sleep(time)
    }

    fn ticker<'a>(&'a self, time: Duration) -> SystemClockTicker<'a> {
        SystemClockTicker::new(self, time)
    }
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
    const NOW_MS: i64 = 1_000_000;
    let settings = StorageSettings::at("unused");
    let mut engine = Engine::new(Arc::new(InMemory::new()), &settings, None);
    let now = DateTime::from_timestamp_millis(NOW_MS).unwrap();
    engine.clock = Arc::new(Stands(now, DefaultSystemClock::new()));
    let path = Engine::path(TableId(1), PartitionId(1));
    let parent = engine.open(&path).await.unwrap();
    assert_eq!(written_ms(&parent).await, NOW_MS);
    flush_memtable(&parent).await.unwrap();
    let checkpoint = engine.checkpoint(&path).await.unwrap();
    let child = Engine::path(TableId(1), PartitionId(2));
    let source = CloneSource { path, checkpoint, range: KeyRange::full() };
    engine.clone_database(&child, &[source]).await.unwrap();
    let child = engine.open(&child).await.unwrap();
    assert_eq!(written_ms(&child).await, NOW_MS);
    child.close().await.unwrap();
    parent.close().await.unwrap();
}
