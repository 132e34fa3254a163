//! A store to be measured: one table, random values, and clients that write and read.

use super::{CostsError, machine};
use crate::clock::WallClock;
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use storage::{
    Components, Decision, NewTable, PartitionMap, Reslice, ResliceReport, Storage, StorageSettings,
    Table,
};
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// The table's name.
const TABLE: &str = "measured";
/// A value.
const VALUE_BYTES: usize = 1_000;
/// Tasks that fill the table.
const FILLERS: u64 = 64;
/// One read in so many is of any key; the others are of a few that are asked for again and again.
const ANY_KEY: u32 = 10;
/// The keys that are asked for again and again: their values fit into the row cache a dozen times.
const HOT_KEYS: u64 = 2_000;
/// After so many reads somebody else may run.
const READS_IN_A_ROW: u64 = 16;

/// A store with one table.
pub(super) struct Fixture {
    pub(super) storage: Arc<Storage>,
    pub(super) table: Arc<Table>,
    pub(super) directory: TempDir,
    items: u64,
}

impl Fixture {
    /// An empty table of one partition, in a new directory inside `parent`.
    pub(super) async fn new(parent: &Path) -> Result<Self, CostsError> {
        let directory = tempfile::tempdir_in(parent).map_err(CostsError::Directory)?;
        let settings = settings(directory.path());
        let storage = Storage::open(settings, components()).await?;
        let table = storage.create_table(new_table()).await?;
        Ok(Self { storage, table, directory, items: 0 })
    }

    /// The same with so many bytes of values in it.
    pub(super) async fn filled(parent: &Path, bytes: u64) -> Result<Self, CostsError> {
        let mut fixture = Self::new(parent).await?;
        fixture.items = (bytes / VALUE_BYTES as u64).max(HOT_KEYS);
        let fillers = (0..FILLERS).map(|filler| {
            let (table, items) = (fixture.table.clone(), fixture.items);
            tokio::spawn(async move {
                let mut random = StdRng::seed_from_u64(filler);
                for n in (filler..items).step_by(FILLERS as usize) {
                    put(&table, &key(n), &mut random).await?;
                }
                Ok::<_, CostsError>(())
            })
        });
        for filler in fillers.collect::<Vec<_>>() {
            filler.await??;
        }
        Ok(fixture)
    }

    /// Closes the store and opens it again.
    pub(super) async fn reopened(self) -> Result<(Self, Duration), CostsError> {
        self.storage.close().await?;
        let begun = std::time::Instant::now();
        let storage = Storage::open(settings(self.directory.path()), components()).await?;
        let took = begun.elapsed();
        let table = storage.table(TABLE).ok_or(CostsError::NoTable)?;
        Ok((Self { storage, table, ..self }, took))
    }

    /// Splits what there is into so many partitions of equal width.
    pub(super) async fn reslice(&self, into: u64) -> Result<ResliceReport, CostsError> {
        let map: Arc<PartitionMap> = self.table.partition_map();
        let sources = map.partitions.iter().map(|partition| partition.id).collect();
        let boundary = |n: u64| Bytes::copy_from_slice(&(n * (u64::MAX / into)).to_be_bytes());
        let boundaries = (1..into).map(boundary).collect();
        Ok(self.table.reslice(Reslice { sources, boundaries }).await?)
    }

    /// The bytes of its partitions' files.
    pub(super) async fn size_bytes(&self) -> Result<u64, CostsError> {
        let sizes = self.table.partition_sizes().await?;
        Ok(sizes.iter().map(|size| size.live_bytes).sum())
    }

