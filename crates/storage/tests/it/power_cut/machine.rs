//! The machine: a disk with its power, a network of no length to it, a clock, and chance.

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use nodelog::SimulatedDisk;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use parking_lot::Mutex;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use storage::{FaultPoint, Faults, Layer, Verdict};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use types::Clock;

/// The longest time before an operation on objects, and after it.
const LATENCY_MS_MAX: u64 = 4;
/// The longest time between two steps of a workflow: others come between.
const STEP_MS_MAX: u64 = 20;

/// A little randomness, shared by all that happens on a machine.
#[derive(Debug)]
pub(crate) struct Chance(Mutex<u64>);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }

    /// A number below `n`.
    pub(crate) fn below(&self, n: u64) -> u64 {
        // SplitMix64.
        let mut state = self.0.lock();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % n
    }

    pub(crate) fn percent(&self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// What happens at a fault point, once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planned {
    pub(crate) point: FaultPoint,
    /// At which passing, from 1.
    pub(crate) nth: u64,
    /// The power goes; otherwise the step fails.
    pub(crate) cut: bool,
}

/// What a store runs on. It lives longer than the processes on it.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) disk: Arc<SimulatedDisk>,
    pub(crate) chance: Chance,
    /// The time at which the process was started.
    started_ms: AtomicI64,
    begun: Mutex<Option<Instant>>,
    planned: Mutex<Vec<Planned>>,
    pub(crate) points_met: AtomicU64,
    /// Told when the power is seen to be off.
    dark: Notify,
}

impl Machine {
    pub(crate) fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self {
            disk: Arc::new(SimulatedDisk::new(seed)),
            chance: Chance::new(seed ^ 0x5eed),
            started_ms: AtomicI64::new(1_700_000_000_000),
            begun: Mutex::default(),
            planned: Mutex::default(),
            points_met: AtomicU64::new(0),
            dark: Notify::new(),
        })
    }

    /// A process starts, at the time at which the one before ended, or before: some set clocks back.
    pub(crate) fn start(&self) -> i64 {
        let back_ms = if self.chance.percent(20) { 3_600_000 } else { 0 };
        let started_ms = self.now_ms() + 1 - back_ms;
        self.started_ms.store(started_ms, Ordering::SeqCst);
        *self.begun.lock() = Some(Instant::now());
        started_ms
    }

    /// The process ends, in whatever way; time stands still until the next one.
    pub(crate) fn end(&self) {
        let now_ms = self.now_ms();
        self.started_ms.store(now_ms, Ordering::SeqCst);
        *self.begun.lock() = None;
        self.planned.lock().clear();
    }

    pub(crate) fn plan(&self, planned: Planned) {
        self.planned.lock().push(planned);
    }

    /// Waits until the power is seen to be off.
    pub(crate) async fn dark(&self) {
        while self.disk.has_power() {
            self.dark.notified().await;
        }
    }

    /// Nobody gets an answer from a machine without power.
    async fn check_power(&self) {
        if !self.disk.has_power() {
            self.dark.notify_one();
            std::future::pending::<()>().await;
        }
    }

    async fn wait_a_little(&self) {
        sleep(Duration::from_millis(self.chance.below(LATENCY_MS_MAX))).await;
        self.disk.set_now_ms(self.now_ms());
        self.check_power().await;
    }

    /// Whether something is due at this point.
    fn due(&self, reached: FaultPoint) -> Option<Planned> {
        let mut planned = self.planned.lock();
        let at = planned.iter().position(|planned| planned.point == reached)?;
        planned[at].nth -= 1;
        if planned[at].nth > 0 {
            return None;
        }
        self.points_met.fetch_add(1, Ordering::SeqCst);
        Some(planned.remove(at))
    }
}

impl Clock for Machine {
    fn now_ms(&self) -> i64 {
        let passed = self.begun.lock().map_or(Duration::ZERO, |begun| begun.elapsed());
        self.started_ms.load(Ordering::SeqCst) + passed.as_millis() as i64
    }
}

/// Fault points: the log's hooks cannot wait, so the power goes and they fail.
#[async_trait]
impl Faults for Machine {
    async fn reached(&self, point: FaultPoint) -> Verdict {
        match self.due(point) {
            None if point.name().starts_with("log-") => Verdict::Proceed,
            None => {
                sleep(Duration::from_millis(self.chance.below(STEP_MS_MAX))).await;
                self.check_power().await;
                Verdict::Proceed
            }
            Some(Planned { cut: false, .. }) => Verdict::Fail,
            Some(Planned { cut: true, .. }) => {
                self.disk.cut_power();
                self.dark.notify_one();
                Verdict::Fail
            }
        }
    }
}

/// Puts a little time before and after each operation on objects, so that others come between, and
/// answers nobody when the power is off.
#[derive(Clone)]
pub(crate) struct Cable(pub(crate) Arc<Machine>);

impl Layer for Cable {
    fn over(&self, store: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
        Arc::new(Cabled { machine: self.0.clone(), store })
    }
}

impl fmt::Debug for Cable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a cable")
    }
}

#[derive(Debug)]
struct Cabled {
    machine: Arc<Machine>,
    store: Arc<dyn ObjectStore>,
}

impl Cabled {
    async fn around<T>(&self, work: impl Future<Output = T>) -> T {
        self.machine.wait_a_little().await;
        let done = work.await;
        self.machine.wait_a_little().await;
        done
    }
}

impl fmt::Display for Cabled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on a cable", self.store)
    }
}

#[async_trait]
impl ObjectStore for Cabled {
    async fn put_opts(&self, to: &Path, payload: PutPayload, how: PutOptions) -> Result<PutResult> {
        self.around(self.store.put_opts(to, payload, how)).await
    }

    async fn put_multipart_opts(
        &self,
        to: &Path,
        how: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.around(self.store.put_multipart_opts(to, how)).await
    }

    async fn get_opts(&self, from: &Path, how: GetOptions) -> Result<GetResult> {
        self.around(self.store.get_opts(from, how)).await
    }

    async fn get_ranges(&self, from: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.around(self.store.get_ranges(from, ranges)).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let machine = self.machine.clone();
        let slowly = paths.then(move |path| {
            let machine = machine.clone();
            async move {
                machine.wait_a_little().await;
                path
            }
        });
        self.store.delete_stream(slowly.boxed())
    }

    fn list(&self, below: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.store.list(below)
    }

    async fn list_with_delimiter(&self, below: Option<&Path>) -> Result<ListResult> {
        self.around(self.store.list_with_delimiter(below)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, how: CopyOptions) -> Result<()> {
        self.around(self.store.copy_opts(from, to, how)).await
    }
}
