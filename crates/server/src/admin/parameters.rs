//! What a query says after its question mark, checked; a refusal says what would be right.

use std::str::FromStr;

use http::StatusCode;
use manager::{DecisionsRequest, HeatmapRequest, Metric, Quantile};
use workload::Window;

use super::answer::Refusal;

/// A parameter as it stands there: nothing that is asked for needs escapes.
pub(super) fn one<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').filter_map(|pair| pair.split_once('=')).find(|(n, _)| *n == name).map(|p| p.1)
}

/// A parameter that says yes or no; no if it is missing.
pub(super) fn flag(query: &str, name: &str) -> Result<bool, Refusal> {
    match one(query, name) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(refused(format!("{name}={other:?} is neither true nor false"))),
    }
}

/// A parameter that is a number.
pub(super) fn number<T: FromStr>(query: &str, name: &str) -> Result<Option<T>, Refusal> {
    let Some(text) = one(query, name) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| refused(format!("{name}={text:?} is not a whole number")))
}

/// A rolling window; five minutes unless it is said.
pub(super) fn window(query: &str) -> Result<Window, Refusal> {
    match one(query, "window").unwrap_or("5m") {
        "5m" => Ok(Window::FiveMinutes),
        "1h" => Ok(Window::Hour),
        "1d" => Ok(Window::Day),
        other => Err(refused(format!("there is no window {other:?}; choose 5m, 1h or 1d"))),
    }
}

/// What a heat map is to show.
pub(super) fn heatmap(query: &str) -> Result<HeatmapRequest, Refusal> {
    let mut request = HeatmapRequest::default();
    if let Some(name) = one(query, "metric") {
        request.metric = Metric::named(name).ok_or_else(|| {
            let known = "share, read_units, write_units, bytes or throttles";
            refused(format!("there is no metric {name:?}; choose {known}"))
        })?;
    }
    request.quantile = quantile(query)?;
    if let Some(minutes) = number::<u32>(query, "past_minutes")? {
        request.past_ms = i64::from(minutes) * 60_000;
    }
    request.from_ms = number(query, "from_ms")?;
    request.until_ms = number(query, "until_ms")?;
    if let Some(most) = number(query, "columns_max")? {
        request.columns_max = most;
    }
    if let Some(most) = number(query, "rows_max")? {
        request.rows_max = most;
    }
    Ok(request)
}

/// Which decisions are wanted.
pub(super) fn decisions(query: &str) -> Result<DecisionsRequest<'_>, Refusal> {
    Ok(DecisionsRequest {
        table: one(query, "table"),
        limit: number(query, "limit")?,
        brief: one(query, "brief") == Some("true"),
    })
}

/// One of the calibrated quantiles.
fn quantile(query: &str) -> Result<Option<Quantile>, Refusal> {
    Ok(Some(match one(query, "quantile") {
        None => return Ok(None),
        Some("0.5") => Quantile::Q50,
        Some("0.9") => Quantile::Q90,
        Some("0.99") => Quantile::Q99,
        Some(other) => {
            return Err(refused(format!(
                "there is no quantile {other:?}; choose 0.5, 0.9 or 0.99"
            )));
        }
    }))
}

fn refused(reason: String) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_checked() {
        assert!(matches!(window("window=1h&x=2"), Ok(Window::Hour)));
        assert!(matches!(window(""), Ok(Window::FiveMinutes)));
        assert!(window("window=2h").is_err_and(|r| r.reason.contains("5m, 1h or 1d")));
    }

    #[test]
    fn a_heat_map_is_half_a_day_unless_more_is_said() {
        assert!(heatmap("").is_ok_and(|request| request == HeatmapRequest::default()));
        let request = heatmap("past_minutes=60&metric=bytes&quantile=0.99&rows_max=7&from_ms=-3");
        let expected = HeatmapRequest {
            past_ms: 3_600_000,
            metric: Metric::Bytes,
            quantile: Some(Quantile::Q99),
            rows_max: 7,
            from_ms: Some(-3),
            ..HeatmapRequest::default()
        };
        assert!(request.is_ok_and(|request| request == expected));
        for bad in
            ["past_minutes=-1", "metric=x", "quantile=0.7", "columns_max=many", "from_ms=1e9"]
        {
            let refused = heatmap(bad);
            assert!(
                refused.is_err_and(|r| r.reason.contains(bad.split('=').next().unwrap())),
                "{bad}"
            );
        }
    }
}
