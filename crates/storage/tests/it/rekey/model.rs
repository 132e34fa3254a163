//! A table behaves like a sorted map, also while and after its key order changes.

use super::hurried;
use super::orders::{Text, modify, read, text};
use crate::support::components;
use bytes::Bytes;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeMap;
use std::sync::Arc;
use storage::{
    Decision, Direction, Rekey, RekeyReport, Storage, StorageError, StorageSettings, Table,
};
use tokio::task::JoinHandle;
use types::KeyRange;

/// Cases; each opens a store of its own.
const CASES: u32 = 24;
/// The most operations of a case.
const OPERATIONS_MAX: usize = 80;

#[derive(Clone, Debug)]
enum Operation {
    Put(String, u8),
    /// Only if it is there.
    PutIf(String, u8),
    Delete(String),
    Get(String),
    /// Reads all, or some of it and the rest later.
    Scan(bool),
    BeginScan,
    GoOn,
    /// Begins a change of the order, unless one is under way.
    Rekey,
    /// Waits for it.
    Finish,
    Cancel,
    Reopen,
}

fn name() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!['a', 'b', 'c']), 1..4)
        .prop_map(|letters| letters.into_iter().collect())
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        8 => (name(), any::<u8>()).prop_map(|(name, value)| Operation::Put(name, value)),
        4 => (name(), any::<u8>()).prop_map(|(name, value)| Operation::PutIf(name, value)),
        4 => name().prop_map(Operation::Delete),
        4 => name().prop_map(Operation::Get),
        2 => any::<bool>().prop_map(Operation::Scan),
        2 => Just(Operation::BeginScan),
        2 => Just(Operation::GoOn),
        4 => Just(Operation::Rekey),
        2 => Just(Operation::Finish),
        1 => Just(Operation::Cancel),
        1 => Just(Operation::Reopen),
    ]
}

#[test]
fn a_table_is_a_sorted_map_in_every_order() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let operations = prop::collection::vec(operation(), 1..OPERATIONS_MAX);
    TestRunner::new(config)
        .run(&operations, |operations| {
            runtime.block_on(Case::run(operations));
            Ok(())
        })
        .unwrap();
}

/// A scan under way: what was there all the time since it began must come, each once.
struct Watched {
    scan: storage::Scan,
    order: u64,
    seen: Vec<String>,
    /// Names that were there at the beginning and have not been deleted since.
    lasting: Vec<String>,
}

struct Case {
    root: tempfile::TempDir,
    storage: Arc<Storage>,
    table: Arc<Table>,
    model: BTreeMap<String, Bytes>,
    running: Option<JoinHandle<storage::Result<RekeyReport>>>,
    watched: Option<Watched>,
}

impl Case {
    async fn run(operations: Vec<Operation>) {
        let root = tempfile::tempdir().unwrap();
        let storage = Self::open(&root).await;
        let table = crate::support::table(&storage, "model", &["b"]).await;
        let mut case =
            Self { root, storage, table, model: BTreeMap::new(), running: None, watched: None };
        for operation in operations {
            case.apply(operation).await;
        }
        case.finish().await;
        case.go_on().await;
        case.reopen().await;
        case.finish().await;
        case.scan(true).await;
        case.storage.close().await.unwrap();
    }

    async fn open(root: &tempfile::TempDir) -> Arc<Storage> {
        let settings = StorageSettings {
            rekey_chunk_bytes: 10,
            // For the scans that are under way.
            rekey_grace_ms: 600_000,
            ..hurried(root.path())
        };
        Storage::open(settings, components()).await.unwrap()
    }

    async fn apply(&mut self, operation: Operation) {
        match operation {
            Operation::Put(name, value) => self.write(&name, Some(value), false).await,
            Operation::PutIf(name, value) => self.write(&name, Some(value), true).await,
            Operation::Delete(name) => self.write(&name, None, false).await,
            Operation::Get(name) => {
                let read = read(&self.table, &name).await.unwrap();
                assert_eq!(read.as_ref(), self.model.get(&name), "{name}");
            }
            Operation::Scan(forward) => self.scan(forward).await,
            Operation::BeginScan => self.begin_scan().await,
            Operation::GoOn => self.go_on().await,
            Operation::Rekey => self.rekey(),
            Operation::Finish => self.finish().await,
            Operation::Cancel => {
                if self.table.cancel_rekey().await.is_ok() {
                    self.finish().await;
                }
            }
            Operation::Reopen => self.reopen().await,
        }
    }

