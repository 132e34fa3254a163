//! One seed: some lives of a store on one machine, and what ends each of them.

use super::life::{Life, Outcome};
use super::machine::{Machine, Planned};
use super::model::Model;
use super::remains;
use nodelog::Fault;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use storage::FaultPoint;

const LIVES: u64 = 4;
/// The power goes after so many operations of the disk at the most.
const OPERATIONS_MAX: u64 = 1_500;
/// A process that is killed lives as long as this at the most.
const LIFE_MS_MAX: u64 = 20_000;

/// What happened in one run, or in many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) lives: u64,
    pub(crate) power_cuts: u64,
    pub(crate) kills: u64,
    /// Openings and lives that ended by an error of the disk.
    pub(crate) failures: u64,
    pub(crate) acknowledged: u64,
    pub(crate) reads: u64,
    pub(crate) reslices: u64,
    /// Reslices that failed in a process that lived on.
    pub(crate) undone: u64,
    pub(crate) parents_deleted: u64,
    pub(crate) rekeys: u64,
    /// Rekeys that were cancelled and undone.
    pub(crate) cancelled: u64,
    /// Rekeys that were gone on with after a restart.
    pub(crate) resumed: u64,
    pub(crate) backups: u64,
    /// Partitions of them that shared what an earlier backup has.
    pub(crate) unchanged: u64,
    pub(crate) backups_deleted: u64,
    pub(crate) restores: u64,
    pub(crate) notes: u64,
    pub(crate) points_met: u64,
    /// How much the disk was asked for.
    pub(crate) operations: u64,
    /// What was on the disk at the end of each life, as a hash.
    pub(crate) disks: Vec<u64>,
}

/// Adds a run to many.
pub(crate) fn sum(total: &mut Report, run: &Report) {
    total.lives += run.lives;
    total.power_cuts += run.power_cuts;
    total.kills += run.kills;
    total.failures += run.failures;
    total.acknowledged += run.acknowledged;
    total.reads += run.reads;
    total.reslices += run.reslices;
    total.undone += run.undone;
    total.parents_deleted += run.parents_deleted;
    total.rekeys += run.rekeys;
    total.cancelled += run.cancelled;
    total.resumed += run.resumed;
    total.backups += run.backups;
    total.unchanged += run.unchanged;
    total.backups_deleted += run.backups_deleted;
    total.restores += run.restores;
    total.notes += run.notes;
    total.points_met += run.points_met;
    total.operations += run.operations;
}

/// How a life ends if it does not end by itself.
#[derive(Clone, Copy, Debug, Default)]
struct Plan {
    something_fails: bool,
    killed: Option<Duration>,
}

