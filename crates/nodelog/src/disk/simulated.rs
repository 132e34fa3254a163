//! A disk in memory that forgets, at a power cut, whatever a real one may forget.
//!
//! What was written and not synced is kept sector by sector or not at all, in any combination: lost,
//! torn, reordered, with zeros or garbage in the gaps. So are changes of the directory. A sync that
//! fails also forgets what it should have forced, but goes on showing it until the power is cut, as
//! Linux does. All chance comes from the seed.

use super::Disk;
use crate::random::Random;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::io;

mod content;

use content::Content;

/// What goes wrong at one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The power goes off in the middle of the operation; all later ones fail, too, until
    /// [`SimulatedDisk::power_cycle`].
    PowerCut,
    /// The operation fails (EIO).
    Fail,
    /// There is no room (ENOSPC): a write does a part of its work and fails. Other operations go on.
    Full,
}

/// A simulated directory. Operations that change something are counted from 0, over all its life.
#[derive(Debug)]
pub struct SimulatedDisk {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    random: Random,
    operations: u64,
    fault: Option<(u64, Fault)>,
    power: bool,
    /// Says that it has synced, and has not: for tests of tests.
    lies: bool,
    files: BTreeMap<u64, Content>,
    next_file: u64,
    /// The directory as programs see it, as it is on the disk, and the changes between the two.
    names: BTreeMap<String, u64>,
    safe_names: BTreeMap<String, u64>,
    changes: Vec<Change>,
}

/// A change of the directory that is not synced.
#[derive(Clone, Debug)]
enum Change {
    Link(String, u64),
    Rename(String, String),
    Unlink(String),
}

impl SimulatedDisk {
    /// An empty directory.
    pub fn new(seed: u64) -> Self {
        Self {
            state: Mutex::new(State {
                random: Random::new(seed),
                operations: 0,
                fault: None,
                power: true,
                lies: false,
                files: BTreeMap::new(),
                next_file: 0,
                names: BTreeMap::new(),
                safe_names: BTreeMap::new(),
                changes: Vec::new(),
            }),
        }
    }

    /// A disk that reports every sync as done and does none.
    pub fn that_lies(seed: u64) -> Self {
        let disk = Self::new(seed);
        disk.state.lock().lies = true;
        disk
    }

    /// Whether it lies from now on.
    pub fn set_lying(&self, lies: bool) {
        self.state.lock().lies = lies;
    }

    /// Lets something go wrong at the operation with this number.
    pub fn plan(&self, operation: u64, fault: Fault) {
        self.state.lock().fault = Some((operation, fault));
    }

    /// How many operations there were.
    pub fn operations(&self) -> u64 {
        self.state.lock().operations
    }

    /// Whether the power is on.
    pub fn has_power(&self) -> bool {
        self.state.lock().power
    }

    /// Cuts the power if it is on, and switches it on again: of what was not synced, chance decides
    /// what is left.
    pub fn power_cycle(&self) {
        let mut state = self.state.lock();
        let State { random, safe_names, changes, files, names, .. } = &mut *state;
        // All, nothing, or any part: the middle alone would hardly ever show the two ends.
        let kept_percent = [0, 50, 90, 100][(random.next() % 4) as usize];
        for change in changes.drain(..) {
            if random.chance(kept_percent) {
                apply(safe_names, &change);
            }
        }
        *names = safe_names.clone();
        files.retain(|file, _| names.values().any(|named| named == file));
        files.values_mut().for_each(|content| content.power_cycle(random));
        state.power = true;
        state.fault = None;
    }

    /// All files as programs see them.
    pub fn snapshot(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.state.lock();
        let content = |file: &u64| state.files[file].seen().to_vec();
        state.names.iter().map(|(name, file)| (name.clone(), content(file))).collect()
    }

    /// Flips bits in a file, seen and safe: rot.
    pub fn damage(&self, file: &str, offset: u64, flip: u8) {
        let mut state = self.state.lock();
        let number = state.names[file];
        let content = state.files.get_mut(&number).expect("named files exist");
        content.damage(offset as usize, flip);
    }
}

