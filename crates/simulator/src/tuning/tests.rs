//! On short made-up tables: a month takes too long for a test.

use super::*;
use crate::case::Case;
use crate::matrix::{CELLS, Kind, LoadMatrix};
use crate::workloads::Stratum;
use planner::tuning::Thresholds;
use types::Units;

const DAY_MS: i64 = 24 * 3_600_000;
const DAY_MINUTES: usize = 1_440;

/// Six days of history and two that come: a wave, spread evenly over the keys.
fn wave() -> Case {
    let minutes = 8 * DAY_MINUTES;
    let mut matrix = LoadMatrix::new(0, minutes);
    for minute in 0..minutes {
        let phase = std::f64::consts::TAU * minute as f64 / DAY_MINUTES as f64;
        let load = (300.0 - 200.0 * phase.cos()) / CELLS as f64;
        matrix.row_mut(Kind::Write, minute).fill(load as f32);
    }
    Case {
        workload: "wave".into(),
        stratum: Stratum::Predictable,
        seed: 1,
        start_ms: 6 * DAY_MS,
        end_ms: 8 * DAY_MS,
        capacity: Units { read: 300.0, write: 100.0 },
        divided: None,
        matrix,
    }
}

fn pace(go_on: bool) -> Pace {
    std::sync::Arc::new(move || go_on)
}

fn settings() -> PlaySettings {
    frugal(&PlaySettings::default())
}

#[test]
fn what_is_learnt_saves_and_is_the_same_again() {
    let learn = || {
        let days = Days::before(&wave(), 4, settings()).unwrap();
        let trained = train(&days, &TrainSettings::default()).unwrap();
        let grid = grid(&days, &TrainSettings::default()).unwrap();
        (trained, grid, days.contexts().to_vec())
    };
    let (trained, (_, saved), contexts) = learn();
    assert_eq!((contexts.len(), trained.days_played), (4, 4 * PASSES as u32));
    assert!(saved >= 0.0 && trained.saving.mean >= 0.0, "the base is among what is tried");
    assert!(contexts.iter().all(|x| x.seasonality > 0.9 && x.skew < 0.01), "{contexts:?}");
    for context in &contexts {
        assert!(trained.choose(context).is_within_bounds());
        assert!(trained.by_context(context).is_within_bounds());
    }
    assert_eq!(learn().0, trained);
}

#[test]
fn a_change_of_thresholds_takes_effect_with_the_day() {
    let days = Days::new(wave(), settings()).unwrap();
    let base = days.base();
    let empty = Thresholds { target_utilisation: 0.5, ..base };
    let full = Thresholds { target_utilisation: 0.95, ..base };
    let play =
        |thresholds: [Thresholds; 2]| days.play(|day, _| thresholds[day]).unwrap().map_hours();
    let (constant, changed) = (play([full, full]), play([full, empty]));
    assert_eq!(constant[0], changed[0], "the first day knows nothing of the second");
    assert!(changed[1] > constant[1], "{constant:?} {changed:?}");
}

trait Hours {
    fn map_hours(self) -> Vec<f64>;
}

impl Hours for Vec<planner::tuning::DayCost> {
    fn map_hours(self) -> Vec<f64> {
        self.into_iter().map(|day| day.partition_hours).collect()
    }
}

#[test]
fn pins_are_kept_by_all() {
    let pins = Pins {
        quantile: Some(forecast::Quantile::Q99),
        target_utilisation: Some(0.7),
        cooldown_ms: Some(600_000),
        ..Pins::default()
    };
    let settings = TrainSettings { pins, days: 3, ..TrainSettings::default() };
    let days = Days::before(&wave(), 3, self::settings()).unwrap();
    let trained = train(&days, &settings).unwrap();
    let (best, _) = grid(&days, &settings).unwrap();
    for thresholds in [trained.choose(&days.contexts()[0]), best] {
        assert_eq!(pins.applied_to(thresholds), thresholds);
    }
}

#[test]
fn too_little_history_is_refused_in_words() {
    let case = Case { start_ms: 4 * DAY_MS, ..wave() };
    let error = Days::before(&case, 10, settings()).err().map(|error| error.to_string());
    assert!(error.is_some_and(|text| text.contains("five days")));
}

#[test]
fn a_day_that_is_over_can_be_played_again() {
    let days = Days::new(wave(), settings()).unwrap();
    let base = days.base();
    let dear = Thresholds { target_utilisation: 0.5, ..base };
    let prices = planner::tuning::Prices::default();
    let costs = replay(&wave(), &settings(), &prices, &[base, dear, base], &pace(true));
    let costs = costs.unwrap();
    assert!(costs[0] > 0.0 && costs[1] > costs[0], "{costs:?}");
    assert_eq!(costs[0], costs[2]);
    let stopped = replay(&wave(), &settings(), &prices, &[base], &pace(false));
    assert!(matches!(stopped, Err(crate::SimulatorError::Stopped)));
}

#[test]
fn all_are_compared_on_later_days() {
    let training = TrainSettings { days: 3, ..TrainSettings::default() };
    let compared = compare(&wave(), &PlaySettings::default(), &training, 2, &|| ()).unwrap();
    let names: Vec<&str> = compared.rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["defaults", "grid", "learner", "learner-by-context", "oracle"]);
    assert!(compared.rows.iter().all(|row| row.costs.len() == 2));
    let total = |at: usize| compared.rows[at].costs.iter().sum::<f64>();
    assert!(total(4) < total(0), "who knows what comes pays less");
    assert!(total(2) <= total(1) * 1.02, "the learner is about as good as the grid or better");
    let text = table(&[compared]);
    println!("{text}");
    assert_eq!(text.lines().count(), 2 + 5, "{text}");
    assert!(text.contains("| wave | defaults |") && text.contains("0.0 % [0.0, 0.0]"), "{text}");
}

#[test]
fn where_nothing_saves_nothing_is_changed() {
    let mut matrix = LoadMatrix::new(0, 8 * DAY_MINUTES);
    (0..8 * DAY_MINUTES).for_each(|minute| matrix.row_mut(Kind::Write, minute).fill(0.1));
    let case = Case { matrix, ..wave() };
    let days = Days::before(&case, 3, settings()).unwrap();
    let settings = TrainSettings { days: 3, ..TrainSettings::default() };
    let trained = train(&days, &settings).unwrap();
    assert_eq!(trained.choose(&days.coming()), days.base());
    assert_eq!(grid(&days, &settings).unwrap(), (days.base(), 0.0));
    assert!(trained.saving.lower() <= 0.0);
}
