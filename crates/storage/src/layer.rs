//! Something between the storage and its files: for tests that count requests, slow them down, or
//! make them fail.

use object_store::ObjectStore;
use std::fmt;
use std::sync::Arc;

/// Put over the object store of a [`Storage`](crate::Storage) that is being opened.
pub trait Layer: fmt::Debug + Send + Sync {
    /// What is used in the place of `store`.
    fn over(&self, store: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore>;
}
