//! The keys that ask most of a partition, so that the one that is too much is throttled alone.
//!
//! A partition whose bucket is empty would refuse whoever comes next, and most of those who come next
//! are not the key that emptied it. So a small table per partition (Metwally, Agrawal and El Abbadi,
//! *Efficient computation of frequent and top-k elements in data streams*, 2005) knows the keys with
//! the most demand, refused requests included. A key that alone asks for more than
//! [`HOT_SHARE`] of what the partition serves, and for more than [`HOT_OF_ALL`] of what all keys together ask
//! for, is **hot**, and hot keys may not use up the bucket: what the others ask for in two seconds stays in
//! it for them. Where all keys are alike none is hot, also where a single request is much of a small
//! partition's capacity, and where one is alone it gets all there is.

use serde::Serialize;
use types::Units;

/// Keys that are counted at a time.
const SLOTS: usize = 8;
/// A key that asks for this share of the partition's capacity is hot.
const HOT_SHARE: f64 = 0.25;
/// And this share of what is asked of the partition: there are never more than two hot keys.
const HOT_OF_ALL: f64 = 1.0 / 3.0;
/// The weight of the last second in a key's rate: after five seconds five sixths are known.
const LATEST_WEIGHT: f64 = 0.3;
/// A table that nobody has asked for so many seconds begins anew.
const FORGOTTEN_S: i64 = 60;

/// A key that is throttled, or would be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct HotKey {
    /// The hash of its partition key.
    pub(crate) key_hash: u64,
    /// Who asked for it last.
    pub(crate) client: u64,
    /// What is asked of it, in units per second.
    pub(crate) demand: Units,
    /// How many requests were refused because of it since it has been counted.
    pub(crate) refused: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    key_hash: u64,
    client: u64,
    /// Demand per second, averaged over the last seconds that are over.
    rate: Units,
    /// What of that may have been other keys' in the same slot.
    doubtful: Units,
    /// Demand in the second that goes on.
    current: Units,
    refused: u64,
}

/// The keys of one partition.
#[derive(Debug, Default)]
pub(super) struct HotKeys {
    slots: Vec<Slot>,
    /// All keys together, counted or not.
    all: Slot,
    second: i64,
}

impl HotKeys {
    /// Notes that somebody asks for a key.
    pub(super) fn ask(&mut self, key_hash: u64, client: u64, units: Units, now_ms: i64) {
        self.close(now_ms.div_euclid(1000));
        self.all.current += units;
        if let Some(slot) = self.slots.iter_mut().find(|slot| slot.key_hash == key_hash) {
            slot.client = client;
            slot.current += units;
            return;
        }
        let fresh = Slot { key_hash, client, current: units, ..Slot::default() };
        if self.slots.len() < SLOTS {
            self.slots.push(fresh);
            return;
        }
        let weight = |slot: &Slot| slot.rate.total() + slot.current.total();
        let lightest = self.slots.iter_mut().min_by(|a, b| weight(a).total_cmp(&weight(b)));
        if let Some(slot) = lightest {
            // What was counted for the key that goes may have been of the one that comes.
            let doubtful = slot.rate + slot.current;
            *slot = Slot { rate: doubtful, doubtful, ..fresh };
        }
    }

    /// Notes what a request cost beyond what was known when it asked.
    pub(super) fn pay(&mut self, key_hash: u64, units: Units) {
        self.all.current += units;
        if let Some(slot) = self.slots.iter_mut().find(|slot| slot.key_hash == key_hash) {
            slot.current += units;
        }
    }

    /// Notes that a request was refused because of its key; whether it is the first one.
    pub(super) fn refuse(&mut self, key_hash: u64) -> bool {
        let slot = self.slots.iter_mut().find(|slot| slot.key_hash == key_hash);
        slot.is_some_and(|slot| {
            slot.refused += 1;
            slot.refused == 1
        })
    }

    /// Whether a key alone asks for so much of `capacity`.
    pub(super) fn is_hot(&self, key_hash: u64, capacity: Units) -> bool {
        let slot = self.slots.iter().find(|slot| slot.key_hash == key_hash);
        slot.is_some_and(|slot| slot.is_hot(capacity, self.all.rate))
    }

    /// What other keys than this one ask for per second.
    pub(super) fn others(&self, key_hash: u64) -> Units {
        let slot = self.slots.iter().find(|slot| slot.key_hash == key_hash);
        let own = slot.map_or(Units::ZERO, |slot| slot.rate);
        let of = |all: f64, own: f64| (all - own).max(0.0);
        Units { read: of(self.all.rate.read, own.read), write: of(self.all.rate.write, own.write) }
    }

    /// All that do.
    pub(super) fn hot(&self, capacity: Units) -> Vec<HotKey> {
        let hot = self.slots.iter().filter(|slot| slot.is_hot(capacity, self.all.rate));
        hot.map(|slot| HotKey {
            key_hash: slot.key_hash,
            client: slot.client,
            demand: slot.certain(),
            refused: slot.refused,
        })
        .collect()
    }

