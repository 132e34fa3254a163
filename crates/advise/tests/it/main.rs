//! Exports of a table that never was, made here and labelled so, and the advice for it.

mod synthetic;

use advise::advise;
use advise::input::{Inputs, Kind};
use advise::outlook::{Basis, Limits};
use synthetic::{DAYS, Shape, csv, insights, metric_data, metric_statistics};

fn read(files: &[(&str, String)]) -> Inputs {
    let directory = tempfile::tempdir().expect("a directory");
    let mut inputs = Inputs::default();
    for (name, text) in files {
        let path = directory.path().join(name);
        std::fs::write(&path, text).expect("written");
        if name.starts_with("insights") {
            inputs.read_insights(&path).expect("a known form");
        } else {
            inputs.read_cloudwatch(&path).expect("a known form");
        }
    }
    inputs
}

/// A daily wave from 200 to 1,000 write units per second.
const WAVE: Shape = Shape { low: 200.0, high: 1_000.0 };

#[test]
fn a_daily_peak_above_provisioned_capacity_is_announced() {
    let inputs = read(&[("synthetic.json", metric_data(&WAVE, 5))]);
    let limits = Limits { provisioned: [None, Some(800.0)], ..Limits::default() };
    let advice = advise(&inputs, &limits).unwrap();
    let load = &advice.loads[0];
    assert_eq!((advice.loads.len(), load.kind), (1, Kind::Write));
    assert!(load.ahead.known, "{}", load.ahead.reason);
    // The wave is above 800 for about seven hours around noon; the data end at midnight.
    let over: Vec<usize> =
        (0..load.ahead.hours.len()).filter(|&hour| load.ahead.hours[hour].over >= 0.5).collect();
    assert!(over.contains(&12) && over.len() <= 10, "{over:?}");
    assert!(load.ahead.hours[0].over < 0.05 && load.ahead.hours[2].over < 0.05);
    assert_eq!(load.ahead.actions.len(), 1, "{:?}", load.ahead.actions);
    let action = &load.ahead.actions[0];
    assert!((950.0..1_250.0).contains(&action.to_units), "{}", action.to_units);
    assert!(action.by_ms < action.from_ms && action.from_ms > load.ahead.start_ms);

    let found = load.evidence.as_ref().unwrap();
    assert!(found.error < 0.06 && found.coverage_90 > 0.8, "{found:?}");
    assert!(found.forecast.units < 0.8 * found.fixed.units, "{found:?}");
    let text = advise::text::text(&advice);
    assert!(text.contains("raise provisioned capacity for writes from 800"), "{text}");
}

#[test]
fn what_fits_needs_nothing() {
    let inputs = read(&[("synthetic.json", metric_data(&WAVE, 5))]);
    let limits = Limits { warm: [None, Some(4_000.0)], ..Limits::default() };
    let advice = advise(&inputs, &limits).unwrap();
    assert_eq!(advice.loads[0].ahead.actions, []);
    assert_eq!(advice.loads[0].ahead.limit.basis, Basis::Warm);
    assert!(advise::text::text(&advice).contains("Nothing to raise"));
}

#[test]
fn all_forms_of_an_export_say_the_same() {
    let of = |text: String| read(&[("synthetic", text)]).metrics;
    let expected = of(metric_data(&WAVE, 5));
    assert_eq!(expected.consumed[1].len() as i64, DAYS * 288);
    assert_eq!(of(metric_statistics(&WAVE, 5)), expected);
    assert_eq!(of(csv(&WAVE, 5)), expected);
}

#[test]
fn a_key_whose_share_of_the_forecast_is_too_much_is_named() {
    let inputs = read(&[
        ("synthetic.json", metric_data(&Shape { low: 900.0, high: 3_000.0 }, 5)),
        ("insights.json", insights()),
    ]);
    let advice = advise(&inputs, &Limits::default()).unwrap();
    let key = &advice.keys[0];
    assert_eq!(
        (key.name.as_str(), key.too_hot_from.map(|(kind, _)| kind)),
        ("tenant<1>", Some(Kind::Write))
    );
    let quiet = advice.keys.iter().find(|key| key.name == "tenant<2>").unwrap();
    assert_eq!(quiet.too_hot_from, None);
    let page = advise::html::page(&advice);
    assert!(page.contains("tenant&lt;1&gt;") && !page.contains("tenant<1>"));
    assert!(page.contains("<svg") && page.contains("</html>") && !page.contains("http"));
    serde_json::to_string(&advice).unwrap();
}

#[test]
fn noise_has_no_forecast_and_short_series_no_evidence() {
    let noise = read(&[("synthetic.json", metric_data(&Shape { low: 500.0, high: 500.0 }, 5))]);
    let advice = advise(&noise, &Limits::default()).unwrap();
    assert!(!advice.loads[0].ahead.known, "{}", advice.loads[0].ahead.reason);

    let text = csv(&WAVE, 5);
    let days = |days: usize| text.lines().take(1 + days * 288).collect::<Vec<_>>().join("\n");
    let short = advise(&read(&[("synthetic.csv", days(3))]), &Limits::default()).unwrap();
    assert_eq!(short.loads[0].evidence, None);
    assert!(short.notes.iter().any(|note| note.contains("too few days")));
}

#[test]
fn nothing_usable_is_an_error_that_says_what_to_export() {
    let error = advise(&Inputs::default(), &Limits::default()).unwrap_err().to_string();
    assert!(error.contains("ConsumedReadCapacityUnits"), "{error}");
}
