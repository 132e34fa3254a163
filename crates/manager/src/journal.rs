//! The journal: every decision, what became of it, and how it turned out.
//!
//! | name | content |
//! |---|---|
//! | `decisions/<id>` (20 digits) | one [`Entry`] as JSON with its `version` |
//!
//! Version 1 had no workflow and no effect; version 3 names the key order that the decision's keys are of (in
//! the versions before it is taken for the first one). What a later version has written is not read: the
//! start says so, rather than forget a workflow or give its number to another.
//!
//! An entry is written before its action starts, again when it has ended, and again when the load
//! it spoke of has come. A process that dies in between leaves an entry that says "running": at the
//! next start it is closed as interrupted, and storage's own workflow journal has finished or undone
//! the reslice by then. Entries beyond the bound are deleted, oldest first.

use crate::error::ManagerError;
use crate::workflow::{Happening, Step, Workflow};
use bytes::Bytes;
use parking_lot::Mutex;
use planner::decision::{Decision, Judgement, Outcome};
use planner::load::utilisation;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use storage::{Blobs, ResliceReport};

const VERSION: u32 = 3;
const DIRECTORY: &str = "decisions";

/// How far an action has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Written down, and being carried out.
    Running,
    /// Its partitions are published.
    Done,
    /// It was undone; the table is as before.
    Failed,
    /// The process ended before it did; storage finished or undid it at the next start.
    Interrupted,
    /// Somebody called it off before anything had begun.
    Cancelled,
}

/// What an action was expected to do, and what it did, as shares of one partition's capacity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Effect {
    /// The fullest new partition at its fullest step, as planned.
    pub predicted_full: Option<f64>,
    /// The fullest new partition in its fullest five minutes, as it came.
    pub actual_full: Option<f64>,
    /// The overload that the plan was to avoid, in unit-seconds.
    pub predicted_avoided: f64,
    /// The overload of the old partitions that the new ones did not have, in unit-seconds.
    pub actual_avoided: Option<f64>,
}

impl Effect {
    /// What a decision expects.
    fn predicted(decision: &Decision) -> Self {
        let capacity = decision.inputs.first().map(|input| input.capacity);
        let full = |capacity| {
            decision.action.shares.iter().map(|load| utilisation(*load, capacity)).reduce(f64::max)
        };
        Self {
            predicted_full: capacity.and_then(full),
            predicted_avoided: decision.action.benefit,
            ..Self::default()
        }
    }
}

/// A decision and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub(crate) version: u32,
    /// How often the table's key order had changed by then: the decision's keys are of this order.
    #[serde(default)]
    pub order: u64,
    /// What was decided, on what grounds.
    pub decision: Decision,
    /// How far it has come.
    pub state: State,
    /// When it ended, on the service's clock.
    pub finished_ms: Option<i64>,
    /// How long it took, if it was done.
    pub timing: Option<Timing>,
    /// Why it failed, if it did.
    pub failure: Option<String>,
    /// How it turned out, as far as that is known.
    pub outcome: Option<Outcome>,
    /// The steps of carrying it out.
    #[serde(default)]
    pub workflow: Workflow,
    /// What it was expected to do, and did.
    #[serde(default)]
    pub effect: Effect,
}

/// How long a reslice took, in real milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// From the intent to the last step.
    pub total_ms: f64,
    /// How long writes waited.
    pub pause_ms: f64,
    /// The preparation, while traffic ran, with flushing, cloning and opening; zero in entries from before
    /// it was noted, like the rest.
    #[serde(default)]
    pub prepare_ms: f64,
    /// Writing out what was in memory. In older entries a part of the pause, like the next two.
    #[serde(default)]
    pub flush_ms: f64,
    /// Cloning, which copies no data.
    #[serde(default)]
    pub clone_ms: f64,
    /// Opening the new partitions.
    #[serde(default)]
    pub open_ms: f64,
    /// Of the pause: from when on writes were kept for the new partitions.
    #[serde(default)]
    pub hold_ms: f64,
    /// Of the pause: waiting for writes that had begun.
    #[serde(default)]
    pub drain_ms: f64,
    /// Of the pause: writing what came last to the new partitions.
    #[serde(default)]
    pub copy_ms: f64,
    /// Of the pause: publishing the new map.
    #[serde(default)]
    pub publish_ms: f64,
}

impl From<&ResliceReport> for Timing {
    fn from(report: &ResliceReport) -> Self {
        Self {
            total_ms: report.total_ms,
            pause_ms: report.pause_ms,
            prepare_ms: report.prepare_ms,
            flush_ms: report.making.flush_ms,
            clone_ms: report.making.clone_ms,
            open_ms: report.making.open_ms,
            hold_ms: report.making.hold_ms,
            drain_ms: report.pause.drain_ms,
            copy_ms: report.pause.copy_ms,
            publish_ms: report.pause.publish_ms,
        }
    }
}