    /// Brings the averages up to the beginning of `second`.
    fn close(&mut self, second: i64) {
        let passed = second - self.second;
        if passed <= 0 {
            return;
        }
        self.second = second;
        if passed > FORGOTTEN_S {
            self.slots.clear();
            self.all = Slot::default();
            return;
        }
        for slot in self.slots.iter_mut().chain([&mut self.all]) {
            slot.rate = blend(slot.rate, std::mem::take(&mut slot.current));
            slot.doubtful = blend(slot.doubtful, Units::ZERO);
            for _ in 1..passed {
                slot.rate = blend(slot.rate, Units::ZERO);
                slot.doubtful = blend(slot.doubtful, Units::ZERO);
            }
        }
    }
}

impl Slot {
    /// What is surely this key's.
    fn certain(&self) -> Units {
        Units {
            read: (self.rate.read - self.doubtful.read).max(0.0),
            write: (self.rate.write - self.doubtful.write).max(0.0),
        }
    }

    fn is_hot(&self, capacity: Units, all: Units) -> bool {
        let certain = self.certain();
        let much = |own: f64, capacity: f64, all: f64| {
            own > HOT_SHARE * capacity && own > HOT_OF_ALL * all
        };
        much(certain.read, capacity.read, all.read)
            || much(certain.write, capacity.write, all.write)
    }
}

fn blend(known: Units, latest: Units) -> Units {
    let of = |known: f64, latest: f64| known + (latest - known) * LATEST_WEIGHT;
    Units { read: of(known.read, latest.read), write: of(known.write, latest.write) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CAPACITY: Units = Units { read: 3000.0, write: 1000.0 };

    #[test]
    fn a_key_with_much_demand_is_hot_after_seconds_and_not_at_once() {
        let mut keys = HotKeys::default();
        let mut hot_after = None;
        for second in 0..10 {
            for request in 0..900 {
                let key = if request % 3 == 0 { request } else { 7_000_000 };
                keys.ask(key, 5, Units::write(1.0), second * 1000 + request as i64);
            }
            if hot_after.is_none() && keys.is_hot(7_000_000, CAPACITY) {
                hot_after = Some(second);
            }
        }
        assert_eq!(
            hot_after,
            Some(2),
            "600 a second, of which a quarter of 1,000 is known after two"
        );
        let [hot] = keys.hot(CAPACITY)[..] else { panic!("{:?}", keys.hot(CAPACITY)) };
        assert_eq!((hot.key_hash, hot.client), (7_000_000, 5));
        assert!((hot.demand.write - 600.0).abs() < 30.0, "{hot:?}");
        assert!(keys.refuse(7_000_000) && !keys.refuse(7_000_000) && !keys.refuse(1 << 40));
    }

    #[test]
    fn it_cools_and_is_forgotten() {
        let mut keys = HotKeys::default();
        for second in 0..10 {
            keys.ask(1, 0, Units::read(2_000.0), second * 1000);
        }
        assert!(keys.is_hot(1, CAPACITY));
        keys.ask(2, 0, Units::read(1.0), 20_000);
        assert!(!keys.is_hot(1, CAPACITY), "ten seconds without");
        keys.ask(2, 0, Units::read(1.0), 200_000);
        assert_eq!(keys.slots.len(), 1);
    }

    #[test]
    fn what_was_refused_is_demand_too_and_what_it_cost_more() {
        let mut keys = HotKeys::default();
        keys.ask(1, 0, Units::write(1.0), 0);
        keys.pay(1, Units::write(999.0));
        keys.pay(2, Units::write(999.0));
        keys.ask(1, 0, Units::ZERO, 1_000);
        assert_eq!(keys.slots[0].rate.write, 300.0);
    }

    #[test]
    fn a_request_is_much_of_a_small_partition_and_makes_no_key_hot() {
        let (mut keys, small) = (HotKeys::default(), Units { read: 3.0, write: 1.0 });
        for second in 0..20 {
            for key in 0..6 {
                keys.ask(key, 0, Units::write(1.0), second * 1000);
            }
        }
        assert_eq!(keys.hot(small), vec![]);
        for second in 20..30 {
            keys.ask(3, 0, Units::write(6.0), second * 1000);
        }
        assert!(keys.is_hot(3, small));
    }

    proptest! {
        /// Demand that is spread over many keys makes none of them hot, however much it is.
        #[test]
        fn many_keys_alike_are_not_hot(keys_max in 64..1000_u64, per_second in 1..4_000_u64) {
            let mut keys = HotKeys::default();
            for second in 0..8 {
                for request in 0..per_second {
                    let key = (request * 2_654_435_761 + second) % keys_max;
                    keys.ask(key, 0, Units::write(1.0), second as i64 * 1000);
                }
            }
            keys.ask(keys_max, 0, Units::ZERO, 8_000);
            prop_assert_eq!(keys.hot(CAPACITY), vec![]);
        }
    }
}
