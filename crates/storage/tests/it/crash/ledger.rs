//! What processes said before they died, and whether the store agrees.
//!
//! Every key is a counter that one writer counts up, one at a time. So afterwards a key's number
//! is the last acknowledged one, or one more if the last write was under way. Anything else is a
//! write that was lost, was done twice, or was undone after it had been seen.

use crate::rekey::orders;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use storage::{Direction, Table};
use types::KeyRange;

/// The sum of what was said.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// The number that each key must have at least.
    counts: BTreeMap<String, u64>,
    pub(crate) acknowledged: u64,
    reads: u64,
    pub(crate) reslices: u64,
    /// Writes that were found done though nobody had acknowledged them.
    adopted: u64,
}

impl Ledger {
    /// Takes down what a process said.
    pub(crate) fn add(&mut self, said: Vec<String>) {
        let mut seen: BTreeMap<String, u64> = BTreeMap::new();
        for line in said {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["@ack", key, count] => self.acknowledge(key, count.parse().unwrap()),
                ["@read", key, count] => {
                    let seen = seen.entry(key.to_owned()).or_default();
                    *seen = (*seen).max(count.parse().unwrap());
                    self.reads += 1;
                }
                ["@resliced", ..] => self.reslices += 1,
                ["@error", ..] => panic!("{line}"),
                _ => {}
            }
        }
        for (key, count) in seen {
            if count == 0 {
                continue;
            }
            let known = self.counts.entry(key.clone()).or_default();
            assert!(count <= *known + 1, "{key}: read {count}, acknowledged {known}");
            *known = (*known).max(count);
        }
    }

    fn acknowledge(&mut self, key: &str, count: u64) {
        let known = self.counts.entry(key.to_owned()).or_default();
        assert_eq!(count, *known + 1, "{key}: acknowledged after {known}");
        *known = count;
        self.acknowledged += 1;
    }

    /// Notes items with the value 1 that were written in this process.
    pub(crate) fn expect_more(&mut self, keys: &[String]) {
        self.counts.extend(keys.iter().map(|key| (key.clone(), 1)));
    }

    /// Compares with the table; unacknowledged writes that took place are taken down.
    pub(crate) async fn check(&mut self, table: &Arc<Table>) {
        assert_tiles(table);
        let found = read_all(table, Direction::Forward).await;
        assert_eq!(found, read_all(table, Direction::Backward).await);
        let mut under_way: BTreeMap<String, u64> = BTreeMap::new();
        for key in self.counts.keys().chain(found.keys()) {
            let expected = self.counts.get(key).copied().unwrap_or(0);
            let count = found.get(key).copied().unwrap_or(0);
            assert!(
                count == expected || count == expected + 1,
                "{key}: acknowledged or seen {expected}, found {count}"
            );
            if count > expected {
                let writer = key.split('-').next().unwrap_or_default();
                under_way.insert(writer.to_owned(), count);
            }
        }
        // A key that was put there with 0 and never counted up is no write.
        let known = |key: &String| self.counts.get(key).copied().unwrap_or(0);
        let more = found.iter().filter(|(key, count)| **count > known(key)).count();
        assert_eq!(under_way.len(), more, "a writer has one write under way at most");
        self.adopted += more as u64;
        self.counts = found;
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} writes acknowledged, {} reads, {} reslices, {} writes found done unacknowledged",
            self.acknowledged, self.reads, self.reslices, self.adopted
        )
    }
}

fn assert_tiles(table: &Table) {
    let map = table.partition_map();
    assert!(map.partitions[0].range.start.is_empty());
    assert!(map.partitions.last().unwrap().range.end.is_none());
    for pair in map.partitions.windows(2) {
        assert_eq!(pair[0].range.end.as_ref(), Some(&pair[1].range.start));
    }
}

pub(crate) async fn read_all(table: &Arc<Table>, direction: Direction) -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    let mut scan = table.scan(KeyRange::full(), direction);
    while let Some((key, value)) = scan.next().await.unwrap() {
        let key = orders::text(table.order(), std::str::from_utf8(&key).unwrap());
        let count = std::str::from_utf8(&value).unwrap().parse().unwrap();
        assert_eq!(all.insert(key.clone(), count), None, "{key} came twice");
    }
    all
}
