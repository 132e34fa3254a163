//! Which key order a page has ended in.
//!
//! A scan is many requests. Each names the key where the one before has ended, and nothing else: a
//! `LastEvaluatedKey` is made of the table's key attributes, and typed clients can carry nothing beside
//! them. When the table's key order changes between two pages, the rest of the scan is another in the
//! new order than in the old one. So the server remembers what it gave out, for as long as scans of an
//! old order are served, and goes on in the order in which the page had ended.
//!
//! Two scans, one of each order, may end a page at the same item. So that this never has to be
//! guessed, a page does not end where one of the other order has ended (`execution::pages`).
//!
//! What is remembered does not survive a restart, see [`PageTokens::is_doubtful`].

use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use types::{PrimaryKey, Strategy, storage_key};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What a page belongs to, beside its table: pages of different kinds never continue each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageKind {
    /// A segment of a scan; segment 0 of 1 for all of it.
    Scan(u32, u32),
    /// A query over a range of partition keys.
    RangeQuery,
}

/// The ends of pages of one table.
#[derive(Debug)]
pub(crate) struct PageTokens {
    tokens: Mutex<Tokens>,
    tokens_max: usize,
    keep_ms: i64,
}

#[derive(Debug, Default)]
struct Tokens {
    known: HashMap<u64, Token>,
    /// In the order in which they were given out.
    given_out: VecDeque<(i64, u64)>,
}

#[derive(Clone, Copy, Debug)]
struct Token {
    order: u64,
    real_ms: i64,
}

/// A token's number: what is remembered of it.
pub(crate) fn token(kind: PageKind, key: &PrimaryKey) -> u64 {
    let kind = match kind {
        PageKind::Scan(segment, total) => u64::from(segment) << 32 | u64::from(total),
        PageKind::RangeQuery => u64::MAX,
    };
    xxh3_64_with_seed(&storage_key::encode(Strategy::Range, key), kind)
}

impl PageTokens {
    /// Remembers up to `tokens_max`, each for `keep_ms`.
    pub(crate) fn new(tokens_max: usize, keep_ms: u64) -> Self {
        let keep_ms = i64::try_from(keep_ms).unwrap_or(i64::MAX);
        Self { tokens: Mutex::default(), tokens_max: tokens_max.max(1), keep_ms }
    }

    /// A page of this order has ended there.
    pub(crate) fn give_out(&self, token: u64, order: u64, real_ms: i64) {
        let mut tokens = self.tokens.lock();
        tokens.known.insert(token, Token { order, real_ms });
        tokens.given_out.push_back((real_ms, token));
        while let Some((oldest_ms, oldest)) = tokens.given_out.front().copied() {
            let over = tokens.given_out.len() > self.tokens_max;
            if !over && oldest_ms + self.keep_ms > real_ms {
                break;
            }
            tokens.given_out.pop_front();
            // It may have been given out again since.
            if tokens.known.get(&oldest).is_some_and(|token| token.real_ms <= oldest_ms) {
                tokens.known.remove(&oldest);
            }
        }
    }

    /// The order of the page that has ended there, if that is remembered.
    pub(crate) fn order_of(&self, token: u64, real_ms: i64) -> Option<u64> {
        let known = self.tokens.lock().known.get(&token).copied()?;
        (known.real_ms + self.keep_ms > real_ms).then_some(known.order)
    }

    /// Whether a page that ended nobody knows where may be one of an order that is no more: the order
    /// has changed, at `rekeyed_ms`, before this process has begun, at `started_ms`, and not long
    /// enough ago.
    pub(crate) fn is_doubtful(
        &self,
        rekeyed_ms: Option<i64>,
        started_ms: i64,
        now_ms: i64,
    ) -> bool {
        let before_us = |rekeyed_ms: i64| rekeyed_ms <= started_ms;
        rekeyed_ms.is_some_and(|ms| before_us(ms) && now_ms < ms.saturating_add(self.keep_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::KeyValue;

    fn key(partition: &str) -> PrimaryKey {
        PrimaryKey { partition: KeyValue::S(partition.into()), sort: None }
    }

    #[test]
    fn tokens_are_known_by_kind_and_key_for_a_while() {
        let tokens = PageTokens::new(10, 100);
        let scan = token(PageKind::Scan(0, 1), &key("a"));
        tokens.give_out(scan, 3, 50);
        assert_eq!(tokens.order_of(scan, 149), Some(3));
        assert_eq!(tokens.order_of(scan, 150), None);
        for other in [
            token(PageKind::Scan(0, 2), &key("a")),
            token(PageKind::RangeQuery, &key("a")),
            token(PageKind::Scan(0, 1), &key("b")),
        ] {
            assert_eq!(tokens.order_of(other, 60), None);
        }
    }

    #[test]
    fn the_oldest_are_forgotten_first_and_what_was_given_out_again_is_not() {
        let tokens = PageTokens::new(2, 1_000);
        let all: Vec<u64> =
            ["a", "b", "c"].iter().map(|k| token(PageKind::RangeQuery, &key(k))).collect();
        tokens.give_out(all[0], 1, 0);
        tokens.give_out(all[1], 1, 1);
        tokens.give_out(all[0], 2, 2);
        tokens.give_out(all[2], 2, 3);
        let orders: Vec<_> = all.iter().map(|token| tokens.order_of(*token, 4)).collect();
        assert_eq!(orders, [Some(2), None, Some(2)]);
    }

    #[test]
    fn only_a_change_shortly_before_the_start_leaves_doubt() {
        let tokens = PageTokens::new(2, 1_000);
        assert!(!tokens.is_doubtful(None, 500, 600));
        assert!(tokens.is_doubtful(Some(400), 500, 600));
        assert!(!tokens.is_doubtful(Some(400), 500, 1_400));
        assert!(!tokens.is_doubtful(Some(550), 500, 600), "this process knows what it gave out");
    }
}
