//! A disk in memory that forgets, at a power cut, whatever a real one may forget.
//!
//! It has directories, so that several users can share it (and its power): the log uses one
//! ([`SimulatedDisk::directory`]), objects the others. The root is there from the beginning. What is in
//! a directory whose own name is lost is lost with it.
//!
//! What was written and not synced is kept sector by sector or not at all, in any combination: lost,
//! torn, reordered, with zeros or garbage in the gaps. So are changes of the directory. A sync that
//! fails also forgets what it should have forced, but goes on showing it until the power is cut, as
//! Linux does. All chance comes from the seed.

use super::Disk;
use crate::random::Random;
use names::{Change, Names, Node};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::io;

mod content;
mod directory;
mod names;

pub use directory::SimulatedDirectory;

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

/// A simulated disk. Operations that change something are counted from 0, over all its life. Paths are
/// relative to its root.
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
    /// What changed files are stamped with.
    now_ms: i64,
    sync_ms_max: u64,
    /// Says that it has synced, and has not: for tests of tests.
    lies: bool,
    files: BTreeMap<u64, Content>,
    next_file: u64,
    names: Names,
}

impl SimulatedDisk {
    /// An empty disk.
    pub fn new(seed: u64) -> Self {
        Self {
            state: Mutex::new(State {
                random: Random::new(seed),
                operations: 0,
                fault: None,
                power: true,
                now_ms: 0,
                sync_ms_max: 0,
                lies: false,
                files: BTreeMap::new(),
                next_file: 0,
                names: Names::default(),
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

    /// The longest time that forcing a group onto the disk takes; for those who simulate time.
    pub fn set_sync_ms_max(&self, sync_ms_max: u64) {
        self.state.lock().sync_ms_max = sync_ms_max;
    }

    /// How long it takes to force a group onto the disk, this time.
    pub fn sync_ms(&self) -> u64 {
        let mut state = self.state.lock();
        let State { random, sync_ms_max, .. } = &mut *state;
        random.next() % (*sync_ms_max + 1)
    }

    /// What files that are changed from now on are stamped with.
    pub fn set_now_ms(&self, now_ms: i64) {
        self.state.lock().now_ms = now_ms;
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

    /// Cuts the power now: whatever is asked for from here on fails.
    pub fn cut_power(&self) {
        self.state.lock().power = false;
    }

    /// Cuts the power if it is on, and switches it on again: of what was not synced, chance decides
    /// what is left.
    pub fn power_cycle(&self) {
        let mut state = self.state.lock();
        let State { random, files, names, .. } = &mut *state;
        names.power_cycle(random);
        files.retain(|file, _| names.holds(*file));
        files.values_mut().for_each(|content| content.power_cycle(random));
        state.power = true;
        state.fault = None;
    }

    /// All files as programs see them.
    pub fn snapshot(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.state.lock();
        let content = |file: &u64| state.files[file].seen().to_vec();
        state.names.files().map(|(name, file)| (name.to_owned(), content(&file))).collect()
    }

    /// Flips bits in a file, seen and safe: rot.
    pub fn damage(&self, file: &str, offset: u64, flip: u8) {
        let mut state = self.state.lock();
        let number = state.names.file(file).expect("a file that exists");
        let content = state.files.get_mut(&number).expect("named files exist");
        content.damage(offset as usize, flip);
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
        let number = self.names.file(file)?;
        self.content_of(number)
    }

    fn content_of(&mut self, number: u64) -> io::Result<&mut Content> {
        self.files.get_mut(&number).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Makes an empty file.
    fn create(&mut self, file: &str) -> io::Result<u64> {
        // Metadata of a journalling file system is there or not, as a whole.
        if let Some(fault) = self.begin()? {
            return Err(failure(fault));
        }
        let number = self.next_file;
        self.names.add(file, Node::File(number))?;
        self.next_file += 1;
        self.files.insert(number, Content::new(self.now_ms));
        Ok(number)
    }

    fn write(&mut self, file: u64, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let fault = self.begin()?;
        let done = match fault {
            None => bytes.len(),
            Some(_) => (self.random.next() % (bytes.len() as u64 + 1)) as usize,
        };
        let now_ms = self.now_ms;
        let content = self.content_of(file)?;
        content.write(offset as usize, &bytes[..done]);
        content.modified_ms = now_ms;
        fault.map_or(Ok(()), |fault| Err(failure(fault)))
    }

    fn sync(&mut self, file: u64) -> io::Result<()> {
        let fault = self.begin()?.filter(|fault| *fault != Fault::Full);
        let lies = self.lies;
        let mut chance = self.random.clone();
        self.random.next();
        let content = self.content_of(file)?;
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

    /// Begins an operation on names that needs no room.
    fn begin_change(&mut self) -> io::Result<()> {
        match self.begin()? {
            Some(fault) if fault != Fault::Full => Err(failure(fault)),
            _ => Ok(()),
        }
    }

    fn sync_directory(&mut self, directory: &str) -> io::Result<()> {
        self.begin_change()?;
        if !self.lies {
            self.names.sync_directory(directory)?;
        }
        Ok(())
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

/// The root as one directory of files.
impl Disk for SimulatedDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        let state = self.state.lock();
        state.check_power()?;
        let entries = state.names.entries("")?;
        let files = entries.into_iter().filter(|(_, node)| matches!(node, Node::File(_)));
        Ok(files.map(|(name, _)| name).collect())
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
        self.state.lock().create(file).map(|_| ())
    }

    fn write(&self, file: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state.lock();
        let file = state.names.file(file)?;
        state.write(file, offset, bytes)
    }

    fn truncate(&self, file: &str, length: u64) -> io::Result<()> {
        let mut state = self.state.lock();
        state.begin_change()?;
        state.content(file)?.truncate(length as usize);
        Ok(())
    }

    fn sync(&self, file: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        let file = state.names.file(file)?;
        state.sync(file)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        if let Some(fault) = state.begin()? {
            return Err(failure(fault));
        }
        state.names.file(from)?;
        state.names.change(Change::Rename(from.to_owned(), to.to_owned()))
    }

    fn remove(&self, file: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        state.begin_change()?;
        state.names.file(file)?;
        state.names.change(Change::Remove(file.to_owned()))
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.state.lock().sync_directory("")
    }
}
