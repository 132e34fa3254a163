//! A log on a simulated disk, a model of what must be in it, and chance.
//!
//! A *life* of the log begins with opening it and comparing it with the model, goes on with random
//! groups, marks, removals, drops and restarts, and ends when something fails. What a life found is
//! from then on as good as acknowledged: it may have been shown to somebody.

use nodelog::{DatabaseName, Entry, Fault, Log, LogSettings, NoHooks, Recovered, SimulatedDisk};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What must be true of one database.
#[derive(Clone, Debug, Default)]
struct Database {
    /// Everything that was appended and may be there.
    rows: BTreeMap<u64, Vec<u8>>,
    /// The newest id that was acknowledged, or found.
    acknowledged: u64,
    /// Its rows up to here are in other files.
    stored: u64,
    last_given: u64,
    drop: Drop,
}

/// How far the dropping of a database is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Drop {
    #[default]
    No,
    /// Asked for, but not acknowledged.
    Perhaps,
    Done,
}

/// A bug of whoever uses the log, or of its disk, that has to be found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    None,
    /// The disk says that it has synced, and has not.
    LyingDisk,
    /// Rows are marked as being in other files that are not.
    EarlyMark,
}

/// What happened in one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) lives: u64,
    pub(crate) acknowledged: u64,
    pub(crate) removed_segments: u64,
    pub(crate) failures: u64,
    /// All files at the end of each life.
    pub(crate) files: Vec<BTreeMap<String, Vec<u8>>>,
}

pub(crate) struct World {
    disk: Arc<SimulatedDisk>,
    random: Chance,
    bug: Bug,
    databases: BTreeMap<DatabaseName, Database>,
    made: u64,
    /// The group that failed: all of it is there, or nothing.
    unsure: Vec<(DatabaseName, u64)>,
    report: Report,
}

/// A little randomness.
pub(crate) struct Chance(u64);

impl Chance {
    /// A number below `n`.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % n
    }

    fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

const LIVES: u64 = 6;
const STEPS_PER_LIFE: u64 = 40;
const DATABASES_MAX: usize = 5;

impl World {
    pub(crate) fn new(seed: u64, bug: Bug) -> Self {
        let disk = match bug {
            Bug::LyingDisk => SimulatedDisk::that_lies(seed),
            _ => SimulatedDisk::new(seed),
        };
        Self {
            disk: Arc::new(disk),
            random: Chance(seed ^ 0xf0f0),
            bug,
            databases: BTreeMap::new(),
            made: 0,
            unsure: Vec::new(),
            report: Report::default(),
        }
    }

    /// Lives through some failures; an error is a broken promise.
    pub(crate) fn run(mut self) -> Result<Report, String> {
        for _ in 0..LIVES {
            self.plan_a_fault();
            self.live()?;
            self.report.lives += 1;
            self.report.files.push(self.disk.snapshot());
            // A process may also end without the machine.
            if !self.disk.has_power() || self.random.percent(50) {
                self.disk.power_cycle();
            }
        }
        self.disk.power_cycle();
        self.open()?;
        Ok(self.report)
    }

    fn plan_a_fault(&mut self) {
        let fault = match self.random.below(10) {
            0..6 => Fault::PowerCut,
            6..9 => Fault::Fail,
            _ => Fault::Full,
        };
        let at = self.disk.operations() + self.random.below(70);
        self.disk.plan(at, fault);
    }

    fn live(&mut self) -> Result<(), String> {
        let Some(mut log) = self.open()? else {
            return Ok(());
        };
        for _ in 0..STEPS_PER_LIFE {
            let went_well = match self.random.below(20) {
                0..12 => self.commit(&mut log),
                12..15 => self.mark(&mut log),
                15..18 => self.release(&mut log),
                18 => log.seal().is_ok(),
                _ => {
                    std::mem::drop(log);
                    match self.open()? {
                        Some(again) => log = again,
                        None => return Ok(()),
                    }
                    true
                }
            };
            if !went_well {
                self.report.failures += 1;
                return self.takes_nothing_more(&mut log);
            }
        }
        Ok(())
    }

    /// Opens the log and compares; `None` if the disk failed meanwhile.
    fn open(&mut self) -> Result<Option<Log>, String> {
        let settings = LogSettings {
            segment_bytes: 3_000,
            release_bytes: 10_000,
            log_bytes_max: 20_000,
            zero_ahead_bytes: [0, 700, 5_000][self.random.below(3) as usize],
            ..LogSettings::default()
        };
        let before = self.disk.operations();
        let seed = self.random.below(u64::MAX);
        match Log::open(self.disk.clone(), settings, seed, Arc::new(NoHooks)) {
            Ok((log, recovered)) => {
                self.compare(&log, &recovered)?;
                Ok(Some(log))
            }
            Err(nodelog::LogError::Io { .. }) if self.disk.operations() > before => Ok(None),
            Err(error) => Err(format!("cannot be opened: {error}")),
        }
    }

    fn compare(
        &mut self,
        log: &Log,
        recovered: &BTreeMap<DatabaseName, Recovered>,
    ) -> Result<(), String> {
        for (name, database) in &mut self.databases {
            database.compare(name, log, recovered.get(name))?;
        }
        if let Some(stranger) = recovered.keys().find(|name| !self.databases.contains_key(name)) {
            return Err(format!("{stranger} was never written"));
        }
        let unsure = std::mem::take(&mut self.unsure);
        let alive = unsure.iter().filter(|(name, _)| self.databases[name].drop == Drop::No);
        let found: Vec<bool> =
            alive.map(|(name, id)| self.databases[name].acknowledged >= *id).collect();
        match found.iter().any(|there| *there != found[0]) {
            true => Err(format!("half of a group is there: {unsure:?} {found:?}")),
            false => Ok(()),
        }
    }

