//! The data directory: one process at a time, on a file system that can do what we need.
//!
//! Everything below it is reached through `object_store`, and a bucket can take its place; what is
//! special about local files (the lock, leftovers of a kill, syncing directories) is here, and is
//! nothing for a bucket.

use crate::catalog::CATALOG;
use crate::error::{Result, StorageError};
use crate::layer::Layer;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use parking_lot::Mutex;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const LOCK_FILE: &str = "LOCK";
const PROBE_FILE: &str = ".link-probe";
const PROBE_LINK: &str = ".link-probe-2";

/// An open data directory. The lock is held until [`unlock`](Self::unlock) or drop.
#[derive(Debug)]
pub(crate) struct DataDirectory {
    /// `None` for a bucket.
    root: Option<PathBuf>,
    store: Arc<dyn ObjectStore>,
    fsync: bool,
    lock: Mutex<Option<File>>,
}

impl DataDirectory {
    /// Creates the directory if need be, locks it, and clears what a killed process left behind.
    /// With `fsync`, what is written is on the disk before it is called written.
    pub(crate) fn open(root: &Path, fsync: bool) -> Result<Self> {
        let context = || root.display().to_string();
        fs::create_dir_all(root).map_err(StorageError::io(context()))?;
        let lock = lock(root)?;
        require_hard_links(root)?;
        let swept = sweep_staging_files(root).map_err(StorageError::io(context()))?;
        if swept > 0 {
            tracing::info!(directory = %root.display(), swept, "removed unfinished files");
        }
        let store = LocalFileSystem::new_with_prefix(root)
            .map_err(StorageError::store(context()))?
            .with_fsync(fsync);
        let (store, lock) = (Arc::new(store), Mutex::new(Some(lock)));
        Ok(Self { root: Some(root.to_owned()), store, fsync, lock })
    }

    /// A bucket in the place of a directory.
    pub(crate) fn bucket(store: Arc<dyn ObjectStore>) -> Self {
        Self { root: None, store, fsync: false, lock: Mutex::new(None) }
    }

    /// The same, with something between it and its users.
    pub(crate) fn under(mut self, layer: &dyn Layer) -> Self {
        self.store = layer.over(self.store.clone());
        self
    }

    /// Whether an operation that was reported as failed may still take effect later: a request to a
    /// bucket may be on its way. On local files, an operation that has returned is over.
    pub(crate) fn is_bucket(&self) -> bool {
        self.root.is_none()
    }

    /// Where `path` is on the disk, if what is there has to be forced.
    fn forced(&self, path: &str) -> Option<PathBuf> {
        self.root.as_ref().filter(|_| self.fsync).map(|root| root.join(path))
    }

    /// The directory as an object store.
    pub(crate) fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// Lets another process have the directory.
    pub(crate) fn unlock(&self) {
        if let Some(file) = self.lock.lock().take() {
            // Closing the file would do, but not if a process that was just forked still has it.
            if let Err(error) = file.unlock() {
                tracing::warn!(directory = ?self.root, %error, "unlocking failed");
            }
        }
    }

    /// Makes the directory entries below `path` survive a power cut. After a kill the newest
    /// entries may exist in the page cache only, and we are about to act on them.
    pub(crate) fn sync_tree(&self, path: &str) -> Result<()> {
        let Some(path) = self.forced(path) else {
            return Ok(());
        };
        sync_directories(&path).map_err(StorageError::io(path.display().to_string()))
    }

    /// Makes the entries of one directory survive a power cut. Blocks.
    pub(crate) fn sync_directory(&self, path: &str) -> Result<()> {
        let Some(path) = self.forced(path) else {
            return Ok(());
        };
        let synced = File::open(&path).and_then(|directory| directory.sync_all());
        synced.map_err(StorageError::io(path.display().to_string()))
    }

    /// Removes the directories below `path`, from which all files have been deleted.
    pub(crate) fn remove_empty(&self, path: &str) -> Result<()> {
        let Some(root) = &self.root else {
            return Ok(());
        };
        let path = root.join(path);
        match remove_empty_directories(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StorageError::io(path.display().to_string())(error))
            }
            _ => Ok(()),
        }
    }
}

impl Drop for DataDirectory {
    fn drop(&mut self) {
        self.unlock();
    }
}

