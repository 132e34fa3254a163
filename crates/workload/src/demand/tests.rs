//! A call counts once: with names, without, after a restart, and whatever the memory has forgotten.

use super::*;
use proptest::prelude::*;

const SERVED: Outcome = Outcome::Served;
const THROTTLED: Outcome = Outcome::Throttled;

fn demand() -> Demand {
    Demand::new(&DemandSettings::default())
}

fn nameless(key_hash: u64) -> Attempt {
    Attempt::nameless(1, key_hash, RequestType::Store)
}

fn named(id: &str, request: &str) -> Attempt {
    Attempt::from_headers(Some(id), Some(request), nameless(0))
}

#[test]
fn headers_are_read_as_sdks_write_them() {
    assert!(matches!(named("x", "attempt=1; max=3"), Attempt::Named { first: true, .. }));
    assert!(matches!(named("x", "attempt=1"), Attempt::Named { first: true, .. }));
    let with_ttl = named("x", "ttl=20260101T000000Z; attempt=2; max=3");
    assert!(matches!(with_ttl, Attempt::Named { first: false, .. }));
    assert!(matches!(named("x", "rubbish"), Attempt::Named { first: false, .. }));
    assert_eq!(Attempt::from_headers(None, Some("attempt=2"), nameless(9)), nameless(9));
    assert_eq!(Attempt::from_headers(Some(""), None, nameless(9)), nameless(9));
    assert_ne!(named("x", "attempt=1"), named("y", "attempt=1"));
}

#[test]
fn a_retry_of_an_unknown_call_counts_once() {
    let demand = demand();
    let third = named("before the restart", "attempt=3; max=9");
    let fourth = named("before the restart", "attempt=4; max=9");
    assert!(demand.counts(&third, THROTTLED, 0));
    assert!(!demand.counts(&fourth, SERVED, 100));
}

#[test]
fn a_first_attempt_always_counts() {
    let demand = demand();
    let first = named("a", "attempt=1; max=3");
    assert!(demand.counts(&first, SERVED, 0));
    assert!(demand.counts(&first, SERVED, 0));
}

#[test]
fn a_call_is_forgotten_after_a_while() {
    let demand = demand();
    let max = DemandSettings::default().retry_ms_max;
    assert!(demand.counts(&named("a", "attempt=1"), THROTTLED, 0));
    assert!(!demand.counts(&named("a", "attempt=2"), THROTTLED, max));
    assert!(demand.counts(&named("a", "attempt=3"), THROTTLED, 2 * max + 2 * TICK_MS));
}

#[test]
fn nameless_retries_count_once_until_served_or_too_late() {
    let demand = demand();
    let other_key = Attempt::nameless(1, 43, RequestType::Store);
    let other_client = Attempt::nameless(2, 42, RequestType::Store);
    let other_request = Attempt::nameless(1, 42, RequestType::Retrieve);
    assert!(demand.counts(&nameless(42), THROTTLED, 0));
    for other in [other_key, other_client, other_request] {
        assert!(demand.counts(&other, SERVED, 10), "{other:?} is a request of its own");
    }
    assert!(!demand.counts(&nameless(42), THROTTLED, 1_000));
    assert!(!demand.counts(&nameless(42), SERVED, 2_000));
    assert!(demand.counts(&nameless(42), THROTTLED, 2_100), "the one before was served");
    assert!(demand.counts(&nameless(42), THROTTLED, 20_000), "too late for a retry");
}

#[test]
fn nameless_requests_that_are_served_all_count() {
    let demand = demand();
    assert!((0..100).all(|n| demand.counts(&nameless(42), SERVED, n)));
}

#[test]
fn a_flood_of_served_calls_does_not_push_out_the_throttled() {
    let settings = DemandSettings { requests_max: 64, ..DemandSettings::default() };
    let demand = Demand::new(&settings);
    // Few enough that no set of eight fills with throttled calls alone.
    let waiting: Vec<String> = (0..8).map(|n| format!("waiting {n}")).collect();
    for id in &waiting {
        assert!(demand.counts(&named(id, "attempt=1"), THROTTLED, 0));
    }
    for n in 0..10_000 {
        demand.counts(&named(&format!("served {n}"), "attempt=1"), SERVED, 500);
    }
    for id in &waiting {
        assert!(!demand.counts(&named(id, "attempt=2"), SERVED, 1_000), "{id}");
    }
}

proptest! {
    /// Closed-loop clients, each trying one call after the other until it is served or the attempts
    /// are used up, interleaved in any order: what is counted is the number of calls.
    #[test]
    fn closed_loop_clients_count_calls_not_attempts(
        refusals in prop::collection::vec(prop::collection::vec(0usize..11, 1..5), 1..20),
        turns in prop::collection::vec(any::<prop::sample::Index>(), 1..600),
        with_names in any::<bool>(),
    ) {
        const ATTEMPTS_MAX: usize = 11;
        let demand = demand();
        let mut counted = 0;
        let mut begun = 0;
        // Per client: the call it is at, and the attempt it makes next.
        let mut at = vec![(0usize, 1usize); refusals.len()];
        for (turn, pick) in turns.iter().enumerate() {
            let client = pick.index(refusals.len());
            let (call, number) = at[client];
            let Some(&refused) = refusals[client].get(call) else { continue };
            let outcome = if number <= refused { THROTTLED } else { SERVED };
            let attempt = if with_names {
                named(&format!("{client}/{call}"), &format!("attempt={number}; max=11"))
            } else {
                Attempt::nameless(client as u64, call as u64, RequestType::Modify)
            };
            begun += usize::from(number == 1);
            counted += usize::from(demand.counts(&attempt, outcome, turn as i64));
            let over = outcome == SERVED || number == ATTEMPTS_MAX;
            at[client] = if over { (call + 1, 1) } else { (call, number + 1) };
        }
        prop_assert_eq!(counted, begun);
    }
}
