//! Whether a store that is stopped is whole: everything is read, nothing is changed.
//!
//! What a start would refuse, and what it would only notice when somebody reads it, is found here at
//! once, with its place and what to do. What a kill leaves behind and the next start clears away is
//! told, but is no damage. In the order of the reading:
//!
//! - [`catalog`]: every record, its invariants, and the steps between its versions;
//! - [`log`]: every segment, frame and chain of rows of the node log;
//! - [`database`]: every partition's manifest, the [`files`](mod@files) that it shows, its rows in
//!   the log, and that all of it lies in the partition's range;
//! - [`backups`]: what every backup has kept;
//! - [`strangers`]: databases that nobody names;
//! - [`leftovers`]: unfinished files, and the small objects of the crates above.
//!
//! It repairs nothing. What items mean is not known here: values are read, not understood.

use crate::directory::lock_stopped;
use crate::engine::cache::FileCache;
use crate::error::{Result, StorageError};
use crate::storage::Storage;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use read_only::ReadOnly;
use slatedb::db_cache::DbCache;
use slatedb::db_cache::SplitCache;
use std::collections::HashSet;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

mod backups;
mod catalog;
mod database;
mod files;
mod leftovers;
mod log;
mod read_only;
mod report;
mod strangers;

pub use report::{CheckCounts, CheckReport, Finding, Severity};

/// Memory for the indexes of the files that are being read.
const INDEX_CACHE_BYTES: u64 = 64 << 20;
/// What to do about most damage.
const RESTORE: &str = "keep a copy of the whole directory, then restore a backup";

/// A check that is under way.
struct Check {
    root: PathBuf,
    store: Arc<dyn ObjectStore>,
    indexes: Arc<dyn DbCache>,
    /// Sorted files that were read: several partitions may show one.
    read: HashSet<Path>,
    report: CheckReport,
}

impl Storage {
    /// Reads everything that a stopped store has and says what is wrong with it. Changes nothing.
    ///
    /// # Errors
    /// If there is no store, or a process has it open, nothing is checked. Whatever cannot be read
    /// later on is a finding.
    pub async fn check(directory: &FilePath) -> Result<CheckReport> {
        let _lock = lock_stopped(directory)?;
        let mut check = Check::new(directory)?;
        let catalog = catalog::read(&mut check).await;
        let log = log::read(&mut check, catalog.log).await;
        let lenders = database::check_all(&mut check, &catalog, log.as_ref()).await;
        database::check_retired(&mut check, &catalog, &lenders).await;
        backups::check_all(&mut check, &catalog.backups).await;
        strangers::find(&mut check, &catalog, log.as_ref()).await;
        leftovers::find(&mut check);
        leftovers::read_blobs(&mut check).await;
        Ok(check.report)
    }
}

impl Check {
    fn new(root: &FilePath) -> Result<Self> {
        let files = LocalFileSystem::new_with_prefix(root);
        let files = files.map_err(StorageError::store(root.display().to_string()))?;
        let indexes = Arc::new(FileCache::new(INDEX_CACHE_BYTES));
        let indexes = SplitCache::new().with_meta_cache(Some(indexes)).build();
        Ok(Self {
            root: root.to_owned(),
            store: Arc::new(ReadOnly(files)),
            indexes: Arc::new(indexes),
            read: HashSet::new(),
            report: CheckReport::default(),
        })
    }

    /// The directories right below a path.
    async fn directories(&self, below: &str) -> Result<Vec<Path>> {
        let listed = self.store.list_with_delimiter(Some(&Path::from(below))).await;
        let listed = listed.map_err(StorageError::store(format!("listing {below}")))?;
        Ok(listed.common_prefixes)
    }
}
