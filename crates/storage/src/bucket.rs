//! Buckets in the place of the data directory: which one an address means, and what it costs.
//!
//! The usual environment says who we are (`AWS_*`, `GOOGLE_*`, `AZURE_*`). S3 is tested against a
//! server that speaks it; Google Cloud Storage and Azure are built from the same parts and are not
//! tested. Everything else of a bucket is where its difference matters: the catalog
//! ([`versioned`](crate::versioned)), the log (always the engine's own), and the pace of flushes and
//! polls ([`engine`](crate::engine)).

use crate::error::{Result, StorageError};
use crate::settings::StorageSettings;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ObjectStore, RetryConfig};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// How often and how long a request that failed on its way is sent again, before the caller is told.
const RETRIES_MAX: usize = 5;
const RETRY_TIME_MAX: Duration = Duration::from_secs(20);
/// S3 Standard in us-east-1, dollars for 1,000 requests: PUT and LIST, and GET.
/// <https://aws.amazon.com/s3/pricing/>
const DOLLARS_PER_1000_PUTS: f64 = 0.005;
const DOLLARS_PER_1000_GETS: f64 = 0.0004;
const SECONDS_PER_MONTH: f64 = 30.0 * 24.0 * 3_600.0;
/// How long one PUT of a small object takes on S3 Standard, about. An expectation, not our figure.
const PUT_MS: u64 = 50;
/// What an idle partition asks for in each poll, counted by a test (`tests/it/bucket.rs`).
const IDLE_PUTS_PER_POLL: f64 = 1.5;
const IDLE_GETS_PER_POLL: f64 = 14.0;

/// What a store in a bucket is expected to do, for people who pay for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BucketEstimate {
    /// The shortest time between two flushes of a partition's log, milliseconds.
    pub flush_interval_ms: u64,
    /// From a write to its acknowledgement, milliseconds: alone, and in a steady stream.
    pub write_ms: (u64, u64),
    /// US dollars a month for a partition that is written to all the time, at S3's prices.
    pub active_partition_dollars: f64,
    /// The same for one that is idle.
    pub idle_partition_dollars: f64,
}

impl BucketEstimate {
    /// For a store with these settings; `None` if it is in a directory.
    pub fn new(settings: &StorageSettings) -> Option<Self> {
        settings.store.as_ref()?;
        let flush_interval_ms = settings.bucket_flush_ms;
        let polls = SECONDS_PER_MONTH * 1_000.0 / settings.bucket_poll_ms.max(1) as f64;
        let idle_partition_dollars = polls / 1_000.0
            * (IDLE_PUTS_PER_POLL * DOLLARS_PER_1000_PUTS
                + IDLE_GETS_PER_POLL * DOLLARS_PER_1000_GETS);
        let flushes = SECONDS_PER_MONTH * 1_000.0 / flush_interval_ms.max(PUT_MS) as f64;
        Some(Self {
            flush_interval_ms,
            write_ms: (PUT_MS, PUT_MS + flush_interval_ms),
            active_partition_dollars: idle_partition_dollars
                + flushes / 1_000.0 * DOLLARS_PER_1000_PUTS,
            idle_partition_dollars,
        })
    }
}

/// The bucket and prefix that `address` means: `s3://bucket/prefix`, `gs://…` or `az://…`.
pub fn open(address: &str) -> Result<Arc<dyn ObjectStore>> {
    let refuse = |reason: String| StorageError::Refused(format!("store {address}: {reason}"));
    let url = Url::parse(address).map_err(|error| refuse(error.to_string()))?;
    let bucket = url.host_str().filter(|name| !name.is_empty()).ok_or_else(|| {
        refuse("write it as s3://bucket/prefix, gs://bucket/prefix or az://container/prefix".into())
    })?;
    // Two clients in one program may want different libraries for TLS; ours is ring. An error says
    // that somebody has chosen already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let built = match url.scheme() {
        "s3" => {
            boxed(AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(retry()).build())
        }
        "gs" => {
            let builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket);
            boxed(builder.with_retry(retry()).build())
        }
        "az" => {
            let builder = MicrosoftAzureBuilder::from_env().with_container_name(bucket);
            boxed(builder.with_retry(retry()).build())
        }
        other => return Err(refuse(format!("there is no {other}://; use s3, gs or az"))),
    };
    let store = built.map_err(|error| refuse(error.to_string()))?;
    match url.path().trim_matches('/') {
        "" => Ok(store),
        prefix => Ok(Arc::new(PrefixStore::new(store, prefix))),
    }
}

fn boxed(
    store: object_store::Result<impl ObjectStore>,
) -> object_store::Result<Arc<dyn ObjectStore>> {
    Ok(Arc::new(store?))
}

fn retry() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: RETRIES_MAX,
        retry_timeout: RETRY_TIME_MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_understood_or_refused_in_one_line() {
        for good in ["s3://b", "s3://b/", "s3://b/a/c"] {
            open(good).unwrap();
        }
        for bad in ["", "bucket", "s3://", "s3:///a", "http://b/c", "file:///tmp"] {
            let error = open(bad).unwrap_err().to_string();
            assert!(error.starts_with("store "), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn the_estimate_follows_the_settings() {
        let settings = StorageSettings {
            store: Some("s3://b".to_owned()),
            bucket_flush_ms: 100,
            ..StorageSettings::default()
        };
        let estimate = BucketEstimate::new(&settings).unwrap();
        assert_eq!(estimate.write_ms, (50, 150));
        let flushes = estimate.active_partition_dollars - estimate.idle_partition_dollars;
        assert!((129.0..130.0).contains(&flushes), "{flushes}");
        assert_eq!(BucketEstimate::new(&StorageSettings::default()), None);
    }
}
