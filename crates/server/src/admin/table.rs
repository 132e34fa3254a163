//! Every call of the admin API: its path, who may make it, and what it is for. Requests are told apart
//! by this table and the OpenAPI document is made of it, so neither has what the other has not.

use http::Method;

use super::access::Role;

/// What can be asked under `/api/v1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Overview,
    Tables,
    Partitions,
    Partition,
    Workload,
    Vectors,
    Matrix,
    Heatmap,
    Forecast,
    Plan,
    Tuning,
    Decisions,
    Decision,
    Considered,
    Anomalies,
    Workflows,
    Workflow,
    Audit,
    ReportAnomalies,
    Reslice,
    Rekey,
    PinThresholds,
    CancelWorkflow,
    PauseWorkflow,
    ResumeWorkflow,
    PausePlanner,
    ResumePlanner,
}

/// One call.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) call: Call,
    /// Its name in the OpenAPI document.
    pub(super) name: &'static str,
    pub(super) method: Method,
    /// Under `/api/v1/`; what stands in braces is a parameter.
    pub(super) path: &'static str,
    pub(super) summary: &'static str,
    pub(super) query: &'static [Parameter],
    /// What the answer has, besides more; with a question mark, possibly `null`.
    pub(super) fields: &'static [(&'static str, &'static str)],
}

/// A parameter of the query.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) values: Values,
}

/// What a parameter may be.
#[derive(Debug)]
pub(super) enum Values {
    Text,
    Whole { least: i64 },
    OneOf(&'static [&'static str]),
}

impl Route {
    /// Who may make the call.
    pub(super) fn role(&self) -> Role {
        if self.method == Method::GET { Role::ReadOnly } else { Role::Operator }
    }

    /// What stands in `path` for the parameters, if it is this route's.
    pub(super) fn matches<'a>(&self, path: &'a str) -> Option<Vec<&'a str>> {
        let (wanted, given) = (self.path.split('/'), path.split('/'));
        if wanted.clone().count() != given.clone().count() {
            return None;
        }
        let mut found = Vec::new();
        for (wanted, given) in wanted.zip(given) {
            match wanted.starts_with('{') && !given.is_empty() {
                true => found.push(given),
                false if wanted == given => {}
                false => return None,
            }
        }
        Some(found)
    }
}

const TABLE: Parameter =
    Parameter { name: "table", about: "Only about this table.", values: Values::Text };
const YES_OR_NO: Values = Values::OneOf(&["true", "false"]);
const ENDED: Parameter =
    Parameter { name: "ended", about: "Also what has ended.", values: YES_OR_NO };
const DRY_RUN: Parameter =
    Parameter { name: "dry_run", about: "Only tells what would be done.", values: YES_OR_NO };
const NO_WAIT: Parameter = Parameter {
    name: "no_wait",
    about: "Answers with the number of the workflow when it has begun.",
    values: YES_OR_NO,
};
const PAST: Parameter = Parameter {
    name: "past_minutes",
    about: "How much of the past, in minutes.",
    values: Values::Whole { least: 0 },
};

const fn get(
    call: Call,
    name: &'static str,
    path: &'static str,
    summary: &'static str,
    query: &'static [Parameter],
    fields: &'static [(&'static str, &'static str)],
) -> Route {
    Route { call, name, method: Method::GET, path, summary, query, fields }
}

const fn post(
    call: Call,
    name: &'static str,
    path: &'static str,
    summary: &'static str,
    fields: &'static [(&'static str, &'static str)],
) -> Route {
    Route { call, name, method: Method::POST, path, summary, query: &[], fields }
}

const TUNING_FIELDS: &[(&str, &str)] = &[
    ("mode", "string"),
    ("in_force", "object"),
    ("own", "object"),
    ("pins", "object"),
    ("bounds", "object"),
    ("canary", "object?"),
    ("paused_until_day", "integer?"),
    ("proposed", "object?"),
    ("records", "array"),
];

const HEATMAP_QUERY: &[Parameter] = &[
    Parameter {
        name: "metric",
        about: "What to show; a share of one partition's capacity unless it is said.",
        values: Values::OneOf(&["share", "read_units", "write_units", "bytes", "throttles"]),
    },
    Parameter {
        name: "quantile",
        about: "The forecast's quantile; the planner's own unless it is said.",
        values: Values::OneOf(&["0.5", "0.9", "0.99"]),
    },
    PAST,
    Parameter {
        name: "from_ms",
        about: "Since when, in the place of past_minutes.",
        values: Values::Whole { least: i64::MIN },
    },
    Parameter { name: "until_ms", about: "Up to when.", values: Values::Whole { least: i64::MIN } },
    Parameter {
        name: "columns_max",
        about: "The most columns of the past, at most 1008.",
        values: Values::Whole { least: 0 },
    },
    Parameter {
        name: "rows_max",
        about: "The most rows, at most 1024.",
        values: Values::Whole { least: 0 },
    },
];