fn apply(names: &mut BTreeMap<String, u64>, change: &Change) {
    match change {
        Change::Link(name, file) => {
            names.insert(name.clone(), *file);
        }
        Change::Rename(from, to) => {
            if let Some(file) = names.remove(from) {
                names.insert(to.clone(), file);
            }
        }
        Change::Unlink(name) => {
            names.remove(name);
        }
    }
}

impl State {
    /// Counts an operation; answers what goes wrong in it.
    fn begin(&mut self) -> io::Result<Option<Fault>> {
        self.check_power()?;
        let operation = self.operations;
        self.operations += 1;
        let fault = self.fault.filter(|(at, _)| *at == operation).map(|(_, fault)| fault);
        if fault == Some(Fault::PowerCut) {
            self.power = false;
        }
        Ok(fault)
    }

    fn check_power(&self) -> io::Result<()> {
        match self.power {
            true => Ok(()),
            false => Err(power_is_off()),
        }
    }

    fn content(&mut self, file: &str) -> io::Result<&mut Content> {
        let number = self.names.get(file).ok_or(io::ErrorKind::NotFound)?;
        self.files.get_mut(number).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn change(&mut self, change: Change) {
        apply(&mut self.names, &change);
        self.changes.push(change);
    }
}

fn power_is_off() -> io::Error {
    io::Error::other("the power is off")
}

fn failure(fault: Fault) -> io::Error {
    match fault {
        Fault::PowerCut => power_is_off(),
        Fault::Fail => io::Error::other("input/output error"),
        Fault::Full => io::ErrorKind::StorageFull.into(),
    }
}

impl Disk for SimulatedDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        let state = self.state.lock();
        state.check_power()?;
        Ok(state.names.keys().cloned().collect())
    }

    fn length(&self, file: &str) -> io::Result<u64> {
        let mut state = self.state.lock();
        state.check_power()?;
        Ok(state.content(file)?.seen().len() as u64)
    }

    fn read(&self, file: &str, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let mut state = self.state.lock();
        state.check_power()?;
        let bytes = state.content(file)?.seen();
        let found = bytes.get(offset as usize..offset as usize + into.len());
        into.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn create(&self, file: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        // Metadata of a journalling file system is there or not, as a whole.
        if let Some(fault) = state.begin()? {
            return Err(failure(fault));
        }
        if state.names.contains_key(file) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let number = state.next_file;
        state.next_file += 1;
        state.files.insert(number, Content::default());
        state.change(Change::Link(file.to_owned(), number));
        Ok(())
    }

    fn write(&self, file: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state.lock();
        let fault = state.begin()?;
        let done = match fault {
            None => bytes.len(),
            Some(_) => (state.random.next() % (bytes.len() as u64 + 1)) as usize,
        };
        state.content(file)?.write(offset as usize, &bytes[..done]);
        fault.map_or(Ok(()), |fault| Err(failure(fault)))
    }

    fn truncate(&self, file: &str, length: u64) -> io::Result<()> {
        let mut state = self.state.lock();
        match state.begin()? {
            Some(fault) if fault != Fault::Full => Err(failure(fault)),
            _ => {
                state.content(file)?.truncate(length as usize);
                Ok(())
            }
        }
    }

    fn sync(&self, file: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        let fault = state.begin()?.filter(|fault| *fault != Fault::Full);
        let lies = state.lies;
        let State { random, .. } = &mut *state;
        let mut chance = random.clone();
        random.next();
        let content = state.content(file)?;
        match fault {
            None if lies => Ok(()),
            None => {
                content.sync();
                Ok(())
            }
            Some(Fault::PowerCut) => Err(power_is_off()),
            Some(fault) => {
                content.fail_sync(&mut chance);
                Err(failure(fault))
            }
        }
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        if let Some(fault) = state.begin()? {
            return Err(failure(fault));
        }
        state.content(from)?;
        state.change(Change::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, file: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        match state.begin()? {
            Some(fault) if fault != Fault::Full => Err(failure(fault)),
            _ => {
                state.content(file)?;
                state.change(Change::Unlink(file.to_owned()));
                Ok(())
            }
        }
    }

    fn sync_directory(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        match state.begin()? {
            Some(fault) if fault != Fault::Full => Err(failure(fault)),
            _ if state.lies => Ok(()),
            _ => {
                state.safe_names = state.names.clone();
                state.changes.clear();
                Ok(())
            }
        }
    }
}
