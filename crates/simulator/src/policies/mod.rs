//! All policies by name: ours, those of other stores, and those that know more than anybody can.
//!
//! What a service could run lives in `planner`; here are the policies that need a recording: the
//! rival that is tuned on it, the [`LastWeek`] look-up, the [`Oracle`] that sees the future. All
//! are played on the same table with the same costs, and begin with the same partitions, but for the
//! static ones, whose partitions are all they have.

mod last_week;
mod oracle;
mod tuned;

pub use last_week::LastWeek;
pub use oracle::Oracle;
pub use tuned::{Curve, CurvePoint, GRID, THROTTLED_SHARE_MAX, curve, settings_on_curve};

use crate::case::Case;
use crate::error::SimulatorError;
use crate::matrix::CELLS;
use crate::minutes::{Bank, PlaySettings, Played, Sight, play};
use forecast::Quantile;
use planner::{
    PlannerSettings, Policy, Predictive, ReactiveDynamoDb, ReactiveFast, Static, Threshold,
};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A policy that can be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyName {
    /// Even partitions for the mean of the last week of history, never changed.
    Static,
    /// Even partitions for the highest five minutes of the history, never changed.
    StaticPeak,
    /// 256 even partitions, never changed.
    StaticFine,
    /// As DynamoDB: after minutes at the limit, never merges.
    ReactiveDynamodb,
    /// As CockroachDB.
    ReactiveCockroach,
    /// After one second above capacity, never merges.
    ReactiveFast,
    /// The best thresholds on the week before.
    ReactiveTuned,
    /// The best thresholds on the very weeks that are played.
    ReactiveTunedHindsight,
    /// Our planner with last week's load in the place of a forecast.
    LastWeek,
    /// Ours.
    Predictive,
    /// Ours without the reactive floor.
    PredictiveNoFloor,
    /// Ours without merges.
    PredictiveNoMerge,
    /// Ours without forecasts: the floor, and merges by observation.
    PredictiveNoForecast,
    /// Ours deciding by the median.
    PredictiveMedian,
    /// Knows what comes.
    Oracle,
}

impl PolicyName {
    /// All, in the order of reports.
    pub const ALL: [Self; 15] = [
        Self::Static,
        Self::StaticPeak,
        Self::StaticFine,
        Self::ReactiveDynamodb,
        Self::ReactiveCockroach,
        Self::ReactiveFast,
        Self::ReactiveTuned,
        Self::ReactiveTunedHindsight,
        Self::LastWeek,
        Self::Predictive,
        Self::PredictiveNoFloor,
        Self::PredictiveNoMerge,
        Self::PredictiveNoForecast,
        Self::PredictiveMedian,
        Self::Oracle,
    ];

    /// Those that are played unless others are asked for: all but ours with parts switched off.
    pub fn standard() -> Vec<Self> {
        Self::ALL.into_iter().filter(|name| !name.is_part()).collect()
    }

    /// Whether it is ours with a part switched off.
    pub fn is_part(self) -> bool {
        matches!(
            self,
            Self::PredictiveNoFloor
                | Self::PredictiveNoMerge
                | Self::PredictiveNoForecast
                | Self::PredictiveMedian
        )
    }

