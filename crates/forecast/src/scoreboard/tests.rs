use super::*;
use ModelKind::{ProfileLevel, Ridge, SeasonalNaiveDay};

const KINDS: [ModelKind; 3] = [ProfileLevel, SeasonalNaiveDay, Ridge];

fn board() -> Scoreboard {
    let settings = ForecastSettings { switch_margin: 0.1, ..ForecastSettings::default() };
    let seasons = Seasons::new(settings.bin_ms).expect("five minutes");
    Scoreboard::new(KINDS.to_vec(), seasons, &settings)
}

/// Losses of the three models for some bins, while the climatology loses 1 in each; a loss of NaN
/// stands for a model that had made no forecast. A little variation keeps chance in the game.
fn push(board: &mut Scoreboard, bins: u32, losses: [f64; 3]) {
    for bin in 0..bins {
        let wobble = 1.0 + 0.05 * f64::from(bin % 7);
        let outcome = |loss: f64| {
            (!loss.is_nan()).then_some(Outcome { pinball: loss * wobble, covered: 0.9 })
        };
        board.push(losses.into_iter().map(outcome), 1.0 * wobble);
    }
}

#[test]
fn nobody_speaks_before_having_been_judged() {
    let mut board = board();
    push(&mut board, 84, [0.5, 0.6, f64::NAN]);
    assert_eq!(board.verdict(), Verdict::TooEarly { bins_needed: 96 });
    push(&mut board, 12, [0.5, 0.6, 0.1]);
    assert_eq!(board.verdict(), Verdict::Speak { model: ProfileLevel }, "ridge has only 12 bins");
    push(&mut board, 96, [0.5, 0.6, 0.1]);
    assert_eq!(board.verdict(), Verdict::Speak { model: Ridge });
}

#[test]
fn nobody_speaks_who_does_not_beat_the_climatology_by_the_margin() {
    let mut board = board();
    push(&mut board, 288, [1.3, 1.2, 0.97]);
    let Verdict::NothingToKnow { best, ratio, bins } = board.verdict() else {
        panic!("{:?}", board.verdict());
    };
    assert_eq!((best, bins), (Ridge, 288));
    assert!((ratio - 0.97).abs() < 1e-6);
}

#[test]
fn a_lead_of_one_lucky_block_is_chance() {
    let mut board = board();
    push(&mut board, 276, [1.0, 1.0, 1.0]);
    // One block in which the climatology loses heavily and the model does not.
    for _ in 0..12 {
        let lucky = Outcome { pinball: 1.0, covered: 0.9 };
        board.push([Some(lucky); 3].into_iter(), 20.0);
    }
    assert!(matches!(board.verdict(), Verdict::NothingToKnow { ratio, .. } if ratio < 0.8));
}

#[test]
fn where_even_constants_never_miss_there_is_nothing_to_know() {
    let mut board = board();
    for _ in 0..288 {
        board.push([Some(Outcome { pinball: 0.0, covered: 1.0 }); 3].into_iter(), 0.0);
    }
    assert!(matches!(board.verdict(), Verdict::NothingToKnow { .. }));
}

#[test]
fn a_rival_must_be_clearly_better_to_take_over() {
    let mut board = board();
    push(&mut board, 96, [0.50, 0.9, 0.6]);
    assert_eq!(board.verdict(), Verdict::Speak { model: ProfileLevel });
    // Over the whole window ridge is now ahead, but by less than the switch margin of 10 %.
    push(&mut board, 288, [0.50, 0.9, 0.45]);
    let (last, ridge) = (board.recent_error(ProfileLevel), board.recent_error(Ridge));
    assert!(ridge.expect("judged").pinball < last.expect("judged").pinball);
    assert_eq!(board.verdict(), Verdict::Speak { model: ProfileLevel });
    push(&mut board, 864, [0.50, 0.9, 0.3]);
    assert_eq!(board.verdict(), Verdict::Speak { model: Ridge });
}

#[test]
fn a_model_that_loses_to_the_naive_is_replaced_at_once() {
    let mut board = board();
    push(&mut board, 96, [0.50, 0.52, 0.9]);
    assert_eq!(board.verdict(), Verdict::Speak { model: ProfileLevel });
    // The naive is ahead by 2 % only: less than the switch margin, but it is the naive.
    push(&mut board, 864, [0.50, 0.49, 0.9]);
    assert_eq!(board.verdict(), Verdict::Speak { model: SeasonalNaiveDay });
}

#[test]
fn old_losses_leave_the_window() {
    let mut board = board();
    push(&mut board, 504, [0.2, 0.9, 0.9]);
    push(&mut board, 864, [0.9, 0.9, 0.4]);
    let error = board.recent_error(ProfileLevel).expect("judged");
    assert_eq!(error.bins, 864);
    assert!((error.pinball / error.climatology - 0.9).abs() < 1e-6);
    assert!((error.coverage - 0.9).abs() < 2e-3);
    assert_eq!(board.verdict(), Verdict::Speak { model: Ridge });
    let bytes = board.state_bytes();
    push(&mut board, 5_000, [0.9, 0.9, 0.4]);
    assert_eq!(board.state_bytes(), bytes, "memory is bounded");
}

#[test]
fn losses_are_compared_over_the_bins_that_a_model_was_judged_by() {
    // Ridge comes late, when all is twice as hard: its ratio counts, not its larger loss.
    let mut board = board();
    push(&mut board, 288, [0.6, 0.7, f64::NAN]);
    for _ in 0..288 {
        let outcome = |pinball| Some(Outcome { pinball, covered: 0.9 });
        board.push([outcome(1.2), outcome(1.4), outcome(0.8)].into_iter(), 2.0);
    }
    assert_eq!(board.verdict(), Verdict::Speak { model: Ridge });
    let error = board.recent_error(Ridge).expect("judged");
    assert!((error.seasonal_naive.expect("judged") - 1.4).abs() < 0.01, "{error:?}");
}

#[test]
fn a_method_that_knows_no_time_speaks_only_if_it_is_much_better() {
    let settings = ForecastSettings::default();
    let seasons = Seasons::new(settings.bin_ms).expect("five minutes");
    let kinds = vec![ModelKind::Ewma, SeasonalNaiveDay, Ridge];
    let mut board = Scoreboard::new(kinds, seasons, &settings);
    push(&mut board, 288, [0.50, 0.9, 0.55]);
    assert_eq!(board.verdict(), Verdict::Speak { model: Ridge });
    push(&mut board, 864, [0.40, 0.9, 0.55]);
    assert_eq!(board.verdict(), Verdict::Speak { model: ModelKind::Ewma });
}
