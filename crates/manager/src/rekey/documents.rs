//! Changes of strategies as the admin API shows them: among workflows while they run, and among decisions.

use super::record::{Grounds, RekeyRecord, RekeyState};
use crate::Manager;
use crate::decisions::DecisionDocument;
use crate::error::ManagerError;
use crate::journal::State;
use dynamodb::ChosenBy;
use planner::plan::{Kind, Trigger};
use serde::Serialize;
use storage::RekeyProgress;
use types::Strategy;

/// A change of strategy, under way or ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RekeyDocument {
    /// Its number, among those of decisions.
    pub id: u64,
    /// The table's name.
    pub table: String,
    /// Always `rekey`.
    pub action: &'static str,
    /// The strategy before.
    pub from: Strategy,
    /// The strategy that was asked for.
    pub to: Strategy,
    /// Who has chosen it: `owner`, or the `service` by itself.
    pub by: ChosenBy,
    /// When it began.
    pub started_ms: i64,
    /// When it ended.
    pub ended_ms: Option<i64>,
    /// How far it has come.
    pub state: RekeyState,
    /// What it has copied so far, and how long it will go on; nothing if nothing has to be copied.
    pub progress: Option<RekeyProgress>,
    /// How long writes waited, if it is done.
    pub pause_ms: Option<f64>,
    /// Why it failed, if it did.
    pub failure: Option<String>,
    /// Why the service has chosen it, and what came of it.
    pub grounds: Option<Grounds>,
}

impl RekeyRecord {
    pub(super) fn document(&self) -> RekeyDocument {
        RekeyDocument {
            id: self.id,
            table: self.table_name.clone(),
            action: "rekey",
            from: self.from,
            to: self.to,
            by: self.by,
            started_ms: self.started_ms,
            ended_ms: self.ended_ms,
            state: self.state,
            progress: self.progress.clone(),
            pause_ms: self.pause_ms,
            failure: self.failure.clone(),
            grounds: self.grounds.clone(),
        }
    }

    /// The change as a decision.
    pub(crate) fn decision(&self, brief: bool) -> DecisionDocument {
        let proposal = self.grounds.as_ref().and_then(|grounds| grounds.choice.proposal.as_ref());
        let by_hand = || format!("{} in place of {}: asked for by an operator", self.to, self.from);
        DecisionDocument {
            id: self.id,
            at_ms: self.started_ms,
            table: self.table_name.clone(),
            action: "rekey",
            // As many partitions as before, elsewhere.
            kind: Kind::RangeAdjustment,
            trigger: if proposal.is_some() { Trigger::Forecast } else { Trigger::Manual },
            state: match self.state {
                RekeyState::Running => State::Running,
                RekeyState::Done => State::Done,
                RekeyState::Failed => State::Failed,
                RekeyState::Cancelled => State::Cancelled,
            },
            reason: proposal.map_or_else(by_hand, |proposal| proposal.reason.clone()),
            result: self.result_line(),
            outcome: self.grounds.as_ref().and_then(outcome_line),
            in_time: false,
            needless: false,
            entry: None,
            rekey: (!brief).then(|| Box::new(self.document())),
        }
    }

    fn result_line(&self) -> Option<String> {
        if let Some(failure) = &self.failure {
            return Some(format!("undone: {failure}"));
        }
        if self.state != RekeyState::Done {
            return None;
        }
        if self.from.is_hash_order() == self.to.is_hash_order() {
            return Some("nothing had to be moved".into());
        }
        let Some(progress) = &self.progress else {
            return Some("the process ended after it and before it could say what it took".into());
        };
        Some(format!(
            "{} items, {:.1} MB in {:.1} s; writes waited {:.0} ms",
            progress.items,
            progress.bytes as f64 / 1e6,
            self.total_ms.unwrap_or(0.0) / 1e3,
            self.pause_ms.unwrap_or(0.0)
        ))
    }
}

