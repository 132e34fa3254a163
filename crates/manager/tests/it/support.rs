//! What the tests of this crate share.

use std::time::Duration;

pub(crate) const MINUTE_MS: i64 = 60_000;
pub(crate) const BIN_MS: i64 = 5 * MINUTE_MS;
pub(crate) const DAY_MS: i64 = 86_400_000;

/// How often it is looked whether something has come about, and how many times: minutes.
const LOOK_EVERY: Duration = Duration::from_millis(1);
const TRIES_MAX: u32 = 100_000;

/// Waits for something.
pub(crate) async fn until(what: &str, there: impl Fn() -> bool) {
    for _ in 0..TRIES_MAX {
        if there() {
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    panic!("it never came to that: {what}");
}
