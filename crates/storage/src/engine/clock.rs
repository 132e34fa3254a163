//! The time that the databases are told: it never goes back.
//!
//! SlateDB stamps writes, files and compactions with the time, and a database refuses to go on behind a
//! stamp that it has. So one clock for all databases of the process goes on evenly from its start, and
//! whoever opens a database or replays its log moves it on to what it finds there
//! ([`catch_up`](EngineClock::catch_up)): if the machine's clock was set back between two starts, ours goes
//! on where it was. It is then ahead of the machine's; nothing here compares the two but the garbage
//! collection of manifests, which takes them for older than they are, and keeps what is named by a
//! checkpoint, and the newest, whatever their age.

use chrono::{DateTime, TimeDelta, Utc};
use slatedb::VersionedManifest;
use slatedb_common::clock::{DefaultSystemClock, SystemClock, SystemClockTicker};
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// A clock that goes on evenly, but for jumps ahead.
#[derive(Debug)]
pub(crate) struct EngineClock {
    started: DateTime<Utc>,
    started_at: Instant,
    ahead_ms: AtomicI64,
}

impl EngineClock {
    /// Starts at a time in milliseconds since 1970, or at what the machine's clock says.
    pub(crate) fn new(started_ms: Option<i64>) -> Self {
        let started = started_ms.and_then(DateTime::from_timestamp_millis);
        let started = started.unwrap_or_else(|| DefaultSystemClock::new().now());
        Self { started, started_at: Instant::now(), ahead_ms: AtomicI64::new(0) }
    }

    /// Is at `stamp_ms` at least from now on.
    pub(crate) fn catch_up(&self, stamp_ms: i64) {
        let evenly_ms = self.evenly().timestamp_millis();
        let ahead_ms = stamp_ms.saturating_sub(evenly_ms);
        let before = self.ahead_ms.fetch_max(ahead_ms, Ordering::SeqCst);
        if ahead_ms > before {
            tracing::warn!(
                ahead_ms,
                "the machine's clock is behind the stamps of the data: was it set back? Stamps go on \
                 where they were"
            );
        }
    }

    fn evenly(&self) -> DateTime<Utc> {
        self.started + self.started_at.elapsed()
    }
}

impl SystemClock for EngineClock {
    fn now(&self) -> DateTime<Utc> {
        self.evenly() + TimeDelta::milliseconds(self.ahead_ms.load(Ordering::SeqCst))
    }

    fn sleep<'a>(&'a self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(tokio::time::sleep(duration))
    }

    fn ticker<'a>(&'a self, duration: Duration) -> SystemClockTicker<'a> {
        SystemClockTicker::new(self, duration)
    }
}

/// The newest stamp in a manifest: of its writes, or of its files.
pub(super) fn newest_stamp(manifest: &VersionedManifest) -> i64 {
    let files = manifest.all_sst_views().map(|view| view.sst.id.value().timestamp_ms() as i64);
    files.fold(manifest.last_l0_clock_tick(), i64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_goes_on_evenly_and_jumps_ahead_but_never_back() {
        let clock = EngineClock::new(Some(1_000));
        let now = || clock.now().timestamp_millis();
        assert_eq!(now(), 1_000);
        tokio::time::advance(Duration::from_millis(50)).await;
        assert_eq!(now(), 1_050);
        clock.catch_up(900);
        assert_eq!(now(), 1_050);
        clock.catch_up(5_000);
        clock.catch_up(4_000);
        assert_eq!(now(), 5_000);
        tokio::time::advance(Duration::from_millis(50)).await;
        assert_eq!(now(), 5_050);
    }
}
