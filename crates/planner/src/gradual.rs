//! How much may change at once: caps on concurrent actions and on the bytes that they make move.
//!
//! A reslice copies nothing, but what it makes borrows its parents' files until housekeeping has written
//! them anew; that is the movement which is bounded here, per node and per table, beside the number of
//! actions under way. A meter admits as long as it is not in debt, so that one large partition need not
//! wait for ever. Further actions wait until the debt is paid off; what answers to load that is already
//! there does not.

use crate::bucket::TokenBucket;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use types::TableId;

const MINUTE_S: f64 = 60.0;

/// The caps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GradualSettings {
    /// Actions under way at once on this node.
    pub actions_node_max: usize,
    /// Actions under way at once on one table.
    pub actions_table_max: usize,
    /// Bytes per minute that may be written anew because of changes, on this node ...
    pub moved_bytes_per_min_node_max: u64,
    /// ... and in one table.
    pub moved_bytes_per_min_table_max: u64,
}

impl Default for GradualSettings {
    fn default() -> Self {
        Self {
            actions_node_max: 2,
            actions_table_max: 1,
            moved_bytes_per_min_node_max: 2 << 30,
            moved_bytes_per_min_table_max: 1 << 30,
        }
    }
}

/// Whether something may begin.
#[derive(Clone, Debug, PartialEq)]
pub enum Admission {
    /// It may, and has been counted.
    Go,
    /// Not yet.
    Wait {
        /// What it waits for, in one line.
        reason: String,
        /// When to ask again at the latest; `None` if somebody has to finish first.
        until_ms: Option<i64>,
    },
}

/// What is under way and what has moved lately.
#[derive(Clone, Debug)]
pub struct Ledger {
    settings: GradualSettings,
    node: TokenBucket,
    tables: HashMap<TableId, Account>,
}

#[derive(Clone, Debug)]
struct Account {
    running: usize,
    bytes: TokenBucket,
}

impl Ledger {
    /// Nothing has happened yet.
    pub fn new(settings: &GradualSettings, now_ms: i64) -> Self {
        let node = meter(settings.moved_bytes_per_min_node_max, now_ms);
        Self { settings: settings.clone(), node, tables: HashMap::new() }
    }

    /// Asks for an action on `table`. What is `urgent` does not wait until the bytes that earlier ones
    /// made move are paid off. Whoever is told to go says when it has [`ended`](Self::ended).
    pub fn begin(&mut self, table: TableId, urgent: bool, now_ms: i64) -> Admission {
        let running: usize = self.tables.values().map(|account| account.running).sum();
        if running >= self.settings.actions_node_max.max(1) {
            return wait(format!("{running} actions are under way on this node"), None);
        }
        let running = self.account(table, now_ms).running;
        if running >= self.settings.actions_table_max.max(1) {
            return wait(format!("{running} actions are under way on this table"), None);
        }
        if !urgent && let Some(wait) = self.in_debt(table, now_ms) {
            return wait;
        }
        self.account(table, now_ms).running += 1;
        Admission::Go
    }

    /// An action on `table` has ended.
    pub fn ended(&mut self, table: TableId) {
        if let Some(account) = self.tables.get_mut(&table) {
            account.running = account.running.saturating_sub(1);
        }
    }

    /// Asks for `bytes` to be written anew in `table`, by housekeeping.
    pub fn move_bytes(&mut self, table: TableId, bytes: u64, now_ms: i64) -> Admission {
        if let Some(wait) = self.in_debt(table, now_ms) {
            return wait;
        }
        self.debit(table, bytes, now_ms);
        Admission::Go
    }

    fn in_debt(&mut self, table: TableId, now_ms: i64) -> Option<Admission> {
        let node = paid_off_ms(&mut self.node, now_ms);
        let account = self.account(table, now_ms);
        let table = paid_off_ms(&mut account.bytes, now_ms);
        let until_ms = node.max(table)?;
        let whose = if node >= table { "node" } else { "table" };
        Some(wait(format!("this {whose} has moved its bytes of this minute"), Some(until_ms)))
    }

