//! What of a forecast load would be refused: demand against a partition's capacity and what it has saved up.
//!
//! The same bucket as admission's, but load flows: within a step it comes evenly, and what was refused
//! does not come again. A burst inside a step that the credit would not carry is therefore not seen. It
//! says what is to be expected, not what to do: the policies go by capacity alone.

use crate::bucket::BURST_S;
use types::Units;

/// What is refused in each step, in units per second, of `loads` (units per second), if the bucket has
/// `credit` (unit-seconds) at the beginning.
pub fn refused(loads: &[Units], capacity: Units, credit: Units, step_s: f64) -> Vec<Units> {
    let mut levels = credit;
    let step = |load: &Units| Units {
        read: flow(&mut levels.read, load.read, capacity.read, step_s),
        write: flow(&mut levels.write, load.write, capacity.write, step_s),
    };
    loads.iter().map(step).collect()
}

/// One step of one kind: what does not fit, per second. The level is left as it is at the end.
fn flow(level: &mut f64, load: f64, capacity: f64, step_s: f64) -> f64 {
    if step_s <= 0.0 {
        return 0.0;
    }
    let most = capacity.max(0.0) * BURST_S;
    let there = level.min(most) + capacity.max(0.0) * step_s;
    let wanted = load.max(0.0) * step_s;
    // A debt is paid before anything is served.
    let served = wanted.min(there.max(0.0));
    *level = (there - served).min(most);
    (wanted - served) / step_s
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPACITY: Units = Units { read: 0.0, write: 100.0 };
    const STEP_S: f64 = 300.0;

    fn writes(loads: &[f64], credit: f64) -> Vec<f64> {
        let loads: Vec<Units> = loads.iter().map(|&load| Units::write(load)).collect();
        let refused = refused(&loads, CAPACITY, Units::write(credit), STEP_S);
        refused.into_iter().map(|units| units.write).collect()
    }

    #[test]
    fn what_fits_is_served() {
        assert_eq!(writes(&[0.0, 99.0, 100.0], 0.0), [0.0; 3]);
    }

    #[test]
    fn what_is_beyond_capacity_is_refused_once_the_credit_is_gone() {
        // A full bucket carries twice the capacity for one step, half a bucket for half of one.
        assert_eq!(writes(&[200.0, 200.0], 30_000.0), [0.0, 100.0]);
        assert_eq!(writes(&[200.0, 200.0], 15_000.0), [50.0, 100.0]);
    }

    #[test]
    fn credit_is_saved_up_again_but_no_more_than_fits() {
        assert_eq!(writes(&[200.0, 50.0, 150.0, 150.0], 0.0), [100.0, 0.0, 0.0, 50.0]);
        assert_eq!(writes(&[0.0, 0.0, 0.0, 300.0], 1e9), [0.0, 0.0, 0.0, 100.0]);
    }

    #[test]
    fn a_debt_is_paid_first() {
        assert_eq!(writes(&[100.0, 100.0], -15_000.0), [50.0, 0.0]);
        assert_eq!(writes(&[10.0, 10.0], -60_000.0), [10.0, 10.0]);
    }

    #[test]
    fn kinds_do_not_help_each_other_and_nonsense_is_nothing() {
        let load = Units { read: 5.0, write: 10.0 };
        let found = refused(&[load], CAPACITY, Units::ZERO, STEP_S);
        assert_eq!(found, [Units { read: 5.0, write: 0.0 }]);
        assert_eq!(refused(&[load], CAPACITY, Units::ZERO, 0.0), [Units::ZERO]);
        assert_eq!(refused(&[], CAPACITY, Units::ZERO, STEP_S), []);
    }
}
