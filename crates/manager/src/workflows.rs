//! Workflows as the admin API shows them, and what operators may do to them.

use crate::Manager;
use crate::by_hand;
use crate::control::CancelledDocument;
use crate::error::ManagerError;
use crate::heatmap::hex;
use crate::journal::{Effect, Entry, State};
use crate::rekey::RekeyDocument;
use crate::workflow::{Compensation, Passed, RULES, Step, Wish};
use planner::plan::Kind;
use serde::Serialize;
use types::PartitionId;

/// `GET workflows`: decisions that are being carried out.
#[derive(Debug, Serialize)]
pub struct WorkflowsDocument {
    /// Oldest first.
    pub workflows: Vec<WorkflowDocument>,
    /// Changes of strategies, under way or ended, oldest first.
    pub rekeys: Vec<RekeyDocument>,
}

/// One workflow.
#[derive(Debug, Serialize)]
pub struct WorkflowDocument {
    /// The decision it carries out.
    pub id: u64,
    /// The table's name.
    pub table: String,
    /// `split`, `merge`, `shift`, `isolate` or `reslice`.
    pub action: &'static str,
    /// The mission's word for it.
    pub kind: Kind,
    /// When it began.
    pub started_ms: i64,
    /// How far it has come.
    pub state: State,
    /// At which step it is.
    pub step: Step,
    /// When that step is finished; nothing if it is the last one.
    pub finished_when: Option<&'static str>,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// What it waits for.
    pub waits_for: Option<String>,
    /// Whether it can still be cancelled.
    pub cancellable: bool,
    /// The keys it works on: the first, and the first behind them; the end of the axis is empty.
    pub start: String,
    /// See there.
    pub end: String,
    /// The partitions that go.
    pub sources: Vec<PartitionId>,
    /// How many partitions it makes.
    pub children: usize,
    /// Why, in one line.
    pub reason: String,
    /// Why nothing came of it, if nothing did.
    pub failure: Option<String>,
    /// When it was at which step.
    pub trail: Vec<Passed>,
    /// What it was expected to do, and did.
    pub effect: Effect,
}

/// The answer to a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct WishDocument {
    /// Which workflow.
    pub id: u64,
    /// What it has been told: `pause` or `go`.
    pub told: &'static str,
}

impl Manager {
    /// What is being carried out; with `ended`, also what has been.
    pub fn workflows_document(&self, ended: bool) -> WorkflowsDocument {
        let journal = self.shared.journal.lock();
        let wanted = |entry: &&Entry| ended || entry.state == State::Running;
        let workflows = journal.entries().filter(wanted).map(document).collect();
        drop(journal);
        WorkflowsDocument { workflows, rekeys: self.rekey_documents() }
    }

    /// One workflow.
    ///
    /// # Errors
    /// If there is none with this number.
    pub fn workflow_document(&self, id: u64) -> Result<WorkflowDocument, ManagerError> {
        let journal = self.shared.journal.lock();
        let found = journal.entries().find(|entry| entry.decision.id == id);
        found.map(document).ok_or(ManagerError::NoSuchWorkflow(id))
    }

    /// Calls a workflow off, as long as nothing has begun.
    ///
    /// # Errors
    /// If it has ended, or has begun to make its partitions.
    pub fn cancel_workflow(&self, id: u64) -> Result<CancelledDocument, ManagerError> {
        let document = self.workflow_document(id)?;
        if document.state == State::Running && !document.cancellable {
            let why = "is being carried out and ends by itself within seconds";
            return Err(ManagerError::Conflict(format!("workflow {id} {why}")));
        }
        self.wish(id, Wish::Cancel, "cancel")?;
        Ok(CancelledDocument { cancelled: id })
    }

    /// Lets a workflow wait before it begins, until it is resumed.
    ///
    /// # Errors
    /// If it is not under way.
    pub fn pause_workflow(&self, id: u64) -> Result<WishDocument, ManagerError> {
        self.wish(id, Wish::Pause, "pause")
    }

    /// Lets a paused workflow go on.
    ///
    /// # Errors
    /// If it is not under way.
    pub fn resume_workflow(&self, id: u64) -> Result<WishDocument, ManagerError> {
        self.wish(id, Wish::Go, "go")
    }

    fn wish(&self, id: u64, wish: Wish, told: &'static str) -> Result<WishDocument, ManagerError> {
        // Its claim outlives its last step by a moment.
        let ended = self.workflow_document(id)?.step.is_final();
        match !ended && self.shared.claims.wish(id, wish) {
            true => Ok(WishDocument { id, told }),
            false => Err(ManagerError::Conflict(format!("workflow {id} has ended already"))),
        }
    }
}

pub(crate) fn document(entry: &Entry) -> WorkflowDocument {
    let (decision, workflow) = (&entry.decision, &entry.workflow);
    let action = &decision.action;
    let rule = RULES.iter().find(|rule| rule.step == workflow.step);
    WorkflowDocument {
        id: decision.id,
        table: decision.table_name.clone(),
        action: by_hand::name(action),
        kind: action.kind,
        started_ms: decision.at_ms,
        state: entry.state,
        step: workflow.step,
        finished_when: rule.map(|rule| rule.finished_when),
        attempt: workflow.attempt,
        waits_for: workflow.waits_for.clone(),
        cancellable: rule.is_some_and(|rule| rule.compensation == Compensation::Nothing),
        start: hex(&action.range.start),
        end: action.range.end.as_ref().map_or(String::new(), |end| hex(end)),
        sources: action.sources.clone(),
        children: action.children(),
        reason: action.reason.clone(),
        failure: entry.failure.clone(),
        trail: workflow.trail.clone(),
        effect: entry.effect,
    }
}
