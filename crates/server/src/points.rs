//! Points in time: which of them are kept, and which one an instant leads to. Pure.
//!
//! A table whose past is kept is backed up every few minutes, if anything was written to it. Those points are thinned
//! with their age: all of the last hour, the first of each hour of the last day, the first of each day of the
//! window. Restoring to an instant gives the state of the last point at or before it.

use dynamodb::{PointInTime, RestorableTimes};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Up to which age points are kept one in how many milliseconds; older ones, one a day.
const STEPS: [(i64, i64); 2] = [(HOUR_MS, 1), (DAY_MS, HOUR_MS)];

/// The points that nobody needs any more: their places in `points`, which are the instants in rising order.
pub(crate) fn superfluous(points: &[i64], kept: PointInTime, now_ms: i64) -> Vec<usize> {
    let window_ms = i64::from(kept.days) * DAY_MS;
    let is_needed = |at: usize| {
        let point = points[at];
        let Some(next) = points.get(at + 1) else {
            // What is there now is there since the newest one.
            return point >= kept.since_ms;
        };
        // The last one before the window is what its beginning leads to.
        if point < kept.since_ms || now_ms - *next >= window_ms {
            return false;
        }
        let age_ms = now_ms - point;
        let step = STEPS.iter().find(|(most_ms, _)| age_ms <= *most_ms);
        let step_ms = step.map_or(DAY_MS, |(_, step_ms)| *step_ms);
        let slot = point.div_euclid(step_ms);
        at == 0 || points[at - 1].div_euclid(step_ms) != slot
    };
    (0..points.len()).filter(|at| !is_needed(*at)).collect()
}

/// From when to when a table can be restored. If nothing was written since the last point, that is as it is now.
pub(crate) fn restorable(
    points: &[i64],
    kept: PointInTime,
    unchanged: bool,
    now_ms: i64,
) -> Option<RestorableTimes> {
    let window_ms = i64::from(kept.days) * DAY_MS;
    let first = points.iter().find(|point| **point >= kept.since_ms)?;
    let last = points.last()?;
    let latest_ms = if unchanged { now_ms.max(*last) } else { *last };
    let earliest_ms = (*first).max(now_ms.saturating_sub(window_ms)).min(latest_ms);
    Some(RestorableTimes { earliest_ms, latest_ms })
}

/// The place of the point that an instant leads to.
pub(crate) fn at_or_before(points: &[i64], instant_ms: i64) -> Option<usize> {
    points.partition_point(|point| *point <= instant_ms).checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEPT: PointInTime = PointInTime { since_ms: 0, days: 35 };
    const FIVE_MIN_MS: i64 = 300_000;

    /// Points of every five minutes for so many days, thinned whenever one is taken.
    fn kept_for(days: i64, kept: PointInTime) -> (Vec<i64>, i64) {
        let (mut points, mut now_ms) = (Vec::new(), 0);
        while now_ms < days * DAY_MS {
            points.push(now_ms);
            for at in superfluous(&points, kept, now_ms).into_iter().rev() {
                points.remove(at);
            }
            now_ms += FIVE_MIN_MS;
        }
        (points, now_ms - FIVE_MIN_MS)
    }

    #[test]
    fn points_are_thinned_with_age_and_bounded() {
        let (points, now_ms) = kept_for(50, KEPT);
        assert!(points.len() <= 13 + 25 + 36, "{}", points.len());
        let widest = |from_age: i64, to_age: i64| {
            let ages =
                points.windows(2).filter(|pair| (from_age..to_age).contains(&(now_ms - pair[0])));
            ages.map(|pair| pair[1] - pair[0]).max().unwrap()
        };
        assert_eq!(widest(0, HOUR_MS), FIVE_MIN_MS);
        assert_eq!(widest(HOUR_MS + 1, DAY_MS), HOUR_MS);
        assert_eq!(widest(DAY_MS + HOUR_MS, 36 * DAY_MS), DAY_MS);
        let oldest_ms = now_ms - points[0];
        assert!((35 * DAY_MS..=36 * DAY_MS).contains(&oldest_ms), "{oldest_ms}");
    }

    #[test]
    fn what_is_out_of_the_window_goes_but_for_what_its_beginning_leads_to() {
        let kept = PointInTime { since_ms: 0, days: 2 };
        let points = [0, DAY_MS, 2 * DAY_MS, 4 * DAY_MS];
        assert_eq!(superfluous(&points, kept, 4 * DAY_MS), [0, 1]);
        // Of a table that nobody writes to, the newest stays.
        assert_eq!(superfluous(&[0], kept, 100 * DAY_MS), [0; 0]);
        let times = restorable(&[0], kept, true, 100 * DAY_MS).unwrap();
        assert_eq!((times.earliest_ms, times.latest_ms), (98 * DAY_MS, 100 * DAY_MS));
    }

    #[test]
    fn what_was_kept_before_it_was_switched_off_and_on_again_is_not_used() {
        let kept = PointInTime { since_ms: 10, days: 35 };
        assert_eq!(superfluous(&[5, 10, 20], kept, 30), [0]);
        let times = restorable(&[5, 10, 20], kept, false, 30).unwrap();
        assert_eq!((times.earliest_ms, times.latest_ms), (10, 20));
        assert_eq!(restorable(&[5], kept, false, 30), None);
    }

    #[test]
    fn an_instant_leads_to_the_last_point_at_or_before_it() {
        let points = [10, 20];
        for (instant_ms, at) in
            [(9, None), (10, Some(0)), (19, Some(0)), (20, Some(1)), (99, Some(1))]
        {
            assert_eq!(at_or_before(&points, instant_ms), at, "{instant_ms}");
        }
    }

    proptest! {
        /// Whatever there is, what is left is not thinned again at once, and the newest stays.
        #[test]
        fn thinning_is_done_at_once(
            mut points in prop::collection::btree_set(0..40 * DAY_MS, 1..60)
                .prop_map(|points| points.into_iter().collect::<Vec<_>>()),
            days in 1..36u32,
        ) {
            let kept = PointInTime { since_ms: 0, days };
            let newest = *points.last().unwrap();
            for at in superfluous(&points, kept, newest).into_iter().rev() {
                points.remove(at);
            }
            prop_assert_eq!(points.last(), Some(&newest));
            prop_assert!(superfluous(&points, kept, newest).is_empty());
        }
    }
}
