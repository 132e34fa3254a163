//! Which compactions run, and how many: SlateDB's own choice for each database, held to a limit of
//! the process, and compactions of everything where a database shall let go of borrowed files.
//!
//! Who is refused gets in line: a slot that becomes free goes to the one that has waited longest, not
//! to the one that asks first, as the one that has just finished often does. Whoever stands in line and
//! has nothing to compact any more, is closed, or does not ask for a while, leaves it. A database whose
//! flushes would soon have to wait for a compaction begins one beyond the limit: what it holds back is
//! the log of all.
//!
//! Both are done where SlateDB asks what to compact. A compaction that is handed in from outside
//! ([`slatedb::admin::Admin::submit_compaction`]) is numbered by the time at which it is handed in,
//! and if the database has numbered one of its own a millisecond before and not written it yet,
//! that one is refused as coming from a clock that goes backwards, and *the database stops*. A
//! thousand reslices with housekeeping met that every time.

use super::FlushLimits;
use object_store::path::Path;
use parking_lot::Mutex;
use slatedb::VersionedManifest;
use slatedb::compactor::{
    CompactionScheduler, CompactionSchedulerSupplier, CompactionSpec, CompactorStateView,
    SizeTieredCompactionSchedulerSupplier, SourceId,
};
use slatedb::config::CompactorOptions;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Who stands in line and has not asked for this long, and for some polls, is not counted.
const PATIENCE: Duration = Duration::from_secs(10);
const PATIENCE_POLLS: u32 = 10;

/// The compactions of all databases of the process.
#[derive(Debug)]
pub(crate) struct Compactions {
    max: usize,
    patience: Duration,
    limits: FlushLimits,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How many each open database runs, as far as it has told.
    running: HashMap<Path, usize>,
    /// Databases all of whose files shall become one run of their own.
    wanted: HashSet<Path>,
    /// Who was refused, in the order of the first refusal, and when they asked last.
    waiting: VecDeque<(Path, Instant)>,
}

/// What a database says when it asks.
struct Ask {
    /// How many compactions it runs.
    active: usize,
    /// Whether its flushes would soon have to wait.
    urgent: bool,
    now: Instant,
}

impl State {
    /// How many stand in line before `path`.
    fn before(&mut self, path: &Path, now: Instant, patience: Duration) -> usize {
        self.waiting.retain(|(_, asked)| now.saturating_duration_since(*asked) <= patience);
        let waits = |(other, _): &(Path, Instant)| other == path;
        self.waiting.iter().position(waits).unwrap_or(self.waiting.len())
    }

    fn get_in_line(&mut self, path: &Path, now: Instant) {
        match self.waiting.iter_mut().find(|(other, _)| other == path) {
            Some((_, asked)) => *asked = now,
            None => self.waiting.push_back((path.clone(), now)),
        }
    }

    fn leave_line(&mut self, path: &Path) {
        self.waiting.retain(|(other, _)| other != path);
    }
}

impl Compactions {
    /// At most `max` at once, of databases that ask every `poll` and whose flushes wait at `limits`.
    pub(crate) fn new(max: usize, poll: Duration, limits: FlushLimits) -> Arc<Self> {
        let patience = PATIENCE + poll * PATIENCE_POLLS;
        Arc::new(Self { max, patience, limits, state: Mutex::default() })
    }

    /// Asks for a compaction of everything that the open database at `path` shows. False if that was
    /// asked for already.
    pub(crate) fn want_all(&self, path: &Path) -> bool {
        self.state.lock().wanted.insert(path.clone())
    }

    /// What the database at `path` asks with.
    pub(crate) fn of_database(
        self: &Arc<Self>,
        path: &Path,
    ) -> Arc<dyn CompactionSchedulerSupplier> {
        Arc::new(Supplier { path: path.clone(), all: self.clone() })
    }

    /// What a database may begin that would choose `own`.
    fn choose(
        &self,
        path: &Path,
        ask: &Ask,
        everything: impl FnOnce() -> Option<CompactionSpec>,
        own: impl FnOnce() -> Vec<CompactionSpec>,
    ) -> Vec<CompactionSpec> {
        let mut state = self.state.lock();
        state.running.insert(path.clone(), ask.active);
        let wanted = state.wanted.contains(path);
        let mut chosen = match (wanted, ask.active) {
            (true, 0) => everything().into_iter().collect(),
            // It takes all files, so it has to wait until none is being compacted.
            (true, _) => Vec::new(),
            (false, _) => own(),
        };
        if chosen.is_empty() {
            state.leave_line(path);
            if ask.active == 0 {
                state.wanted.remove(path);
            }
            return chosen;
        }
        let free = self.max.saturating_sub(state.running.values().sum());
        let room = free.saturating_sub(state.before(path, ask.now, self.patience));
        match room {
            0 if ask.urgent => {
                chosen.retain(takes_unsorted_files);
                chosen.truncate(1);
            }
            room => chosen.truncate(room),
        }
        if chosen.is_empty() {
            state.get_in_line(path, ask.now);
            return chosen;
        }
        state.leave_line(path);
        if wanted {
            state.wanted.remove(path);
        }
        state.running.insert(path.clone(), ask.active + chosen.len());
        chosen
    }

    fn forget(&self, path: &Path) {
        let mut state = self.state.lock();
        state.running.remove(path);
        state.wanted.remove(path);
        state.leave_line(path);
    }
}

/// Whether a compaction makes room for flushes.
fn takes_unsorted_files(spec: &CompactionSpec) -> bool {
    spec.sources().iter().any(|source| matches!(source, SourceId::SstView(_)))
}

struct Supplier {
    path: Path,
    all: Arc<Compactions>,
}

