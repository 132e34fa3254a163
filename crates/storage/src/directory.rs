//! The data directory: one process at a time, on a file system that can do what we need.
//!
//! Everything below it is an object ([`local`](crate::local)), and a bucket can take its place; what is
//! special about local files (the lock, leftovers of a kill, syncing directories) is here, and is
//! nothing for a bucket. A simulated disk can take the place of the file system; it needs no lock.

use crate::catalog::CATALOG;
use crate::error::{Result, StorageError};
use crate::layer::Layer;
use crate::local::tree::{Entry, RealTree, Tree, join};
use crate::local::{LocalObjects, is_staging_name};
use crate::settings::StorageSettings;
use nodelog::{Disk, SimulatedDisk, Sync};
use object_store::ObjectStore;
use parking_lot::Mutex;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::sync::Arc;

const LOCK_FILE: &str = "LOCK";
const PROBE_FILE: &str = ".link-probe";
const PROBE_LINK: &str = ".link-probe-2";

/// An open data directory. The lock is held until [`unlock`](Self::unlock) or drop.
#[derive(Debug)]
pub(crate) struct DataDirectory {
    /// `None` for a bucket.
    local: Option<Local>,
    store: Arc<dyn ObjectStore>,
    lock: Mutex<Option<File>>,
}

/// Files that are a store.
#[derive(Debug)]
struct Local {
    /// In words.
    place: String,
    tree: Arc<dyn Tree>,
    objects: LocalObjects,
    simulated: Option<Arc<SimulatedDisk>>,
}

impl DataDirectory {
    /// Creates the directory if need be, locks it, and clears what a killed process left behind.
    /// With `fsync`, what is written is on the disk before it is called written.
    pub(crate) fn open(root: &Path, fsync: bool) -> Result<Self> {
        let place = root.display().to_string();
        fs::create_dir_all(root).map_err(StorageError::io(&place))?;
        let lock = lock(root)?;
        require_hard_links(root)?;
        let tree = Arc::new(RealTree::new(root, fsync));
        Self::over(place, tree, None, Some(lock))
    }

    /// A simulated disk in the place of a directory.
    pub(crate) fn simulated(disk: &Arc<SimulatedDisk>) -> Result<Self> {
        let tree: Arc<dyn Tree> = Arc::new(disk.clone());
        Self::over("a simulated disk".to_owned(), tree, Some(disk.clone()), None)
    }

    fn over(
        place: String,
        tree: Arc<dyn Tree>,
        simulated: Option<Arc<SimulatedDisk>>,
        lock: Option<File>,
    ) -> Result<Self> {
        let remove = |path: &str| tree.remove(path);
        let swept = for_staging_files(&*tree, "", &remove).map_err(StorageError::io(&place))?;
        if swept > 0 {
            tracing::info!(directory = place, swept, "removed unfinished files");
        }
        let objects = LocalObjects::new(tree.clone());
        let (store, lock) = (Arc::new(objects.clone()), Mutex::new(lock));
        let local = Some(Local { place, tree, objects, simulated });
        Ok(Self { local, store, lock })
    }

    /// A bucket in the place of a directory.
    pub(crate) fn bucket(store: Arc<dyn ObjectStore>) -> Self {
        Self { local: None, store, lock: Mutex::new(None) }
    }

    /// The same, with something between it and its users.
    pub(crate) fn under(mut self, layer: &dyn Layer) -> Self {
        self.store = layer.over(self.store.clone());
        self
    }

    /// Whether an operation that was reported as failed may still take effect later: a request to a
    /// bucket may be on its way. On local files, an operation that has returned is over.
    pub(crate) fn is_bucket(&self) -> bool {
        self.local.is_none()
    }

    /// The directory as an object store.
    pub(crate) fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// Whether there is anything below `path`.
    pub(crate) fn exists(&self, path: &str) -> bool {
        self.local.as_ref().is_some_and(|local| local.tree.entries(path).is_ok())
    }

    /// The directory `path` for a log, made if it does not exist.
    pub(crate) fn log_disk(
        &self,
        path: &str,
        settings: &StorageSettings,
    ) -> io::Result<Arc<dyn Disk>> {
        let Some(disk) = self.local.as_ref().and_then(|local| local.simulated.as_ref()) else {
            let sync = if settings.fsync { Sync::Forced } else { Sync::Skipped };
            return Ok(Arc::new(nodelog::Files::open(&settings.directory.join(path), sync)?));
        };
        match disk.make_directory(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => disk.sync_names("")?,
        }
        Ok(Arc::new(disk.directory(path)))
    }

    /// Whether one thread does everything here, so that nothing may be left to others.
    pub(crate) fn is_simulated(&self) -> bool {
        self.local.as_ref().is_some_and(|local| local.simulated.is_some())
    }

    /// Lets another process have the directory.
    pub(crate) fn unlock(&self) {
        if let Some(file) = self.lock.lock().take() {
            // Closing the file would do, but not if a process that was just forked still has it.
            if let Err(error) = file.unlock() {
                tracing::warn!(directory = ?self.local, %error, "unlocking failed");
            }
        }
    }

    /// Makes the directory entries below `path` survive a power cut. After a kill the newest
    /// entries may exist in the page cache only, and we are about to act on them.
    pub(crate) fn sync_tree(&self, path: &str) -> Result<()> {
        self.on_files(path, |local| sync_directories(&*local.tree, path))
    }

    /// Makes the entries of one directory survive a power cut. Blocks.
    pub(crate) fn sync_directory(&self, path: &str) -> Result<()> {
        self.on_files(path, |local| local.tree.sync_directory(path))
    }

    /// Removes the directories below `path`, from which all files have been deleted.
    pub(crate) fn remove_empty(&self, path: &str) -> Result<()> {
        self.on_files(path, |local| {
            local.objects.forget_directory(path);
            match remove_empty_directories(&*local.tree, path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                removed => removed,
            }
        })
    }

    /// Nothing for a bucket.
    fn on_files(&self, path: &str, act: impl FnOnce(&Local) -> io::Result<()>) -> Result<()> {
        let Some(local) = &self.local else {
            return Ok(());
        };
        act(local).map_err(StorageError::io(format!("{}/{path}", local.place)))
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

/// How many files there are in which writes were being prepared.
pub(crate) fn count_staging_files(directory: &Path) -> io::Result<u64> {
    for_staging_files(&RealTree::new(directory, false), "", &|_| Ok(()))
}

fn for_staging_files(
    tree: &dyn Tree,
    directory: &str,
    act: &dyn Fn(&str) -> io::Result<()>,
) -> io::Result<u64> {
    let mut count = 0;
    for Entry { name, is_directory } in tree.entries(directory)? {
        let path = join(directory, &name);
        if is_directory {
            count += for_staging_files(tree, &path, act)?;
        } else if is_staging_name(&name) {
            act(&path)?;
            count += 1;
        }
    }
    Ok(count)
}

fn sync_directories(tree: &dyn Tree, directory: &str) -> io::Result<()> {
    let entries = match tree.entries(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries.iter().filter(|entry| entry.is_directory) {
        sync_directories(tree, &join(directory, &entry.name))?;
    }
    tree.sync_directory(directory)
}

fn remove_empty_directories(tree: &dyn Tree, directory: &str) -> io::Result<()> {
    for entry in tree.entries(directory)?.iter().filter(|entry| entry.is_directory) {
        remove_empty_directories(tree, &join(directory, &entry.name))?;
    }
    tree.remove_directory(directory)
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
