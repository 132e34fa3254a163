//! The past of a heat map: a column is the highest of the history's bins that begin in it.

use super::{BINS_PER_COLUMN, COLUMNS_MAX, Column, HeatmapRequest, Metric, PAST_MS_MAX, rounded};
use crate::Manager;
use types::{KeyRange, TableId};
use workload::HISTORY_BIN_MS as BIN_MS;

/// So much is read at a time, and then the collector is let go: requests for items do not wait for it,
/// but what they leave behind does.
const SLICE_MS: i64 = 24 * 3_600_000;

/// Which time is shown, in which columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    from_ms: i64,
    until_ms: i64,
    pub(super) column_ms: i64,
}

impl Span {
    /// The finest columns that are few enough, on whole multiples of their length.
    pub(super) fn new(request: &HeatmapRequest, now_ms: i64) -> Self {
        let asked_ms = request.from_ms.unwrap_or(now_ms.saturating_sub(request.past_ms));
        let from_ms = asked_ms.clamp(now_ms.saturating_sub(PAST_MS_MAX), now_ms);
        let until_ms = request.until_ms.unwrap_or(now_ms).clamp(from_ms, now_ms.max(from_ms));
        let most = (request.columns_max as i64).clamp(1, COLUMNS_MAX);
        let fits = |bins: &&i64| (until_ms - from_ms) / (**bins * BIN_MS) <= most;
        let bins = BINS_PER_COLUMN.iter().find(fits).or(BINS_PER_COLUMN.last());
        let column_ms = bins.map_or(BIN_MS, |bins| bins * BIN_MS);
        Self { from_ms: from_ms.div_euclid(column_ms) * column_ms, until_ms, column_ms }
    }
}

impl Manager {
    /// The columns of a span, as far as there is history.
    pub(super) fn past(
        &self,
        table: TableId,
        rows: &[KeyRange],
        metric: Metric,
        span: &Span,
    ) -> Vec<(i64, Column)> {
        let capacity = self.shared.components.capacity;
        let mut columns: Vec<(i64, Vec<Option<f64>>)> = Vec::new();
        let mut slice_ms = span.from_ms;
        while slice_ms < span.until_ms {
            let end_ms = (slice_ms + SLICE_MS).min(span.until_ms);
            let collector = self.shared.collector.lock();
            let Some(history) = collector.history(table) else { break };
            history.each_bin(rows, metric.channels(), slice_ms, end_ms, |start_ms, counted| {
                let start_ms = start_ms.div_euclid(span.column_ms) * span.column_ms;
                if columns.last().is_none_or(|(last_ms, _)| *last_ms != start_ms) {
                    columns.push((start_ms, vec![None; rows.len()]));
                }
                let (Some((_, column)), Some(counted)) = (columns.last_mut(), counted) else {
                    return;
                };
                for (highest, counted) in column.iter_mut().zip(counted) {
                    let value = metric.of_counted(*counted, capacity);
                    *highest = Some(highest.map_or(value, |highest| highest.max(value)));
                }
            });
            slice_ms = end_ms;
        }
        let rounded = |column: Vec<Option<f64>>| column.into_iter().map(|v| v.map(rounded));
        columns.into_iter().map(|(at_ms, column)| (at_ms, rounded(column).collect())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_714_521_600_000 + 123_456;

    fn span(past_ms: i64, columns_max: usize) -> Span {
        let request = HeatmapRequest { past_ms, columns_max, ..HeatmapRequest::default() };
        Span::new(&request, NOW_MS)
    }

    #[test]
    fn longer_views_have_longer_columns() {
        let hour_ms = 3_600_000;
        assert_eq!(span(6 * hour_ms, 1_000).column_ms, BIN_MS);
        assert_eq!(span(7 * 24 * hour_ms, 1_000).column_ms, 3 * BIN_MS);
        let month = span(28 * 24 * hour_ms, 1_000);
        assert_eq!((month.column_ms, month.from_ms % month.column_ms), (12 * BIN_MS, 0));
        assert_eq!(span(28 * 24 * hour_ms, 5).column_ms, 288 * BIN_MS);
        assert_eq!(span(i64::MAX, 1_000).from_ms, month.from_ms);
    }

    #[test]
    fn nonsense_is_an_empty_span() {
        assert_eq!(span(-5, 10).until_ms, NOW_MS);
        let request = HeatmapRequest { until_ms: Some(0), ..HeatmapRequest::default() };
        let span = Span::new(&request, NOW_MS);
        assert!(span.from_ms <= span.until_ms && span.until_ms < NOW_MS);
    }
}
