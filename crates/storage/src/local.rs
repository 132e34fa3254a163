//! A directory as an object store: what `object_store` does for local files, on a disk that can be
//! another one.
//!
//! Objects are files; an object's path is its file's. Every write goes to a staging file `name#1`
//! beside its place first, is forced onto the disk, gets its name by one link or rename, and then the
//! directory is forced: an object is there as a whole or not at all, and when a write returns, its name
//! and those of all directories above it are on the disk. Removals are not forced: whoever removes
//! something may find it again after a power cut.
//!
//! Why not `object_store::local`: all that the store promises rests on the order of these few calls,
//! and a simulated disk under the very same code is the way to test that
//! (`tests/it/power_cut`). The check of a stopped store reads with `object_store`'s own.

use async_trait::async_trait;
use bytes::Bytes;
use chrono::DateTime;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result,
};
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;

mod files;
mod simulated;
pub(crate) mod tree;
mod upload;

use files::Files;
pub(crate) use files::is_staging_name;
use tree::{OpenFile, Stat, Tree};
use upload::Upload;

/// The name of this kind of store in errors.
const STORE: &str = "local files";
/// How many objects are deleted at once.
const DELETE_CONCURRENCY: usize = 10;

/// The objects below one directory.
#[derive(Clone, Debug)]
pub(crate) struct LocalObjects {
    files: Arc<Files>,
}

impl LocalObjects {
    pub(crate) fn new(tree: Arc<dyn Tree>) -> Self {
        Self { files: Arc::new(Files::new(tree)) }
    }

    /// Forgets what is known of a directory that was removed.
    pub(crate) fn forget_directory(&self, path: &str) {
        self.files.forget_directory(path);
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Files) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let files = self.files.clone();
        if !files.tree().blocks() {
            return work(&files);
        }
        let done = tokio::task::spawn_blocking(move || work(&files)).await;
        done.map_err(|source| Error::JoinError { source })?
    }
}

impl fmt::Display for LocalObjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{STORE} {:?}", self.files.tree())
    }
}

#[async_trait]
impl ObjectStore for LocalObjects {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let create = match options.mode {
            PutMode::Create => true,
            PutMode::Overwrite => false,
            PutMode::Update(_) => return Err(not_implemented("conditional overwrites")),
        };
        check_attributes(options.attributes.is_empty())?;
        let path = object_path(location)?;
        self.run(move |files| files.put(&path, &payload, create).map_err(error(&path))).await?;
        Ok(put_result())
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        check_attributes(options.attributes.is_empty())?;
        let path = object_path(location)?;
        let upload = self.run(move |files| files.stage(&path).map_err(error(&path))).await?;
        Ok(Box::new(Upload::new(self.clone(), upload)))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let path = object_path(location)?;
        let location = location.clone();
        self.run(move |files| {
            let (file, stat) = files.open(&path).map_err(error(&path))?;
            let meta = object_meta(location, stat);
            options.check_preconditions(&meta)?;
            let range = match &options.range {
                Some(range) => range.as_range(meta.size).map_err(|why| bad_range(&path, &why))?,
                None => 0..meta.size,
            };
            let content = match options.head {
                true => Bytes::new(),
                false => read(&*file, &path, range.clone())?,
            };
            let payload = GetResultPayload::Stream(stream::iter([Ok(content)]).boxed());
            let (attributes, extensions) = Default::default();
            Ok(GetResult { payload, meta, range, attributes, extensions })
        })
        .await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let path = object_path(location)?;
        let ranges = ranges.to_vec();
        self.run(move |files| {
            let (file, _) = files.open(&path).map_err(error(&path))?;
            ranges.into_iter().map(|range| read(&*file, &path, range)).collect()
        })
        .await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let this = self.clone();
        let delete = move |location: Result<Path>| {
            let this = this.clone();
            async move {
                let location = location?;
                let path = object_path(&location)?;
                this.run(move |files| files.tree().remove(&path).map_err(error(&path))).await?;
                Ok(location)
            }
        };
        locations.map(delete).buffered(DELETE_CONCURRENCY).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let below = prefix.map_or_else(String::new, |prefix| prefix.as_ref().to_owned());
        let this = self.clone();
        let listing = async move {
            this.run(move |files| {
                let mut found = Vec::new();
                files.walk(&below, &mut found).map_err(error(&below))?;
                Ok(stream::iter(metas(found).into_iter().map(Ok)))
            })
            .await
        };
        listing.into_stream().try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let below = prefix.map_or_else(String::new, |prefix| prefix.as_ref().to_owned());
        self.run(move |files| {
            let listed = files.list(&below).map_err(error(&below))?;
            let directories = listed.directories.iter();
            let common_prefixes = directories.filter_map(|path| Path::parse(path).ok()).collect();
            let extensions = Default::default();
            Ok(ListResult { common_prefixes, objects: metas(listed.objects), extensions })
        })
        .await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let (from, to) = (object_path(from)?, object_path(to)?);
        let create = options.mode == CopyMode::Create;
        self.run(move |files| {
            let (file, stat) = files.open(&from).map_err(error(&from))?;
            let content = read(&*file, &from, 0..stat.length)?;
            files.put(&to, &PutPayload::from_bytes(content), create).map_err(error(&to))
        })
        .await
    }
}

/// The file of an object; an error if it would be taken for a staging file.
fn object_path(location: &Path) -> Result<String> {
    match location.filename().filter(|name| !is_staging_name(name)) {
        Some(_) => Ok(location.as_ref().to_owned()),
        None => Err(generic(format!("{location:?} is no name of an object"))),
    }
}

fn object_meta(location: Path, stat: Stat) -> ObjectMeta {
    let last_modified = DateTime::from_timestamp_millis(stat.modified_ms).unwrap_or_default();
    ObjectMeta { location, last_modified, size: stat.length, e_tag: None, version: None }
}

/// Files that no object can be named by are nobody's here.
fn metas(found: Vec<(String, Stat)>) -> Vec<ObjectMeta> {
    let meta = |(path, stat)| Some(object_meta(Path::parse(path).ok()?, stat));
    found.into_iter().filter_map(meta).collect()
}

fn read(file: &dyn OpenFile, path: &str, range: Range<u64>) -> Result<Bytes> {
    file.read(range).map(Bytes::from).map_err(error(path))
}

fn put_result() -> PutResult {
    PutResult { e_tag: None, version: None, extensions: Default::default() }
}

fn check_attributes(none: bool) -> Result<()> {
    if none { Ok(()) } else { Err(not_implemented("attributes")) }
}

fn not_implemented(what: &str) -> Error {
    Error::NotImplemented { operation: what.to_owned(), implementer: STORE.to_owned() }
}

fn bad_range(path: &str, why: &dyn fmt::Display) -> Error {
    generic(format!("{path}: {why}"))
}

fn generic(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Generic { store: STORE, source: source.into() }
}

/// The operating system's answer in terms of object stores.
fn error(path: &str) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| match source.kind() {
        io::ErrorKind::NotFound => Error::NotFound { path, source: source.into() },
        io::ErrorKind::AlreadyExists => Error::AlreadyExists { path, source: source.into() },
        kind => generic(io::Error::new(kind, format!("{path}: {source}"))),
    }
}

#[cfg(test)]
mod tests;
