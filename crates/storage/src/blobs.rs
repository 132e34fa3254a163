//! Small named objects for the crates above: the load history, the decisions.
//!
//! Writes are atomic and on disk when they return; a blob is read and written whole. What was deleted
//! may be there again after a power cut, as any object of a directory ([`local`](crate::local)). Not for
//! items, and not for anything that must change together with the catalog.

use crate::error::{Result, StorageError};
use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where they are, relative to the store's root.
pub(crate) const BLOBS: &str = "blobs";
/// The longest name, all segments together.
const NAME_BYTES_MAX: usize = 512;

/// The blobs of a store. A name is one or more segments of `a-z A-Z 0-9 . _ -`, separated by `/`.
#[derive(Clone, Debug)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
    /// Set when the store is closed: the directory may be another process's then.
    closed: Arc<AtomicBool>,
}

impl Blobs {
    pub(crate) fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store, closed: Arc::default() }
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// Writes a blob, in place of an older one of this name.
    pub async fn put(&self, name: &str, content: Bytes) -> Result<()> {
        let path = self.path(name)?;
        let put = self.store.put(&path, PutPayload::from_bytes(content)).await;
        put.map(|_| ()).map_err(StorageError::store(format!("writing {path}")))
    }

    /// Reads a blob; `None` if there is none of this name.
    pub async fn get(&self, name: &str) -> Result<Option<Bytes>> {
        let path = self.path(name)?;
        let reading = || StorageError::store(format!("reading {path}"));
        match self.store.get(&path).await {
            Ok(found) => found.bytes().await.map(Some).map_err(reading()),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(reading()(error)),
        }
    }

    fn path(&self, name: &str) -> Result<Path> {
        match self.closed.load(Ordering::SeqCst) {
            true => Err(StorageError::Closed),
            false => path(name),
        }
    }

    /// The names of all blobs below `prefix`, which is whole segments or empty; sorted.
    pub async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let below = match prefix {
            "" => Path::from(BLOBS),
            prefix => self.path(prefix.trim_end_matches('/'))?,
        };
        let objects: Vec<_> = self
            .store
            .list(Some(&below))
            .try_collect()
            .await
            .map_err(StorageError::store(format!("listing {below}")))?;
        let name = |path: &Path| path.as_ref().strip_prefix("blobs/").map(str::to_owned);
        let mut names: Vec<_> = objects.iter().filter_map(|o| name(&o.location)).collect();
        names.sort();
        Ok(names)
    }

    /// Deletes a blob; fine if there is none.
    pub async fn delete(&self, name: &str) -> Result<()> {
        let path = self.path(name)?;
        match self.store.delete(&path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(StorageError::store(format!("deleting {path}"))(error)),
        }
    }
}

fn path(name: &str) -> Result<Path> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let good = |segment: &str| {
        !segment.is_empty()
            && segment.bytes().all(allowed)
            && !segment.bytes().all(|byte| byte == b'.')
    };
    if name.len() > NAME_BYTES_MAX || !name.split('/').all(good) {
        return Err(StorageError::Refused(format!(
            "blob name {name:?}: use segments of a-z, A-Z, 0-9, '.', '_' and '-', separated by '/'"
        )));
    }
    Ok(Path::from(format!("{BLOBS}/{name}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::memory::InMemory;

    #[tokio::test]
    async fn put_get_list_delete() {
        let blobs = Blobs::new(Arc::new(InMemory::new()));
        assert_eq!(blobs.get("history/t1/day-1").await.unwrap(), None);
        for name in ["history/t1/day-2", "history/t1/day-1", "history/t10/day-1", "decisions"] {
            blobs.put(name, name.to_owned().into()).await.unwrap();
        }
        blobs.put("decisions", "newer".into()).await.unwrap();
        assert_eq!(blobs.get("decisions").await.unwrap(), Some("newer".into()));
        let below = blobs.list("history/t1").await.unwrap();
        assert_eq!(below, ["history/t1/day-1", "history/t1/day-2"]);
        assert_eq!(blobs.list("").await.unwrap().len(), 4);
        blobs.delete("decisions").await.unwrap();
        blobs.delete("decisions").await.unwrap();
        assert_eq!(blobs.get("decisions").await.unwrap(), None);
    }

    #[tokio::test]
    async fn names_that_could_leave_the_directory_are_refused() {
        let blobs = Blobs::new(Arc::new(InMemory::new()));
        for bad in ["", "/", "a//b", "../x", "a/../b", "a b", "a#1"] {
            assert!(matches!(blobs.get(bad).await, Err(StorageError::Refused(_))), "{bad:?}");
        }
    }
}
