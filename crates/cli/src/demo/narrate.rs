//! Events as they happen: what was forecast, what was done, and what load then came.

use indicatif::MultiProgress;
use manager::{Entry, Event, Manager, State};
use planner::decision::Judgement;
use planner::plan::Trigger;
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;

/// Prints the events of one manager above the progress bar.
pub(crate) struct Narrator(JoinHandle<()>);

impl Narrator {
    /// Starts printing.
    pub(crate) fn start(name: &'static str, manager: &Arc<Manager>, screen: MultiProgress) -> Self {
        let mut events = manager.subscribe();
        Self(tokio::spawn(async move {
            loop {
                match events.recv().await {
                    Ok(event) => {
                        if let Some(line) = line(&event) {
                            // A line that cannot be printed is no reason to stop the demo.
                            let _ = screen.println(format!("  {:<13} {line}", name));
                            if screen.is_hidden() {
                                println!("  {name:<13} {line}");
                            }
                        }
                    }
                    Err(RecvError::Lagged(missed)) => tracing::warn!(missed, "events not shown"),
                    Err(RecvError::Closed) => return,
                }
            }
        }))
    }

    /// Stops printing.
    pub(crate) fn stop(self) {
        self.0.abort();
    }
}

fn line(event: &Event) -> Option<String> {
    match event {
        Event::Started(_) | Event::Anomaly(_) | Event::Proposed(_) => None,
        Event::Ended(entry) => Some(ended(entry)),
        Event::Judged(entry) => judged(entry),
    }
}

fn ended(entry: &Entry) -> String {
    let decision = &entry.decision;
    let action = &decision.action;
    let sources: Vec<String> = action.sources.iter().map(|id| id.to_string()).collect();
    let verb = if decision.is_merge() { "merged" } else { "split" };
    let trigger = match action.trigger {
        Trigger::Forecast => "on its forecast",
        Trigger::Floor => "by its reactive floor",
        Trigger::Observed => "on observed load",
        Trigger::Idle => "for want of load",
        Trigger::Manual => "by hand",
        Trigger::Warm => "for the throughput that was asked for",
    };
    let what = match (entry.state, entry.timing) {
        (State::Done, Some(timing)) => format!(
            "{verb} {} into {} {trigger} in {:.0} ms (writes waited {:.0} ms)",
            sources.join("+"),
            action.children(),
            timing.total_ms,
            timing.pause_ms
        ),
        _ => format!(
            "could not have {verb} {}: {}",
            sources.join("+"),
            entry.failure.as_deref().unwrap_or("interrupted")
        ),
    };
    let ahead = decision.expected_crossing_ms().map_or(String::new(), |crossing| {
        let finished = entry.finished_ms.unwrap_or(decision.at_ms);
        format!(", {} min before the expected crossing", (crossing - finished) / 60_000)
    });
    format!("{}  {what}{ahead}: {}", when(decision.at_ms), action.reason)
}

fn judged(entry: &Entry) -> Option<String> {
    let outcome = entry.outcome.as_ref()?;
    let sources: Vec<String> =
        entry.decision.action.sources.iter().map(|id| id.to_string()).collect();
    let came = match (outcome.judgement, outcome.crossing_ms) {
        (Judgement::Open, _) => return None,
        (Judgement::InTime, Some(crossing)) => format!(
            "IN TIME: the load crossed the old capacity at {}, {} min later",
            when(crossing),
            outcome.lead_ms.unwrap_or(0) / 60_000
        ),
        (judgement, _) => format!("{judgement:?}").to_lowercase(),
    };
    Some(format!(
        "{}  looking back at {}: {came} (peak {:.0} % of it)",
        when(outcome.until_ms.min(entry.decision.at_ms + 3_600_000)),
        sources.join("+"),
        outcome.peak * 100.0
    ))
}

/// A moment of the demo's clock, as people read it.
pub(crate) fn when(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms)
        .map(|at| at.strftime("%a %d %b %H:%M").to_string())
        .unwrap_or_else(|_| format!("{ms} ms"))
}
