//! Every verdict by example.

use super::*;
use crate::plan::Kind;
use crate::testing::{CAPACITY, partition, partition_in, range_between, table};

const BIN_MS: i64 = 300_000;
const DAY_MS: i64 = 24 * 3_600_000;

fn split() -> Decision {
    let view = table(vec![partition(7, 0.5)]);
    let action = crate::policy::halve_for_tests(&view, 0);
    let plan = Plan { actions: vec![action], ..Plan::default() };
    let mut decisions = Decision::of_plan(41, "predictive", &view, &[], &plan);
    let decision = decisions.remove(0);
    assert_eq!((decision.id, decision.inputs.len()), (41, 1));
    assert!(decision.inputs[0].cells.is_empty(), "cells are not journaled");
    decision
}

fn merge() -> Decision {
    let parts = [(1, 0.0, 0.5), (2, 0.5, 1.0)];
    let view =
        table(parts.map(|(id, from, to)| partition_in(id, range_between(from, to), 0.1)).to_vec());
    let mut merge = split();
    merge.inputs = view.partitions.clone();
    merge.action.sources = view.partitions.iter().map(|p| p.id).collect();
    merge.action.boundaries.clear();
    merge.action.kind = Kind::Horizontal;
    merge
}

/// Writes as shares of one partition's capacity, from the decision on, quiet to the end of the day.
fn came(decision: &Decision, shares: &[f64]) -> LoadSeries {
    let mut writes: Vec<f64> = shares.iter().map(|share| share * CAPACITY.write).collect();
    writes.resize((DAY_MS / BIN_MS) as usize, 0.0);
    LoadSeries::new(decision.at_ms, BIN_MS, &vec![0.0; writes.len()], &writes)
}

fn judged(decision: &Decision, took_ms: i64, shares: &[f64]) -> Outcome {
    let actual = came(decision, shares);
    outcome(decision, decision.at_ms + took_ms, &actual, decision.at_ms + DAY_MS)
}

#[test]
fn in_time_with_its_lead() {
    // A full bucket is 300 s of capacity: at 250 % it lasts 200 s, so bin 2 throttles.
    let decision = split();
    let judged = judged(&decision, 60_000, &[0.5, 0.5, 2.5]);
    assert_eq!(judged.judgement, Judgement::InTime);
    assert_eq!(judged.crossing_ms, Some(decision.at_ms + 2 * BIN_MS));
    assert_eq!(judged.throttle_ms, Some(decision.at_ms + 2 * BIN_MS + 200_000));
    assert_eq!(judged.lead_ms, Some(2 * BIN_MS - 60_000));
    assert_eq!(judged.peak, 2.5);
    assert!((judged.excess - 150.0 * 300.0).abs() < 1e-6);
}

#[test]
fn late_after_the_first_throttle() {
    let judged = judged(&split(), 3 * BIN_MS, &[0.5, 0.5, 3.0]);
    assert_eq!(judged.judgement, Judgement::Late);
    assert_eq!(judged.lead_ms, Some(-BIN_MS));
}

#[test]
fn credit_at_the_decision_counts() {
    let mut poor = split();
    poor.inputs[0].credit = Some(Units { read: 0.0, write: 0.0 });
    assert_eq!(judged(&poor, 1_000, &[1.2]).judgement, Judgement::Late);
    assert_eq!(judged(&split(), 1_000, &[1.2]).judgement, Judgement::Absorbed);
}

#[test]
fn needless_if_nothing_came() {
    let judged = judged(&split(), 1_000, &[0.9; 20]);
    assert_eq!(judged.judgement, Judgement::Needless);
    assert_eq!((judged.crossing_ms, judged.lead_ms), (None, None));
}

#[test]
fn without_limits_nobody_is_throttled() {
    let mut free = split();
    free.limits = Limits::Off;
    assert_eq!(judged(&free, 1_000, &[3.0; 20]).judgement, Judgement::Absorbed);
}

#[test]
fn open_until_the_load_is_known() {
    let decision = split();
    let mut actual = came(&decision, &[0.5]);
    actual.loads.truncate(10);
    let until_ms = decision.at_ms + DAY_MS;
    let judged = outcome(&decision, decision.at_ms, &actual, until_ms);
    assert_eq!(judged.judgement, Judgement::Open);
}

#[test]
fn a_merge_holds_or_is_regretted() {
    assert_eq!(judged(&merge(), 1_000, &[0.9; 20]).judgement, Judgement::Held);
    assert_eq!(judged(&merge(), 1_000, &[0.5, 0.5, 1.1]).judgement, Judgement::Regretted);
}
