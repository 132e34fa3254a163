//! What an operator can hold up: the planner as a whole, and an action that has not begun.
//!
//! A paused planner looks, forecasts and scores as always, and a dry run says what it would do. The
//! pause ends with the process: a service that was restarted acts again. A reslice that has begun takes well under a second and
//! undoes itself when it fails, so it is not cancelled but awaited.

use crate::Manager;
use crate::error::ManagerError;
use crate::journal::{Entry, State};
use parking_lot::Mutex;
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

/// What operators have asked for.
#[derive(Debug, Default)]
pub(crate) struct Control {
    paused: AtomicBool,
    actions: Mutex<Actions>,
}

#[derive(Debug, Default)]
struct Actions {
    begun: BTreeSet<u64>,
    cancelled: BTreeSet<u64>,
}

/// `POST planner/pause`, `POST planner/resume`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PausedDocument {
    /// Whether the planner is held up now.
    pub paused: bool,
}

/// `POST workflows/{id}/cancel`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CancelledDocument {
    /// The workflow that will not be carried out.
    pub cancelled: u64,
}

impl Control {
    pub(crate) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Acquire)
    }

    /// Whether an action may begin: not if it was cancelled before.
    pub(crate) fn begin(&self, id: u64) -> bool {
        let mut actions = self.actions.lock();
        let wanted = !actions.cancelled.remove(&id);
        if wanted {
            actions.begun.insert(id);
        }
        wanted
    }

    pub(crate) fn end(&self, id: u64) {
        self.actions.lock().begun.remove(&id);
    }

    /// Whether an action is being carried out, and not only waiting for its turn.
    pub(crate) fn has_begun(&self, id: u64) -> bool {
        self.actions.lock().begun.contains(&id)
    }

    fn cancel(&self, id: u64) -> bool {
        let mut actions = self.actions.lock();
        let waiting = !actions.begun.contains(&id);
        if waiting {
            actions.cancelled.insert(id);
        }
        waiting
    }
}

impl Manager {
    /// Whether the planner is held up.
    pub fn is_paused(&self) -> bool {
        self.shared.control.is_paused()
    }

    /// Holds the planner up, or lets it go on. Actions by hand are carried out either way.
    pub fn pause(&self, paused: bool) -> PausedDocument {
        self.shared.control.paused.store(paused, Ordering::Release);
        PausedDocument { paused }
    }

    /// Sees to it that an action that waits for its turn is not begun.
    ///
    /// # Errors
    /// If there is no such workflow, or it has ended or begun.
    pub fn cancel_workflow(&self, id: u64) -> Result<CancelledDocument, ManagerError> {
        let journal = self.shared.journal.lock();
        let entry = journal.entries().find(|entry| entry.decision.id == id);
        let entry: &Entry = entry.ok_or(ManagerError::NoSuchWorkflow(id))?;
        if entry.state != State::Running {
            return Err(ManagerError::Conflict(format!("workflow {id} has ended already")));
        }
        match self.shared.control.cancel(id) {
            true => Ok(CancelledDocument { cancelled: id }),
            false => {
                let why = "is being carried out; it ends by itself within a second";
                Err(ManagerError::Conflict(format!("workflow {id} {why}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_can_be_cancelled_and_what_has_begun_cannot() {
        let control = Control::default();
        assert!(control.cancel(1));
        assert!(!control.begin(1), "it was cancelled");
        assert!(control.begin(2));
        assert!(control.has_begun(2) && !control.cancel(2));
        control.end(2);
        assert!(!control.has_begun(2));
        assert!(control.begin(1), "a cancellation counts once");
    }
}
