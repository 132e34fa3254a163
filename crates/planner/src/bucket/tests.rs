//! Bounds and conservation, by example and at random.

use super::*;
use proptest::prelude::*;

#[test]
fn five_minutes_at_twice_the_capacity_then_throttled() {
    let mut bucket = TokenBucket::full(10.0, BURST_S, 0);
    let served = (0..6000).filter(|i| bucket.try_take(1.0, i * 100)).count();
    // 600 s at 10/s asked, all of it in capacity; twice that below.
    assert_eq!(served, 6000);
    let mut bucket = TokenBucket::full(10.0, BURST_S, 0);
    let first_refusal = (0..).find(|i| !bucket.try_take(1.0, i * 50)).unwrap();
    assert!((5990..=6010).contains(&first_refusal), "{first_refusal}");
}

#[test]
fn debt_is_paid_before_the_next_is_admitted() {
    let mut bucket = TokenBucket::at_level(1.0, 10.0, BURST_S, 0);
    assert!(bucket.try_take(101.0, 0), "one unit is left, so even a large request goes on");
    assert!(!bucket.try_take(1.0, 10_000), "the level is zero, not above");
    assert!(bucket.try_take(1.0, 10_001));
}

#[test]
fn a_clock_that_steps_back_gives_nothing() {
    let mut bucket = TokenBucket::at_level(0.0, 10.0, BURST_S, 10_000);
    assert_eq!(bucket.level(5_000), 0.0);
    assert_eq!(bucket.level(10_000), 0.0);
    assert_eq!(bucket.level(11_000), 10.0);
}

#[test]
fn a_request_that_needs_both_kinds_takes_neither_or_both() {
    let capacity = Units { read: 10.0, write: 10.0 };
    let mut buckets = Buckets::at_level(Units { read: 5.0, write: 0.0 }, capacity, BURST_S, 0);
    assert!(!buckets.try_take(Units { read: 1.0, write: 1.0 }, 0));
    assert_eq!(buckets.level(0), Units { read: 5.0, write: 0.0 });
    assert!(buckets.try_take(Units::read(1.0), 0), "no write units needed, none asked");
}

#[test]
fn without_load_children_get_equal_parts() {
    let parts = divide(Units { read: 9.0, write: -3.0 }, &[Units::ZERO; 3]);
    assert_eq!(parts, [Units { read: 3.0, write: -1.0 }; 3]);
}

proptest! {
    #[test]
    fn never_above_its_burst_and_never_more_served_than_there_was(
        start in -500.0..5000.0f64,
        requests in prop::collection::vec((0..20_000i64, 0.1..50.0f64), 1..200),
    ) {
        let mut bucket = TokenBucket::at_level(start, 10.0, BURST_S, 0);
        let before = bucket.level(0);
        let (mut now_ms, mut taken, mut last) = (0, 0.0, 0.0f64);
        for (wait_ms, units) in requests {
            now_ms += wait_ms;
            if bucket.try_take(units, now_ms) {
                taken += units;
                last = last.max(units);
            }
            prop_assert!(bucket.level(now_ms) <= bucket.most());
        }
        let income = 10.0 * now_ms as f64 / 1000.0;
        prop_assert!(taken <= before.max(0.0) + income + last + 1e-6);
    }

    #[test]
    fn dividing_and_merging_conserve(
        read in -1e4..1e4f64, write in -1e4..1e4f64,
        shares in prop::collection::vec((0.0..10.0f64, 0.0..10.0f64), 1..9),
    ) {
        let shares: Vec<Units> =
            shares.into_iter().map(|(read, write)| Units { read, write }).collect();
        let parents = Units { read, write };
        let parts = divide(parents, &shares);
        let sum = merge(&parts);
        prop_assert!((sum.read - read).abs() < 1e-6 && (sum.write - write).abs() < 1e-6);
        for part in parts {
            prop_assert!(part.read.abs() <= read.abs() + 1e-9, "no child gets more than there was");
        }
    }
}
