//! What is coming for a DynamoDB table that lives elsewhere, from its exported metrics.
//!
//! Exports of CloudWatch metrics, of Contributor Insights, or a key trace in; out comes what the table
//! will be asked for in the coming day, when that exceeds what it can serve, which keys are too hot for
//! one partition, what to raise by when, and how good such forecasts would have been on the table's own
//! last days. The forecasts are the service's (the crate `forecast`).
//!
//! In reading order: [`input`] (files to [`input::Metrics`] and [`input::Keys`]), [`demand`] (metrics to
//! regular series), [`evidence`] (backtest), [`outlook`] (hours and actions), [`keys`] (hot keys),
//! [`text`] and [`html`]. What it is not: a price calculator, and it calls no AWS API. It cannot say
//! which *ranges* of hashes will be hot: DynamoDB does not publish its hash, so it speaks of keys.

pub mod demand;
mod error;
pub mod evidence;
pub mod html;
pub mod input;
pub mod keys;
pub mod outlook;
pub mod text;

pub use error::AdviseError;

use demand::Demand;
use evidence::Evidence;
use input::{Inputs, Kind};
use keys::KeyAdvice;
use outlook::{Ahead, Limits};
use serde::Serialize;

/// Everything there is to say.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Advice {
    /// Reads and writes, as far as there are any.
    pub loads: Vec<LoadAdvice>,
    /// The hottest keys, hottest first.
    pub keys: Vec<KeyAdvice>,
    /// What was assumed, and what could not be said.
    pub notes: Vec<String>,
}

/// What there is to say about reads, or about writes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LoadAdvice {
    /// Which.
    pub kind: Kind,
    /// What was asked for in the past.
    pub demand: Demand,
    /// What is coming, and what to do.
    pub ahead: Ahead,
    /// How good such forecasts were on the last days; `None` where there are too few days.
    pub evidence: Option<Evidence>,
}

/// Works out the advice; `limits` are those the reader knows of.
pub fn advise(inputs: &Inputs, limits: &Limits) -> Result<Advice, AdviseError> {
    let mut advice = Advice { loads: Vec::new(), keys: Vec::new(), notes: Vec::new() };
    for kind in Kind::ALL {
        let Some(demand) = demand::demand(&inputs.metrics, kind)? else { continue };
        let evidence = evidence::evidence(&demand, &mut advice.notes)?;
        let known = outlook::limit(&inputs.metrics, limits, &demand, &mut advice.notes);
        let ahead = outlook::ahead(&demand, known)?;
        advice.loads.push(LoadAdvice { kind, demand, ahead, evidence });
    }
    advice.keys = keys::keys(&inputs.keys, &advice.loads);
    if advice.loads.is_empty() && advice.keys.is_empty() {
        return Err(AdviseError::Nothing);
    }
    if !advice.keys.is_empty() {
        advice.notes.push(
            "Keys, not key ranges: DynamoDB does not publish how it hashes, so nobody outside \
             knows which keys are neighbours."
                .into(),
        );
    }
    Ok(advice)
}
