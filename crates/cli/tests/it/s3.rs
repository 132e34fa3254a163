//! A server that speaks S3 (moto), with an empty bucket named "test", for commands that read from buckets.

use object_store::ObjectStore;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as Place;
use object_store::{ObjectStoreExt, PutPayload};
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

const KEY: &str = "test";
const SECRET: &str = "testtest";
const REGION: &str = "us-east-1";

/// The server; it ends when its standard input does.
pub(crate) struct S3 {
    _process: Child,
    url: String,
}

impl S3 {
    /// `None`, with a word, where there is none: `make test` installs it into `.venv`.
    pub(crate) async fn start() -> Option<Self> {
        let python = std::env::var("FORESHARD_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../storage/tests/s3_server.py");
        let started = Command::new(python)
            .args([script, "moto"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let mut process = started.ok()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take()?).read_line(&mut line).await.ok()?;
        let Ok(port) = line.trim().parse::<u16>() else {
            println!("skipped: no moto; `make test` installs it (from PyPI) into .venv");
            return None;
        };
        Some(Self { _process: process, url: format!("http://127.0.0.1:{port}") })
    }

    /// What a command's environment says of it.
    pub(crate) fn environment(&self) -> [(&'static str, &str); 5] {
        [
            ("AWS_ENDPOINT_URL", self.url.as_str()),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_ACCESS_KEY_ID", KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
            ("AWS_REGION", REGION),
        ]
    }

    fn bucket(&self) -> AmazonS3 {
        // The client wants one, also for plain HTTP; that there is one already is as good.
        let _another = rustls::crypto::ring::default_provider().install_default();
        let builder = AmazonS3Builder::new().with_bucket_name("test").with_endpoint(&self.url);
        let builder = builder.with_access_key_id(KEY).with_secret_access_key(SECRET);
        builder.with_region(REGION).with_allow_http(true).build().unwrap()
    }

    /// Puts every file below a directory under a prefix of the bucket.
    pub(crate) async fn upload(&self, directory: &Path, prefix: &str) {
        let bucket = self.bucket();
        let mut left = vec![directory.to_owned()];
        while let Some(path) = left.pop() {
            if path.is_dir() {
                left.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
                continue;
            }
            let name = path.strip_prefix(directory).unwrap().to_str().unwrap();
            let place = Place::from(format!("{prefix}/{name}"));
            bucket.put(&place, PutPayload::from(std::fs::read(&path).unwrap())).await.unwrap();
        }
    }

    /// Removes an object.
    pub(crate) async fn remove(&self, place: &str) {
        let bucket: &dyn ObjectStore = &self.bucket();
        bucket.delete(&Place::from(place)).await.unwrap();
    }
}