/// Locks a directory that holds a store, to look at it; nobody can open it meanwhile.
pub(crate) fn lock_stopped(root: &Path) -> Result<File> {
    let path = root.join(LOCK_FILE);
    if !path.exists() && !root.join(CATALOG).exists() {
        let reason = format!("{} is not a data directory: there is no catalog", root.display());
        return Err(StorageError::Refused(reason));
    }
    // A copy may be on a medium that cannot be written, or have no lock file.
    let file = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return lock(root),
        file => file.map_err(StorageError::io(path.display().to_string()))?,
    };
    try_lock(file, root)
}

fn lock(root: &Path) -> Result<File> {
    let path = root.join(LOCK_FILE);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(StorageError::io(path.display().to_string()))?;
    try_lock(file, root)
}

fn try_lock(file: File, root: &Path) -> Result<File> {
    let path = root.join(LOCK_FILE);
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StorageError::Locked(root.to_owned())),
        Err(TryLockError::Error(error)) => Err(StorageError::io(path.display().to_string())(error)),
    }
}

/// Creating an object only if it does not exist, on which the catalog rests, is done with hard
/// links on local files.
fn require_hard_links(root: &Path) -> Result<()> {
    let (probe, link) = (root.join(PROBE_FILE), root.join(PROBE_LINK));
    let _ = fs::remove_file(&link);
    File::create(&probe).map_err(StorageError::io(probe.display().to_string()))?;
    let linked = fs::hard_link(&probe, &link);
    let _ = fs::remove_file(&link);
    let _ = fs::remove_file(&probe);
    linked.map_err(|error| {
        StorageError::Refused(format!(
            "the file system of {} has no hard links ({error}), which atomic writes need: choose \
             a directory on another one, such as ext4, xfs, btrfs, zfs or apfs",
            root.display()
        ))
    })
}

/// Removes the `name#1` files in which `object_store` prepares its writes.
fn sweep_staging_files(directory: &Path) -> io::Result<u64> {
    for_staging_files(directory, &|path| fs::remove_file(path))
}

/// How many of them there are.
pub(crate) fn count_staging_files(directory: &Path) -> io::Result<u64> {
    for_staging_files(directory, &|_| Ok(()))
}

fn for_staging_files(directory: &Path, act: &dyn Fn(&Path) -> io::Result<()>) -> io::Result<u64> {
    let mut count = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            count += for_staging_files(&entry.path(), act)?;
        } else if entry.file_name().to_str().is_some_and(is_staging_name) {
            act(&entry.path())?;
            count += 1;
        }
    }
    Ok(count)
}

fn is_staging_name(name: &str) -> bool {
    name.split_once('#')
        .is_some_and(|(_, tail)| !tail.is_empty() && tail.bytes().all(|byte| byte.is_ascii_digit()))
}

fn sync_directories(directory: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_directories(&entry.path())?;
        }
    }
    File::open(directory)?.sync_all()
}

fn remove_empty_directories(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_empty_directories(&entry.path())?;
        }
    }
    fs::remove_dir(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_opener_is_refused_until_the_first_is_done() {
        let directory = tempfile::tempdir().unwrap();
        let first = DataDirectory::open(directory.path(), true).unwrap();
        let refused = DataDirectory::open(directory.path(), true).unwrap_err();
        assert!(matches!(refused, StorageError::Locked(_)), "{refused}");
        assert!(!refused.to_string().contains('\n'));
        first.unlock();
        DataDirectory::open(directory.path(), true).unwrap();
    }

    #[test]
    fn staging_files_are_swept_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let deep = directory.path().join("data/t1");
        fs::create_dir_all(&deep).unwrap();
        for name in ["0001.sst", "0002.sst#1", "0003.sst#27", "notes#a", "notes#"] {
            fs::write(deep.join(name), b"x").unwrap();
        }
        DataDirectory::open(directory.path(), true).unwrap();
        let mut left: Vec<_> =
            fs::read_dir(&deep).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["0001.sst", "notes#", "notes#a"]);
    }

    #[test]
    fn only_empty_directories_are_removed() {
        let root = tempfile::tempdir().unwrap();
        let directory = DataDirectory::open(root.path(), true).unwrap();
        fs::create_dir_all(root.path().join("data/t1/p1/wal")).unwrap();
        fs::create_dir_all(root.path().join("data/t1/p2")).unwrap();
        fs::write(root.path().join("data/t1/p2/file"), b"x").unwrap();
        directory.remove_empty("data/t1/p1").unwrap();
        assert!(!root.path().join("data/t1/p1").exists());
        directory.remove_empty("data/t1/p1").unwrap();
        assert!(directory.remove_empty("data/t1/p2").is_err());
        assert!(root.path().join("data/t1/p2/file").exists());
    }
}
