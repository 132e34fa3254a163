//! The process that will be killed.
//!
//! It reports on its standard output, one line each: `@ready`, `@point`, `@ack key n` after a write
//! was acknowledged, `@read key n` after a read was answered, `@resliced`, `@error text`.

use crate::rekey::orders;
use crate::support::{components, put, settings, table};
use async_trait::async_trait;
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use storage::{
    Decision, FaultPoint, Faults, NewTable, Reslice, Storage, StorageError, StorageSettings, Table,
    Verdict,
};

/// The table that everything happens to.
pub(crate) const TABLE: &str = "counters";
/// In this variable a process finds its job.
pub(crate) const JOB: &str = "FORESHARD_TEST_JOB";
const WRITERS: u64 = 8;
const KEYS_PER_WRITER: u64 = 12;
const READERS: u64 = 2;
/// The most partitions that random reslices make.
const PARTITIONS_MAX: usize = 5;

/// What a process is to do, and where it is to stop.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    root: PathBuf,
    work: Work,
    /// Reach this point this many times, report it, and wait to be killed.
    kill_at: Option<(String, u64)>,
    fail_at: Option<String>,
    fsync: bool,
}

/// What to do while the writers write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Work {
    ResliceForEver {
        seed: u64,
    },
    Split {
        empty: bool,
    },
    Merge {
        empty: bool,
    },
    /// Nothing but the load, over two partitions.
    Write,
    Create,
    /// Makes a backup.
    Backup,
    /// Deletes the first backup there is.
    DeleteBackup,
    /// Restores the first backup there is.
    Restore,
    Drop,
    Maintain,
    /// Changes the key order; if `resumed`, goes on with what another process has begun.
    Rekey {
        resumed: bool,
    },
    RekeyForEver,
}

impl Job {
    pub(crate) fn new(root: &Path, work: Work) -> Self {
        Self { root: root.to_owned(), work, kill_at: None, fail_at: None, fsync: false }
    }

    pub(crate) fn kill_at(self, point: FaultPoint, nth: u64) -> Self {
        Self { kill_at: Some((point.name().to_owned(), nth)), ..self }
    }

    /// With everything that the service has. The death of a process is survived without.
    pub(crate) fn synced(self) -> Self {
        Self { fsync: true, ..self }
    }

    pub(crate) fn fail_at(self, point: FaultPoint) -> Self {
        Self { fail_at: Some(point.name().to_owned()), ..self }
    }
}

impl Work {
    /// How many partitions there are before and after a reslice.
    pub(crate) fn partitions(self) -> (usize, usize) {
        match self {
            Work::Split { .. } => (1, 2),
            Work::Merge { .. } => (2, 1),
            Work::Write | Work::RekeyForEver => (2, 2),
            Work::Backup | Work::DeleteBackup | Work::Restore => (2, 2),
            Work::Rekey { .. } => (2, 3),
            _ => (1, 1),
        }
    }

    fn boundaries(self) -> &'static [&'static str] {
        match self {
            Work::Merge { .. }
            | Work::Write
            | Work::Backup
            | Work::DeleteBackup
            | Work::Restore
            | Work::Rekey { .. }
            | Work::RekeyForEver => &["w4"],
            _ => &[],
        }
    }

    fn has_load(self) -> bool {
        !matches!(self, Work::Split { empty: true } | Work::Merge { empty: true })
    }
}

/// Not a test: what the child process runs. Does nothing in the test run itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process() {
    let Ok(job) = std::env::var(JOB) else { return };
    let job: Job = serde_json::from_str(&job).unwrap();
    let report = job.run().await.unwrap_err();
    say(&format!("@error {report}"));
}

fn say(line: &str) {
    // One write, so that a kill leaves whole lines; first a line break, as the test harness may
    // have begun a line.
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\n{line}\n").as_bytes()).and_then(|()| out.flush()).unwrap();
}

