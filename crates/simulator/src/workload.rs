//! What is played: events in the order of time, on keys and by clients with names.
//!
//! Names are kept once and events point to them, so that a million events are small and the live
//! demo sends the very keys whose storage keys the simulator places.

use ::workload::{Outcome, RangeKeyPrefix, RequestType, StorageKeyPrefix, Vector, client_hash};
use std::collections::HashMap;
use std::sync::Arc;
use types::{KeyValue, PartitionId, PrimaryKey, Strategy, TableId, Units, capacity, storage_key};

/// One invocation, before any retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// When it is sent.
    pub at_ms: i64,
    /// The number of its key.
    pub key: u32,
    /// The number of its client.
    pub client: u32,
    /// What it does.
    pub request: RequestType,
    /// The size of the item, in bytes.
    pub bytes: u32,
    /// The quantity of the invoice line it comes from: content for the live demo's items.
    pub quantity: u32,
}

impl Event {
    /// What it costs; reads are strongly consistent.
    pub fn units(&self) -> Units {
        let bytes = self.bytes as usize;
        if self.request.is_write() {
            Units::write(capacity::write_units(bytes))
        } else {
            Units::read(capacity::read_units(bytes, true))
        }
    }
}

/// A key with its place on the axis.
#[derive(Clone, Debug)]
pub struct Key {
    /// The partition key's value, a string.
    pub name: Arc<str>,
    /// Its hash.
    pub hash: u64,
    /// Where it lies in hash order.
    pub storage_key: StorageKeyPrefix,
}

/// A client with the number that vectors carry.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its name.
    pub name: Arc<str>,
    /// Its number in workload vectors.
    pub hash: u64,
}

/// Events with the names they refer to.
#[derive(Clone, Debug, Default)]
pub struct Workload {
    /// In the order of time.
    pub events: Vec<Event>,
    keys: Names<Key>,
    clients: Names<Client>,
}

#[derive(Clone, Debug)]
struct Names<T> {
    numbers: HashMap<Arc<str>, u32>,
    entries: Vec<T>,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self { numbers: HashMap::new(), entries: Vec::new() }
    }
}

impl<T> Names<T> {
    fn number(&mut self, name: &str, make: impl FnOnce(Arc<str>) -> T) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let name: Arc<str> = name.into();
        let number = self.entries.len() as u32;
        self.entries.push(make(name.clone()));
        self.numbers.insert(name, number);
        number
    }
}

impl Workload {
    /// The number of the key called `name`, given to it if it has none yet.
    pub fn key_number(&mut self, name: &str) -> u32 {
        self.keys.number(name, |name| {
            let partition = KeyValue::S(name.to_string());
            let hash = storage_key::partition_hash(&partition);
            let key = PrimaryKey { partition, sort: None };
            let bytes = storage_key::encode(Strategy::Hash, &key);
            Key { name, hash, storage_key: StorageKeyPrefix::new(&bytes) }
        })
    }

    /// The number of the client called `name`, given to it if it has none yet.
    pub fn client_number(&mut self, name: &str) -> u32 {
        self.clients.number(name, |name| Client { hash: client_hash(&name), name })
    }

    /// A key by its number.
    ///
    /// # Panics
    /// If there is no such key.
    pub fn key(&self, number: u32) -> &Key {
        &self.keys.entries[number as usize]
    }

    /// A client by its number.
    ///
    /// # Panics
    /// If there is no such client.
    pub fn client(&self, number: u32) -> &Client {
        &self.clients.entries[number as usize]
    }

    /// The workload vector that `event` leaves behind on `table` if it is served at `timestamp_ms`.
    pub fn vector(&self, event: &Event, table: TableId, timestamp_ms: i64) -> Vector {
        let key = self.key(event.key);
        let units = event.units();
        Vector {
            request: event.request,
            table,
            partition: PartitionId(0),
            key_hash: key.hash,
            storage_key: key.storage_key,
            range_key: RangeKeyPrefix::EMPTY,
            timestamp_ms,
            client: self.client(event.client).hash,
            data_bytes: event.bytes,
            read_units: units.read as f32,
            write_units: units.write as f32,
            outcome: Outcome::Served,
            demand: true,
        }
    }

    /// How many keys there are.
    pub fn keys_len(&self) -> usize {
        self.keys.entries.len()
    }

    /// The events in `from_ms..to_ms`.
    pub fn between(&self, from_ms: i64, to_ms: i64) -> &[Event] {
        let first = self.events.partition_point(|event| event.at_ms < from_ms);
        let end = self.events.partition_point(|event| event.at_ms < to_ms);
        &self.events[first..end.max(first)]
    }

    /// Units per second in each bin of `bin_ms` in `from_ms..to_ms`, all keys together.
    pub fn rates(&self, from_ms: i64, to_ms: i64, bin_ms: i64) -> Vec<Units> {
        let bins = ((to_ms - from_ms) / bin_ms).max(0) as usize;
        let mut rates = vec![Units::ZERO; bins];
        for event in self.between(from_ms, from_ms + bins as i64 * bin_ms) {
            rates[((event.at_ms - from_ms) / bin_ms) as usize] += event.units();
        }
        let per_second = 1000.0 / bin_ms as f64;
        rates.iter().map(|&units| planner::load::scale(units, per_second)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_numbered_once_and_placed_by_hash() {
        let mut workload = Workload::default();
        let (a, b) = (workload.key_number("85123A#0"), workload.key_number("85123A#1"));
        assert_eq!(workload.key_number("85123A#0"), a);
        assert_eq!((workload.keys_len(), a, b), (2, 0, 1));
        let key = workload.key(a);
        assert!(key.storage_key.as_bytes().starts_with(&key.hash.to_be_bytes()));
    }

    #[test]
    fn rates_count_units_per_second() {
        let mut workload = Workload::default();
        let (key, client) = (workload.key_number("k"), workload.client_number("c"));
        let event =
            |at_ms, request, bytes| Event { at_ms, key, client, request, bytes, quantity: 1 };
        workload.events = vec![
            event(0, RequestType::Store, 1025),
            event(999, RequestType::Retrieve, 100),
            event(1_000, RequestType::Delete, 100),
            event(3_000, RequestType::Store, 100),
        ];
        let rates = workload.rates(0, 2_000, 1_000);
        assert_eq!(rates, [Units { read: 1.0, write: 2.0 }, Units::write(1.0)]);
        assert_eq!(workload.between(1_000, 3_000).len(), 1);
    }
}