impl Entry {
    /// A decision that is about to be carried out.
    pub(crate) fn running(decision: Decision, order: u64) -> Self {
        Self {
            version: VERSION,
            order,
            workflow: Workflow::decided(decision.at_ms),
            effect: Effect::predicted(&decision),
            decision,
            state: State::Running,
            finished_ms: None,
            timing: None,
            failure: None,
            outcome: None,
        }
    }

    /// Whether later load can still change the verdict.
    pub(crate) fn is_open(&self) -> bool {
        self.state == State::Done
            && self.outcome.as_ref().is_none_or(|outcome| outcome.judgement == Judgement::Open)
    }
}

/// The entries by id, bounded.
#[derive(Debug)]
pub(crate) struct Journal {
    entries: BTreeMap<u64, Entry>,
    entries_max: usize,
    next_id: u64,
    /// Those that had to make room in memory and are to be deleted from disk.
    gone: BTreeSet<u64>,
}

fn name(id: u64) -> String {
    format!("{DIRECTORY}/{id:020}")
}

impl Journal {
    /// Reads the journal back. A damaged entry is left out, with a warning.
    ///
    /// # Errors
    /// If an entry is of a later version.
    pub(crate) async fn restore(blobs: &Blobs, entries_max: usize) -> Result<Self, ManagerError> {
        let mut entries = BTreeMap::new();
        for name in blobs.list(DIRECTORY).await? {
            let Some(content) = blobs.get(&name).await? else { continue };
            if let Some(why) = newer(&content) {
                return Err(ManagerError::Newer { name, why });
            }
            match serde_json::from_slice::<Entry>(&content) {
                Ok(mut entry) => {
                    if entry.state == State::Running {
                        entry.state = State::Interrupted;
                        let last_ms = entry.workflow.trail.last().map_or(0, |passed| passed.at_ms);
                        entry.workflow.advance(Happening::Restarted, last_ms);
                    }
                    entries.insert(entry.decision.id, entry);
                }
                Err(error) => tracing::warn!(%name, %error, "a decision cannot be read"),
            }
        }
        let next_id = entries.keys().next_back().map_or(1, |last| last + 1);
        let entries_max = entries_max.max(1);
        let mut journal = Self { entries, entries_max, next_id, gone: BTreeSet::new() };
        journal.trim();
        Ok(journal)
    }

    /// An id that no entry has had.
    pub(crate) fn next_id(&self) -> u64 {
        self.next_id
    }

    /// An id for a workflow that is no decision, so that a number names one thing.
    pub(crate) fn reserve_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    /// From here on ids are above `id`.
    pub(crate) fn go_beyond(&mut self, id: u64) {
        self.next_id = self.next_id.max(id.saturating_add(1));
    }

    /// Takes an entry in, new or changed. Older ones make room for it; the next that is written down
    /// deletes them from disk.
    pub(crate) fn insert(&mut self, entry: Entry) {
        self.next_id = self.next_id.max(entry.decision.id + 1);
        self.entries.insert(entry.decision.id, entry);
        self.trim();
    }

    /// The ids that have to go from disk, for who deletes them.
    fn take_gone(&mut self) -> BTreeSet<u64> {
        std::mem::take(&mut self.gone)
    }

    fn trim(&mut self) {
        while self.entries.len() > self.entries_max {
            self.gone.extend(self.entries.pop_first().map(|(id, _)| id));
        }
    }

    /// All entries, oldest first.
    pub(crate) fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.values()
    }
}

/// What an entry has that only a later version can have written; nothing of one that is damaged.
fn newer(content: &[u8]) -> Option<String> {
    let entry: serde_json::Value = serde_json::from_slice(content).ok()?;
    if let Some(version) = entry["version"].as_u64().filter(|version| *version > VERSION.into()) {
        return Some(format!("it is of version {version}, and {VERSION} is the newest known here"));
    }
    let workflow = &entry["workflow"];
    let trail = workflow["trail"].as_array().into_iter().flatten().map(|passed| &passed["step"]);
    let mut steps = trail.chain([&workflow["step"]]).filter(|step| step.is_string());
    let unknown = steps.find(|step| serde_json::from_value::<Step>((*step).clone()).is_err())?;
    Some(format!("it names the step {unknown}, which is not known here"))
}

/// Keeps an entry in memory and on disk, and deletes those that had to make room.
pub(crate) async fn write(
    journal: &Mutex<Journal>,
    blobs: &Blobs,
    entry: &Entry,
) -> Result<(), ManagerError> {
    let gone = {
        let mut journal = journal.lock();
        journal.insert(entry.clone());
        journal.take_gone()
    };
    let written = put(blobs, entry, &gone).await;
    if written.is_err() {
        // The next one deletes them.
        journal.lock().gone.extend(gone);
    }
    written
}

async fn put(blobs: &Blobs, entry: &Entry, gone: &BTreeSet<u64>) -> Result<(), ManagerError> {
    blobs.put(&name(entry.decision.id), Bytes::from(serde_json::to_vec(entry)?)).await?;
    for id in gone {
        blobs.delete(&name(*id)).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
