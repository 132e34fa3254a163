//! An object store that counts what it is asked for, and does to it what a test wants: fails, does it
//! and says that it failed, says so and does it later, or keeps it waiting.

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use parking_lot::Mutex;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use storage::Layer;
use tokio::sync::watch;

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Put,
    Get,
    List,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Done,
    /// Nothing happens, and that is said.
    Failed,
    /// Nothing happens, and it is said that there is nothing there: an answer that nobody repeats.
    Missing,
    /// It happens, and it is said that it failed.
    DoneButFailed,
    /// It is said that it failed, and it happens when [`Wire::deliver`] is called.
    FailedButLater,
    /// It waits until [`Wire::release`] is called, and happens then.
    Stalled,
}

type Rule = Box<dyn FnMut(Request, &str) -> Fate + Send>;

/// What a test holds of it.
#[derive(Clone)]
pub(crate) struct Wire(Arc<Control>);

struct Control {
    rule: Mutex<Rule>,
    /// In the place of the store that it is put over.
    inner: Option<Arc<dyn ObjectStore>>,
    late: Mutex<Vec<(Path, PutPayload, PutOptions)>>,
    stalled: watch::Sender<bool>,
    latency: Mutex<Duration>,
    puts: AtomicU64,
    gets: AtomicU64,
    met: AtomicBool,
}

impl Wire {
    /// Over the store that there is.
    pub(crate) fn new() -> Self {
        Self::with(None)
    }

    /// Over one in memory, which takes the place of a bucket.
    pub(crate) fn in_memory() -> Self {
        Self::with(Some(Arc::new(object_store::memory::InMemory::new())))
    }

    fn with(inner: Option<Arc<dyn ObjectStore>>) -> Self {
        Self(Arc::new(Control {
            rule: Mutex::new(Box::new(|_, _| Fate::Done)),
            inner,
            late: Mutex::default(),
            stalled: watch::Sender::new(true),
            latency: Mutex::default(),
            puts: AtomicU64::new(0),
            gets: AtomicU64::new(0),
            met: AtomicBool::new(false),
        }))
    }

    /// What becomes of requests from now on.
    pub(crate) fn rule(&self, rule: impl FnMut(Request, &str) -> Fate + Send + 'static) {
        self.0.met.store(false, Ordering::SeqCst);
        *self.0.rule.lock() = Box::new(rule);
    }

    /// Counts the requests for sorted files from now on.
    pub(crate) fn count_reads_of_files(&self) -> Arc<AtomicU64> {
        let reads = Arc::new(AtomicU64::new(0));
        let counted = reads.clone();
        self.rule(move |request, path| {
            let file = request == Request::Get && path.ends_with(".sst");
            counted.fetch_add(u64::from(file), Ordering::SeqCst);
            Fate::Done
        });
        reads
    }

    /// Everything is well again.
    pub(crate) fn mend(&self) {
        *self.0.rule.lock() = Box::new(|_, _| Fate::Done);
    }

    /// Whether anything but [`Fate::Done`] has happened since the rule was made.
    pub(crate) fn met(&self) -> bool {
        self.0.met.load(Ordering::SeqCst)
    }

    /// Every request takes this long.
    pub(crate) fn slow_down(&self, latency: Duration) {
        *self.0.latency.lock() = latency;
    }

    /// Lets what was stalled go on.
    pub(crate) fn release(&self) {
        self.0.stalled.send_replace(false);
    }

    /// Does what was said to have failed; answers whether it took effect.
    pub(crate) async fn deliver(&self, store: &Arc<dyn ObjectStore>) -> Vec<bool> {
        let late = std::mem::take(&mut *self.0.late.lock());
        let mut effects = Vec::new();
        for (path, payload, options) in late {
            effects.push(store.put_opts(&path, payload, options).await.is_ok());
        }
        effects
    }

