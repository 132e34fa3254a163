//! Clients that retry: an invocation that is refused comes again, later, and counts once.

use crate::random::Random;
use crate::simulation::RetrySettings;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// An invocation that will be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Retry {
    /// When.
    pub(crate) at_ms: i64,
    /// Which event it is, by its place in the workload.
    pub(crate) event: usize,
    /// Which attempt this will be; the first one was 1.
    pub(crate) attempt: u32,
}

/// All invocations that wait for their next attempt.
#[derive(Debug)]
pub(crate) struct Retries {
    settings: RetrySettings,
    random: Random,
    waiting: BinaryHeap<Reverse<Retry>>,
}

impl Retries {
    pub(crate) fn new(settings: &RetrySettings, seed: u64) -> Self {
        let random = Random::new(seed);
        Self { settings: settings.clone(), random, waiting: BinaryHeap::new() }
    }

    /// When the next one is due.
    pub(crate) fn next_ms(&self) -> Option<i64> {
        self.waiting.peek().map(|Reverse(retry)| retry.at_ms)
    }

    pub(crate) fn pop(&mut self) -> Option<Retry> {
        self.waiting.pop().map(|Reverse(retry)| retry)
    }

    /// After attempt number `attempt` was refused at `now_ms`: schedules the next one, or gives up
    /// and says so.
    pub(crate) fn refused(&mut self, event: usize, attempt: u32, now_ms: i64) -> bool {
        if attempt >= self.settings.attempts_max {
            return false;
        }
        // Exponential back-off with full jitter, as the AWS SDKs do it.
        let doublings = (attempt - 1).min(20);
        let ceiling_ms = (self.settings.backoff_ms << doublings).min(self.settings.backoff_ms_max);
        let draw = self.random.of(event as u64).of(u64::from(attempt)).unit();
        let at_ms = now_ms + 1 + (draw * ceiling_ms as f64) as i64;
        self.waiting.push(Reverse(Retry { at_ms, event, attempt: attempt + 1 }));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_come_in_order_and_end() {
        let settings = RetrySettings { attempts_max: 3, backoff_ms: 100, backoff_ms_max: 1_000 };
        let mut retries = Retries::new(&settings, 1);
        for event in 0..20 {
            assert!(retries.refused(event, 1, 0));
            assert!(retries.refused(event, 2, 0));
            assert!(!retries.refused(event, 3, 0), "three attempts and no more");
        }
        let mut last_ms = 0;
        while let Some(retry) = retries.pop() {
            assert!(
                retry.at_ms >= last_ms && retry.at_ms <= 1 + 100 * i64::from(retry.attempt - 1)
            );
            last_ms = retry.at_ms;
        }
        assert_eq!(retries.next_ms(), None);
    }
}
