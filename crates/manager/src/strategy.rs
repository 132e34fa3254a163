//! Which key order a table's requests ask for: what was sampled of them, put into `planner::strategy`.
//!
//! Once an hour the strategies are compared for every table; what has been the best for long enough is
//! told once, as [`Event::Proposed`](crate::Event), and stands until it is the best no more. Nothing is
//! changed here: whether and when it is carried out is `rekey::auto`'s.

mod mix;

pub(crate) use mix::counted;

use crate::tables::TableState;
use planner::strategy::{Choice, Mix, Proposal, StrategyMode, StrategySettings, Watch, choose};
use planner::view::TableView;
use serde::Serialize;
use types::Strategy;
use workload::{ClientNames, Collector, Window};

/// How often strategies are compared, on the service's clock.
const INTERVAL_MS: i64 = 3_600_000;

/// A change of strategy that would pay, and has for long enough.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProposalDocument {
    /// The table's name.
    pub table: String,
    /// What it has.
    pub from: Strategy,
    /// What would pay.
    pub proposal: Proposal,
}

/// What becomes of the proposal that a plan shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChangeDocument {
    /// Whether changes are proposed, carried out, or neither.
    pub mode: StrategyMode,
    /// Since when another strategy has been the best, in the comparisons of every hour.
    pub since_ms: Option<i64>,
    /// What holds it up.
    pub held: Option<String>,
}

/// What is remembered of one table.
#[derive(Debug, Default)]
pub(crate) struct StrategyWatch {
    watch: Watch,
    next_ms: Option<i64>,
    told: Option<Strategy>,
    standing: Option<Standing>,
    /// When it is asked again whether it may begin.
    look_ms: Option<i64>,
    /// Why the standing one is not carried out.
    pub(crate) held: Option<String>,
}

/// A proposal that has been the best for long enough.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    pub(crate) choice: Choice,
    pub(crate) proposal: Proposal,
    pub(crate) since_ms: i64,
}

impl StrategyWatch {
    /// What waits for its time.
    pub(crate) fn standing(&self) -> Option<&Standing> {
        self.standing.as_ref()
    }

    /// Whether something stands, and it is time to ask whether it may begin.
    pub(crate) fn is_due(&mut self, now_ms: i64, interval_ms: i64) -> bool {
        let due = self.standing.is_some() && self.look_ms.is_none_or(|look_ms| now_ms >= look_ms);
        if due {
            self.look_ms = Some(now_ms.saturating_add(interval_ms));
        }
        due
    }

    /// It was carried out, or cannot be: nothing stands until the next comparison.
    pub(crate) fn drop_standing(&mut self, held: Option<String>) {
        (self.standing, self.held) = (None, held);
    }

    pub(crate) fn document(&self, settings: &StrategySettings) -> ChangeDocument {
        let since_ms = self.watch.since_ms();
        let young = || {
            let days = settings.lasting_ms as f64 / 86_400_000.0;
            format!("it has to be the best for {days:.1} days first")
        };
        let held = self
            .held
            .clone()
            .or_else(|| (since_ms.is_some() && self.standing.is_none()).then(young));
        ChangeDocument { mode: settings.mode, since_ms, held }
    }
}

/// Compares the strategies for a table as it is now. A change of the order copies what there is so
/// many times.
pub(crate) fn compare(
    view: &TableView,
    collector: &Collector,
    clients: &ClientNames,
    copies: f64,
    settings: &StrategySettings,
) -> Choice {
    let sample = collector.sampled_vectors(view.table, Window::Day, clients);
    let asked = counted(collector, view.table, i64::MIN);
    let mix = Mix { copies, ..mix::mix(view, &sample, asked.requests_per_s) };
    choose(&mix, view.strategy, settings)
}

/// Compares them once an hour; what has lasted, once.
pub(crate) fn follow(
    state: &mut TableState,
    collector: &Collector,
    clients: &ClientNames,
    copies: f64,
    settings: &StrategySettings,
) -> Option<ProposalDocument> {
    let view = state.controller.view();
    let now_ms = view.now_ms;
    let waits = state.strategy_watch.next_ms.is_some_and(|next| now_ms < next);
    if settings.mode == StrategyMode::Off || view.partitions.is_empty() || waits {
        return None;
    }
    let choice = compare(view, collector, clients, copies, settings);
    let (table, from) = (view.name.clone(), view.strategy);
    let known = &mut state.strategy_watch;
    known.next_ms = Some(now_ms + INTERVAL_MS);
    let proposal = known.watch.note(&choice, now_ms, settings);
    let since_ms = known.watch.since_ms().unwrap_or(now_ms);
    let standing = |proposal| Standing { choice, proposal, since_ms };
    known.standing = proposal.clone().map(standing);
    known.held = None;
    let told = std::mem::replace(&mut known.told, proposal.as_ref().map(|proposal| proposal.to));
    let proposal = proposal.filter(|proposal| told != Some(proposal.to))?;
    tracing::info!(table, reason = proposal.reason, "another strategy would pay");
    Some(ProposalDocument { table, from, proposal })
}
