//! Results as one JSON document, `simulate --json`.

use super::Report;
use crate::evaluate::CaseResult;
use crate::policies::CurvePoint;
use crate::workloads::Stratum;
use serde::Serialize;

/// The document.
#[derive(Clone, Debug, Serialize)]
pub struct Document<'a> {
    /// Every run.
    pub runs: Vec<RunDocument<'a>>,
    /// What reacting can buy on each case, in hindsight.
    pub curves: Vec<CurveDocument<'a>>,
}

/// One run.
#[derive(Clone, Debug, Serialize)]
pub struct RunDocument<'a> {
    /// Its figures.
    #[serde(flatten)]
    pub report: &'a Report,
    /// What kind of task the workload sets.
    pub stratum: Stratum,
    /// How many hours were played.
    pub hours: f64,
}

/// The curve of one case.
#[derive(Clone, Debug, Serialize)]
pub struct CurveDocument<'a> {
    /// The workload.
    pub workload: &'a str,
    /// The seed.
    pub seed: u64,
    /// One point per setting of the grid.
    pub points: &'a [CurvePoint],
}

impl<'a> Document<'a> {
    /// The document of these results.
    pub fn new(results: &'a [CaseResult]) -> Self {
        let run = |case: &'a CaseResult| {
            case.runs.iter().map(|report| RunDocument {
                report,
                stratum: case.stratum,
                hours: case.hours,
            })
        };
        let curve = |case: &'a CaseResult| CurveDocument {
            workload: &case.workload,
            seed: case.seed,
            points: &case.curve.points,
        };
        Self {
            runs: results.iter().flat_map(run).collect(),
            curves: results.iter().map(curve).collect(),
        }
    }
}
