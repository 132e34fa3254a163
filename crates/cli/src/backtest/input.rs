//! Files in, series of rates in equal bins out.

use super::{Args, BacktestError, Named};
use forecast::Series;
use forecast::backtest::Label;
use std::collections::HashSet;
use std::path::Path;
use workload::{Rates, TraceReader, read_rate_series};

/// The longest series: ten years of minutes.
const BINS_MAX: usize = 5_300_000;

/// All series that were asked for, in order, in bins of `bin_ms`.
pub(super) fn read(args: &Args, bin_ms: i64) -> Result<Vec<Named>, BacktestError> {
    let mut all = Vec::new();
    for path in &args.rates {
        let wanted = |name: &str| args.series.as_deref().is_none_or(|wanted| wanted == name);
        for (name, rates) in read_rate_series(path)?.into_iter().filter(|(name, _)| wanted(name)) {
            let file = stem(path);
            let name = if name.is_empty() { file } else { format!("{file}: {name}") };
            all.push(Named { name, series: binned(path, &rates, bin_ms)? });
        }
    }
    if let Some(path) = &args.trace {
        all.push(Named { name: stem(path), series: counted(path, bin_ms)? });
    }
    let mut seen = HashSet::new();
    let twice = all.iter().find(|named| !seen.insert(&named.name));
    let problem = match (all.first(), twice) {
        (Some(_), None) => return Ok(all),
        (Some(_), Some(twice)) => format!("`{}` is given twice", twice.name),
        (None, _) => "no series of that name; leave out --series to see all".to_owned(),
    };
    let path = args.rates.first().or(args.trace.as_ref()).cloned().unwrap_or_default();
    Err(BacktestError::Input { path, problem })
}

/// Labelled anomalies with the names of their files: the lines whose kind ends in `window`.
pub(super) fn labels(path: &Path) -> Result<Vec<(String, Label)>, BacktestError> {
    let problem = |problem: String| BacktestError::Input { path: path.to_owned(), problem };
    let text = std::fs::read_to_string(path).map_err(|error| problem(error.to_string()))?;
    let label = |line: &str| {
        let mut fields = line.split(',').map(str::trim);
        let (file, start, end) = (fields.next()?, fields.next()?, fields.next()?);
        let ms = |seconds: &str| seconds.parse::<i64>().ok()?.checked_mul(1_000);
        let label = Label { start_ms: ms(start)?, end_ms: ms(end)? };
        Some((fields.next()?.ends_with("window"), file.to_owned(), label))
    };
    let mut labels = Vec::new();
    for (number, line) in text.lines().enumerate().skip(1).filter(|(_, line)| !line.is_empty()) {
        let expected = "file,start_unix_s,end_unix_s,kind";
        let (window, file, label) = label(line)
            .ok_or_else(|| problem(format!("line {}: expected {expected}", number + 1)))?;
        if window {
            labels.push((file, label));
        }
    }
    Ok(labels)
}

/// A time as people write it: `90s`, `5m`, `1h`.
pub(super) fn milliseconds(text: &str) -> Result<i64, String> {
    let unit = text.chars().last().filter(|last| last.is_ascii_alphabetic());
    let factor = match unit {
        Some('s') => 1_000,
        Some('m') => 60_000,
        Some('h') => 3_600_000,
        _ => return Err("write a time such as 90s, 5m or 1h".to_owned()),
    };
    let number = text[..text.len() - 1].parse::<u32>().ok().filter(|number| *number > 0);
    number
        .map(|number| i64::from(number) * factor)
        .ok_or_else(|| "write a time such as 90s, 5m or 1h".to_owned())
}

/// Requests per second in bins of the wanted length.
fn binned(path: &Path, rates: &Rates, bin_ms: i64) -> Result<Series, BacktestError> {
    let problem = |problem| BacktestError::Input { path: path.to_owned(), problem };
    if rates.bin_ms > bin_ms {
        let (step, bin) = (rates.bin_ms / 1_000, bin_ms / 1_000);
        let hint = format!("--bin {step}s and a --horizon of as many steps as you like");
        return Err(problem(format!(
            "its steps of {step} s are longer than bins of {bin} s: {hint}"
        )));
    }
    let per_second = |value: &f64| value * 1_000.0 / rates.bin_ms as f64;
    let times = (0..).map(|step| rates.start_ms + step * rates.bin_ms);
    let points: Vec<(i64, f64)> = times.zip(rates.values.iter().map(per_second)).collect();
    Series::from_points(&points, bin_ms, BINS_MAX)
        .ok_or_else(|| problem(format!("more than {BINS_MAX} bins: choose a longer --bin")))
}

/// Requests per second of a trace; a bin without any is a bin without load, not a gap.
fn counted(path: &Path, bin_ms: i64) -> Result<Series, BacktestError> {
    let problem =
        |problem: &str| BacktestError::Input { path: path.to_owned(), problem: problem.to_owned() };
    let (mut start_ms, mut values) = (None, Vec::new());
    for event in TraceReader::open(path)? {
        let at_ms = event?.timestamp_ms;
        let start_ms = *start_ms.get_or_insert(at_ms - at_ms.rem_euclid(bin_ms));
        let bin = usize::try_from((at_ms - start_ms) / bin_ms).ok().filter(|bin| *bin < BINS_MAX);
        let bin = bin.ok_or_else(|| problem("it is not in the order of time, or too long"))?;
        if values.len() <= bin {
            values.resize(bin + 1, 0.0);
        }
        values[bin] += 1_000.0 / bin_ms as f64;
    }
    // The last bin is not known to be whole.
    values.pop();
    Ok(Series::new(start_ms.ok_or_else(|| problem("it is empty"))?, bin_ms, values))
}

/// The file's name without its endings.
fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.trim_end_matches(".gz").trim_end_matches(".csv").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit() {
        assert_eq!(milliseconds("90s"), Ok(90_000));
        assert_eq!(milliseconds("5m"), Ok(300_000));
        assert_eq!(milliseconds("1h"), Ok(3_600_000));
        for wrong in ["", "5", "m", "0m", "-5m", "5d", "5 m", "fünf"] {
            assert!(milliseconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn labels_are_windows_and_what_is_none_is_refused_by_its_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("labels.csv");
        let head = "file,start_unix_s,end_unix_s,kind";
        std::fs::write(&path, format!("{head}\na,1,2,x_window\na,1,1,x_label\n")).unwrap();
        let label = Label { start_ms: 1_000, end_ms: 2_000 };
        assert_eq!(labels(&path).unwrap(), [("a".to_owned(), label)]);
        std::fs::write(&path, format!("{head}\na,1,2,x_window\na,soon\n")).unwrap();
        assert!(labels(&path).unwrap_err().to_string().contains("line 3"));
    }

    #[test]
    fn names_lose_their_endings() {
        assert_eq!(stem(Path::new("/a/b_5min.csv.gz")), "b_5min");
        assert_eq!(stem(Path::new("b.csv")), "b");
    }
}
