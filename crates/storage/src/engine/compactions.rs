//! Which compactions run, and how many: SlateDB's own choice for each database, held to a limit of
//! the process, and compactions of everything where a database shall let go of borrowed files.
//!
//! Both are done where SlateDB asks what to compact. A compaction that is handed in from outside
//! ([`slatedb::admin::Admin::submit_compaction`]) is numbered by the time at which it is handed in,
//! and if the database has numbered one of its own a millisecond before and not written it yet,
//! that one is refused as coming from a clock that goes backwards, and *the database stops*. A
//! thousand reslices with housekeeping met that every time.

use object_store::path::Path;
use parking_lot::Mutex;
use slatedb::VersionedManifest;
use slatedb::compactor::{
    CompactionScheduler, CompactionSchedulerSupplier, CompactionSpec, CompactorStateView,
    SizeTieredCompactionSchedulerSupplier, SourceId,
};
use slatedb::config::CompactorOptions;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The compactions of all databases of the process.
#[derive(Debug)]
pub(crate) struct Compactions {
    max: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How many each open database runs, as far as it has told.
    running: HashMap<Path, usize>,
    /// Databases all of whose files shall become one run of their own.
    wanted: HashSet<Path>,
}

impl Compactions {
    /// At most `max` at once.
    pub(crate) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, state: Mutex::default() })
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

    /// What a database may begin that runs `active` compactions and would choose `own`.
    fn choose(
        &self,
        path: &Path,
        active: usize,
        everything: impl FnOnce() -> Option<CompactionSpec>,
        own: impl FnOnce() -> Vec<CompactionSpec>,
    ) -> Vec<CompactionSpec> {
        let mut state = self.state.lock();
        state.running.insert(path.clone(), active);
        let room = self.max.saturating_sub(state.running.values().sum());
        if room == 0 {
            return Vec::new();
        }
        let chosen = match (state.wanted.contains(path), active) {
            (true, 0) => {
                state.wanted.remove(path);
                everything().into_iter().collect()
            }
            // It takes all files, so it has to wait until none is being compacted.
            (true, _) => Vec::new(),
            (false, _) => {
                let mut own = own();
                own.truncate(room);
                own
            }
        };
        state.running.insert(path.clone(), active + chosen.len());
        chosen
    }

    fn forget(&self, path: &Path) {
        let mut state = self.state.lock();
        state.running.remove(path);
        state.wanted.remove(path);
    }
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
        self.all.choose(&self.path, active, everything, || self.own.propose(state))
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
        all.choose(&Path::from(path), active, || Some(spec(9)), || vec![spec(1), spec(2)])
    }

    #[test]
    fn databases_share_the_limit_and_leave_room_when_they_are_done_or_closed() {
        let all = Compactions::new(3);
        assert_eq!(ask(&all, "a", 0).len(), 2);
        assert_eq!(ask(&all, "b", 0).len(), 1, "what is left");
        assert!(ask(&all, "c", 0).is_empty());
        assert!(ask(&all, "a", 1).len() == 1, "one of its two is done");
        all.forget(&Path::from("a"));
        assert_eq!(ask(&all, "c", 0).len(), 2);
    }

    #[test]
    fn everything_is_compacted_once_when_asked_for_and_nothing_else_runs() {
        let all = Compactions::new(3);
        assert!(all.want_all(&Path::from("a")));
        assert!(!all.want_all(&Path::from("a")));
        assert!(ask(&all, "a", 1).is_empty(), "it waits for the one that runs");
        assert_eq!(ask(&all, "a", 0), [spec(9)]);
        assert_eq!(ask(&all, "a", 0), [spec(1), spec(2)]);
    }
}