impl Job {
    /// Settings under which compactions and collections take fractions of a second.
    fn hurried(&self) -> StorageSettings {
        StorageSettings {
            fsync: self.fsync,
            compaction_poll_ms: 20,
            scan_grace_ms: 100,
            garbage_poll_ms: 50,
            garbage_age_ms: 50,
            // Small chunks, one at a time, so that there is something left to copy at every step.
            rekey_chunk_bytes: 64,
            rekey_save_ms: 5,
            rekey_grace_ms: 20,
            // Small, so that memtables are also flushed by themselves, and the log begins and lets
            // go of segments all the time.
            memtable_bytes: 64 << 10,
            log_segment_bytes: 16 << 10,
            log_release_bytes: 48 << 10,
            log_bytes_max: 256 << 10,
            ..settings(&self.root)
        }
    }

    /// Works until it is killed.
    async fn run(self) -> Result<std::convert::Infallible, StorageError> {
        let hook = Arc::new(Hook {
            armed: AtomicBool::new(false),
            kill_at: self.kill_at.clone(),
            reached: AtomicU64::new(0),
            fail_at: self.fail_at.clone(),
        });
        let components = storage::Components { faults: hook.clone(), ..components() };
        let storage = Storage::open(self.hurried(), components).await?;
        let table = match storage.table(TABLE) {
            Some(table) => table,
            None => table(&storage, TABLE, self.work.boundaries()).await,
        };
        if self.work.has_load() {
            start_load(&table);
        }
        say("@ready");
        // Some writes in memory, some in flight.
        tokio::time::sleep(Duration::from_millis(30)).await;
        match self.work {
            Work::ResliceForEver { seed } => reslice_for_ever(&table, seed).await?,
            Work::Split { .. } => {
                hook.arm();
                let report = reslice(&table, &["w4"]).await;
                say(&format!("@resliced {report:?}"));
            }
            Work::Merge { .. } => {
                hook.arm();
                let report = reslice(&table, &[]).await;
                say(&format!("@resliced {report:?}"));
            }
            Work::Write => hook.arm(),
            Work::Create => {
                put(&table, "kept", "1").await;
                hook.arm();
                crate::support::table(&storage, "second", &["m"]).await;
            }
            Work::Backup => {
                hook.arm();
                let made = storage.create_backup(&table, "killed".into()).await;
                say(&format!("@backup {made:?}"));
            }
            Work::DeleteBackup => {
                hook.arm();
                let deleted = storage.delete_backup(storage.backups()[0].id).await;
                say(&format!("@deleted {deleted:?}"));
            }
            Work::Restore => {
                let backup = storage.backups()[0].clone();
                let new = NewTable {
                    name: "restored".to_owned(),
                    definition: backup.definition,
                    boundaries: Vec::new(),
                };
                hook.arm();
                let restored = storage.restore_table(new, backup.id).await;
                say(&format!("@restored {restored:?}"));
            }
            Work::Drop => {
                put(&table, "kept", "1").await;
                hook.arm();
                storage.drop_table(TABLE).await?;
            }
            Work::Rekey { .. } => {
                hook.arm();
                let report = rekey(&table).await;
                say(&format!("@resliced {report:?}"));
            }
            Work::RekeyForEver => loop {
                match rekey(&table).await {
                    Ok(_) => say("@resliced"),
                    // For a moment after each: scans may still be in the order before.
                    Err(StorageError::Refused(_)) => {}
                    Err(error) => return Err(error),
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            },
            Work::Maintain => {
                reslice(&table, &["w4"]).await?;
                hook.arm();
                loop {
                    storage.maintain().await?;
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        }
        std::future::pending().await
    }
}

/// Stops or fails at a point, once it is armed.
#[derive(Debug)]
struct Hook {
    armed: AtomicBool,
    kill_at: Option<(String, u64)>,
    reached: AtomicU64,
    fail_at: Option<String>,
}

impl Hook {
    fn arm(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }
}

#[async_trait]
impl Faults for Hook {
    async fn reached(&self, point: FaultPoint) -> Verdict {
        if !self.armed.load(Ordering::SeqCst) {
            return Verdict::Proceed;
        }
        if let Some((name, nth)) = &self.kill_at
            && point.name() == name
            && self.reached.fetch_add(1, Ordering::SeqCst) + 1 == *nth
        {
            say("@point");
            std::future::pending::<()>().await;
        }
        match self.fail_at.as_deref() == Some(point.name()) {
            true => Verdict::Fail,
            false => Verdict::Proceed,
        }
    }
}

/// Writers that count up their keys, and readers that report what they saw.
fn start_load(table: &Arc<Table>) {
    for writer in 0..WRITERS {
        let table = table.clone();
        tokio::spawn(async move {
            for n in 0.. {
                let key = format!("w{writer}-{:02}", n % KEYS_PER_WRITER);
                match count_up(&table, &key).await {
                    Ok(count) => say(&format!("@ack {key} {count}")),
                    Err(error) => return say(&format!("@error writing {key}: {error}")),
                }
            }
        });
    }
    for reader in 0..READERS {
        let table = table.clone();
        tokio::spawn(async move {
            let mut random = StdRng::seed_from_u64(reader);
            loop {
                let writer = random.random_range(0..WRITERS);
                let key = format!("w{writer}-{:02}", random.random_range(0..KEYS_PER_WRITER));
                // Half of them through a write that changes nothing: those see newer versions.
                let seen = match random.random() {
                    true => orders::read(&table, &key).await,
                    false => keep(&table, &key).await,
                };
                match seen {
                    Ok(seen) => say(&format!("@read {key} {}", number(seen.as_ref()))),
                    Err(error) => return say(&format!("@error reading {key}: {error}")),
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
    }
}

async fn count_up(table: &Arc<Table>, key: &str) -> Result<u64, StorageError> {
    orders::modify(table, key, |old| {
        let count = number(old) + 1;
        Decision::Put(count.to_string().into(), count)
    })
    .await
}

async fn keep(table: &Arc<Table>, key: &str) -> Result<Option<Bytes>, StorageError> {
    orders::modify(table, key, |old| Decision::Keep(old.cloned())).await
}

/// Changes the key order, or goes on with that.
async fn rekey(table: &Arc<Table>) -> Result<storage::RekeyReport, StorageError> {
    orders::rekey(table, &["0", "1"]).await
}

fn number(value: Option<&Bytes>) -> u64 {
    value.map_or(0, |value| std::str::from_utf8(value).unwrap().parse().unwrap())
}

/// Makes of all partitions others with these boundaries.
async fn reslice(
    table: &Arc<Table>,
    boundaries: &[&str],
) -> Result<storage::ResliceReport, StorageError> {
    let sources = table.partition_map().partitions.iter().map(|p| p.id).collect();
    let boundaries = boundaries.iter().map(|b| Bytes::copy_from_slice(b.as_bytes())).collect();
    table.reslice(Reslice { sources, boundaries }).await
}

async fn reslice_for_ever(table: &Arc<Table>, seed: u64) -> Result<(), StorageError> {
    let mut random = StdRng::seed_from_u64(seed);
    loop {
        let map = table.partition_map();
        let from = random.random_range(0..map.partitions.len());
        let to = random.random_range(from..map.partitions.len());
        let sources: Vec<_> = map.partitions[from..=to].iter().map(|p| p.id).collect();
        let children_max = PARTITIONS_MAX - (map.partitions.len() - sources.len());
        let mut boundaries: Vec<Bytes> = (1..random.random_range(1..=children_max))
            .map(|_| {
                let (writer, key) = (random.random_range(0..9), random.random_range(0..14));
                Bytes::from(format!("w{writer}-{key:02}"))
            })
            .collect();
        boundaries.sort();
        match table.reslice(Reslice { sources, boundaries }).await {
            Ok(_) => say("@resliced"),
            // The boundaries were drawn without looking at the partitions.
            Err(StorageError::Refused(_)) => {}
            Err(error) => return Err(error),
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(0..20))).await;
    }
}