pub(crate) struct World {
    machine: Arc<Machine>,
    model: Arc<Mutex<Model>>,
    report: Arc<Mutex<Report>>,
    always_at: Option<FaultPoint>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            machine: Machine::new(seed),
            model: Arc::default(),
            report: Arc::default(),
            always_at: None,
        }
    }

    /// The power goes whenever this point is reached for the first time in a life.
    pub(crate) fn cut_at(mut self, point: FaultPoint) -> Self {
        self.always_at = Some(point);
        self
    }

    /// Lives through some ends; an error is a broken promise.
    pub(crate) fn run(self) -> Result<Report, String> {
        for number in 0..LIVES {
            self.live(number).map_err(|broken| format!("life {number}: {broken}"))?;
        }
        self.machine.disk.power_cycle();
        let at_the_end = |broken| format!("at the end: {broken}");
        self.process(Life::look, &Plan::default()).map_err(at_the_end)?;
        let tables = self.model.lock().ids.clone();
        let disk = self.machine.disk.snapshot();
        remains::check_pins(&disk, &tables).map_err(at_the_end)?;
        self.process(Life::clear, &Plan::default()).map_err(at_the_end)?;
        remains::check_nothing_is_left(&self.machine.disk.snapshot()).map_err(at_the_end)?;
        let mut report = self.report.lock().clone();
        report.points_met = self.machine.points_met.load(Ordering::SeqCst);
        report.operations = self.machine.disk.operations();
        Ok(report)
    }

    fn live(&self, number: u64) -> Result<(), String> {
        let plan = self.plan(number);
        let outcome = self.process(Life::live, &plan)?;
        let power = self.machine.disk.has_power();
        let mut report = self.report.lock();
        report.lives += 1;
        report.power_cuts += u64::from(!power);
        report.kills += u64::from(outcome == Outcome::Killed);
        report.failures += u64::from(outcome == Outcome::Failed);
        drop(report);
        // A process may end without the machine.
        if !power || self.machine.chance.percent(40) {
            self.machine.disk.power_cycle();
        }
        let disk = hash(&self.machine.disk.snapshot());
        self.report.lock().disks.push(disk);
        Ok(())
    }

    /// Decides what ends this life.
    fn plan(&self, number: u64) -> Plan {
        let failing = Plan { something_fails: true, killed: None };
        let Machine { disk, chance, .. } = &*self.machine;
        if let Some(point) = self.always_at {
            // The first life makes something to cut off; an undoing needs something to undo.
            if let Some(point) = undone_after(point) {
                self.machine.plan(Planned { point, nth: 1, cut: false });
            }
            self.machine.plan(Planned { point, nth: 1 + number % 2, cut: true });
            return failing;
        }
        let at = disk.operations() + chance.below(1 + OPERATIONS_MAX / (1 + chance.below(10)));
        let points = FaultPoint::ALL;
        let point = points[chance.below(points.len() as u64) as usize];
        let nth = 1 + chance.below(3);
        match chance.below(20) {
            0..10 => disk.plan(at, Fault::PowerCut),
            10..13 => self.machine.plan(Planned { point, nth, cut: true }),
            13..15 => self.machine.plan(Planned { point, nth, cut: false }),
            15..17 => disk.plan(at, Fault::Fail),
            17 => disk.plan(at, Fault::Full),
            18 => {
                let killed = Some(Duration::from_millis(chance.below(LIFE_MS_MAX)));
                return Plan { something_fails: false, killed };
            }
            _ => return Plan::default(),
        }
        failing
    }

    /// A process from its start to its end: all that it was doing ends with its runtime.
    fn process<F>(&self, what: impl FnOnce(Life) -> F, plan: &Plan) -> Result<Outcome, String>
    where
        F: Future<Output = Result<Outcome, String>>,
    {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let (machine, model) = (self.machine.clone(), self.model.clone());
        let report = self.report.clone();
        let something_fails = plan.something_fails;
        let life = Life { machine: machine.clone(), model, report, something_fails };
        let outcome = runtime.block_on(async {
            let living = what(life);
            let killed = tokio::time::sleep(plan.killed.unwrap_or(Duration::MAX));
            tokio::select! {
                biased;
                () = machine.dark() => Ok(Outcome::Dark),
                outcome = living => outcome,
                () = killed => Ok(Outcome::Killed),
            }
        });
        // The clock of the machine goes by the runtime's.
        runtime.block_on(async { machine.end() });
        drop(runtime);
        outcome
    }
}

/// What has to fail so that the undoing takes place that this point is one of.
fn undone_after(point: FaultPoint) -> Option<FaultPoint> {
    match point {
        FaultPoint::UndoStarted | FaultPoint::UndoDeleted => Some(FaultPoint::ResliceCloned),
        FaultPoint::RekeyUndoing | FaultPoint::RekeyUndoDeleted => Some(FaultPoint::RekeyCaughtUp),
        FaultPoint::BackupUndone => Some(FaultPoint::BackupStored),
        _ => None,
    }
}

/// A hash of all names and all bytes.
fn hash(files: &BTreeMap<String, Vec<u8>>) -> u64 {
    let mut all = Vec::new();
    for (name, content) in files {
        all.extend(name.as_bytes());
        all.extend((content.len() as u64).to_le_bytes());
        all.extend(content);
    }
    xxhash_rust::xxh3::xxh3_64(&all)
}
