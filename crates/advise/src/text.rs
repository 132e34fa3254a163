//! The advice for a terminal, and the words that the page uses too.

use crate::evidence::Evidence;
use crate::input::Kind;
use crate::keys::KeyAdvice;
use crate::outlook::{Action, Basis, Limit};
use crate::{Advice, LoadAdvice};
use std::fmt::Write;

/// The advice as text.
pub fn text(advice: &Advice) -> String {
    let mut text = String::new();
    for load in &advice.loads {
        load_text(&mut text, load);
    }
    if !advice.keys.is_empty() {
        text.push_str("Hottest keys\n");
        for key in &advice.keys {
            let _ = writeln!(text, "  {}", key_line(key));
        }
        text.push('\n');
    }
    for note in &advice.notes {
        let _ = writeln!(text, "Note: {note}");
    }
    text
}

fn load_text(text: &mut String, load: &LoadAdvice) {
    let _ = writeln!(text, "{}", title(load));
    let _ = writeln!(text, "  {}", past_line(load));
    let _ = writeln!(text, "  {}", speaker_line(load));
    for line in evidence_lines(load.evidence.as_ref()) {
        let _ = writeln!(text, "  {line}");
    }
    for action in action_lines(load) {
        let _ = writeln!(text, "  -> {action}");
    }
    let _ = writeln!(text, "\n  {:17} {:>8} {:>8} {:>8}", "hour (UTC)", "median", "q .9", "q .99");
    for hour in &load.ahead.hours {
        let _ = writeln!(
            text,
            "  {:17} {:>8} {:>8} {:>8}  {}",
            when(hour.start_ms),
            units(hour.median),
            units(hour.q90),
            units(hour.q99),
            verdict(hour.verdict(), hour.over),
        );
    }
    text.push('\n');
}

/// The head of what is said of reads or writes.
pub(crate) fn title(load: &LoadAdvice) -> String {
    let name = match load.kind {
        Kind::Read => "Reads",
        Kind::Write => "Writes",
    };
    format!("{name}: the table serves {}", limit(load.ahead.limit))
}

fn limit(limit: Limit) -> String {
    let what = match limit.basis {
        Basis::Provisioned => "provisioned",
        Basis::Warm => "warm throughput",
        Basis::Assumed => "assumed",
    };
    format!("{} units/s ({what})", units(limit.units))
}

pub(crate) fn past_line(load: &LoadAdvice) -> String {
    let demand = &load.demand;
    let days = demand.series.len() as f64 * demand.series.bin_ms as f64 / 86_400_000.0;
    format!(
        "{days:.1} days seen, highest five minutes {} units/s, {:.0} throttled requests in {} periods; \
         five minutes exceed their bin's mean by up to {:.0} %",
        units(demand.highest),
        demand.throttled,
        demand.throttled_periods,
        (demand.peak_factor - 1.0) * 100.0,
    )
}

pub(crate) fn speaker_line(load: &LoadAdvice) -> String {
    let who = if load.ahead.known {
        "Forecast by"
    } else {
        "No model speaks, so this is the past's spread:"
    };
    format!("{who} {}", load.ahead.reason)
}

/// What the backtest says, in sentences.
pub(crate) fn evidence_lines(evidence: Option<&Evidence>) -> Vec<String> {
    let Some(found) = evidence else {
        return vec!["Not tested: there are too few days.".into()];
    };
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    vec![
        format!(
            "Tested on the last {:.1} days, half an hour ahead: median off by {} (as yesterday: {}); {} of \
             bins were below q .9, {} below q .99",
            found.days,
            percent(found.error),
            percent(found.error_yesterday),
            percent(found.coverage_90),
            percent(found.coverage_99),
        ),
        format!(
            "Capacity at q .99 half an hour ahead would have taken {} units/s in the mean and been \
             exceeded in {} of bins; fixed at the highest bin before, {} units/s and {}",
            units(found.forecast.units),
            percent(found.forecast.above),
            units(found.fixed.units),
            percent(found.fixed.above),
        ),
    ]
}

/// What to do, or that nothing is to be done.
pub(crate) fn action_lines(load: &LoadAdvice) -> Vec<String> {
    if load.ahead.actions.is_empty() {
        return vec![format!(
            "Nothing to raise: no hour of the coming day exceeds what is served with a probability of 5 % ({})",
            load.kind.name()
        )];
    }
    load.ahead.actions.iter().map(|action| action_line(load, action)).collect()
}

fn action_line(load: &LoadAdvice, action: &Action) -> String {
    let (from, to) = (units(action.from_units), units(action.to_units));
    let chance = action.over * 100.0;
    let until = when(action.until_ms);
    match load.ahead.limit.basis {
        Basis::Provisioned => format!(
            "by {} raise provisioned capacity for {} from {from} to {to} units/s; it can be lowered after \
             {until} (too much with {chance:.0} %)",
            when(action.by_ms),
            load.kind.name(),
        ),
        Basis::Warm | Basis::Assumed => format!(
            "now, to be ready at {}: raise warm throughput for {} from {from} to {to} units/s (too much with \
             {chance:.0} % until {until}; warming takes the longer the larger the table, and stays)",
            when(action.from_ms),
            load.kind.name(),
        ),
    }
}

/// What is said of a key.
pub(crate) fn key_line(key: &KeyAdvice) -> String {
    let mut line = format!("{}: {:.1} % of all units", key.name, key.share * 100.0);
    if let Some(peak) = key.peak {
        let _ = write!(line, ", {} units/s at most", units(peak));
    }
    if !key.too_hot_as.is_empty() {
        let kinds: Vec<&str> = key.too_hot_as.iter().map(|kind| kind.name()).collect();
        let _ = write!(
            line,
            "; more than one partition serves if they were {}: divide the key, or cache it",
            kinds.join(" or ")
        );
    }
    if let Some((kind, at_ms)) = key.too_hot_from {
        let _ = write!(
            line,
            "; its share of the forecast {} exceeds one partition from {} on (q .99)",
            kind.name(),
            when(at_ms)
        );
    }
    line
}

pub(crate) fn verdict(words: &str, over: f64) -> String {
    if words.is_empty() { String::new() } else { format!("{words} ({:.0} %)", over * 100.0) }
}

/// A moment to the minute, UTC.
pub(crate) fn when(at_ms: i64) -> String {
    match jiff::Timestamp::from_millisecond(at_ms) {
        Ok(at) => at.strftime("%Y-%m-%d %H:%M").to_string(),
        Err(_) => format!("{at_ms} ms"),
    }
}

/// An amount with as many digits as matter.
pub(crate) fn units(amount: f64) -> String {
    match amount {
        amount if amount >= 100.0 => format!("{amount:.0}"),
        amount if amount >= 1.0 => format!("{amount:.1}"),
        amount => format!("{amount:.3}"),
    }
}