const WINDOW: Parameter = Parameter {
    name: "window",
    about: "Which rolling window; five minutes unless it is said.",
    values: Values::OneOf(&["5m", "1h", "1d"]),
};

const MATRIX_QUERY: &[Parameter] = &[
    Parameter {
        name: "window",
        about: "Which rolling window; the history of 28 days unless it is said.",
        values: Values::OneOf(&["5m", "1h", "1d"]),
    },
    Parameter {
        name: "from_ms",
        about: "Since when; the beginning of what there is unless it is said.",
        values: Values::Whole { least: i64::MIN },
    },
];

const WORKLOAD_QUERY: &[Parameter] = &[
    WINDOW,
    Parameter {
        name: "cells_max",
        about: "The most cells, at most 256.",
        values: Values::Whole { least: 0 },
    },
];

const DECISIONS_QUERY: &[Parameter] = &[
    TABLE,
    Parameter {
        name: "limit",
        about: "Only the newest so many, newest first; without it all, oldest first.",
        values: Values::Whole { least: 0 },
    },
    Parameter {
        name: "brief",
        about: "Without inputs, forecasts and scores.",
        values: Values::OneOf(&["true", "false"]),
    },
];

/// All of them.
pub(super) const ROUTES: &[Route] = &[
    get(
        Call::Overview,
        "overview",
        "overview",
        "Whether the service is well, and each table in a few numbers.",
        &[],
        &[("service", "object"), ("now_ms", "integer"), ("paused", "boolean"), ("tables", "array")],
    ),
    get(Call::Tables, "tables", "tables", "All tables.", &[], &[("tables", "array")]),
    get(
        Call::Partitions,
        "partitions",
        "tables/{table}/partitions",
        "A table's partitions with their load, score and forecast.",
        &[],
        &[("table", "string"), ("epoch", "integer"), ("partitions", "array")],
    ),
    get(
        Call::Partition,
        "partition",
        "tables/{table}/partitions/{partition}",
        "One partition: what it carried, what is and what had been forecast, its score, its hot keys.",
        &[PAST],
        &[("id", "integer"), ("capacity", "object"), ("history", "object"), ("read", "object")],
    ),
    get(
        Call::Workload,
        "workload",
        "tables/{table}/workload",
        "A rolling window as a matrix of time and cell.",
        WORKLOAD_QUERY,
        &[("cells", "array"), ("channels", "object"), ("heavy_hitters", "array")],
    ),
    get(
        Call::Vectors,
        "vectors",
        "tables/{table}/vectors",
        "A sample of the workload vectors of a rolling window.",
        &[WINDOW],
        &[("vectors", "array")],
    ),
    get(
        Call::Matrix,
        "matrix",
        "tables/{table}/matrix",
        "What was seen, by time and cell, as `foreshard workload export` reads it.",
        MATRIX_QUERY,
        &[("cells", "array")],
    ),
    get(
        Call::Heatmap,
        "heatmap",
        "tables/{table}/heatmap",
        "Load by time and cell of the key axis, past and forecast.",
        HEATMAP_QUERY,
        &[("times_ms", "array"), ("cells", "array"), ("maps", "array"), ("ahead", "object")],
    ),
    get(
        Call::Forecast,
        "forecast",
        "tables/{table}/forecast",
        "The forecasts as the planner sees them.",
        &[],
        &[("partitions", "array"), ("hot_ranges", "array")],
    ),
    get(
        Call::Plan,
        "plan",
        "tables/{table}/plan",
        "A dry run: what would be done if it were time to decide. Changes nothing.",
        &[],
        &[("due_ms", "integer"), ("actions", "array"), ("alternatives", "array")],
    ),
    get(
        Call::Tuning,
        "tuning",
        "tables/{table}/tuning",
        "How the table's thresholds are tuned: what is in force, pinned, proposed, and every record.",
        &[],
        TUNING_FIELDS,
    ),
    get(
        Call::Decisions,
        "decisions",
        "decisions",
        "Every decision with its grounds, state, timing and outcome.",
        DECISIONS_QUERY,
        &[("decisions", "array")],
    ),
    get(
        Call::Decision,
        "decision",
        "decisions/{decision}",
        "One decision with everything it was based on.",
        &[],
        &[("id", "integer"), ("action", "string"), ("reason", "string")],
    ),
    get(
        Call::Considered,
        "considered",
        "considered",
        "What was weighed and not done, the newest first.",
        &[TABLE],
        &[("considered", "array")],
    ),
    get(
        Call::Anomalies,
        "anomalies",
        "anomalies",
        "Flash crowds and drops, and what other systems reported.",
        &[TABLE],
        &[("anomalies", "array"), ("reported", "array")],
    ),
    get(
        Call::Workflows,
        "workflows",
        "workflows",
        "The decisions being carried out; with `ended`, also those that have been.",
        &[ENDED],
        &[("workflows", "array")],
    ),
    get(
        Call::Workflow,
        "workflow",
        "workflows/{workflow}",
        "One action or one change of a table's strategy, with how far it is.",
        &[],
        &[("id", "integer"), ("state", "string")],
    ),
    get(
        Call::Audit,
        "audit",
        "audit",
        "Who changed what through this API, the newest first.",
        &[],
        &[("audit", "array")],
    ),
    post(
        Call::ReportAnomalies,
        "reportAnomalies",
        "anomalies",
        "Takes what other systems report, in either of Alertmanager's formats.",
        &[("taken", "integer")],
    ),
    Route {
        call: Call::Reslice,
        name: "reslice",
        method: Method::POST,
        path: "tables/{table}/reslice",
        summary: "Splits, merges, shifts, isolates or re-divides partitions by hand; answers when that has ended.",
        query: &[DRY_RUN, NO_WAIT],
        fields: &[("decision", "integer"), ("children", "array"), ("epoch", "integer")],
    },
    post(
        Call::Rekey,
        "rekey",
        "tables/{table}/rekey",
        "Begins to change a table's strategy; answers at once, with a number to look for.",
        &[("id", "integer"), ("state", "string"), ("progress", "object?")],
    ),
    post(
        Call::PinThresholds,
        "pinThresholds",
        "tables/{table}/tuning",
        "Fixes thresholds; those that are missing are let go.",
        TUNING_FIELDS,
    ),
    post(
        Call::CancelWorkflow,
        "cancelWorkflow",
        "workflows/{workflow}/cancel",
        "Sees to it that an action that waits for its turn is not begun.",
        &[("cancelled", "integer")],
    ),
    post(
        Call::PauseWorkflow,
        "pauseWorkflow",
        "workflows/{workflow}/pause",
        "An action that waits for its turn waits on until it is resumed.",
        &[("id", "integer"), ("told", "string")],
    ),
    post(
        Call::ResumeWorkflow,
        "resumeWorkflow",
        "workflows/{workflow}/resume",
        "A paused action goes on.",
        &[("id", "integer"), ("told", "string")],
    ),
    post(
        Call::PausePlanner,
        "pausePlanner",
        "planner/pause",
        "The planner goes on looking and forecasting, but starts nothing.",
        &[("paused", "boolean")],
    ),
    post(
        Call::ResumePlanner,
        "resumePlanner",
        "planner/resume",
        "The planner acts again.",
        &[("paused", "boolean")],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: &Method, path: &str) -> Option<(Call, Vec<String>)> {
        let route = |route: &&Route| route.method == *method && route.matches(path).is_some();
        let route = ROUTES.iter().find(route)?;
        let parameters = route.matches(path)?.into_iter().map(str::to_owned).collect();
        Some((route.call, parameters))
    }

    #[test]
    fn paths_are_told_apart() {
        let get = |path| found(&Method::GET, path);
        assert_eq!(get("tables"), Some((Call::Tables, vec![])));
        let page = Some((Call::Partition, vec!["orders".to_owned(), "7".to_owned()]));
        assert_eq!(get("tables/orders/partitions/7"), page);
        for unknown in ["", "tables/", "tables//plan", "tables/orders", "tables/a/plan/b", "Tables"]
        {
            assert_eq!(get(unknown), None, "{unknown}");
        }
        assert_eq!(found(&Method::POST, "tables"), None);
        let cancel = Some((Call::CancelWorkflow, vec!["3".to_owned()]));
        assert_eq!(found(&Method::POST, "workflows/3/cancel"), cancel);
    }

    #[test]
    fn no_call_is_there_twice() {
        for (at, one) in ROUTES.iter().enumerate() {
            for other in &ROUTES[at + 1..] {
                assert_ne!(one.call, other.call);
                assert_ne!(one.name, other.name);
                assert!(one.method != other.method || one.path != other.path, "{}", one.path);
            }
        }
    }
}
