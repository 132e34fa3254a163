//! The estimator against a machine that sustains a known rate.

use super::*;
use proptest::prelude::*;

const PRIOR: Units = Units { read: 3000.0, write: 1000.0 };

fn settings() -> MeasuredSettings {
    MeasuredSettings::default()
}

/// Offers `demand` for some seconds to a machine that serves up to `sustains` writes per second and is
/// pressed when more is offered; what the estimator refuses is not offered.
fn play(estimator: &mut Estimator, demand: f64, sustains: f64, seconds: usize) -> f64 {
    let mut served = 0.0;
    for _ in 0..seconds {
        let offered = demand.min(estimator.limit().write);
        served = offered.min(sustains);
        let queue_ms = if offered > sustains { 80.0 } else { 20.0 * offered / sustains };
        let sample = Sample { served: Units::write(served), queue_ms, ..Sample::default() };
        estimator.observe(&sample, false, &settings());
    }
    served
}

#[test]
fn before_any_limit_nobody_is_refused_and_plans_go_by_the_prior() {
    let mut estimator = Estimator::new();
    assert_eq!(estimator.planning(PRIOR), PRIOR);
    play(&mut estimator, 2_500.0, 10_000.0, 60);
    assert!(estimator.limit().write.is_infinite());
    assert_eq!(estimator.planning(PRIOR), Units { read: 3000.0, write: 2_500.0 });
    assert_eq!(admitted(estimator.limit()), None);
}

#[test]
fn a_limit_that_is_met_becomes_the_capacity_within_a_tenth() {
    let mut estimator = Estimator::new();
    play(&mut estimator, 9_000.0, 4_000.0, 60);
    let limit = estimator.limit();
    assert!((limit.write / 4_000.0 - 1.0).abs() < 0.1, "{limit:?}");
    assert!(limit.read.is_infinite(), "reads had no part in it");
    assert_eq!(estimator.planning(PRIOR).write, limit.write);
    // And throttling near it keeps what is served near what is sustained.
    let served = play(&mut estimator, 9_000.0, 4_000.0, 600);
    assert!(served > 3_600.0, "{served}");
}

#[test]
fn one_bad_second_is_not_a_limit() {
    let mut estimator = Estimator::new();
    for bad in [1, 2, 0, 2, 1] {
        play(&mut estimator, 9_000.0, 4_000.0, bad);
        assert!(!estimator.at_limit(&settings()));
        play(&mut estimator, 1_000.0, 4_000.0, 1);
    }
    assert!(estimator.limit().write.is_infinite());
}

#[test]
fn a_limit_that_is_gone_is_found_to_be_gone() {
    let mut estimator = Estimator::new();
    play(&mut estimator, 9_000.0, 1_000.0, 60);
    assert!(estimator.limit().write < 1_300.0);
    let served = play(&mut estimator, 9_000.0, 20_000.0, 300);
    assert_eq!(served, 9_000.0, "two per cent a second double it in 35 s");
}

#[test]
fn a_stalled_disk_does_not_close_the_shop() {
    let mut estimator = Estimator::new();
    play(&mut estimator, 4_000.0, 8_000.0, 60);
    play(&mut estimator, 4_000.0, 5.0, 120);
    assert!(estimator.limit().write >= 1_000.0, "{:?}", estimator.limit());
}

#[test]
fn pressure_that_is_the_nodes_teaches_a_partition_nothing() {
    let mut estimator = Estimator::new();
    let pressed = Sample { served: Units::write(50.0), cpu_share: 1.0, ..Sample::default() };
    for _ in 0..60 {
        estimator.observe(&pressed, true, &settings());
    }
    assert!(estimator.limit().write.is_infinite() && !estimator.at_limit(&settings()));
}

#[test]
fn any_of_the_three_signs_is_pressure() {
    let calm = Sample { queue_ms: 5.0, backlog_share: 0.1, cpu_share: 0.5, ..Sample::default() };
    assert!(calm.pressure(&settings()) < 1.0);
    for hard in [
        Sample { queue_ms: 51.0, ..calm },
        Sample { backlog_share: 0.81, ..calm },
        Sample { cpu_share: 0.93, ..calm },
    ] {
        assert!(hard.pressure(&settings()) > 1.0, "{hard:?}");
    }
}

proptest! {
    /// Whatever is seen, the estimate is a number above zero, and never below what was served in peace.
    #[test]
    fn never_below_what_was_served_in_peace(
        samples in prop::collection::vec((0.0..1e5_f64, 0.0..1e5_f64, 0.0..200.0_f64), 1..200),
    ) {
        let mut estimator = Estimator::new();
        for (read, write, queue_ms) in samples {
            let served = Units { read, write };
            let sample = Sample { served, queue_ms, ..Sample::default() };
            estimator.observe(&sample, false, &settings());
            let limit = estimator.limit();
            prop_assert!(!limit.read.is_nan() && limit.read > 0.0);
            if sample.pressure(&settings()) < 1.0 {
                prop_assert!(limit.read >= read && limit.write >= write);
            }
        }
    }
}
