//! What was weighed and not done, newest last: the journal has only what was decided.
//!
//! Noted when scores were made, something was considered, and the answer differs from the last one
//! about the same table. Kept in memory and bounded.

use crate::Manager;
use planner::plan::{Alternative, Plan};
use serde::Serialize;
use std::collections::VecDeque;

/// What was weighed and not done, once.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Considered {
    /// When.
    pub at_ms: i64,
    /// About which table.
    pub table: String,
    /// Why nothing was done.
    pub reason: String,
    /// What was weighed.
    pub alternatives: Vec<Alternative>,
}

/// `GET considered`.
#[derive(Debug, Serialize)]
pub struct ConsideredDocument {
    /// The newest first.
    pub considered: Vec<Considered>,
}

/// The list, bounded.
#[derive(Debug)]
pub(crate) struct ConsideredLog {
    kept: VecDeque<Considered>,
    kept_max: usize,
}

impl ConsideredLog {
    pub(crate) fn new(kept_max: usize) -> Self {
        Self { kept: VecDeque::new(), kept_max: kept_max.max(1) }
    }

    /// Notes a plan that does nothing, if something was weighed for it.
    pub(crate) fn hold(&mut self, at_ms: i64, table: &str, plan: &Plan) {
        if !plan.alternatives.is_empty() {
            self.push(at_ms, table, plan.reason.clone(), plan.alternatives.clone());
        }
    }

    fn push(&mut self, at_ms: i64, table: &str, reason: String, alternatives: Vec<Alternative>) {
        let same = |known: &Considered| {
            let what =
                |list: &[Alternative]| list.iter().map(|a| a.what.clone()).collect::<Vec<_>>();
            known.reason == reason && what(&known.alternatives) == what(&alternatives)
        };
        if self.kept.iter().rev().find(|known| known.table == table).is_some_and(same) {
            return;
        }
        if self.kept.len() == self.kept_max {
            self.kept.pop_front();
        }
        self.kept.push_back(Considered { at_ms, table: table.to_owned(), reason, alternatives });
    }
}

impl Manager {
    /// What was weighed and not done, about one table or all.
    pub fn considered_document(&self, table: Option<&str>) -> ConsideredDocument {
        let log = self.shared.considered.lock();
        let wanted = |entry: &&Considered| table.is_none_or(|name| entry.table == name);
        ConsideredDocument { considered: log.kept.iter().rev().filter(wanted).cloned().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(what: &str) -> Plan {
        let alternative =
            Alternative { what: what.into(), rejected: "too dear".into(), benefit: 1.0, cost: 2.0 };
        Plan { alternatives: vec![alternative], ..Plan::hold("nothing pays") }
    }

    #[test]
    fn only_what_is_new_is_noted_and_the_oldest_go() {
        let mut log = ConsideredLog::new(2);
        for (at_ms, table, what) in
            [(1, "a", "split"), (2, "a", "split"), (3, "b", "split"), (4, "a", "merge")]
        {
            log.hold(at_ms, table, &plan(what));
        }
        assert_eq!(log.kept.iter().map(|c| c.at_ms).collect::<Vec<_>>(), [3, 4]);
        log.hold(5, "a", &Plan::hold("nothing to do"));
        assert_eq!(log.kept.len(), 2, "nothing was weighed");
    }
}
