//! What is written faster than it is copied: counted, so that writers can be slowed down.
//!
//! Who changes partitions copies what is written meanwhile. A writer that is faster than the copying
//! would let that grow for ever; so above a bound each write waits for the copying, but not for ever, as the
//! copying may wait for a disk. Whoever waits holds nothing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;

/// Something that is counted, and a bound above which writers wait.
#[derive(Debug)]
pub(crate) struct Backlog {
    outstanding: AtomicU64,
    /// `u64::MAX` when nobody works on it: then waiting would help nobody.
    max: AtomicU64,
    waiting: AtomicU64,
    less: Notify,
}

impl Backlog {
    pub(crate) fn new(outstanding: u64, max: u64) -> Self {
        let [outstanding, max] = [outstanding, max].map(AtomicU64::new);
        Self { outstanding, max, waiting: AtomicU64::new(0), less: Notify::new() }
    }

    pub(crate) fn add(&self, more: u64) {
        self.outstanding.fetch_add(more, Ordering::SeqCst);
    }

    pub(crate) fn done(&self, less: u64) {
        let saturating = |outstanding: u64| Some(outstanding.saturating_sub(less));
        let _ = self.outstanding.fetch_update(Ordering::SeqCst, Ordering::SeqCst, saturating);
        if !self.is_full() {
            self.less.notify_waiters();
        }
    }

    /// Somebody works on it: writers wait above this.
    pub(crate) fn bind(&self, max: u64) {
        self.max.store(max, Ordering::SeqCst);
    }

    /// Nobody has to wait any more.
    pub(crate) fn end(&self) {
        self.max.store(u64::MAX, Ordering::SeqCst);
        self.less.notify_waiters();
    }

    pub(crate) fn outstanding(&self) -> u64 {
        self.outstanding.load(Ordering::SeqCst)
    }

    /// How many writers wait.
    pub(crate) fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::SeqCst)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.outstanding() >= self.max.load(Ordering::SeqCst)
    }

    /// Waits until there is room, or until the time is over.
    pub(crate) async fn room(&self, wait_ms_max: u64) {
        let _counted = Waiting::begin(&self.waiting);
        let room = async {
            loop {
                let mut less = std::pin::pin!(self.less.notified());
                less.as_mut().enable();
                if !self.is_full() {
                    return;
                }
                less.await;
            }
        };
        // Slowed down, not refused.
        let _ = timeout(Duration::from_millis(wait_ms_max), room).await;
    }
}

/// Counts one who waits, also if he goes away.
struct Waiting<'a>(&'a AtomicU64);

impl<'a> Waiting<'a> {
    fn begin(count: &'a AtomicU64) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    const FOR_EVER_MS: u64 = 3_600_000;

    #[tokio::test]
    async fn who_comes_at_the_bound_waits_until_there_is_less() {
        let backlog = Backlog::new(1, 3);
        backlog.room(FOR_EVER_MS).now_or_never().expect("there is room");
        backlog.add(2);
        let mut waits = std::pin::pin!(backlog.room(FOR_EVER_MS));
        assert!(waits.as_mut().now_or_never().is_none());
        assert_eq!((backlog.outstanding(), backlog.waiting()), (3, 1));
        backlog.done(1);
        waits.await;
        assert_eq!((backlog.outstanding(), backlog.waiting()), (2, 0));
        backlog.done(7);
        assert_eq!(backlog.outstanding(), 0, "never below nothing");
    }

    #[tokio::test]
    async fn nobody_waits_for_ever_or_for_what_has_ended() {
        let backlog = Backlog::new(3, 3);
        backlog.room(1).await;
        assert!(backlog.is_full());
        let mut waits = std::pin::pin!(backlog.room(FOR_EVER_MS));
        assert!(waits.as_mut().now_or_never().is_none());
        backlog.end();
        waits.await;
    }
}
