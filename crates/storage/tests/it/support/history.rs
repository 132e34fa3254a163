//! What concurrent clients did and saw, and whether one order of it all explains that.
//!
//! Every key is a register that is read or swapped: a swap stores a value that nobody else stores and
//! is told the one before. So the swaps of a key form a chain, and there is only one order that they can
//! have taken place in; a read belongs behind the swap whose value it has seen. What is left to check is
//! that this order agrees with time: what had ended before something else began comes first. That is
//! linearizability, key by key (Herlihy and Wing, 1990), decided in the time that sorting takes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// What was done to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// This was seen; 0 if there was nothing.
    Read(u64),
    /// The first was found there and replaced by the second.
    Swap(u64, u64),
}

#[derive(Clone, Copy, Debug)]
struct Call {
    began: u64,
    ended: u64,
    done: Done,
}

/// A history that is being written.
#[derive(Debug, Default)]
pub(crate) struct History {
    time: AtomicU64,
    calls: Mutex<BTreeMap<String, Vec<Call>>>,
}

impl History {
    /// The moment: another one each time.
    pub(crate) fn now(&self) -> u64 {
        self.time.fetch_add(1, Ordering::SeqCst)
    }

    /// Notes what was done from `began` until now.
    pub(crate) fn note(&self, key: &str, began: u64, done: Done) {
        let ended = self.now();
        let call = Call { began, ended, done };
        self.calls.lock().unwrap().entry(key.to_owned()).or_default().push(call);
    }

    /// How much was noted.
    pub(crate) fn len(&self) -> usize {
        self.calls.lock().unwrap().values().map(Vec::len).sum()
    }

    /// What contradicts an order of all that was done, if anything does.
    pub(crate) fn contradiction(&self) -> Option<String> {
        let calls = self.calls.lock().unwrap();
        calls.iter().find_map(|(key, calls)| Some(format!("{key}: {}", check(calls)?)))
    }

    /// The last value of each key.
    pub(crate) fn last_values(&self) -> BTreeMap<String, u64> {
        let calls = self.calls.lock().unwrap();
        let last = |calls: &Vec<Call>| chain(calls).ok().and_then(|chain| chain.last().copied());
        calls.iter().filter_map(|(key, calls)| Some((key.clone(), last(calls)?))).collect()
    }
}

/// The values of a key, from nothing on, in the order that the swaps say.
fn chain(calls: &[Call]) -> Result<Vec<u64>, String> {
    let mut next = HashMap::new();
    for call in calls {
        if let Done::Swap(before, after) = call.done
            && let Some(other) = next.insert(before, after)
        {
            return Err(format!("{before} was replaced twice, by {other} and by {after}"));
        }
    }
    let mut chain = vec![0];
    while let Some(after) = next.remove(&chain[chain.len() - 1]) {
        chain.push(after);
    }
    match next.into_iter().next() {
        Some((before, after)) => Err(format!("{after} replaced {before}, which was never there")),
        None => Ok(chain),
    }
}

fn check(calls: &[Call]) -> Option<String> {
    let chain = match chain(calls) {
        Ok(chain) => chain,
        Err(why) => return Some(why),
    };
    let place: HashMap<u64, usize> =
        chain.iter().enumerate().map(|(at, value)| (*value, at)).collect();
    // A swap comes before the reads of its value: twice the place, and one more for a read.
    let mut placed = Vec::with_capacity(calls.len());
    for call in calls {
        match call.done {
            Done::Swap(_, after) => placed.push((2 * place[&after], call)),
            Done::Read(seen) => match place.get(&seen) {
                Some(at) => placed.push((2 * at + 1, call)),
                None => return Some(format!("{seen} was read and never written")),
            },
        }
    }
    // In the order of their beginnings: none may lie before what had ended by then.
    placed.sort_by_key(|(_, call)| call.began);
    let mut ended: Vec<(u64, usize)> = placed.iter().map(|(at, call)| (call.ended, *at)).collect();
    ended.sort_unstable();
    let (mut next, mut latest) = (0, 0);
    for (at, call) in placed {
        while next < ended.len() && ended[next].0 < call.began {
            latest = latest.max(ended[next].1);
            next += 1;
        }
        if at < latest {
            return Some(format!("{call:?} comes after something that it does not show"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(calls: &[(u64, u64, Done)]) -> Option<String> {
        let calls = calls.iter().map(|&(began, ended, done)| Call { began, ended, done });
        check(&calls.collect::<Vec<_>>())
    }

    use Done::{Read, Swap};

    #[test]
    fn what_can_be_put_in_order_passes() {
        assert_eq!(verdict(&[]), None);
        // Two swaps at once, in either order; a read that began before both may see any state.
        let swaps = [(1, 9, Swap(0, 7)), (2, 8, Swap(7, 5))];
        for seen in [0, 7, 5] {
            assert_eq!(verdict(&[swaps[0], swaps[1], (0, 10, Read(seen))]), None, "{seen}");
        }
        assert_eq!(verdict(&[(5, 6, Read(0)), (1, 9, Swap(0, 7)), (7, 8, Read(7))]), None);
    }

    #[test]
    fn lost_doubled_stale_and_invented_values_are_found() {
        for (calls, why) in [
            (vec![(1, 2, Swap(0, 7)), (3, 4, Swap(0, 5))], "replaced twice"),
            (vec![(1, 2, Swap(0, 7)), (3, 4, Swap(6, 5))], "never there"),
            (vec![(1, 2, Swap(0, 7)), (3, 4, Read(9))], "never written"),
            (vec![(1, 2, Swap(0, 7)), (3, 4, Read(0))], "does not show"),
            (
                vec![(1, 2, Swap(0, 7)), (3, 9, Swap(7, 5)), (4, 5, Read(5)), (6, 7, Read(7))],
                "does not",
            ),
            (vec![(3, 4, Swap(0, 7)), (1, 2, Read(7))], "does not show"),
            (vec![(5, 6, Swap(0, 7)), (1, 2, Swap(7, 5))], "does not show"),
        ] {
            let found = verdict(&calls).unwrap_or_else(|| panic!("{calls:?} passed"));
            assert!(found.contains(why), "{calls:?}: {found}");
        }
    }
}
