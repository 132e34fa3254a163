//! Workflows: how an action is carried out, step by step, with a journal.
//!
//! `steps` is the literal table of what follows what, how long a step may take and what is done about
//! one that fails; `claims` says who works on which keys and takes wishes to pause or cancel; `run` is the
//! effect: it waits for its turn, calls storage's reslice, and looks whether the map says so. The
//! reslice has steps and a journal of its own below this one (`storage::reslice`), and is undone or
//! finished there after a crash; this journal says what was wanted, why, and what came of it.

mod claims;
mod run;
mod steps;

pub(crate) use claims::{Claim, Claims, Wish};
pub(crate) use run::{is_finished, run, start, write};
pub use steps::{Compensation, Happening, RULES, Rule, Step, TRANSITIONS, Timeout};

use serde::{Deserialize, Serialize};

/// The most steps that a workflow remembers having been through.
const TRAIL_MAX: usize = 32;

/// How far a workflow has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Workflow {
    /// Where it is.
    pub step: Step,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// Since when it has been at each step it went through, on the service's clock.
    pub trail: Vec<Passed>,
    /// What it waits for, in one line.
    pub waits_for: Option<String>,
}

/// A step with the time at which it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// Which.
    pub step: Step,
    /// When.
    pub at_ms: i64,
}

impl Default for Workflow {
    /// What is known of one that an earlier version has written down: it has ended.
    fn default() -> Self {
        Self { step: Step::Done, attempt: 1, trail: Vec::new(), waits_for: None }
    }
}

impl Workflow {
    /// One that has just been decided on.
    pub(crate) fn decided(at_ms: i64) -> Self {
        let trail = vec![Passed { step: Step::Decided, at_ms }];
        Self { step: Step::Decided, attempt: 1, trail, waits_for: None }
    }

    /// Goes on to what the table says; `false` if it says nothing of that, and nothing changes.
    pub(crate) fn advance(&mut self, happening: Happening, at_ms: i64) -> bool {
        let Some(step) = steps::next(self.step, happening) else { return false };
        if happening == Happening::FailedForNow {
            self.attempt += 1;
        }
        self.step = step;
        self.waits_for = None;
        if self.trail.len() == TRAIL_MAX {
            self.trail.remove(1);
        }
        self.trail.push(Passed { step, at_ms });
        true
    }
}
