//! Splits and merges: the pause, what reads pay afterwards, and what is left to be rewritten.

use super::fixture::Fixture;
use super::{CostsError, machine, median};
use simulator::costs::{COLD_RATIO, Cold, Debt, Reslice};
use std::path::Path;
use std::time::{Duration, Instant};

/// Splits, and as many merges.
const TIMES: usize = 9;
const WRITERS: u64 = 16;
const READERS: u64 = 4;
/// Splits after which reads are watched.
const WATCHED: usize = 5;
/// The steps in which they are.
const STEP: Duration = Duration::from_millis(200);
/// What is still cold after so many steps counts as cold for so long.
const STEPS_MAX: u32 = 50;
/// Steps at the end of the warm time from which the warm figure is.
const WARM_STEPS: usize = 5;
/// How long an end of the borrowing is waited for.
const DETACH_MAX: Duration = Duration::from_secs(600);

/// Splits and merges with writers at work; medians.
pub(super) async fn pauses(parent: &Path, bytes: u64) -> Result<(Reslice, Reslice), CostsError> {
    let fixture = Fixture::filled(parent, bytes).await?;
    let writers = fixture.writers(WRITERS);
    let (mut splits, mut merges) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        splits.push(fixture.reslice(2).await?);
        merges.push(fixture.reslice(1).await?);
    }
    writers.end().await?;
    fixture.storage.close().await?;
    let summary = |reports: &[storage::ResliceReport]| Reslice {
        total_ms: median(reports.iter().map(|report| report.total_ms)),
        pause_ms: median(reports.iter().map(|report| report.pause_ms)),
    };
    Ok((summary(&splits), summary(&merges)))
}

/// What reads cost before and after a split; medians of several.
pub(super) async fn cold(parent: &Path, bytes: u64) -> Result<Cold, CostsError> {
    let fixture = Fixture::filled(parent, bytes).await?;
    let (mut warm, mut first, mut lasts) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..WATCHED {
        // Each begins with one partition that owns its files: what is split is not half-tidied.
        settled(&fixture).await?;
        let readers = fixture.readers(READERS);
        let warm_us = warmed_up(&readers).await?;
        fixture.reslice(2).await?;
        let begun = Instant::now();
        let mut step_us = readers.cpu_us(STEP).await?;
        first.push(step_us);
        let mut until = begun;
        for _ in 0..STEPS_MAX {
            if step_us < warm_us * COLD_RATIO {
                break;
            }
            until = Instant::now();
            step_us = readers.cpu_us(STEP).await?;
        }
        lasts.push((until - begun).as_secs_f64() * 1e3);
        warm.push(warm_us);
        readers.end().await?;
        fixture.reslice(1).await?;
    }
    fixture.storage.close().await?;
    Ok(Cold { warm_read_us: median(warm), cold_read_us: median(first), lasts_ms: median(lasts) })
}

/// Waits until reads do not become much cheaper any more; what they cost then.
async fn warmed_up(readers: &super::fixture::Clients) -> Result<f64, CostsError> {
    let mut before = f64::INFINITY;
    loop {
        let mut steps = Vec::new();
        for _ in 0..WARM_STEPS {
            steps.push(readers.cpu_us(STEP).await?);
        }
        let now = median(steps);
        if now > before * 0.95 {
            return Ok(now);
        }
        before = now;
    }
}

/// What is written, and computed, until the children of a split borrow nothing.
pub(super) async fn debt(parent: &Path, bytes: u64) -> Result<Debt, CostsError> {
    let fixture = Fixture::filled(parent, bytes).await?;
    // So that everything is in files, and nothing but the split is left to be tidied up.
    let (fixture, _) = fixture.reopened().await?;
    settled(&fixture).await?;
    let had = fixture.size_bytes().await? as f64;
    let now = || -> std::io::Result<(f64, f64)> {
        Ok((machine::written_bytes()?, machine::cpu_seconds()?))
    };
    fixture.reslice(2).await?;
    let (written, cpu_s) = now().map_err(CostsError::Kernel)?;
    settled(&fixture).await?;
    let (written_after, cpu_s_after) = now().map_err(CostsError::Kernel)?;
    fixture.storage.close().await?;
    Ok(Debt {
        written_ratio: (written_after - written) / had,
        cpu_s_per_gb: (cpu_s_after - cpu_s) / (had / f64::from(1 << 30)),
    })
}

/// Tidies up until nothing is borrowed and nothing is left to be compacted.
async fn settled(fixture: &Fixture) -> Result<(), CostsError> {
    let begun = Instant::now();
    loop {
        let report = fixture.storage.maintain().await?;
        if report.borrowing == 0 && report.compactions == 0 {
            return Ok(());
        }
        if begun.elapsed() > DETACH_MAX {
            return Err(CostsError::Borrowing(DETACH_MAX.as_secs()));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: u64 = 4 << 20;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_split_holds_writes_and_leaves_about_what_there_was_to_be_written() {
        let directory = tempfile::tempdir().unwrap();
        let (split, merge) = pauses(directory.path(), BYTES).await.unwrap();
        for reslice in [split, merge] {
            assert!(reslice.pause_ms > 0.0 && reslice.total_ms >= reslice.pause_ms, "{reslice:?}");
        }
        let debt = debt(directory.path(), BYTES).await.unwrap();
        // Values of random bytes cannot be compressed, and each belongs to one child.
        assert!(debt.written_ratio > 0.9 && debt.cpu_s_per_gb > 0.0, "{debt:?}");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "it tidies up");
    }
}
