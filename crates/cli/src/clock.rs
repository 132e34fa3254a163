//! The two clocks the binary hands out: the wall clock, and the demo's, which runs faster.
//!
//! This is the one place that asks the operating system for the time of day.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use types::Clock;

/// The time of day.
#[derive(Debug)]
pub(crate) struct WallClock;

impl Clock for WallClock {
    #[allow(clippy::disallowed_methods)] // The owner of the wall clock.
    fn now_ms(&self) -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(_) => 0, // Before 1970: a machine without a clock.
        }
    }
}

/// A clock that stands at a given moment until it is started, and then runs `speed` times as fast as
/// the real one.
#[derive(Debug)]
pub(crate) struct ScaledClock {
    start_ms: i64,
    speed: f64,
    begun: OnceLock<Instant>,
}

impl ScaledClock {
    /// A clock that stands at `start_ms`.
    pub(crate) fn standing_at(start_ms: i64, speed: f64) -> Self {
        Self { start_ms, speed, begun: OnceLock::new() }
    }

    /// Lets it run; a second call changes nothing.
    pub(crate) fn start(&self) {
        self.begun.get_or_init(Instant::now);
    }
}

impl Clock for ScaledClock {
    fn now_ms(&self) -> i64 {
        let elapsed = self.begun.get().map_or(0.0, |begun| begun.elapsed().as_secs_f64());
        self.start_ms + (elapsed * self.speed * 1e3) as i64
    }

    fn speed(&self) -> f64 {
        self.speed
    }
}
