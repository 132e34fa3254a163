//! The steps of a workflow: what follows what, as a table, and what holds at each of them.
//!
//! Nothing here acts. Who reads the table can tell every way that a workflow can go; a test walks all
//! of them.

use serde::{Deserialize, Serialize};

/// Where a workflow is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// It is decided.
    Decided,
    /// It waits for its turn: for others to end, for bytes to have moved, for a failed attempt to cool.
    Waiting,
    /// An operator holds it.
    Paused,
    /// Storage makes the new partitions.
    Reslicing,
    /// They are published; it is looked whether the map says so.
    Checking,
    /// The map is as it was wanted.
    Done,
    /// It failed and nothing is changed: storage has undone what there was.
    Undone,
    /// It waited for too long, and nothing was begun.
    GivenUp,
    /// Somebody cancelled it before anything was begun.
    Cancelled,
    /// The process ended before anything was begun, or before it could be told what came of it.
    Interrupted,
}

/// What takes a workflow from one step to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Happening {
    /// The decision is on disk.
    Journaled,
    /// The caps leave room for it.
    Admitted,
    /// An operator asks it to wait.
    PauseAsked,
    /// An operator lets it go on.
    ResumeAsked,
    /// An operator calls it off.
    CancelAsked,
    /// The step took longer than it may.
    TimedOut,
    /// Storage has published the new map.
    Resliced,
    /// Storage has undone an attempt, and another one may do.
    FailedForNow,
    /// Storage has undone it, and it would fail again.
    Failed,
    /// The map has the partitions that were wanted.
    Found,
    /// It has not.
    NotFound,
    /// The process was started anew.
    Restarted,
}

/// From which step, on what, to which.
pub const TRANSITIONS: &[(Step, Happening, Step)] = &[
    (Step::Decided, Happening::Journaled, Step::Waiting),
    (Step::Decided, Happening::Restarted, Step::Interrupted),
    (Step::Waiting, Happening::Admitted, Step::Reslicing),
    (Step::Waiting, Happening::PauseAsked, Step::Paused),
    (Step::Waiting, Happening::CancelAsked, Step::Cancelled),
    (Step::Waiting, Happening::TimedOut, Step::GivenUp),
    (Step::Waiting, Happening::Restarted, Step::Interrupted),
    (Step::Paused, Happening::ResumeAsked, Step::Waiting),
    (Step::Paused, Happening::CancelAsked, Step::Cancelled),
    (Step::Paused, Happening::TimedOut, Step::GivenUp),
    (Step::Paused, Happening::Restarted, Step::Interrupted),
    (Step::Reslicing, Happening::Resliced, Step::Checking),
    (Step::Reslicing, Happening::FailedForNow, Step::Waiting),
    (Step::Reslicing, Happening::Failed, Step::Undone),
    // Storage has finished or undone it by then: the map says which.
    (Step::Reslicing, Happening::Restarted, Step::Checking),
    (Step::Checking, Happening::Found, Step::Done),
    (Step::Checking, Happening::NotFound, Step::Interrupted),
    (Step::Checking, Happening::Restarted, Step::Checking),
];

/// How long a step may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeout {
    /// It takes no time.
    None,
    /// The setting `workflow.wait_real_ms_max`.
    Wait,
    /// The setting `workflow.pause_real_ms_max`.
    Pause,
    /// Storage's own: `prepare_ms_max` and `cutover_ms_max`.
    Storage,
}

/// What is done about a step that cannot be finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compensation {
    /// Nothing was begun.
    Nothing,
    /// Storage deletes the children and takes back its intent, at once or at the next start.
    Undo,
    /// The new map is in force: what is left is only finished.
    Finish,
}

/// What holds at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// At which.
    pub step: Step,
    /// When it is finished.
    pub finished_when: &'static str,
    /// How long it may take.
    pub timeout: Timeout,
    /// What is done if it cannot be finished.
    pub compensation: Compensation,
}

/// The steps that take time.
pub const RULES: &[Rule] = &[
    Rule {
        step: Step::Decided,
        finished_when: "the decision is on disk",
        timeout: Timeout::None,
        compensation: Compensation::Nothing,
    },
    Rule {
        step: Step::Waiting,
        finished_when: "fewer actions than the caps are under way, and the bytes of this minute have moved",
        timeout: Timeout::Wait,
        compensation: Compensation::Nothing,
    },
    Rule {
        step: Step::Paused,
        finished_when: "an operator resumes it",
        timeout: Timeout::Pause,
        compensation: Compensation::Nothing,
    },
    Rule {
        step: Step::Reslicing,
        finished_when: "storage has published the new map",
        timeout: Timeout::Storage,
        compensation: Compensation::Undo,
    },
    Rule {
        step: Step::Checking,
        finished_when: "the table's map has the ranges that were wanted",
        timeout: Timeout::None,
        compensation: Compensation::Finish,
    },
];

/// The step that follows; `None` if the table has no such line.
pub(crate) fn next(step: Step, happening: Happening) -> Option<Step> {
    let line = TRANSITIONS.iter().find(|(from, on, _)| (*from, *on) == (step, happening));
    line.map(|(_, _, to)| *to)
}

impl Step {
    /// Whether nothing follows.
    pub fn is_final(self) -> bool {
        !TRANSITIONS.iter().any(|(from, _, _)| *from == self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    const FINAL: [Step; 5] =
        [Step::Done, Step::Undone, Step::GivenUp, Step::Cancelled, Step::Interrupted];

    #[test]
    fn the_table_is_a_function() {
        let mut seen = HashSet::new();
        for (from, on, _) in TRANSITIONS {
            assert!(seen.insert((from, on)), "{from:?} {on:?} twice");
        }
    }

    #[test]
    fn every_step_is_reached_and_every_end_is_an_end() {
        let mut reached = HashSet::from([Step::Decided]);
        while let Some((_, _, to)) =
            TRANSITIONS.iter().find(|(from, _, to)| reached.contains(from) && !reached.contains(to))
        {
            reached.insert(*to);
        }
        let named: HashSet<Step> =
            TRANSITIONS.iter().flat_map(|(from, _, to)| [*from, *to]).collect();
        assert_eq!(reached, named);
        for step in named {
            assert_eq!(step.is_final(), FINAL.contains(&step), "{step:?}");
            assert_eq!(RULES.iter().any(|rule| rule.step == step), !step.is_final(), "{step:?}");
        }
    }

    #[test]
    fn from_everywhere_there_is_a_way_to_an_end() {
        let mut ends: HashSet<Step> = FINAL.into();
        while let Some((from, ..)) =
            TRANSITIONS.iter().find(|(from, _, to)| !ends.contains(from) && ends.contains(to))
        {
            ends.insert(*from);
        }
        assert!(TRANSITIONS.iter().all(|(from, ..)| ends.contains(from)));
    }

    #[test]
    fn what_has_begun_is_not_cancelled_and_a_restart_leaves_nothing_under_way() {
        for rule in RULES {
            let begun = rule.compensation != Compensation::Nothing;
            let cancelled = next(rule.step, Happening::CancelAsked);
            assert!(!(begun && cancelled.is_some()), "{:?}", rule.step);
            let mut step = next(rule.step, Happening::Restarted).unwrap();
            if step == Step::Checking {
                step = next(step, Happening::NotFound).unwrap();
            }
            assert!(step.is_final(), "{:?}", rule.step);
        }
        assert_eq!(next(Step::Done, Happening::CancelAsked), None);
    }
}
