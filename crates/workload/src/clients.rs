//! Names of clients, so that a vector can carry eight bytes instead of a name.
//!
//! A bounded registry: names beyond the bound are not kept, their hash still tells them apart.
//! Looking up takes no lock; a name is written once, when its client first comes.

use arc_swap::ArcSwap;
use std::collections::HashMap;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// The number that stands for a client's identifier in vectors.
pub fn client_hash(name: &str) -> u64 {
    xxh3_64(name.as_bytes())
}

/// Which identifier a client's number stands for.
#[derive(Debug)]
pub struct ClientNames {
    names: ArcSwap<HashMap<u64, Arc<str>>>,
    names_max: usize,
}

impl ClientNames {
    /// A registry that keeps at most `names_max` names.
    pub fn new(names_max: usize) -> Self {
        Self { names: ArcSwap::default(), names_max }
    }

    /// The client's number; its name is kept if it is new and there is room.
    pub fn register(&self, name: &str) -> u64 {
        let hash = client_hash(name);
        let known = self.names.load();
        if !known.contains_key(&hash) && known.len() < self.names_max {
            drop(known);
            self.keep(hash, name);
        }
        hash
    }

    /// The name behind a number, if it was kept.
    pub fn name(&self, client: u64) -> Option<Arc<str>> {
        self.names.load().get(&client).cloned()
    }

    /// Copies the whole map for one new name: rare, and readers never wait for it.
    fn keep(&self, hash: u64, name: &str) {
        self.names.rcu(|names| {
            let mut names = HashMap::clone(names);
            if names.len() < self.names_max {
                names.entry(hash).or_insert_with(|| name.into());
            }
            names
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_names_up_to_the_bound() {
        let names = ClientNames::new(2);
        let hashes: Vec<u64> = ["a", "b", "c", "a"].iter().map(|n| names.register(n)).collect();
        assert_eq!(hashes[0], hashes[3]);
        assert_eq!(names.name(hashes[1]).as_deref(), Some("b"));
        assert_eq!(names.name(hashes[2]), None, "no room for the third");
        assert_ne!(hashes[2], hashes[0], "but it is still told apart");
    }
}