    /// The name in tables, documents and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::StaticPeak => "static-peak",
            Self::StaticFine => "static-fine",
            Self::ReactiveDynamodb => "reactive-dynamodb",
            Self::ReactiveCockroach => "reactive-cockroach",
            Self::ReactiveFast => "reactive-fast",
            Self::ReactiveTuned => "reactive-tuned",
            Self::ReactiveTunedHindsight => "reactive-tuned-hindsight",
            Self::LastWeek => "last-week",
            Self::Predictive => "predictive",
            Self::PredictiveNoFloor => "predictive-no-floor",
            Self::PredictiveNoMerge => "predictive-no-merge",
            Self::PredictiveNoForecast => "predictive-no-forecast",
            Self::PredictiveMedian => "predictive-median",
            Self::Oracle => "oracle",
        }
    }

    /// The policies in a comma-separated list; `all` and `standard` stand for several.
    pub fn list(text: &str) -> Result<Vec<Self>, String> {
        let mut names = Vec::new();
        for part in text.split(',').map(str::trim) {
            match part {
                "all" => names.extend(Self::ALL),
                "standard" => names.extend(Self::standard()),
                part => names.push(part.parse()?),
            }
        }
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for PolicyName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|policy| policy.name() == text).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|policy| policy.name()).collect();
            format!("no policy `{text}`; there are {}, all, standard", known.join(", "))
        })
    }
}

/// What our policy is told: the settings that were asked for, and how long an action takes here.
pub fn planner_settings(settings: &PlaySettings) -> PlannerSettings {
    let mut planner = settings.planner.clone();
    planner.action.duration_ms = settings.action.duration_ms;
    planner
}

/// Plays a policy on a case. `curve` is the tuned rival's in hindsight; whoever has it already
/// gives it.
pub fn run(
    name: PolicyName,
    case: &Case,
    settings: &PlaySettings,
    bank: &Bank,
    curve: &Curve,
) -> Result<Played, SimulatorError> {
    let ours = planner_settings(settings);
    let initial = case.initial();
    let seen =
        |sight, policy: Box<dyn Policy + '_>| play(case, &initial, settings, bank, sight, policy);
    let present = |policy| seen(Sight::Present, policy);
    let fixed =
        |partitions| play(case, &case.even(partitions), settings, bank, Sight::Present, Static);
    let foreseeing = |planner| seen(Sight::Forecast, Box::new(Predictive::new(planner)));
    let mut played = match name {
        PolicyName::Static => fixed(case.partitions_for_mean()),
        PolicyName::StaticPeak => fixed(case.partitions_for_peak()),
        PolicyName::StaticFine => fixed(CELLS),
        PolicyName::ReactiveDynamodb => present(Box::<ReactiveDynamoDb>::default()),
        PolicyName::ReactiveCockroach => present(Box::new(Threshold::cockroach(case.seed))),
        PolicyName::ReactiveFast => present(Box::<ReactiveFast>::default()),
        PolicyName::ReactiveTuned => {
            let found = tuned::settings_on_earlier(case, settings, bank)?;
            present(Box::new(Threshold::new(name.name(), found)))
        }
        PolicyName::ReactiveTunedHindsight => {
            present(Box::new(Threshold::new(name.name(), settings_on_curve(curve))))
        }
        PolicyName::LastWeek => {
            let policy = LastWeek::new(bank.bins(), &settings.controller, ours);
            seen(Sight::Past, Box::new(policy))
        }
        PolicyName::Predictive => foreseeing(ours),
        PolicyName::PredictiveNoFloor => foreseeing(PlannerSettings { floor: None, ..ours }),
        PolicyName::PredictiveNoMerge => {
            let mut planner = ours;
            planner.merge.enabled = false;
            foreseeing(planner)
        }
        PolicyName::PredictiveNoForecast => seen(Sight::Past, Box::new(Predictive::new(ours))),
        PolicyName::PredictiveMedian => {
            let (mut planner, mut settings) = (ours, settings.clone());
            planner.score.quantile = Quantile::Q50;
            settings.controller.score.quantile = Quantile::Q50;
            let policy = Predictive::new(planner);
            play(case, &initial, &settings, bank, Sight::Forecast, policy)
        }
        PolicyName::Oracle => {
            let policy = Oracle::new(case, bank.bins(), settings.action.duration_ms);
            let initial = policy.initial();
            play(case, &initial, settings, bank, Sight::Present, policy)
        }
    }?;
    played.run.report.policy = name.name().into();
    Ok(played)
}

#[cfg(test)]
mod tests;
