//! A directory that cannot be changed through this: what makes "changes nothing" more than an
//! intention, since the engine's own readers get nothing else.

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::fmt;

/// Lets reads through and refuses everything else.
#[derive(Debug)]
pub(super) struct ReadOnly(pub(super) LocalFileSystem);

fn refused() -> Error {
    Error::NotSupported { source: "a check changes nothing".into() }
}

impl fmt::Display for ReadOnly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "read-only {}", self.0)
    }
}

#[async_trait]
impl ObjectStore for ReadOnly {
    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Err(refused())
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Err(refused())
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.0.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        locations.map(|location| location.and_then(|_| Err(refused()))).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.0.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.0.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(refused())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::ObjectStoreExt;

    #[tokio::test]
    async fn reads_go_through_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("a"), b"bytes").unwrap();
        let store = ReadOnly(LocalFileSystem::new_with_prefix(directory.path()).unwrap());
        let (a, b) = (Path::from("a"), Path::from("b"));
        assert_eq!(store.get(&a).await.unwrap().bytes().await.unwrap(), "bytes");
        assert!(store.put(&b, "x".into()).await.is_err());
        assert!(store.put_multipart(&b).await.is_err());
        assert!(store.delete(&a).await.is_err());
        assert!(store.copy(&a, &b).await.is_err());
        assert!(store.rename(&a, &b).await.is_err());
        let names = std::fs::read_dir(directory.path()).unwrap();
        assert_eq!(names.map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>(), ["a"]);
    }
}
