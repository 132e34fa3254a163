//! Making a larger workload of a trace, without inventing its rhythm.
//!
//! Each event of the trace becomes `copies` writes on keys `key#0`, `key#1`, …, each at its own
//! moment within `jitter_ms` before or after the original, and each write comes with
//! `reads_per_write` strongly consistent reads of the same key, spread likewise. When and how much
//! thus stays the trace's; how many keys there are, the reads, and anything faster than the jitter
//! are synthetic. The jitter is there because the trace knows minutes only and writes a whole
//! invoice, up to hundreds of lines, into one of them.

use crate::error::SimulatorError;
use crate::random::Random;
use crate::workload::{Event, Workload};
use ::workload::{RequestType, TraceEvent, WorkloadError};
use serde::{Deserialize, Serialize};

/// How a trace is made larger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Amplification {
    /// How many keys each key of the trace becomes.
    pub copies: u32,
    /// How many reads are added per write.
    pub reads_per_write: u32,
    /// How much later than the original each further copy is played: copy `i` comes `i` times this
    /// after the event. A whole number of weeks keeps the rhythm and takes other invoices.
    pub shift_ms: i64,
    /// How far from its original a copy or a read may lie.
    pub jitter_ms: i64,
    /// The size of every item.
    pub item_bytes: u32,
    /// What the jitter is drawn from.
    pub seed: u64,
}

impl Default for Amplification {
    fn default() -> Self {
        Self {
            copies: 1,
            reads_per_write: 0,
            shift_ms: 0,
            jitter_ms: 30_000,
            item_bytes: 256,
            seed: 1,
        }
    }
}

/// Makes a workload of a trace. Events of the trace that name no operation count as reads.
pub fn amplify(
    trace: impl IntoIterator<Item = Result<TraceEvent, WorkloadError>>,
    settings: &Amplification,
) -> Result<Workload, SimulatorError> {
    let mut workload = Workload::default();
    let random = Random::new(settings.seed);
    for (number, event) in (0..).zip(trace) {
        let event = event?;
        let random = random.of(number);
        let client = workload.client_number(&event.client);
        let request = event.op.request().unwrap_or(RequestType::Retrieve);
        for copy in 0..settings.copies {
            let copied = Event {
                at_ms: event.timestamp_ms,
                key: workload.key_number(&format!("{}#{copy}", event.key)),
                client,
                request,
                bytes: settings.item_bytes,
                quantity: event.size.and_then(|size| u32::try_from(size).ok()).unwrap_or(0),
            };
            let reads = if request.is_write() { settings.reads_per_write } else { 0 };
            let moment = |draw: u32| {
                let random = random.of(u64::from(copy)).of(u64::from(draw));
                let shifted_ms = event.timestamp_ms + i64::from(copy) * settings.shift_ms;
                shifted_ms + ((random.unit() * 2.0 - 1.0) * settings.jitter_ms as f64) as i64
            };
            workload.events.push(Event { at_ms: moment(0), ..copied });
            workload.events.extend((1..=reads).map(|read| Event {
                at_ms: moment(read),
                request: RequestType::Retrieve,
                ..copied
            }));
        }
    }
    // Stable: what falls on the same millisecond stays in the order of the trace.
    workload.events.sort_by_key(|event| event.at_ms);
    Ok(workload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::workload::TraceOp;

    fn trace() -> Vec<Result<TraceEvent, WorkloadError>> {
        let event = |timestamp_ms, op, key: &str| {
            let (key, client) = (key.to_string(), "13085".to_string());
            Ok(TraceEvent { timestamp_ms, op, key, size: Some(12), client })
        };
        vec![
            event(1_000_000, TraceOp::Known(RequestType::Store), "a"),
            event(2_000_000, TraceOp::Known(RequestType::Delete), "b"),
        ]
    }

    fn settings() -> Amplification {
        Amplification {
            copies: 3,
            reads_per_write: 2,
            jitter_ms: 60_000,
            ..Amplification::default()
        }
    }

    #[test]
    fn every_copy_has_its_key_its_reads_and_its_moment() {
        let workload = amplify(trace(), &settings()).unwrap();
        assert_eq!((workload.events.len(), workload.keys_len()), (2 * 3 * 3, 6));
        let early = workload.between(0, 1_500_000);
        assert!(early.iter().all(|e| (e.at_ms - 1_000_000).abs() <= 60_000));
        assert_eq!(early.iter().filter(|e| e.request == RequestType::Store).count(), 3);
        assert!(workload.events.is_sorted_by_key(|e| e.at_ms));
        let moments: std::collections::BTreeSet<i64> = early.iter().map(|e| e.at_ms).collect();
        assert!(moments.len() > 5, "they are spread: {moments:?}");
    }

    #[test]
    fn the_seed_decides_and_nothing_else() {
        let again = |seed| amplify(trace(), &Amplification { seed, ..settings() }).unwrap().events;
        assert_eq!(again(1), again(1));
        assert_ne!(again(1), again(2));
    }
}
