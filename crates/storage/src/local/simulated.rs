//! A simulated disk in the place of a directory.

use super::tree::{Entry, OpenFile, Stat, Tree};
use nodelog::{Disk, SimulatedDisk};
use std::io;
use std::ops::Range;
use std::sync::Arc;

impl Tree for Arc<SimulatedDisk> {
    fn blocks(&self) -> bool {
        false
    }

    fn entries(&self, directory: &str) -> io::Result<Vec<Entry>> {
        let entries = SimulatedDisk::entries(self, directory)?;
        let entry = |(name, is_directory)| Entry { name, is_directory };
        Ok(entries.into_iter().map(entry).collect())
    }

    fn make_directory(&self, path: &str) -> io::Result<()> {
        SimulatedDisk::make_directory(self, path)
    }

    fn remove_directory(&self, path: &str) -> io::Result<()> {
        SimulatedDisk::remove_directory(self, path)
    }

    fn sync_directory(&self, path: &str) -> io::Result<()> {
        self.sync_names(path)
    }

    fn stat(&self, path: &str) -> io::Result<Stat> {
        let (length, modified_ms) = self.stat_file(self.open_file(path)?)?;
        Ok(Stat { length, modified_ms })
    }

    fn open(&self, path: &str) -> io::Result<Box<dyn OpenFile>> {
        Ok(Box::new(SimulatedFile { disk: self.clone(), number: self.open_file(path)? }))
    }

    fn create(&self, path: &str) -> io::Result<Box<dyn OpenFile>> {
        Ok(Box::new(SimulatedFile { disk: self.clone(), number: self.create_file(path)? }))
    }

    fn link(&self, from: &str, to: &str) -> io::Result<()> {
        SimulatedDisk::link(self, from, to)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Disk::rename(&**self, from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        Disk::remove(&**self, path)
    }
}

#[derive(Debug)]
struct SimulatedFile {
    disk: Arc<SimulatedDisk>,
    number: u64,
}

impl OpenFile for SimulatedFile {
    fn stat(&self) -> io::Result<Stat> {
        let (length, modified_ms) = self.disk.stat_file(self.number)?;
        Ok(Stat { length, modified_ms })
    }

    fn read(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        let range = range.start as usize..range.end as usize;
        let read = |seen: &[u8]| seen.get(range).map(<[u8]>::to_vec);
        self.disk.read_file(self.number, read)?.ok_or(io::ErrorKind::UnexpectedEof.into())
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.write_file(self.number, offset, bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.sync_file(self.number)
    }
}
