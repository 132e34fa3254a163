//! What an operator can hold up: the planner as a whole.
//!
//! A paused planner looks, forecasts and scores as always, and a dry run says what it would do. The
//! pause ends with the process: a service that was restarted acts again. Single workflows are paused and
//! cancelled in `workflows`.

use crate::Manager;
use serde::Serialize;
use std::sync::atomic::{AtomicBool, Ordering};

/// What operators have asked for.
#[derive(Debug, Default)]
pub(crate) struct Control {
    paused: AtomicBool,
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
}
