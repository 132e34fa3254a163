//! Decisions and workflows as the admin API shows them: a summary to read, and the whole entry.

use crate::Manager;
use crate::by_hand;
use crate::error::ManagerError;
use crate::journal::{Entry, State};
use crate::rekey::RekeyDocument;
use planner::decision::Judgement;
use planner::plan::{Kind, Trigger};
use serde::Serialize;

/// Which decisions are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecisionsRequest<'a> {
    /// About this table only.
    pub table: Option<&'a str>,
    /// The newest so many, newest first; without it all, oldest first.
    pub limit: Option<usize>,
    /// Without their entries.
    pub brief: bool,
}

/// `GET decisions`.
#[derive(Debug, Serialize)]
pub struct DecisionsDocument {
    /// Oldest first.
    pub decisions: Vec<DecisionDocument>,
}

/// One decision: a summary to read, and the whole entry.
#[derive(Debug, Serialize)]
pub struct DecisionDocument {
    /// Its number.
    pub id: u64,
    /// When it was made.
    pub at_ms: i64,
    /// The table's name.
    pub table: String,
    /// `split`, `merge`, `shift`, `isolate`, `reslice` or `rekey`.
    pub action: &'static str,
    /// The mission's word for it.
    pub kind: Kind,
    /// What made the policy act.
    pub trigger: Trigger,
    /// How far it has come.
    pub state: State,
    /// Why, in one line.
    pub reason: String,
    /// What was done, in one line.
    pub result: Option<String>,
    /// How it turned out, in one line.
    pub outcome: Option<String>,
    /// Whether it finished before the first throttle that would have come without it.
    pub in_time: bool,
    /// Whether it would not have been needed.
    pub needless: bool,
    /// Everything: inputs, forecast, scores, alternatives, timing, outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<Entry>,
    /// The same of a change of strategy: what was estimated, and what was measured afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rekey: Option<Box<RekeyDocument>>,
}

impl Manager {
    /// What was decided, about one table or all.
    pub fn decisions_document(&self, request: &DecisionsRequest<'_>) -> DecisionsDocument {
        let about = |name: &str| request.table.is_none_or(|wanted| wanted == name);
        let most = request.limit.unwrap_or(usize::MAX);
        let mut decisions: Vec<DecisionDocument> = {
            let journal = self.shared.journal.lock();
            let mine = journal.entries().rev().filter(|entry| about(&entry.decision.table_name));
            mine.take(most).map(|entry| decision_document(entry, request.brief)).collect()
        };
        let rekeys = self.shared.rekeys.lock();
        let mine = rekeys.all().rev().filter(|rekey| about(&rekey.table_name));
        decisions.extend(mine.take(most).map(|rekey| rekey.decision(request.brief)));
        decisions.sort_by_key(|decision| std::cmp::Reverse(decision.id));
        decisions.truncate(most);
        if request.limit.is_none() {
            decisions.reverse();
        }
        DecisionsDocument { decisions }
    }

    /// One decision with everything.
    ///
    /// # Errors
    /// If there is none of this number.
    pub fn decision_document(&self, id: u64) -> Result<DecisionDocument, ManagerError> {
        if let Some(rekey) = self.shared.rekeys.lock().get(id) {
            return Ok(rekey.decision(false));
        }
        let journal = self.shared.journal.lock();
        let entry = journal.entries().find(|entry| entry.decision.id == id);
        entry.map(|entry| decision_document(entry, false)).ok_or(ManagerError::NoSuchWorkflow(id))
    }
}

fn decision_document(entry: &Entry, brief: bool) -> DecisionDocument {
    let decision = &entry.decision;
    let judgement = entry.outcome.as_ref().map(|outcome| outcome.judgement);
    DecisionDocument {
        id: decision.id,
        at_ms: decision.at_ms,
        table: decision.table_name.clone(),
        action: by_hand::name(&decision.action),
        kind: decision.action.kind,
        trigger: decision.action.trigger,
        state: entry.state,
        reason: decision.action.reason.clone(),
        result: result_line(entry),
        outcome: outcome_line(entry),
        in_time: judgement == Some(Judgement::InTime),
        needless: judgement == Some(Judgement::Needless),
        entry: (!brief).then(|| entry.clone()),
        rekey: None,
    }
}

fn result_line(entry: &Entry) -> Option<String> {
    if let Some(failure) = &entry.failure {
        return Some(format!("undone: {failure}"));
    }
    let timing = entry.timing?;
    Some(format!(
        "{} partitions of {} in {:.0} ms; writes waited {:.0} ms",
        entry.decision.action.children(),
        entry.decision.action.sources.len(),
        timing.total_ms,
        timing.pause_ms
    ))
}

fn outcome_line(entry: &Entry) -> Option<String> {
    let outcome = entry.outcome.as_ref()?;
    let minutes = |ms: i64| ms as f64 / 60_000.0;
    let peak = outcome.peak * 100.0;
    let what = match (outcome.judgement, outcome.lead_ms) {
        (Judgement::InTime, Some(lead)) => {
            format!("in time: the load crossed the old capacity {:.0} min later", minutes(lead))
        }
        (Judgement::InTime, None) => "in time".to_owned(),
        (Judgement::Late, _) => "late: throttling would have begun before it finished".to_owned(),
        (Judgement::Absorbed, _) => "burst credit alone would just have carried the load".into(),
        (Judgement::Needless, _) => "needless: the load stayed under the old capacity".to_owned(),
        (Judgement::Held, _) => "the merge held".to_owned(),
        (Judgement::Regretted, _) => "regretted: the load exceeded the merged partition".to_owned(),
        (Judgement::Open, _) => "too early to tell".to_owned(),
    };
    Some(format!("{what} (fullest five minutes: {peak:.0} % of it)"))
}
