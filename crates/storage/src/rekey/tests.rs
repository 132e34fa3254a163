//! What cannot be seen from outside: steps that are cut short, and who may change the partitions
//! meanwhile.

use super::*;
use crate::faults::{Faults, Verdict};
use crate::{Components, Decision, NewTable, Storage, StorageSettings};
use async_trait::async_trait;
use parking_lot::Mutex;
use std::future::{Future, poll_fn};
use std::path::Path;
use std::sync::Weak;
use std::task::Poll;
use types::ManualClock;

#[derive(Debug)]
struct Reversed;

impl NewOrder for Reversed {
    fn key(&self, old: &[u8]) -> std::result::Result<Bytes, String> {
        Ok(old.iter().rev().copied().collect())
    }

    fn definition(&self, old: &serde_json::Value) -> serde_json::Value {
        old.clone()
    }
}

fn request() -> Rekey {
    Rekey { target: serde_json::json!(1), boundaries: Vec::new(), order: Arc::new(Reversed) }
}

/// What happens when a rekey begins to be undone.
#[derive(Debug, Default)]
struct AtUndo {
    table: Mutex<Weak<Table>>,
    /// Whether somebody else could have changed the partitions then, each time.
    unguarded: Mutex<Vec<bool>>,
    /// Fails this often.
    failures: Mutex<u64>,
}

#[async_trait]
impl Faults for AtUndo {
    async fn reached(&self, point: FaultPoint) -> Verdict {
        match point {
            FaultPoint::RekeyCaughtUp => Verdict::Fail,
            FaultPoint::RekeyUndoing => {
                let table = self.table.lock().upgrade();
                let unguarded = table.is_some_and(|table| table.workflow.try_lock().is_ok());
                self.unguarded.lock().push(unguarded);
                let mut failures = self.failures.lock();
                match *failures {
                    0 => Verdict::Proceed,
                    _ => {
                        *failures -= 1;
                        Verdict::Fail
                    }
                }
            }
            _ => Verdict::Proceed,
        }
    }
}

async fn start(root: &Path, hook: &Arc<AtUndo>) -> (Arc<Storage>, Arc<Table>) {
    let settings = StorageSettings { fsync: false, ..StorageSettings::at(root) };
    let components = Components::new(Arc::new(ManualClock::new(1_700_000_000_000)), 1);
    let components = Components { faults: hook.clone(), ..components };
    let storage = Storage::open(settings, components).await.unwrap();
    let (name, definition) = ("orders".to_owned(), serde_json::json!({}));
    let new = NewTable { name, definition, boundaries: Vec::new() };
    let table = storage.create_table(new).await.unwrap();
    *hook.table.lock() = Arc::downgrade(&table);
    (storage, table)
}

async fn put(table: &Table, key: &str) {
    let value = || Decision::Put(Bytes::from_static(b"1"), ());
    table.read_modify_write(key.as_bytes(), |_| value()).await.unwrap();
}

/// Whether it gets done without being woken more often than this.
async fn done_within(polls: usize, step: impl Future<Output = Result<()>>) -> bool {
    let (mut step, mut polled) = (Box::pin(step), 0);
    poll_fn(|context| {
        polled += 1;
        match polled > polls {
            true => Poll::Ready(false),
            false => step.as_mut().poll(context).map(|done| done.is_ok()),
        }
    })
    .await
}

#[tokio::test]
async fn a_cutover_that_is_cut_short_anywhere_is_repeated_without_losing_a_captured_key() {
    let root = tempfile::tempdir().unwrap();
    let (storage, table) = start(root.path(), &Arc::default()).await;
    let control = table.rekeying.begin(&table, &request().target).unwrap();
    let mut attempt = Attempt::begin(&table, &request(), control).await.unwrap();
    let opened = attempt.make().await.unwrap();
    let children = Arc::new(Children::new(table.id(), opened.clone(), &attempt.order));
    let captures = vec![attempt.sources[0].start_capture().await.unwrap()];
    let mut copies = attempt.copies(captures, &children);
    for polls in 1.. {
        put(&table, "ab").await;
        if done_within(polls, copies[0].drain()).await {
            assert!(polls > 1, "it waits for something");
            break;
        }
        copies[0].drain().await.unwrap();
    }
    drop(copies);
    close_all(&opened).await;
    storage.close().await.unwrap();
}

#[tokio::test]
async fn partitions_stay_as_they_are_while_a_rekey_is_undone() {
    let root = tempfile::tempdir().unwrap();
    let hook = Arc::new(AtUndo::default());
    let (storage, table) = start(root.path(), &hook).await;
    let failed = table.rekey(request()).await.unwrap_err();
    assert!(matches!(failed, StorageError::Injected(FaultPoint::RekeyCaughtUp)), "{failed}");
    assert_eq!(*hook.unguarded.lock(), [false]);
    assert!(table.workflow.try_lock().is_ok(), "and it is given back");
    storage.close().await.unwrap();
}

#[tokio::test]
async fn what_could_not_be_undone_is_pending_and_gone_on_with_when_its_turn_comes() {
    let root = tempfile::tempdir().unwrap();
    let hook = Arc::new(AtUndo::default());
    let (storage, table) = start(root.path(), &hook).await;
    *hook.failures.lock() = 1;
    let failed = table.rekey(request()).await.unwrap_err();
    assert!(matches!(failed, StorageError::Injected(FaultPoint::RekeyUndoing)), "{failed}");
    assert_eq!(table.pending_rekey(), Some(request().target));
    // Somebody else has the partitions: another one would be refused, this one waits.
    let housekeeping = table.begin_workflow().unwrap();
    let mut again = Box::pin(table.rekey(request()));
    assert!(futures::poll!(&mut again).is_pending());
    drop(housekeeping);
    let failed = again.await.unwrap_err();
    assert!(matches!(failed, StorageError::Injected(FaultPoint::RekeyCaughtUp)), "{failed}");
    assert_eq!(table.pending_rekey(), None);
    storage.close().await.unwrap();
}
