//! What the disk itself takes: appends of the size of one logged put, each forced.

use super::ServerBenchError;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// The median time of an append of `bytes` with `fdatasync`, over as many as fit into `run`.
pub(super) fn forced_append_ms(
    directory: &Path,
    bytes: usize,
    run: Duration,
) -> Result<f64, ServerBenchError> {
    let directory = tempfile::tempdir_in(directory).map_err(ServerBenchError::Disk)?;
    let path = directory.path().join("appended");
    let mut file = OpenOptions::new()
        .create_new(true)
        .append(true)
        .open(path)
        .map_err(ServerBenchError::Disk)?;
    let (record, mut took) = (vec![b'x'; bytes], Vec::new());
    let end = Instant::now() + run;
    while took.is_empty() || Instant::now() < end {
        let begun = Instant::now();
        file.write_all(&record).and_then(|()| file.sync_data()).map_err(ServerBenchError::Disk)?;
        took.push(begun.elapsed());
    }
    took.sort_unstable();
    Ok(took[took.len() / 2].as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_some_time_and_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let ms = forced_append_ms(directory.path(), 512, Duration::from_millis(5)).unwrap();
        assert!(ms > 0.0);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
