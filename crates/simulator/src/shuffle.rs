//! The negative control: a history with all that was in it except when.
//!
//! Bins of time are permuted for the whole table at once. Rates, keys and their distribution stay;
//! the day and the week are gone. A policy that lives on knowing when must lose its advantage.

use crate::random::Random;
use crate::workload::{Event, Workload};

/// The workload with the `bin_ms` bins of `from_ms..to_ms` permuted in time. What lies outside, and
/// an incomplete last bin, stays.
pub fn shuffled(workload: &Workload, from_ms: i64, to_ms: i64, bin_ms: i64, seed: u64) -> Workload {
    let bins = ((to_ms - from_ms) / bin_ms).max(0) as usize;
    let places = permutation(bins, seed);
    let end_ms = from_ms + bins as i64 * bin_ms;
    let moved = |event: &Event| {
        if !(from_ms..end_ms).contains(&event.at_ms) {
            return *event;
        }
        let bin = (event.at_ms - from_ms) / bin_ms;
        let at_ms = event.at_ms + (places[bin as usize] as i64 - bin) * bin_ms;
        Event { at_ms, ..*event }
    };
    let mut result = workload.clone();
    result.events = workload.events.iter().map(moved).collect();
    result.events.sort_by_key(|event| event.at_ms);
    result
}

/// Where each bin goes: Fisher and Yates.
fn permutation(bins: usize, seed: u64) -> Vec<usize> {
    let random = Random::new(seed);
    let mut places: Vec<usize> = (0..bins).collect();
    for i in (1..bins).rev() {
        places.swap(i, random.of(i as u64).below(i as u64 + 1) as usize);
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::workload::RequestType;

    #[test]
    fn everything_is_kept_but_the_order_of_bins() {
        let mut workload = Workload::default();
        let (key, client) = (workload.key_number("k"), workload.client_number("c"));
        let event = |at_ms| Event {
            at_ms,
            key,
            client,
            request: RequestType::Store,
            bytes: 1,
            quantity: 1,
        };
        // Bin i has i events; one more event lies outside.
        workload.events =
            (0..50).flat_map(|bin| (0..bin).map(move |i| event(bin * 100 + i))).collect();
        workload.events.push(event(5_000));
        let result = shuffled(&workload, 0, 5_000, 100, 1);
        let counts = |w: &Workload| -> Vec<usize> {
            (0..50).map(|bin| w.between(bin * 100, bin * 100 + 100).len()).collect()
        };
        let mut sorted = counts(&result);
        assert_ne!(sorted, counts(&workload));
        sorted.sort_unstable();
        assert_eq!(sorted, counts(&workload));
        assert_eq!(result.events.last(), workload.events.last());
        assert!(result.events.is_sorted_by_key(|event| event.at_ms));
    }
}