impl CompactionSchedulerSupplier for Supplier {
    fn compaction_scheduler(
        &self,
        options: &CompactorOptions,
    ) -> Box<dyn CompactionScheduler + Send + Sync> {
        let own = SizeTieredCompactionSchedulerSupplier::new().compaction_scheduler(options);
        Box::new(Scheduler { path: self.path.clone(), all: self.all.clone(), own })
    }
}

struct Scheduler {
    path: Path,
    all: Arc<Compactions>,
    own: Box<dyn CompactionScheduler + Send + Sync>,
}

impl CompactionScheduler for Scheduler {
    fn propose(&self, state: &CompactorStateView) -> Vec<CompactionSpec> {
        let recent = state.compactions().into_iter().flat_map(|known| known.recent_compactions());
        let active = recent.filter(|compaction| compaction.active()).count();
        let everything = || everything(state.manifest());
        let urgent = !self.all.limits.have_room(state.manifest());
        let ask = Ask { active, urgent, now: Instant::now() };
        self.all.choose(&self.path, &ask, everything, || self.own.propose(state))
    }

    fn validate(
        &self,
        state: &CompactorStateView,
        spec: &CompactionSpec,
    ) -> Result<(), slatedb::Error> {
        self.own.validate(state, spec)
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.all.forget(&self.path);
    }
}

/// All that a manifest shows into one run; `None` if it shows nothing.
fn everything(manifest: &VersionedManifest) -> Option<CompactionSpec> {
    let files = manifest.l0().iter().map(|view| SourceId::SstView(view.id));
    let runs = manifest.compacted().iter().map(|run| SourceId::SortedRun(run.id));
    let sources: Vec<SourceId> = files.chain(runs).collect();
    let into = manifest.compacted().iter().map(|run| run.id).min().unwrap_or(0);
    (!sources.is_empty()).then(|| CompactionSpec::new(sources, into))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(run: u32) -> CompactionSpec {
        CompactionSpec::new(vec![SourceId::SortedRun(run)], run)
    }

    /// What a database that would like to begin two compactions may begin.
    fn ask(all: &Compactions, path: &str, active: usize) -> Vec<CompactionSpec> {
        ask_at(all, path, Ask { active, urgent: false, now: Instant::now() })
    }

    fn ask_at(all: &Compactions, path: &str, ask: Ask) -> Vec<CompactionSpec> {
        let unsorted = CompactionSpec::new(vec![SourceId::SstView(Default::default())], 1);
        all.choose(&Path::from(path), &ask, || Some(spec(9)), || vec![spec(1), unsorted])
    }

    fn compactions(max: usize) -> Arc<Compactions> {
        let limits = FlushLimits::new(&crate::settings::StorageSettings::default());
        Compactions::new(max, Duration::from_secs(1), limits)
    }

    #[test]
    fn a_slot_goes_to_the_one_that_has_waited_longest() {
        let all = compactions(1);
        assert_eq!(ask(&all, "a", 0).len(), 1);
        assert!(ask(&all, "b", 0).is_empty());
        assert!(ask(&all, "c", 0).is_empty());
        assert!(ask(&all, "a", 0).is_empty(), "it is done, but b has waited");
        assert!(ask(&all, "c", 0).is_empty(), "and before c");
        assert_eq!(ask(&all, "b", 0).len(), 1);
        assert!(ask(&all, "c", 0).is_empty());
        assert!(ask(&all, "b", 0).is_empty());
        assert_eq!(ask(&all, "c", 0).len(), 1);
    }

    #[test]
    fn who_is_closed_or_wants_nothing_or_does_not_ask_keeps_nobody_waiting() {
        let all = compactions(1);
        let begin = Instant::now();
        let later = begin + Duration::from_secs(60);
        let at = |now| Ask { active: 0, urgent: false, now };
        for leave in 0..3 {
            assert_eq!(ask_at(&all, "a", at(begin)).len(), 1);
            assert!(ask_at(&all, "b", at(begin)).is_empty());
            let now = match leave {
                0 => {
                    all.forget(&Path::from("b"));
                    begin
                }
                1 => {
                    all.choose(&Path::from("b"), &at(begin), || None, Vec::new);
                    begin
                }
                _ => later,
            };
            assert_eq!(ask_at(&all, "a", at(now)).len(), 1, "{leave}");
        }
    }

    #[test]
    fn whose_flushes_would_wait_does_not_wait() {
        let all = compactions(1);
        assert_eq!(ask(&all, "a", 0).len(), 1);
        let begun = ask_at(&all, "b", Ask { active: 0, urgent: true, now: Instant::now() });
        assert_eq!(begun.len(), 1);
        assert!(takes_unsorted_files(&begun[0]));
    }

    #[test]
    fn databases_share_the_limit_and_leave_room_when_they_are_done_or_closed() {
        let all = compactions(3);
        assert_eq!(ask(&all, "a", 0).len(), 2);
        assert_eq!(ask(&all, "b", 0).len(), 1, "what is left");
        assert!(ask(&all, "c", 0).is_empty());
        assert!(ask(&all, "a", 1).is_empty(), "one of its two is done, but c waits");
        assert_eq!(ask(&all, "c", 0).len(), 1);
        all.forget(&Path::from("a"));
        assert_eq!(ask(&all, "d", 0).len(), 1, "what a has left");
    }

    #[test]
    fn everything_is_compacted_once_when_asked_for_and_nothing_else_runs() {
        let all = compactions(3);
        assert!(all.want_all(&Path::from("a")));
        assert!(!all.want_all(&Path::from("a")));
        assert!(ask(&all, "a", 1).is_empty(), "it waits for the one that runs");
        assert_eq!(ask(&all, "a", 0), [spec(9)]);
        assert_eq!(ask(&all, "a", 0).len(), 2);
    }
}