fn outcome_line(grounds: &Grounds) -> Option<String> {
    let after = grounds.after.as_ref()?;
    let estimated = grounds.estimated();
    let each = |counted: &planner::strategy::result::Counted| {
        counted.cost_per_request().map_or("nothing".into(), |units| format!("{units:.1} units"))
    };
    let measured = grounds.saved_units_per_s;
    let measured = measured.map_or("not to be told".into(), |units| format!("{units:.0} units/s"));
    Some(format!(
        "estimated gain {estimated:.0} units/s, measured {measured}: a request took {} before and {} after",
        each(&grounds.before),
        each(after)
    ))
}

impl Manager {
    /// The rekeys that are known, oldest first, with how far they are now.
    pub fn rekey_documents(&self) -> Vec<RekeyDocument> {
        let known: Vec<RekeyRecord> = self.shared.rekeys.lock().all().cloned().collect();
        known.iter().map(|rekey| self.rekey_now(rekey)).collect()
    }

    /// One of them.
    ///
    /// # Errors
    /// If there is none with this number.
    pub fn rekey_document(&self, id: u64) -> Result<RekeyDocument, ManagerError> {
        let known = self.shared.rekeys.lock().get(id).cloned();
        let known =
            known.ok_or_else(|| ManagerError::Refused(format!("there is no rekey {id}")))?;
        Ok(self.rekey_now(&known))
    }

    fn rekey_now(&self, rekey: &RekeyRecord) -> RekeyDocument {
        let mut document = rekey.document();
        if rekey.state == RekeyState::Running {
            let table = self.shared.components.storage.table(&rekey.table_name);
            let now = table.and_then(|table| table.rekey_progress());
            document.progress = now.or(document.progress);
        }
        document
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::Wanted;
    use super::*;
    use planner::strategy::result::Counted;
    use planner::strategy::{Mix, StrategySettings, choose};
    use types::{TableId, Units};

    fn chosen() -> RekeyRecord {
        let mix = Mix {
            load: Units { read: 100.0, write: 1.0 },
            range_queries_per_s: 2.0,
            data_bytes: 1e9,
            partitions: 4,
            capacity: Units { read: 3_000.0, write: 1_000.0 },
            ..Mix::default()
        };
        let grounds = Grounds {
            choice: choose(&mix, Strategy::Hash, &StrategySettings::default()),
            since_ms: 0,
            placed: String::new(),
            before: Counted { requests_per_s: 10.0, units_per_s: 500.0, ..Counted::default() },
            after: None,
            saved_units_per_s: None,
        };
        let wanted = Wanted {
            table: TableId(1),
            table_name: "orders".into(),
            from: Strategy::Hash,
            to: Strategy::Range,
            by: ChosenBy::Service,
            grounds: Some(grounds),
        };
        RekeyRecord::running(7, wanted, 1)
    }

    #[test]
    fn a_decision_shows_the_estimate_and_afterwards_what_was_measured_beside_it() {
        let mut rekey = chosen();
        let begun = rekey.decision(true);
        assert_eq!(
            (begun.action, begun.trigger, begun.state),
            ("rekey", Trigger::Forecast, State::Running)
        );
        assert!(begun.reason.contains("rekey to range: estimated gain"), "{}", begun.reason);
        assert_eq!((begun.result, begun.outcome, begun.rekey), (None, None, None));
        rekey.end(RekeyState::Done, None, 2);
        let grounds = rekey.grounds.as_mut().unwrap();
        grounds.judge(Counted { requests_per_s: 10.0, units_per_s: 100.0, ..Counted::default() });
        let ended = rekey.decision(false);
        let outcome = ended.outcome.unwrap();
        assert!(outcome.contains("measured 400 units/s"), "{outcome}");
        assert!(outcome.contains("took 50.0 units before and 10.0 units after"), "{outcome}");
        assert_eq!(ended.rekey.unwrap().grounds, rekey.grounds);
    }

    #[test]
    fn what_somebody_asked_for_says_so() {
        let mut rekey = RekeyRecord { grounds: None, by: ChosenBy::Owner, ..chosen() };
        rekey.end(RekeyState::Failed, Some("no room".into()), 2);
        let decision = rekey.decision(true);
        assert_eq!((decision.trigger, decision.state), (Trigger::Manual, State::Failed));
        assert_eq!(decision.result.as_deref(), Some("undone: no room"));
        assert_eq!(decision.reason, "range in place of hash: asked for by an operator");
    }
}
