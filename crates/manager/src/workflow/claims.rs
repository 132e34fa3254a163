//! Who works on which keys, and what operators want of them.
//!
//! One workflow per key range: a claim on keys that somebody has claimed already is refused. A claim is
//! let go of when it is dropped, however the work ends.

use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{Notify, watch};
use types::{KeyRange, TableId};

/// What an operator wants of a workflow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Wish {
    /// That it goes on.
    #[default]
    Go,
    /// That it waits.
    Pause,
    /// That it is called off.
    Cancel,
}

/// All claims of a manager.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    held: Mutex<Vec<Held>>,
    /// How many claims there have been.
    taken: AtomicU64,
    /// Told whenever a claim is let go of.
    pub(crate) ended: Notify,
}

#[derive(Debug)]
struct Held {
    claim: u64,
    workflow: u64,
    table: TableId,
    range: KeyRange,
    wish: watch::Sender<Wish>,
}

/// The right to change the partitions of some keys.
#[derive(Debug)]
pub(crate) struct Claim {
    claim: u64,
    claims: Arc<Claims>,
    pub(crate) wish: watch::Receiver<Wish>,
}

impl Claims {
    /// Claims `range` for a workflow; `Err` with the one that has it.
    pub(crate) fn take(
        self: &Arc<Self>,
        workflow: u64,
        table: TableId,
        range: &KeyRange,
    ) -> Result<Claim, u64> {
        let mut held = self.held.lock();
        let rival = |held: &&Held| held.table == table && held.range.intersection(range).is_some();
        if let Some(rival) = held.iter().find(rival) {
            return Err(rival.workflow);
        }
        let (sender, wish) = watch::channel(Wish::default());
        let claim = self.taken.fetch_add(1, Ordering::Relaxed);
        held.push(Held { claim, workflow, table, range: range.clone(), wish: sender });
        Ok(Claim { claim, claims: self.clone(), wish })
    }

    /// Whether somebody works on the table.
    pub(crate) fn is_busy(&self, table: TableId) -> bool {
        self.held.lock().iter().any(|held| held.table == table)
    }

    /// Whether anybody works on anything.
    pub(crate) fn any(&self) -> bool {
        !self.held.lock().is_empty()
    }

    /// Tells a workflow what is wanted of it; `false` if it is not under way. What is cancelled stays so.
    pub(crate) fn wish(&self, workflow: u64, wish: Wish) -> bool {
        let held = self.held.lock();
        let found = held.iter().find(|held| held.workflow == workflow);
        found.is_some_and(|held| {
            held.tell(wish);
            true
        })
    }

    /// Calls every workflow off.
    pub(crate) fn cancel_all(&self) {
        self.held.lock().iter().for_each(|held| held.tell(Wish::Cancel));
    }
}

impl Held {
    fn tell(&self, wish: Wish) {
        self.wish.send_if_modified(|known| {
            let changed = *known != Wish::Cancel && *known != wish;
            if changed {
                *known = wish;
            }
            changed
        });
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.claims.held.lock().retain(|held| held.claim != self.claim);
        self.claims.ended.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn range(start: &'static str, end: Option<&'static str>) -> KeyRange {
        KeyRange::new(start, end.map(Bytes::from))
    }

    #[test]
    fn one_workflow_per_key_range() {
        let claims = Arc::new(Claims::default());
        let (orders, users) = (TableId(1), TableId(2));
        let first = claims.take(1, orders, &range("", Some("m"))).unwrap();
        let _beside = claims.take(2, orders, &range("m", None)).unwrap();
        assert_eq!(claims.take(3, orders, &range("c", Some("d"))).unwrap_err(), 1);
        assert_eq!(claims.take(3, orders, &range("z", None)).unwrap_err(), 2);
        let elsewhere = claims.take(3, users, &range("c", Some("d"))).unwrap();
        assert!(claims.is_busy(orders) && claims.is_busy(users));
        drop((first, elsewhere));
        assert!(claims.is_busy(orders) && !claims.is_busy(users) && claims.any());
        assert!(claims.take(4, orders, &range("a", Some("m"))).is_ok());
    }

    #[test]
    fn wishes_reach_their_workflow_and_cancelling_is_final() {
        let claims = Arc::new(Claims::default());
        let claim = claims.take(7, TableId(1), &KeyRange::full()).unwrap();
        assert!(claims.wish(7, Wish::Pause) && !claims.wish(8, Wish::Pause));
        assert_eq!(*claim.wish.borrow(), Wish::Pause);
        assert!(claims.wish(7, Wish::Cancel) && claims.wish(7, Wish::Go));
        assert_eq!(*claim.wish.borrow(), Wish::Cancel);
    }

    #[test]
    fn all_are_called_off_at_once() {
        let claims = Arc::new(Claims::default());
        let of = |id| claims.take(id, TableId(id), &KeyRange::full()).unwrap();
        let (waiting, paused) = (of(1), of(2));
        assert!(claims.wish(2, Wish::Pause));
        claims.cancel_all();
        assert_eq!([*waiting.wish.borrow(), *paused.wish.borrow()], [Wish::Cancel; 2]);
    }
}