    /// The store in memory.
    pub(crate) fn memory(&self) -> &Arc<dyn ObjectStore> {
        self.0.inner.as_ref().unwrap()
    }

    /// How many requests there were that cost as much as a PUT, and as a GET.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.0.puts.load(Ordering::SeqCst), self.0.gets.load(Ordering::SeqCst))
    }
}

impl Control {
    async fn fate(&self, request: Request, path: &str) -> Fate {
        match request {
            Request::Put | Request::List => self.puts.fetch_add(1, Ordering::SeqCst),
            Request::Get => self.gets.fetch_add(1, Ordering::SeqCst),
        };
        let latency = *self.latency.lock();
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let fate = (self.rule.lock())(request, path);
        if fate != Fate::Done {
            self.met.store(true, Ordering::SeqCst);
        }
        if fate == Fate::Stalled {
            let mut stalled = self.stalled.subscribe();
            stalled.wait_for(|stalled| !stalled).await.unwrap();
            return Fate::Done;
        }
        fate
    }
}

fn failure() -> object_store::Error {
    object_store::Error::Generic { store: "wire", source: "the wire is cut".into() }
}

fn missing(path: &Path) -> object_store::Error {
    object_store::Error::NotFound { path: path.to_string(), source: "the wire lies".into() }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}

impl Layer for Wire {
    fn over(&self, store: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
        let inner = self.0.inner.clone().unwrap_or(store);
        Arc::new(Wired { control: self.0.clone(), inner })
    }
}

struct Wired {
    control: Arc<Control>,
    inner: Arc<dyn ObjectStore>,
}

impl fmt::Debug for Wired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wired").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl fmt::Display for Wired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a wire to {}", self.inner)
    }
}

#[async_trait]
impl ObjectStore for Wired {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        match self.control.fate(Request::Put, path.as_ref()).await {
            Fate::Done | Fate::Stalled => self.inner.put_opts(path, payload, options).await,
            Fate::Failed => Err(failure()),
            Fate::Missing => Err(missing(path)),
            Fate::DoneButFailed => {
                self.inner.put_opts(path, payload, options).await?;
                Err(failure())
            }
            Fate::FailedButLater => {
                self.control.late.lock().push((path.clone(), payload, options));
                Err(failure())
            }
        }
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        match self.control.fate(Request::Put, path.as_ref()).await {
            Fate::Done | Fate::Stalled => self.inner.put_multipart_opts(path, options).await,
            _ => Err(failure()),
        }
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        match self.control.fate(Request::Get, path.as_ref()).await {
            Fate::Done | Fate::Stalled => self.inner.get_opts(path, options).await,
            Fate::Missing => Err(missing(path)),
            _ => Err(failure()),
        }
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        match self.control.fate(Request::Get, path.as_ref()).await {
            Fate::Done | Fate::Stalled => self.inner.get_ranges(path, ranges).await,
            Fate::Missing => Err(missing(path)),
            _ => Err(failure()),
        }
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (control, inner, prefix) = (self.control.clone(), self.inner.clone(), prefix.cloned());
        let listed = async move {
            let path = prefix.as_ref().map_or("", |prefix| prefix.as_ref());
            match control.fate(Request::List, path).await {
                Fate::Done | Fate::Stalled => inner.list(prefix.as_ref()),
                _ => futures::stream::once(async { Err(failure()) }).boxed(),
            }
        };
        futures::stream::once(listed).flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let path = prefix.map_or("", |prefix| prefix.as_ref());
        match self.control.fate(Request::List, path).await {
            Fate::Done | Fate::Stalled => self.inner.list_with_delimiter(prefix).await,
            _ => Err(failure()),
        }
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// All names in a store.
pub(crate) async fn names(store: &Arc<dyn ObjectStore>) -> Vec<String> {
    let mut listed = store.list(None);
    let mut names = Vec::new();
    while let Some(object) = listed.next().await {
        names.push(object.unwrap().location.to_string());
    }
    names
}