    /// Clients that put random items one after the other.
    pub(super) fn writers(&self, count: u64) -> Clients {
        Clients::start(count, |number, stop, done| {
            let (table, items) = (self.table.clone(), self.items.max(1));
            async move {
                let mut random = StdRng::seed_from_u64(1_000 + number);
                while !stop.load(Ordering::Relaxed) {
                    let n = random.random_range(0..items);
                    put(&table, &key(n), &mut random).await?;
                    done.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            }
        })
    }

    /// Clients that read one item after the other, mostly a few that they have read before.
    pub(super) fn readers(&self, count: u64) -> Clients {
        Clients::start(count, |number, stop, done| {
            let (table, items) = (self.table.clone(), self.items);
            async move {
                let mut random = StdRng::seed_from_u64(2_000 + number);
                while !stop.load(Ordering::Relaxed) {
                    let among = if random.random_ratio(1, ANY_KEY) { items } else { HOT_KEYS };
                    let n = random.random_range(0..among);
                    table.get(&key(n)).await?.ok_or(CostsError::NoItem)?;
                    // What is in memory is read without ever waiting: a reader would not let go of
                    // its thread, and nothing else would run, the split neither.
                    if done.fetch_add(1, Ordering::Relaxed) % READS_IN_A_ROW == 0 {
                        tokio::task::yield_now().await;
                    }
                }
                Ok(())
            }
        })
    }
}

fn settings(directory: &Path) -> StorageSettings {
    // Housekeeping waits for polls and for reads that may be under way; neither is measured, so it
    // should not wait long.
    StorageSettings {
        compaction_poll_ms: 100,
        scan_grace_ms: 500,
        garbage_poll_ms: 200,
        garbage_age_ms: 200,
        prepare_ms_max: 600_000,
        cutover_ms_max: 60_000,
        rekey_bytes_per_s: 0,
        ..StorageSettings::at(directory)
    }
}

pub(super) fn components() -> Components {
    Components::new(Arc::new(WallClock), 1)
}

pub(super) fn new_table() -> NewTable {
    let definition = serde_json::Value::Null;
    NewTable { name: TABLE.to_owned(), definition, boundaries: Vec::new() }
}

/// The `n`th key: spread over the axis, which ends before nine bytes of 0xff.
pub(super) fn key(n: u64) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    key[8..].copy_from_slice(&n.to_be_bytes());
    key[0] &= 0xfe;
    key
}

/// Puts a value that cannot be compressed.
pub(super) async fn put(table: &Table, key: &[u8], random: &mut StdRng) -> Result<(), CostsError> {
    let mut value = vec![0; VALUE_BYTES];
    random.fill(value.as_mut_slice());
    Ok(table.read_modify_write(key, |_| Decision::Put(value.into(), ())).await?)
}

/// Clients at work.
pub(super) struct Clients {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    tasks: Vec<JoinHandle<Result<(), CostsError>>>,
}

impl Clients {
    fn start<F>(count: u64, client: impl Fn(u64, Arc<AtomicBool>, Arc<AtomicU64>) -> F) -> Self
    where
        F: Future<Output = Result<(), CostsError>> + Send + 'static,
    {
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let task = |number| tokio::spawn(client(number, stop.clone(), done.clone()));
        let tasks = (0..count).map(task).collect();
        Self { stop, done, tasks }
    }

    /// The CPU time of this process for one request, microseconds, over the next `interval`.
    pub(super) async fn cpu_us(&self, interval: Duration) -> Result<f64, CostsError> {
        let now = || {
            let cpu = machine::cpu_seconds().map_err(CostsError::Kernel)?;
            Ok::<_, CostsError>((cpu, self.done.load(Ordering::Relaxed)))
        };
        let (cpu, done) = now()?;
        tokio::time::sleep(interval).await;
        let (cpu_after, done_after) = now()?;
        Ok((cpu_after - cpu) * 1e6 / (done_after - done).max(1) as f64)
    }

    /// Ends them, and says what went wrong, if anything did.
    pub(super) async fn end(self) -> Result<(), CostsError> {
        self.stop.store(true, Ordering::SeqCst);
        for task in self.tasks {
            task.await??;
        }
        Ok(())
    }
}
