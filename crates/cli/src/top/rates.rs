//! Counters become rates: what happened between two looks.

use serde_json::Value;
use std::time::Instant;

/// What happened in a second, and how long it took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rates {
    pub(super) requests: f64,
    pub(super) throttled: f64,
    pub(super) errors: f64,
    pub(super) p50_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
    /// The first look has nothing to compare with: it tells means since the start.
    pub(super) since_start: bool,
}

/// What was counted at the last look.
#[derive(Debug, Default)]
pub(super) struct Counters(Option<(Instant, Counts)>);

#[derive(Clone, Debug, Default)]
struct Counts {
    uptime_s: u64,
    requests: u64,
    throttled: u64,
    errors: u64,
    /// The end of a bucket in microseconds, and what fell into it.
    latency_us: Vec<(u64, u64)>,
}

impl Counts {
    fn of(service: &Value) -> Self {
        let count = |name: &str| service[name].as_u64().unwrap_or(0);
        let buckets = service["latency_us"].as_array().into_iter().flatten();
        Self {
            uptime_s: count("uptime_s"),
            requests: count("requests"),
            throttled: count("throttled"),
            errors: count("server_errors") + count("client_errors"),
            latency_us: buckets
                .filter_map(|bucket| Some((bucket[0].as_u64()?, bucket[1].as_u64()?)))
                .collect(),
        }
    }

    fn since(&self, before: &Self) -> Self {
        let known =
            |end: u64| before.latency_us.iter().find(|(at, _)| *at == end).map_or(0, |b| b.1);
        let fell = |(end, count): &(u64, u64)| (*end, count.saturating_sub(known(*end)));
        Self {
            uptime_s: self.uptime_s,
            requests: self.requests.saturating_sub(before.requests),
            throttled: self.throttled.saturating_sub(before.throttled),
            errors: self.errors.saturating_sub(before.errors),
            latency_us: self.latency_us.iter().map(fell).collect(),
        }
    }

    fn quantile_ms(&self, q: f64) -> Option<f64> {
        let total: u64 = self.latency_us.iter().map(|(_, count)| count).sum();
        let wanted = (q * total as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        let bucket = self.latency_us.iter().find(|(_, count)| {
            seen += count;
            seen >= wanted
        })?;
        Some(bucket.0 as f64 / 1_000.0)
    }
}

impl Counters {
    /// Rates since the last look; since the start, if there was none or the service has begun anew.
    pub(super) fn take(&mut self, service: &Value, at: Instant) -> Rates {
        let now = Counts::of(service);
        let last = self
            .0
            .take()
            .filter(|(_, last)| last.uptime_s <= now.uptime_s && last.requests <= now.requests);
        let (counts, seconds) = match &last {
            Some((before, last)) => (now.since(last), (at - *before).as_secs_f64()),
            None => (now.clone(), now.uptime_s as f64),
        };
        self.0 = Some((at, now));
        let rate = |count: u64| count as f64 / seconds.max(0.001);
        Rates {
            requests: rate(counts.requests),
            throttled: rate(counts.throttled),
            errors: rate(counts.errors),
            p50_ms: counts.quantile_ms(0.5),
            p99_ms: counts.quantile_ms(0.99),
            since_start: last.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::Duration;

    fn service(uptime_s: u64, requests: u64, latency_us: Value) -> Value {
        json!({
            "uptime_s": uptime_s, "requests": requests, "throttled": requests / 10,
            "client_errors": 1, "server_errors": 2, "latency_us": latency_us,
        })
    }

    #[test]
    fn counters_become_rates_and_a_restart_is_seen() {
        let mut counters = Counters::default();
        let begun = Instant::now();
        let first = counters.take(&service(10, 100, json!([[1_000, 90], [9_000, 10]])), begun);
        assert_eq!((first.requests, first.since_start), (10.0, true));
        assert_eq!((first.p50_ms, first.p99_ms), (Some(1.0), Some(9.0)));

        let at = begun + Duration::from_secs(2);
        let second = counters.take(&service(12, 300, json!([[1_000, 90], [9_000, 210]])), at);
        let expected = Rates {
            requests: 100.0,
            throttled: 10.0,
            errors: 0.0,
            p50_ms: Some(9.0),
            p99_ms: Some(9.0),
            since_start: false,
        };
        assert_eq!(second, expected);

        let again = counters.take(&service(1, 5, json!([])), at + Duration::from_secs(1));
        assert_eq!((again.requests, again.p50_ms, again.since_start), (5.0, None, true));
    }
}
