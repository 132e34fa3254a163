//! Whether what was restored is what was there at one instant.
//!
//! Every key is counted up by one writer, one write at a time, and the history says when each write began and
//! when it was acknowledged, on one clock for all. An instant explains a state if every write that was acknowledged
//! before it is there and none that began after it. Writers go from key to key, so a write that is there while
//! an earlier one of the same writer is missing has no such instant.

use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use storage::{Decision, Direction, StorageError, Table};
use tokio::task::JoinHandle;
use types::KeyRange;

/// The writes of each key, in order: when they began and when they were acknowledged.
pub(crate) type History = BTreeMap<String, Vec<(u64, u64)>>;
/// The number that each key has.
pub(crate) type State = BTreeMap<String, u64>;

/// Writers under way.
pub(crate) struct Writers {
    time: Arc<AtomicU64>,
    acknowledged: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<History>>,
}

impl Writers {
    /// Starts writers, each of which counts up `keys` keys in turn: all over the key axis, so that each turn
    /// goes through all partitions.
    pub(crate) fn start(table: &Arc<Table>, writers: u64, keys: u64) -> Self {
        let (time, acknowledged) = (Arc::new(AtomicU64::new(1)), Arc::new(AtomicU64::new(0)));
        let stop = Arc::new(AtomicBool::new(false));
        let tasks = (0..writers)
            .map(|writer| {
                let (table, time) = (table.clone(), time.clone());
                let (acknowledged, stop) = (acknowledged.clone(), stop.clone());
                tokio::spawn(async move {
                    let mut history = History::new();
                    for n in 0.. {
                        if stop.load(Ordering::SeqCst) {
                            break;
                        }
                        let key = key(n % keys, writer);
                        let began = time.fetch_add(1, Ordering::SeqCst);
                        count_up(&table, &key).await.unwrap();
                        let ended = time.fetch_add(1, Ordering::SeqCst);
                        history.entry(key).or_default().push((began, ended));
                        acknowledged.fetch_add(1, Ordering::SeqCst);
                    }
                    history
                })
            })
            .collect();
        Self { time, acknowledged, stop, tasks }
    }

    /// The moment: another one each time.
    pub(crate) fn now(&self) -> u64 {
        self.time.fetch_add(1, Ordering::SeqCst)
    }

    /// Waits until `more` writes were acknowledged from now on.
    pub(crate) async fn wait_for(&self, more: u64) {
        let goal = self.acknowledged.load(Ordering::SeqCst) + more;
        while self.acknowledged.load(Ordering::SeqCst) < goal {
            assert!(self.tasks.iter().all(|task| !task.is_finished()), "a writer failed");
            tokio::task::yield_now().await;
        }
    }

    pub(crate) async fn stop(self) -> History {
        self.stop.store(true, Ordering::SeqCst);
        let mut all = History::new();
        for task in self.tasks {
            all.extend(task.await.unwrap());
        }
        all
    }
}

fn key(n: u64, writer: u64) -> String {
    // 'a' to 'z' and round again.
    let first = char::from(b'a' + (n * 7 % 26) as u8);
    format!("{first}-{writer}-{n:02}")
}

async fn count_up(table: &Arc<Table>, key: &str) -> Result<u64, StorageError> {
    table
        .read_modify_write(key.as_bytes(), |old| {
            let next = old.map_or(0, number) + 1;
            Decision::Put(Bytes::from(next.to_string()), next)
        })
        .await
}

fn number(value: &Bytes) -> u64 {
    std::str::from_utf8(value).unwrap().parse().unwrap()
}

/// All that a table has.
pub(crate) async fn state(table: &Arc<Table>) -> State {
    let mut state = State::new();
    let mut scan = table.scan(KeyRange::full(), Direction::Forward);
    while let Some((key, value)) = scan.next().await.unwrap() {
        state.insert(String::from_utf8(key.to_vec()).unwrap(), number(&value));
    }
    state
}

/// Why no instant from `from` to `to` explains a state, if none does.
pub(crate) fn unexplained(history: &History, state: &State, from: u64, to: u64) -> Option<String> {
    if let Some(key) = state.keys().find(|key| !history.contains_key(*key)) {
        return Some(format!("{key} was never written"));
    }
    let (mut earliest, mut latest) = (from, to);
    let (mut last_begun, mut first_missing) = (String::new(), String::new());
    for (key, writes) in history {
        let there = state.get(key).copied().unwrap_or(0) as usize;
        if there > writes.len() {
            return Some(format!("{key} has {there}, and was written {} times", writes.len()));
        }
        if there > 0 && writes[there - 1].0 > earliest {
            (earliest, last_begun) = (writes[there - 1].0, format!("{key} has {there}"));
        }
        if let Some((_, ended)) = writes.get(there).filter(|(_, ended)| *ended < latest) {
            (latest, first_missing) = (*ended, format!("{key} has only {there}"));
        }
    }
    (earliest > latest).then(|| {
        format!(
            "{last_begun}, begun at {earliest}, but {first_missing}: the next ended at {latest}"
        )
    })
}

#[test]
fn states_that_no_instant_explains_are_found() {
    let one = |key: &str, writes: &[(u64, u64)]| (key.to_owned(), writes.to_vec());
    // One writer: a, then b, then a again.
    let history: History = [one("a", &[(1, 2), (5, 6)]), one("b", &[(3, 4)])].into();
    let state = |a: u64, b: u64| -> State {
        let all = [("a".to_owned(), a), ("b".to_owned(), b)];
        all.into_iter().filter(|(_, n)| *n > 0).collect()
    };
    for (from, to, a, b, explained) in [
        (0, 9, 0, 0, true),
        (0, 9, 1, 0, true),
        (0, 9, 1, 1, true),
        (0, 9, 2, 1, true),
        // The later one is there and the earlier one is not.
        (0, 9, 0, 1, false),
        (0, 9, 2, 0, false),
        // Acknowledged before it began, and missing.
        (3, 9, 0, 0, false),
        (5, 9, 1, 0, false),
        // Begun after it was over.
        (0, 4, 2, 1, false),
        // Never written.
        (0, 9, 3, 1, false),
    ] {
        let why = unexplained(&history, &state(a, b), from, to);
        assert_eq!(why.is_none(), explained, "{from}..{to} {a} {b}: {why:?}");
    }
    assert!(unexplained(&history, &[("c".to_owned(), 1)].into(), 0, 9).is_some());
}
