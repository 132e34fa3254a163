//! What SlateDB is told about the logs of databases that we clone: that nothing is in them.
//!
//! SlateDB refuses to clone a part of a database while its manifest counts log files that were not
//! replayed into sorted files. That count may lag: it is taken when a memtable is frozen, and a
//! memtable that holds nothing is not frozen again. So it would refuse databases of which
//! everything is in sorted files; and those that go on being written while they are cloned. A reslice
//! asserts, with the manifest that is cloned (`flushed_seq`), that what is not in files is kept and
//! written to the clone by other means, and then says through this type that the log is of no concern.
//! It is used for nothing else.

use async_trait::async_trait;
use object_store::path::Path;
use slatedb::VersionedManifest;
use slatedb::wal::{WalAdmin, WalError, WalFileRange, WalGc};
use std::sync::Arc;
use std::time::Duration;

/// The empty log.
#[derive(Debug)]
pub(super) struct FlushedWal;

#[async_trait]
impl WalAdmin for FlushedWal {
    fn garbage_collector(&self, _path: &Path) -> Arc<dyn WalGc> {
        Arc::new(FlushedWal)
    }

    async fn delete_wal(&self, _path: &Path, _dry_run: bool) -> Result<Vec<String>, WalError> {
        Ok(Vec::new())
    }

    async fn is_empty(&self, _path: &Path, _after: u64, _last: u64) -> Result<bool, WalError> {
        Ok(true)
    }

    /// The clone's log starts empty, at file 1; sequence numbers carry over.
    async fn clone_wal(
        &self,
        _from: &Path,
        _manifest: VersionedManifest,
        _to: &Path,
    ) -> Result<(u64, u64), WalError> {
        Ok((0, 0))
    }
}

#[async_trait]
impl WalGc for FlushedWal {
    async fn collect(
        &self,
        _referenced: Vec<WalFileRange>,
        _min_age: Duration,
        _dry_run: bool,
    ) -> Result<(), WalError> {
        Ok(())
    }
}
