//! The few operations on files that objects are made of, and a real directory.
//!
//! Paths are relative to a root, with `/` between the parts; the root is the empty path.

use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

/// Files in directories.
pub(crate) trait Tree: Send + Sync + fmt::Debug {
    /// Whether these calls wait for a disk, and must not be made where others wait for the thread.
    fn blocks(&self) -> bool;

    /// What is in a directory, by name.
    fn entries(&self, directory: &str) -> io::Result<Vec<Entry>>;

    /// Makes a directory in one that exists.
    fn make_directory(&self, path: &str) -> io::Result<()>;

    /// Removes an empty directory.
    fn remove_directory(&self, path: &str) -> io::Result<()>;

    /// Forces a directory's names onto the disk.
    fn sync_directory(&self, path: &str) -> io::Result<()>;

    /// What is known of a file without opening it.
    fn stat(&self, path: &str) -> io::Result<Stat>;

    /// Opens a file for reading.
    fn open(&self, path: &str) -> io::Result<Box<dyn OpenFile>>;

    /// Makes a file, for reading and writing; an error if the name is taken.
    fn create(&self, path: &str) -> io::Result<Box<dyn OpenFile>>;

    /// Gives a file a second name; an error if that is taken.
    fn link(&self, from: &str, to: &str) -> io::Result<()>;

    /// Gives a file another name, over a file that has it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file's name.
    fn remove(&self, path: &str) -> io::Result<()>;
}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) is_directory: bool,
}

/// What is known of a file without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) length: u64,
    pub(crate) modified_ms: i64,
}

/// An open file. It stays what it was when its name goes to another one.
pub(crate) trait OpenFile: Send + fmt::Debug {
    fn stat(&self) -> io::Result<Stat>;

    /// A range that is within the file.
    fn read(&self, range: Range<u64>) -> io::Result<Vec<u8>>;

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Forces content and length onto the disk.
    fn sync(&self) -> io::Result<()>;
}

/// A path in a directory.
pub(crate) fn join(directory: &str, name: &str) -> String {
    match directory.is_empty() {
        true => name.to_owned(),
        false => format!("{directory}/{name}"),
    }
}

/// The directory that a path is in.
pub(crate) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// A real directory.
#[derive(Debug)]
pub(crate) struct RealTree {
    root: PathBuf,
    /// Without it what was written survives the death of the process, but not of the machine.
    fsync: bool,
}

impl RealTree {
    pub(crate) fn new(root: impl Into<PathBuf>, fsync: bool) -> Self {
        Self { root: root.into(), fsync }
    }

    fn path(&self, path: &str) -> PathBuf {
        if path.is_empty() { self.root.clone() } else { self.root.join(path) }
    }

    fn open_file(&self, file: File) -> Box<dyn OpenFile> {
        Box::new(RealFile { file, fsync: self.fsync })
    }
}

impl Tree for RealTree {
    fn blocks(&self) -> bool {
        true
    }

    fn entries(&self, directory: &str) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(self.path(directory))? {
            let entry = entry?;
            let kind = entry.file_type()?;
            // Somebody may have moved a directory to another disk and left a link.
            let linked = || fs::metadata(entry.path()).is_ok_and(|target| target.is_dir());
            let is_directory = kind.is_dir() || kind.is_symlink() && linked();
            if let Ok(name) = entry.file_name().into_string() {
                entries.push(Entry { name, is_directory });
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn make_directory(&self, path: &str) -> io::Result<()> {
        fs::create_dir(self.path(path))
    }

    fn remove_directory(&self, path: &str) -> io::Result<()> {
        fs::remove_dir(self.path(path))
    }

    fn sync_directory(&self, path: &str) -> io::Result<()> {
        match self.fsync {
            true => File::open(self.path(path))?.sync_all(),
            false => Ok(()),
        }
    }

    fn stat(&self, path: &str) -> io::Result<Stat> {
        stat(&fs::metadata(self.path(path))?)
    }

    fn open(&self, path: &str) -> io::Result<Box<dyn OpenFile>> {
        Ok(self.open_file(File::open(self.path(path))?))
    }

    fn create(&self, path: &str) -> io::Result<Box<dyn OpenFile>> {
        let mut options = OpenOptions::new();
        let made = options.read(true).write(true).create_new(true).open(self.path(path))?;
        Ok(self.open_file(made))
    }

    fn link(&self, from: &str, to: &str) -> io::Result<()> {
        fs::hard_link(self.path(from), self.path(to))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        fs::remove_file(self.path(path))
    }
}

/// A directory is no file.
fn stat(metadata: &Metadata) -> io::Result<Stat> {
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Stat { length: metadata.len(), modified_ms: modified.as_millis() as i64 })
}

#[derive(Debug)]
struct RealFile {
    file: File,
    fsync: bool,
}

impl OpenFile for RealFile {
    fn stat(&self) -> io::Result<Stat> {
        stat(&self.file.metadata()?)
    }

    fn read(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; (range.end - range.start) as usize];
        self.file.read_exact_at(&mut bytes, range.start)?;
        Ok(bytes)
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        if self.fsync { self.file.sync_all() } else { Ok(()) }
    }
}
