//! Directories on a simulated disk: one of them as the log's, all of them for others.

use super::names::Node;
use super::{Disk, SimulatedDisk, failure};
use std::io;
use std::sync::Arc;

/// One directory of a simulated disk.
#[derive(Clone, Debug)]
pub struct SimulatedDirectory {
    disk: Arc<SimulatedDisk>,
    path: String,
}

impl SimulatedDisk {
    /// The directory at `path`, for a log. It must exist.
    pub fn directory(self: &Arc<Self>, path: &str) -> SimulatedDirectory {
        SimulatedDirectory { disk: self.clone(), path: path.to_owned() }
    }

    /// The names in a directory, and whether they are directories.
    pub fn entries(&self, directory: &str) -> io::Result<Vec<(String, bool)>> {
        let state = self.state.lock();
        state.check_power()?;
        let entries = state.names.entries(directory)?;
        Ok(entries.into_iter().map(|(name, node)| (name, node == Node::Directory)).collect())
    }

    /// Makes a directory in one that exists.
    pub fn make_directory(&self, path: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        if let Some(fault) = state.begin()? {
            return Err(failure(fault));
        }
        state.names.add(path, Node::Directory)
    }

    /// Removes an empty directory.
    pub fn remove_directory(&self, path: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        state.begin_change()?;
        state.names.remove_directory(path)
    }

    /// Forces the names in one directory onto the disk.
    pub fn sync_names(&self, directory: &str) -> io::Result<()> {
        self.state.lock().sync_directory(directory)
    }

    /// Gives a file a second name, which must be free.
    pub fn link(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        if let Some(fault) = state.begin()? {
            return Err(failure(fault));
        }
        let file = state.names.file(from)?;
        state.names.add(to, Node::File(file))
    }

    /// The number of a file: what is open stays readable when its name is gone.
    pub fn open_file(&self, path: &str) -> io::Result<u64> {
        let state = self.state.lock();
        state.check_power()?;
        state.names.file(path)
    }

    /// Makes an empty file; an error if the name is taken. Answers its number.
    pub fn create_file(&self, path: &str) -> io::Result<u64> {
        self.state.lock().create(path)
    }

    /// The length of the file with this number, and when it was changed last.
    pub fn stat_file(&self, file: u64) -> io::Result<(u64, i64)> {
        let mut state = self.state.lock();
        state.check_power()?;
        let content = state.content_of(file)?;
        Ok((content.seen().len() as u64, content.modified_ms))
    }

    /// What is in the file with this number.
    pub fn read_file<T>(&self, file: u64, read: impl FnOnce(&[u8]) -> T) -> io::Result<T> {
        let mut state = self.state.lock();
        state.check_power()?;
        Ok(read(state.content_of(file)?.seen()))
    }

    /// Writes into the file with this number.
    pub fn write_file(&self, file: u64, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.state.lock().write(file, offset, bytes)
    }

    /// Forces the file with this number onto the disk.
    pub fn sync_file(&self, file: u64) -> io::Result<()> {
        self.state.lock().sync(file)
    }
}

impl SimulatedDirectory {
    fn path(&self, file: &str) -> String {
        match self.path.is_empty() {
            true => file.to_owned(),
            false => format!("{}/{file}", self.path),
        }
    }
}

impl Disk for SimulatedDirectory {
    fn list(&self) -> io::Result<Vec<String>> {
        let entries = self.disk.entries(&self.path)?;
        Ok(entries.into_iter().filter(|(_, is_directory)| !is_directory).map(|e| e.0).collect())
    }

    fn length(&self, file: &str) -> io::Result<u64> {
        self.disk.length(&self.path(file))
    }

    fn read(&self, file: &str, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.disk.read(&self.path(file), offset, into)
    }

    fn create(&self, file: &str) -> io::Result<()> {
        self.disk.create(&self.path(file))
    }

    fn write(&self, file: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.write(&self.path(file), offset, bytes)
    }

    fn truncate(&self, file: &str, length: u64) -> io::Result<()> {
        self.disk.truncate(&self.path(file), length)
    }

    fn sync(&self, file: &str) -> io::Result<()> {
        self.disk.sync(&self.path(file))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(&self.path(from), &self.path(to))
    }

    fn remove(&self, file: &str) -> io::Result<()> {
        self.disk.remove(&self.path(file))
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.disk.sync_names(&self.path)
    }
}
