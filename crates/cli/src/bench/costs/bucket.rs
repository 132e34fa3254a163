//! How many requests a partition in a bucket makes that are charged as PUTs.
//!
//! The bucket is one in memory that counts. A real one answers later, which makes no request more: a
//! partition flushes by the clock.

use super::CostsError;
use super::fixture::{components, key, new_table, put};
use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use rand::SeedableRng;
use rand::rngs::StdRng;
use simulator::costs::Bucket;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use storage::{Components, Layer, Storage, StorageSettings};

/// For how long a partition is watched while it is written to.
const ACTIVE: Duration = Duration::from_secs(10);
/// For how many polls it is watched while nobody asks for anything.
const IDLE_POLLS: u64 = 20;
/// The time between two of these polls; the default is a minute, too long to wait for some.
const IDLE_POLL_MS: u64 = 250;
const MONTH_MS: f64 = 30.0 * 24.0 * 3_600_000.0;

/// Counts both.
pub(super) async fn puts() -> std::result::Result<Bucket, CostsError> {
    let settings =
        StorageSettings { store: Some("s3://counted/".to_owned()), ..StorageSettings::default() };
    let active = counted(&settings, Some(ACTIVE)).await?;
    let hurried = StorageSettings { bucket_poll_ms: IDLE_POLL_MS, ..settings.clone() };
    let idle = counted(&hurried, None).await? * IDLE_POLL_MS as f64;
    Ok(Bucket {
        puts_active_per_month: active * MONTH_MS,
        puts_idle_per_month: idle * MONTH_MS / settings.bucket_poll_ms as f64,
    })
}

/// Requests in a millisecond, of a partition that is written to for so long, or of one that is left alone.
async fn counted(
    settings: &StorageSettings,
    write_for: Option<Duration>,
) -> std::result::Result<f64, CostsError> {
    let counter = Counter::default();
    let components = Components { layer: Some(Arc::new(counter.clone())), ..components() };
    let storage = Storage::open(settings.clone(), components).await?;
    let table = storage.create_table(new_table()).await?;
    let mut random = StdRng::seed_from_u64(1);
    put(&table, &key(0), &mut random).await?;
    let (begun, before) = (Instant::now(), counter.puts.load(Ordering::SeqCst));
    match write_for {
        Some(time) => {
            for n in 0.. {
                if begun.elapsed() >= time {
                    break;
                }
                put(&table, &key(n), &mut random).await?;
            }
        }
        None => tokio::time::sleep(Duration::from_millis(IDLE_POLLS * IDLE_POLL_MS)).await,
    }
    let puts = counter.puts.load(Ordering::SeqCst) - before;
    let took_ms = begun.elapsed().as_secs_f64() * 1e3;
    storage.close().await?;
    Ok(puts as f64 / took_ms)
}

/// A bucket in memory, and what it was asked for at the price of a PUT: PUT, COPY and LIST.
#[derive(Clone, Debug, Default)]
struct Counter {
    bucket: Arc<InMemory>,
    puts: Arc<AtomicU64>,
}

impl Counter {
    fn count(&self) {
        self.puts.fetch_add(1, Ordering::SeqCst);
    }
}

impl Layer for Counter {
    fn over(&self, _: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
        Arc::new(self.clone())
    }
}

impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a bucket in memory that counts")
    }
}

#[async_trait]
impl ObjectStore for Counter {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.count();
        self.bucket.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        // The beginning and the end; its parts are counted by nobody and rare.
        self.count();
        self.count();
        self.bucket.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.bucket.get_opts(path, options).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.bucket.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.count();
        self.bucket.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.count();
        self.bucket.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.count();
        self.bucket.copy_opts(from, to, options).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn writes_to_a_bucket_are_counted_and_go_nowhere_else() {
        let settings = StorageSettings {
            store: Some("s3://counted/".to_owned()),
            directory: "/nonexistent/must-not-be-touched".into(),
            bucket_flush_ms: 5,
            ..StorageSettings::default()
        };
        let per_ms = counted(&settings, Some(Duration::from_millis(100))).await.unwrap();
        // Whoever waits for each write to be durable waits for a PUT each time.
        assert!(per_ms > 0.0);
    }
}
