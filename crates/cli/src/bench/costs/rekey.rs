//! Another key order for everything that a table has.

use super::fixture::Fixture;
use super::{CostsError, machine};
use bytes::Bytes;
use simulator::costs::Rekey;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use storage::NewOrder;

const GB: f64 = (1_u64 << 30) as f64;

/// Keys that are read from the end.
#[derive(Debug)]
struct Backwards;

impl NewOrder for Backwards {
    fn key(&self, old: &[u8]) -> Result<Bytes, String> {
        Ok(old.iter().rev().copied().collect())
    }

    fn definition(&self, old: &serde_json::Value) -> serde_json::Value {
        old.clone()
    }
}

/// Copies a table of one partition into another order, as fast as it goes.
pub(super) async fn rekey(parent: &Path, bytes: u64) -> Result<Rekey, CostsError> {
    let fixture = Fixture::filled(parent, bytes).await?;
    let request = storage::Rekey {
        target: "backwards".into(),
        boundaries: Vec::new(),
        order: Arc::new(Backwards),
    };
    let cpu_before = machine::cpu_seconds().map_err(CostsError::Kernel)?;
    let begun = Instant::now();
    let report = fixture.table.rekey(request).await?;
    let took_s = begun.elapsed().as_secs_f64();
    let cpu_s = machine::cpu_seconds().map_err(CostsError::Kernel)? - cpu_before;
    fixture.storage.close().await?;
    let gigabytes = report.bytes as f64 / GB;
    Ok(Rekey {
        s_per_gb: took_s / gigabytes,
        cpu_s_per_gb: cpu_s / gigabytes,
        pause_ms: report.pause_ms,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn everything_is_copied_once() {
        let directory = tempfile::tempdir().unwrap();
        let rekey = rekey(directory.path(), 4 << 20).await.unwrap();
        let Rekey { s_per_gb, cpu_s_per_gb, pause_ms } = rekey;
        assert!(s_per_gb > 0.0 && cpu_s_per_gb > 0.0 && pause_ms > 0.0, "{rekey:?}");
    }
}
