//! A real directory.

use super::Disk;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Whether a sync reaches the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// It does.
    Forced,
    /// It does nothing: what was written survives the death of the process, but not of the machine.
    Skipped,
}

/// Files in a directory of the file system, kept open.
#[derive(Debug)]
pub struct Files {
    directory: PathBuf,
    sync: Sync,
    writable: bool,
    open: Mutex<HashMap<String, Arc<File>>>,
}

impl Files {
    /// Uses a directory, and makes it if it does not exist.
    pub fn open(directory: &Path, sync: Sync) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        // Also if it was there: whoever made it may have died before its name was on the disk.
        if let (Sync::Forced, Some(parent)) = (sync, directory.parent()) {
            let here = parent.as_os_str().is_empty();
            File::open(if here { Path::new(".") } else { parent })?.sync_all()?;
        }
        let directory = directory.to_owned();
        Ok(Self { directory, sync, writable: true, open: Mutex::default() })
    }

    /// Only reads: makes nothing, and whatever would change a file fails.
    pub fn read_only(directory: &Path) -> Self {
        let directory = directory.to_owned();
        Self { directory, sync: Sync::Skipped, writable: false, open: Mutex::default() }
    }

    fn check_writable(&self) -> io::Result<()> {
        match self.writable {
            true => Ok(()),
            false => Err(io::ErrorKind::ReadOnlyFilesystem.into()),
        }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.directory.join(file)
    }

    fn file(&self, file: &str) -> io::Result<Arc<File>> {
        let mut open = self.open.lock();
        if let Some(found) = open.get(file) {
            return Ok(found.clone());
        }
        let opened = OpenOptions::new().read(true).write(self.writable).open(self.path(file))?;
        let opened = Arc::new(opened);
        open.insert(file.to_owned(), opened.clone());
        Ok(opened)
    }
}

impl Disk for Files {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            names.extend(entry?.file_name().into_string().ok());
        }
        Ok(names)
    }

    fn length(&self, file: &str) -> io::Result<u64> {
        Ok(self.file(file)?.metadata()?.len())
    }

    fn read(&self, file: &str, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.file(file)?.read_exact_at(into, offset)
    }

    fn create(&self, file: &str) -> io::Result<()> {
        self.check_writable()?;
        let made =
            OpenOptions::new().create_new(true).read(true).write(true).open(self.path(file))?;
        self.open.lock().insert(file.to_owned(), Arc::new(made));
        Ok(())
    }

    fn write(&self, file: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.check_writable()?;
        self.file(file)?.write_all_at(bytes, offset)
    }

    fn truncate(&self, file: &str, length: u64) -> io::Result<()> {
        self.check_writable()?;
        self.file(file)?.set_len(length)
    }

    fn sync(&self, file: &str) -> io::Result<()> {
        match self.sync {
            Sync::Forced => self.file(file)?.sync_data(),
            Sync::Skipped => Ok(()),
        }
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.check_writable()?;
        let mut open = self.open.lock();
        fs::rename(self.path(from), self.path(to))?;
        if let Some(file) = open.remove(from) {
            open.insert(to.to_owned(), file);
        }
        Ok(())
    }

    fn remove(&self, file: &str) -> io::Result<()> {
        self.check_writable()?;
        self.open.lock().remove(file);
        fs::remove_file(self.path(file))
    }

    fn sync_directory(&self) -> io::Result<()> {
        match self.sync {
            Sync::Forced => File::open(&self.directory)?.sync_all(),
            Sync::Skipped => Ok(()),
        }
    }
}
