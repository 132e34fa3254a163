//! `foreshard backtest` as a user meets it: documents, tables, the page, errors.

use std::path::Path;
use std::process::{Command, Output};

const TRACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../traces/online-retail.csv.gz");

fn backtest(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_foreshard"));
    command.arg("backtest").args(arguments).output().expect("the binary runs")
}

/// Two series of a fortnight, one with a daily wave, one without anything.
fn rates(directory: &Path) -> String {
    let mut text = String::from("timestamp_unix_s,series,requests\n");
    for bin in 0..14 * 48 {
        let wave = 1_000.0 + 800.0 * (f64::from(bin % 48) / 48.0 * std::f64::consts::TAU).sin();
        text += &format!("{},wave,{}\n", bin * 1_800, wave + f64::from(bin * 7 % 11));
        text += &format!("{},</script>,{}\n", bin * 1_800, 100 + bin * 37 % 101);
    }
    let path = directory.join("rates.csv");
    std::fs::write(&path, text).expect("a file");
    path.to_str().expect("a name").to_owned()
}

#[test]
fn a_trace_gives_one_document_with_all_models() {
    let arguments = ["--trace", TRACE, "--test-days", "2", "--network-updates", "10", "--json"];
    let tested = backtest(&arguments);
    assert!(tested.status.success(), "{}", String::from_utf8_lossy(&tested.stderr));
    let document: serde_json::Value = serde_json::from_slice(&tested.stdout).expect("a document");
    assert_eq!(document["series"], "online-retail");
    assert_eq!(
        (&document["bin_seconds"], &document["horizon_seconds"]),
        (&300.0.into(), &3_600.0.into())
    );
    let models = document["models"].as_array().expect("models");
    let model = |name: &str| {
        let found = models.iter().find(|model| model["name"] == name);
        found.unwrap_or_else(|| panic!("no {name} in {document}"))
    };
    for name in
        ["last_value", "seasonal_naive_day", "seasonal_naive_week", "ridge", "gru", "ensemble"]
    {
        for (field, quantiles) in
            [("pinball", &["0.5", "0.9", "0.99"][..]), ("coverage", &["0.9", "0.99"])]
        {
            for quantile in quantiles {
                assert!(model(name)[field][quantile].is_f64(), "{name} {field} {quantile}");
            }
        }
        for field in ["mase", "smape", "fit_cpu_ms", "predict_cpu_us"] {
            assert!(model(name)[field].is_f64(), "{name} {field}");
        }
    }
    assert!(model("ensemble")["mase"].as_f64() < model("seasonal_naive_day")["mase"].as_f64());
}

#[test]
fn several_series_give_a_list_a_table_of_means_and_a_page() {
    let directory = tempfile::tempdir().expect("a directory");
    let (rates, page) = (rates(directory.path()), directory.path().join("page.html"));
    let page_name = page.to_str().expect("a name");
    let shape =
        ["--bin", "30m", "--horizon", "3h", "--network-updates", "0", "--rivals", "--every", "24"];
    let arguments = [&["--rates", &rates, "--html", page_name], &shape[..]].concat();
    let tested = backtest(&arguments);
    let text = String::from_utf8(tested.stdout).expect("text");
    assert!(tested.status.success(), "{}", String::from_utf8_lossy(&tested.stderr));
    for expected in ["rates: wave: 14 origins", "mean of 2 series", "mstl_ets = "] {
        assert!(text.contains(expected), "no {expected} in {text}");
    }
    let page = std::fs::read_to_string(page).expect("a page");
    assert_eq!(page.matches("</script>").count(), 1, "a name cannot end the script");
    assert!(page.contains("\"mstl_ets\"") && !page.contains("/*DATA*/"));

    let arguments = [&["--rates", &rates, "--series", "wave", "--json"], &shape[..]].concat();
    let again = backtest(&arguments);
    let one: serde_json::Value = serde_json::from_slice(&again.stdout).expect("a document");
    assert_eq!(one["series"], "rates: wave");
}

#[test]
fn what_is_wrong_is_said_in_one_line() {
    let directory = tempfile::tempdir().expect("a directory");
    let rates = rates(directory.path());
    for (arguments, code, expected) in [
        (vec!["--rates", "/nowhere.csv"], 1, "/nowhere.csv"),
        (vec!["--rates", &rates], 1, "steps of 1800 s are longer than bins of 300 s: --bin 1800s"),
        (vec!["--rates", &rates, "--bin", "30m", "--series", "x"], 1, "no series of that name"),
        (vec!["--rates", &rates, "--bin", "30m", "--horizon", "5m"], 1, "horizon_steps is 0"),
        (vec!["--rates", &rates, "--crowds"], 1, "longer than bins of 60 s"),
        (vec!["--rates", &rates, "--bin", "soon"], 2, "write a time such as 90s, 5m or 1h"),
        (vec![], 2, "--rates"),
    ] {
        let tested = backtest(&arguments);
        let text = String::from_utf8(tested.stderr).expect("text");
        assert_eq!(tested.status.code(), Some(code), "{arguments:?}: {text}");
        assert!(text.contains(expected), "{arguments:?}: {text}");
        assert!(code == 2 || text.lines().count() == 1, "{text}");
    }
}