    fn commit(&mut self, log: &mut Log) -> bool {
        let mut group: Vec<(DatabaseName, u64, u64, Vec<u8>)> = Vec::new();
        for _ in 0..=self.random.below(4) {
            let name = self.any_database();
            let random = &mut self.random;
            let database = self.databases.get_mut(&name).unwrap();
            let previous = database.last_given;
            database.last_given += 1 + random.below(3);
            let length_max = [20, 300, 1_500][random.below(3) as usize];
            let length = random.below(length_max);
            let rows: Vec<u8> = (0..length).map(|_| random.below(256) as u8).collect();
            database.rows.insert(database.last_given, rows.clone());
            group.push((name, previous, database.last_given, rows));
        }
        let dropped = self.random.percent(10).then(|| self.any_database());
        let mut entries: Vec<Entry<'_>> = group
            .iter()
            .map(|(database, previous_id, id, rows)| Entry::Rows {
                database,
                previous_id: *previous_id,
                id: *id,
                rows,
            })
            .collect();
        entries.extend(dropped.iter().map(Entry::Drop));
        let done = log.commit(&entries).is_ok();
        if let Some(name) = dropped {
            let drop = if done { Drop::Done } else { Drop::Perhaps };
            self.databases.get_mut(&name).unwrap().drop = drop;
        }
        for (name, _, id, _) in group {
            match done {
                true => {
                    self.databases.get_mut(&name).unwrap().acknowledged = id;
                    self.report.acknowledged += 1;
                }
                false => self.unsure.push((name, id)),
            }
        }
        done
    }

    fn mark(&mut self, log: &mut Log) -> bool {
        let name = self.any_database();
        let database = self.databases.get_mut(&name).unwrap();
        let mut id = database.stored;
        if database.acknowledged > database.stored {
            id += 1 + self.random.below(database.acknowledged - database.stored);
        }
        log.mark_stored(&name, id);
        if self.bug != Bug::EarlyMark {
            database.stored = id;
        }
        true
    }

    fn release(&mut self, log: &mut Log) -> bool {
        let released = log.release();
        self.report.removed_segments += released.as_ref().copied().unwrap_or(0) as u64;
        released.is_ok()
    }

    /// A name that is in use, or a new one. Names are never used again.
    fn any_database(&mut self) -> DatabaseName {
        let alive: Vec<&DatabaseName> =
            self.databases.iter().filter(|(_, db)| db.drop == Drop::No).map(|(n, _)| n).collect();
        if alive.is_empty() || alive.len() < DATABASES_MAX && self.random.percent(15) {
            self.made += 1;
            let name = DatabaseName::new(&format!("data/t1/p{}", self.made)).unwrap();
            // Some begin with ids that are in use elsewhere: clones.
            let given = self.random.below(2) * 1_000;
            let database = Database {
                acknowledged: given,
                stored: given,
                last_given: given,
                ..Database::default()
            };
            self.databases.insert(name.clone(), database);
            return name;
        }
        alive[self.random.below(alive.len() as u64) as usize].clone()
    }

    /// After a failure nothing is acknowledged.
    fn takes_nothing_more(&mut self, log: &mut Log) -> Result<(), String> {
        let name = DatabaseName::new("data/t1/late").unwrap();
        let entry = Entry::Rows { database: &name, previous_id: 0, id: 1, rows: b"late" };
        match log.commit(&[entry]) {
            Err(nodelog::LogError::Failed(_)) => Ok(()),
            other => Err(format!("a log that failed answers {other:?}")),
        }
    }
}

impl Database {
    /// Compares with what was found; what was found is true from now on.
    fn compare(
        &mut self,
        name: &DatabaseName,
        log: &Log,
        found: Option<&Recovered>,
    ) -> Result<(), String> {
        let Some(found) = found else {
            let never_written = self.acknowledged == self.stored && self.drop == Drop::No;
            return match (self.drop, never_written) {
                (Drop::No, false) => Err(format!("{name} is gone: {self:?}")),
                (Drop::No, true) => {
                    self.forget_after(self.acknowledged);
                    Ok(())
                }
                _ => {
                    self.drop = Drop::Done;
                    Ok(())
                }
            };
        };
        if self.drop == Drop::Done {
            return Err(format!("{name} was dropped and is back"));
        }
        self.drop = Drop::No;
        if found.last_id < self.acknowledged {
            let lost = self.acknowledged;
            return Err(format!("{name}: {lost} was acknowledged, it ends at {}", found.last_id));
        }
        if found.stored_id > self.stored {
            return Err(format!("{name}: forgotten up to {} too early", found.stored_id));
        }
        let unstored = |id: &&u64| (found.stored_id + 1..=found.last_id).contains(*id);
        let expected: Vec<u64> = self.rows.keys().filter(unstored).copied().collect();
        let ids: Vec<u64> = found.records.iter().map(|record| record.id).collect();
        if ids != expected {
            return Err(format!("{name}: found {ids:?}, expected {expected:?}"));
        }
        for record in &found.records {
            if log.read(record).map_err(|error| error.to_string())? != self.rows[&record.id] {
                return Err(format!("{name}: rows {} are others", record.id));
            }
        }
        self.forget_after(found.last_id);
        Ok(())
    }

    fn forget_after(&mut self, id: u64) {
        self.acknowledged = id;
        self.last_given = id;
        self.rows.retain(|given, _| *given <= id);
    }
}
