//! Requests that come when they come, whether the ones before are done or not, and how long each took
//! from the moment at which it was due.

use crate::support::{VALUE_BYTES, key};
use bytes::Bytes;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use storage::{Decision, StorageError, Table};
use tokio::task::JoinHandle;

/// How often requests that are due are sent.
const TICK: Duration = Duration::from_millis(1);

/// What is asked for.
#[derive(Clone, Copy)]
pub(crate) struct Mix {
    /// The keys that there are.
    pub(crate) fillers: usize,
    pub(crate) of_each: u64,
    /// How many requests in a hundred write.
    pub(crate) writes_percent: u32,
    /// How many in a hundred are for the first sixteenth of the key axis, beside those that are by chance.
    pub(crate) hot_percent: u32,
}

impl Mix {
    fn any(self, random: &mut StdRng) -> ([u8; 16], bool) {
        let mut key =
            key(random.random_range(0..self.fillers), random.random_range(0..self.of_each));
        if random.random_ratio(self.hot_percent, 100) {
            key[0] >>= 4;
        }
        (key, random.random_ratio(self.writes_percent, 100))
    }
}

/// When a request was due, since the load began, and how long it took from then on.
#[derive(Clone, Copy)]
struct Sample {
    due: Duration,
    took: Duration,
}

/// Load under way.
pub(crate) struct Load {
    began: Instant,
    stop: Arc<AtomicBool>,
    samples: Arc<Mutex<Vec<Sample>>>,
    pacer: JoinHandle<()>,
    under_way: Arc<AtomicU64>,
}

impl Load {
    /// So many requests a second.
    pub(crate) fn start(table: &Arc<Table>, mix: Mix, per_second: f64) -> Self {
        let (began, stop) = (Instant::now(), Arc::new(AtomicBool::new(false)));
        let (samples, under_way): (Arc<Mutex<Vec<Sample>>>, Arc<AtomicU64>) = Default::default();
        let pacer = tokio::spawn({
            let (table, stop) = (table.clone(), stop.clone());
            let (samples, under_way) = (samples.clone(), under_way.clone());
            async move {
                let mut random = StdRng::seed_from_u64(7);
                for n in 0_u64.. {
                    let due = Duration::from_secs_f64(n as f64 / per_second);
                    while began.elapsed() < due {
                        tokio::time::sleep(TICK).await;
                    }
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let (table, (key, writes)) = (table.clone(), mix.any(&mut random));
                    let (samples, under_way) = (samples.clone(), under_way.clone());
                    under_way.fetch_add(1, Ordering::SeqCst);
                    tokio::spawn(async move {
                        ask(&table, key, writes.then_some(n)).await;
                        samples.lock().push(Sample { due, took: began.elapsed() - due });
                        under_way.fetch_sub(1, Ordering::SeqCst);
                    });
                }
            }
        });
        Self { began, stop, samples, pacer, under_way }
    }

    /// Since it began.
    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// The times of the requests that were due between two moments, in milliseconds, rising. Waits until
    /// they are answered, and forgets them.
    pub(crate) async fn took_ms(&self, from: Duration, to: Duration) -> Vec<f64> {
        // Those that are under way now were due before now.
        let asked = self.samples.lock().len() as u64 + self.under_way.load(Ordering::SeqCst);
        while (self.samples.lock().len() as u64) < asked {
            tokio::time::sleep(TICK).await;
        }
        let mut samples = self.samples.lock();
        let due = samples.iter().filter(|sample| sample.due >= from && sample.due < to);
        let mut took: Vec<f64> = due.map(|sample| sample.took.as_secs_f64() * 1e3).collect();
        samples.retain(|sample| sample.due >= to);
        took.sort_by(f64::total_cmp);
        took
    }

    pub(crate) async fn end(self) {
        self.stop.store(true, Ordering::SeqCst);
        self.pacer.await.unwrap();
        while self.under_way.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(TICK).await;
        }
    }
}

/// How many requests a second the table answers to so many callers that ask again at once.
pub(crate) async fn saturation(
    table: &Arc<Table>,
    mix: Mix,
    callers: usize,
    during: Duration,
) -> f64 {
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let asking: Vec<_> = (0..callers)
        .map(|client| {
            let (table, stop, done) = (table.clone(), stop.clone(), done.clone());
            tokio::spawn(async move {
                let mut random = StdRng::seed_from_u64(client as u64);
                for n in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let (key, writes) = mix.any(&mut random);
                    ask(&table, key, writes.then_some(n)).await;
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    tokio::time::sleep(during).await;
    let answered = done.load(Ordering::Relaxed);
    stop.store(true, Ordering::Relaxed);
    for client in asking {
        client.await.unwrap();
    }
    answered as f64 / during.as_secs_f64()
}

/// Reads an item, or writes one with some number, under the key that it has by then.
async fn ask(table: &Arc<Table>, key: [u8; 16], written: Option<u64>) {
    loop {
        let order = table.order();
        let mut key = key;
        if order % 2 == 1 {
            key.reverse();
        }
        let table = table.in_order(order);
        let answer = match written {
            None => table.get(&key).await.map(drop),
            Some(n) => {
                let value = Bytes::from(vec![n as u8; VALUE_BYTES]);
                table.read_modify_write(&key, |_| Decision::Put(value, ())).await
            }
        };
        match answer {
            Err(StorageError::Rekeyed(_)) => {}
            answer => return answer.unwrap(),
        }
    }
}

/// A quantile of times that rise; 0 of none.
pub(crate) fn quantile(rising: &[f64], q: f64) -> f64 {
    let at = ((rising.len() as f64 * q) as usize).min(rising.len().saturating_sub(1));
    rising.get(at).copied().unwrap_or(0.0)
}