    async fn write(&mut self, name: &str, value: Option<u8>, only_if_there: bool) {
        let value = value.map(|value| Bytes::from(vec![value; 8]));
        let old = modify(&self.table, name, |old| match &value {
            Some(_) if only_if_there && old.is_none() => Decision::Keep(None),
            Some(value) => Decision::Put(value.clone(), old.cloned()),
            None => Decision::Delete(old.cloned()),
        });
        let old = old.await.unwrap();
        assert_eq!(old.as_ref(), self.model.get(name), "{name}");
        match value {
            Some(_) if only_if_there && old.is_none() => {}
            Some(value) => drop(self.model.insert(name.to_owned(), value)),
            None => {
                self.model.remove(name);
                if let Some(watched) = &mut self.watched {
                    watched.lasting.retain(|lasting| lasting != name);
                }
            }
        }
    }

    fn expected(&self, order: u64, forward: bool) -> Vec<(String, Bytes)> {
        let rows = self.model.iter().map(|(name, value)| (text(order, name), value.clone()));
        let mut rows: Vec<_> = rows.collect();
        rows.sort();
        if !forward {
            rows.reverse();
        }
        rows
    }

    async fn scan(&self, forward: bool) {
        let direction = if forward { Direction::Forward } else { Direction::Backward };
        let order = self.table.order();
        let mut scan = self.table.in_order(order).scan(KeyRange::full(), direction);
        let mut found = Vec::new();
        while let Some((key, value)) = scan.next().await.unwrap() {
            found.push((String::from_utf8(key.to_vec()).unwrap(), value));
        }
        assert_eq!(found, self.expected(order, forward));
    }

    async fn begin_scan(&mut self) {
        let order = self.table.order();
        let mut scan = self.table.in_order(order).scan(KeyRange::full(), Direction::Forward);
        let mut seen = Vec::new();
        if let Some((key, _)) = scan.next().await.unwrap() {
            seen.push(text(order, std::str::from_utf8(&key).unwrap()));
        }
        let lasting = self.model.keys().cloned().collect();
        self.watched = Some(Watched { scan, order, seen, lasting });
    }

    async fn go_on(&mut self) {
        let Some(Watched { mut scan, order, mut seen, lasting }) = self.watched.take() else {
            return;
        };
        let mut last = seen.last().map(|name| text(order, name)).unwrap_or_default();
        while let Some((key, _)) = scan.next().await.unwrap() {
            let key = String::from_utf8(key.to_vec()).unwrap();
            assert!(key > last, "{key} after {last}");
            seen.push(text(order, &key));
            last = key;
        }
        for name in lasting {
            assert!(seen.contains(&name), "{name} was there all the time, and was not seen");
        }
    }

    fn request(&self) -> Rekey {
        let to = self.table.order() + 1;
        Text { to }.request(if to.is_multiple_of(2) { &["b"] } else { &["ab", "c"] })
    }

    fn rekey(&mut self) {
        // As long as scans of the order before are served, another change is refused.
        let order = self.table.order();
        let too_early = order > 0 && self.table.serves_previous(order - 1);
        if self.running.is_none() && !too_early {
            let (table, request) = (self.table.clone(), self.request());
            self.running = Some(tokio::spawn(async move { table.rekey(request).await }));
        }
    }

    async fn finish(&mut self) {
        if let Some(running) = self.running.take() {
            match running.await.unwrap() {
                // Cancelled while it was pending, it may come too early for the next attempt.
                Ok(_) | Err(StorageError::Cancelled(_) | StorageError::Busy(_)) => {}
                Err(error) => panic!("{error}"),
            }
        } else if self.table.pending_rekey().is_some() {
            self.table.rekey(self.request()).await.unwrap();
        }
    }

    async fn reopen(&mut self) {
        self.watched = None;
        self.storage.close().await.unwrap();
        if let Some(running) = self.running.take() {
            // It may have ended before.
            let _ = running.await.unwrap();
        }
        self.storage = Self::open(&self.root).await;
        self.table = self.storage.table("model").unwrap();
    }
}
