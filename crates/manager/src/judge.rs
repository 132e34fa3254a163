//! Looking back: how decisions turned out, from the load that really came.
//!
//! An hour after a decision its outcome is worked out for the first time, and again as long as the
//! verdict is open, until the next chance to merge. The verdict itself is `planner`'s.

use crate::act;
use crate::event::Event;
use crate::journal::{Entry, State};
use crate::shared::Shared;
use planner::controller;
use planner::decision::{Judgement, outcome};

/// Judges what can be judged by now. Failing to write a verdict down is logged and tried again.
pub(crate) async fn look_back(shared: &Shared) {
    for entry in ripe(shared) {
        let Some(judged) = judge(shared, &entry) else { continue };
        if judged.outcome == entry.outcome {
            continue;
        }
        if let Err(error) = act::write(shared, &judged).await {
            tracing::warn!(decision = judged.decision.id, %error, "an outcome was not written");
            continue;
        }
        if judged.outcome.as_ref().is_some_and(|o| o.judgement != Judgement::Open) {
            shared.tell(Event::Judged(Box::new(judged)));
        }
    }
}

fn ripe(shared: &Shared) -> Vec<Entry> {
    let now_ms = shared.components.clock.now_ms();
    let journal = shared.journal.lock();
    journal
        .entries()
        .filter(|entry| entry.is_open() && entry.state == State::Done)
        .filter(|entry| now_ms >= entry.decision.at_ms + shared.settings.outcome_after_ms)
        .cloned()
        .collect()
}

fn judge(shared: &Shared, entry: &Entry) -> Option<Entry> {
    let decision = &entry.decision;
    let collector = shared.collector.lock();
    let history = collector.history(decision.table)?;
    let actual = controller::demand(history, &decision.action.range, decision.at_ms);
    let until_ms = decision.at_ms + shared.components.verdict_after_ms;
    let outcome = outcome(decision, entry.finished_ms?, &actual, until_ms);
    Some(Entry { outcome: Some(outcome), ..entry.clone() })
}
