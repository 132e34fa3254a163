//! A key trace as metrics and keys: minutes of requests, each one unit.

use super::{Inputs, Key, Kind};
use crate::error::AdviseError;
use std::collections::HashMap;
use std::path::Path;
use workload::TraceReader;

const MINUTE_MS: i64 = 60_000;
/// As many keys as Contributor Insights lists at most.
const KEYS_MAX: usize = 100;

#[derive(Default)]
struct Seen {
    units: f64,
    minute: i64,
    in_minute: f64,
    peak: f64,
}

pub(super) fn read(path: &Path, inputs: &mut Inputs) -> Result<(), AdviseError> {
    let mut keys: HashMap<String, Seen> = HashMap::new();
    for event in TraceReader::open(path)? {
        let event = event?;
        let is_write = event.op.request().is_some_and(|request| request.is_write());
        let kind = if is_write { Kind::Write } else { Kind::Read };
        let minute = event.timestamp_ms.div_euclid(MINUTE_MS);
        for other in Kind::ALL {
            let units = if other == kind { 1.0 } else { 0.0 };
            *inputs.metrics.consumed[other as usize].entry(minute * MINUTE_MS).or_default() +=
                units;
        }
        inputs.keys.all += 1.0;
        let seen = keys.entry(event.key).or_default();
        if seen.minute != minute {
            (seen.minute, seen.in_minute) = (minute, 0.0);
        }
        seen.units += 1.0;
        seen.in_minute += 1.0;
        seen.peak = seen.peak.max(seen.in_minute);
    }
    // A minute without a line is one without load: a trace holds every request.
    for points in &mut inputs.metrics.consumed {
        let (Some((&first, _)), Some((&last, _))) =
            (points.first_key_value(), points.last_key_value())
        else {
            continue;
        };
        for minute in (first..last).step_by(MINUTE_MS as usize) {
            points.entry(minute).or_default();
        }
    }
    let key = |(name, seen): (String, Seen)| {
        let peak = Some(seen.peak * 1_000.0 / MINUTE_MS as f64);
        Key { name, units: seen.units, peak }
    };
    let mut top: Vec<Key> = keys.into_iter().map(key).collect();
    top.sort_by(|a, b| b.units.total_cmp(&a.units).then_with(|| a.name.cmp(&b.name)));
    top.truncate(KEYS_MAX);
    inputs.keys.top.extend(top);
    Ok(())
}