    fn debit(&mut self, table: TableId, bytes: u64, now_ms: i64) {
        self.node.debit(bytes as f64);
        self.account(table, now_ms).bytes.debit(bytes as f64);
    }

    fn account(&mut self, table: TableId, now_ms: i64) -> &mut Account {
        let bytes = || meter(self.settings.moved_bytes_per_min_table_max, now_ms);
        self.tables.entry(table).or_insert_with(|| Account { running: 0, bytes: bytes() })
    }

    /// Forgets tables that are gone.
    pub fn retain(&mut self, keep: impl Fn(TableId) -> bool) {
        self.tables.retain(|table, account| account.running > 0 || keep(*table));
    }
}

fn meter(bytes_per_min: u64, now_ms: i64) -> TokenBucket {
    TokenBucket::full(bytes_per_min.max(1) as f64 / MINUTE_S, MINUTE_S, now_ms)
}

/// When a meter that is in debt will not be any more.
fn paid_off_ms(meter: &mut TokenBucket, now_ms: i64) -> Option<i64> {
    let level = meter.level(now_ms);
    (level <= 0.0).then(|| now_ms + 1 + (-level / meter.per_second() * 1000.0) as i64)
}

fn wait(reason: String, until_ms: Option<i64>) -> Admission {
    Admission::Wait { reason, until_ms }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const A: TableId = TableId(1);
    const B: TableId = TableId(2);
    const C: TableId = TableId(3);

    fn ledger() -> Ledger {
        let settings = GradualSettings {
            moved_bytes_per_min_node_max: 6_000,
            moved_bytes_per_min_table_max: 3_000,
            ..GradualSettings::default()
        };
        Ledger::new(&settings, 0)
    }

    fn reason(admission: Admission) -> String {
        match admission {
            Admission::Wait { reason, .. } => reason,
            Admission::Go => "go".into(),
        }
    }

    #[test]
    fn one_action_per_table_and_two_per_node() {
        let mut ledger = ledger();
        assert_eq!(ledger.begin(A, false, 0), Admission::Go);
        assert!(reason(ledger.begin(A, true, 0)).contains("on this table"));
        assert_eq!(ledger.begin(B, false, 0), Admission::Go);
        assert!(reason(ledger.begin(C, true, 0)).contains("on this node"));
        ledger.ended(A);
        assert_eq!(ledger.begin(C, false, 0), Admission::Go);
        ledger.retain(|_| false);
        assert!(reason(ledger.begin(A, false, 0)).contains("on this node"), "they go on");
    }

    #[test]
    fn bytes_are_paid_off_by_the_minute_and_urgency_does_not_wait() {
        let mut ledger = ledger();
        // Three minutes' worth of the table's, in one go: a large partition is not refused for ever.
        assert_eq!(ledger.move_bytes(A, 9_000, 0), Admission::Go);
        let Admission::Wait { until_ms, reason } = ledger.begin(A, false, 0) else {
            panic!("in debt")
        };
        assert!(reason.contains("table") && until_ms == Some(120_001), "{reason} {until_ms:?}");
        assert!(self::reason(ledger.move_bytes(B, 1, 0)).contains("node"));
        assert_eq!(ledger.begin(A, true, 0), Admission::Go);
        ledger.ended(A);
        assert_eq!(ledger.begin(A, false, 120_100), Admission::Go);
    }

    proptest! {
        /// Whatever is asked for and when, no more moves than a minute's worth per minute, beside what
        /// was saved up and the one that went into debt.
        #[test]
        fn the_rate_holds(asks in prop::collection::vec((0..2_000_u64, 0..20_000_i64), 1..100)) {
            let mut ledger = ledger();
            let (mut now_ms, mut moved, mut largest) = (0, 0, 0);
            for (bytes, passed_ms) in asks {
                now_ms += passed_ms;
                if ledger.move_bytes(A, bytes, now_ms) == Admission::Go {
                    moved += bytes;
                    largest = largest.max(bytes);
                }
                let most = 3_000.0 * (1.0 + now_ms as f64 / 60_000.0) + largest as f64 + 1.0;
                prop_assert!(moved as f64 <= most, "{moved} of {most}");
            }
        }
    }
}
