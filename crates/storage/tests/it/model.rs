//! A table behaves like a sorted map, whatever is done to its partitions meanwhile.

use crate::support::{components, settings};
use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use storage::{Decision, Direction, NewTable, Reslice, Storage, StorageSettings, Table};
use types::KeyRange;

/// Cases; each opens a store of its own.
const CASES: u32 = 16;
/// The most operations of a case.
const OPERATIONS_MAX: usize = 60;

type Model = BTreeMap<Bytes, Bytes>;

#[derive(Clone, Debug)]
enum Operation {
    Put(Bytes, u8),
    Delete(Bytes),
    Get(Bytes),
    Scan(Bytes, Option<Bytes>, bool),
    /// From which partition to which, and boundaries, of which those that fit are used.
    Reslice(Index, Index, Vec<Bytes>),
    Maintain,
    Reopen,
}

/// Short keys over few bytes, the smallest and the largest among them, so that many are prefixes
/// of others and boundaries fall onto keys.
fn key() -> impl Strategy<Value = Bytes> {
    let byte = prop::sample::select(vec![0x00, 0x01, b'a', b'b', 0xff]);
    prop::collection::vec(byte, 1..4).prop_map(Bytes::from)
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        8 => (key(), any::<u8>()).prop_map(|(key, value)| Operation::Put(key, value)),
        3 => key().prop_map(Operation::Delete),
        4 => key().prop_map(Operation::Get),
        4 => (key(), prop::option::of(key()), any::<bool>())
            .prop_map(|(start, end, forward)| Operation::Scan(start, end, forward)),
        4 => (any::<Index>(), any::<Index>(), prop::collection::vec(key(), 0..3))
            .prop_map(|(from, to, boundaries)| Operation::Reslice(from, to, boundaries)),
        1 => Just(Operation::Maintain),
        1 => Just(Operation::Reopen),
    ]
}

#[test]
fn a_table_is_a_sorted_map() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    // No regression file: a failing case is printed and belongs into a test of its own.
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let operations = prop::collection::vec(operation(), 1..OPERATIONS_MAX);
    TestRunner::new(config)
        .run(&operations, |operations| {
            runtime.block_on(Case::run(operations));
            Ok(())
        })
        .unwrap();
}

struct Case {
    root: tempfile::TempDir,
    storage: Arc<Storage>,
    table: Arc<Table>,
    model: Model,
}

impl Case {
    async fn run(operations: Vec<Operation>) {
        let root = tempfile::tempdir().unwrap();
        let storage = Self::open(&root).await;
        let new = NewTable {
            name: "model".to_owned(),
            definition: serde_json::Value::Null,
            boundaries: vec!["a".into()],
        };
        let table = storage.create_table(new).await.unwrap();
        let mut case = Self { root, storage, table, model: Model::new() };
        for operation in operations {
            case.apply(operation).await;
        }
        case.reopen().await;
        case.scan(KeyRange::full(), Direction::Forward).await;
        case.storage.close().await.unwrap();
    }

    async fn open(root: &tempfile::TempDir) -> Arc<Storage> {
        let hurried =
            StorageSettings { compaction_poll_ms: 20, scan_grace_ms: 100, ..settings(root.path()) };
        Storage::open(hurried, components()).await.unwrap()
    }

    async fn apply(&mut self, operation: Operation) {
        match operation {
            Operation::Put(key, value) => {
                let value = Bytes::from(vec![value; 20]);
                self.write(&key, Some(value)).await;
            }
            Operation::Delete(key) => self.write(&key, None).await,
            Operation::Get(key) => {
                let got = self.table.get(&key).await.unwrap();
                assert_eq!(got.as_ref(), self.model.get(&key));
            }
            Operation::Scan(start, end, forward) => {
                let direction = if forward { Direction::Forward } else { Direction::Backward };
                self.scan(KeyRange { start, end }, direction).await;
            }
            Operation::Reslice(from, to, boundaries) => self.reslice(from, to, boundaries).await,
            Operation::Maintain => {
                self.storage.maintain().await.unwrap();
            }
            Operation::Reopen => self.reopen().await,
        }
    }

    async fn write(&mut self, key: &Bytes, value: Option<Bytes>) {
        let old = self.table.read_modify_write(key, |old| match &value {
            Some(value) => Decision::Put(value.clone(), old.cloned()),
            None => Decision::Delete(old.cloned()),
        });
        let expected = match &value {
            Some(value) => self.model.insert(key.clone(), value.clone()),
            None => self.model.remove(key),
        };
        assert_eq!(old.await.unwrap(), expected);
    }

    async fn scan(&self, range: KeyRange, direction: Direction) {
        let mut scan = self.table.scan(range.clone(), direction);
        let mut found = Vec::new();
        while let Some(row) = scan.next().await.unwrap() {
            found.push(row);
        }
        if direction == Direction::Backward {
            found.reverse();
        }
        let expected: Vec<(Bytes, Bytes)> = match range.is_empty() {
            true => Vec::new(),
            false => {
                let end = range.end.map_or(Bound::Unbounded, Bound::Excluded);
                let within = self.model.range((Bound::Included(range.start), end));
                within.map(|(key, value)| (key.clone(), value.clone())).collect()
            }
        };
        assert_eq!(found, expected);
    }

    async fn reslice(&mut self, from: Index, to: Index, mut boundaries: Vec<Bytes>) {
        let map = self.table.partition_map();
        let count = map.partitions.len();
        let (from, to) = (from.index(count), to.index(count));
        let chosen = &map.partitions[from.min(to)..=from.max(to)];
        let start = &chosen[0].range.start;
        let end = &chosen[chosen.len() - 1].range.end;
        boundaries.sort();
        boundaries.dedup();
        boundaries.retain(|b| b > start && end.as_ref().is_none_or(|end| b < end));
        let sources = chosen.iter().map(|partition| partition.id).collect();
        let same = chosen[1..].iter().map(|p| &p.range.start).eq(&boundaries);
        let done = self.table.reslice(Reslice { sources, boundaries }).await;
        assert_eq!(done.is_err(), same, "{done:?}");
        let map = self.table.partition_map();
        assert!(map.partitions[0].range.start.is_empty());
        assert!(map.partitions.last().unwrap().range.end.is_none());
        for pair in map.partitions.windows(2) {
            assert_eq!(pair[0].range.end.as_ref(), Some(&pair[1].range.start));
        }
    }

    async fn reopen(&mut self) {
        let map = self.table.partition_map();
        self.storage.close().await.unwrap();
        self.storage = Self::open(&self.root).await;
        self.table = self.storage.table("model").unwrap();
        assert_eq!(self.table.partition_map(), map);
    }
}
