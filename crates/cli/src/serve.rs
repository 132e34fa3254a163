//! `foreshard serve`: one service until SIGTERM or Ctrl-C.

use crate::clock::WallClock;
use crate::config::{Config, ConfigError};
use crate::logging::{self, LogControl};
use crate::reload::{self, Reloaded};
use crate::service::{Service, ServiceError};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use storage::BucketEstimate;
use tokio::signal::unix::{SignalKind, signal};

/// What `foreshard serve` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// A configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data directory [default: ./foreshard-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// A bucket in the place of the data directory: s3://BUCKET/PREFIX, gs://... or az://... (the
    /// latter two are untested); AWS_*, GOOGLE_* or AZURE_* in the environment say who you are
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    store: Option<String>,
    /// The address of the DynamoDB API [default: 127.0.0.1:8000]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// The address of the page, the admin API and metrics [default: 127.0.0.1:8001]
    #[arg(long, value_name = "ADDR")]
    admin_listen: Option<SocketAddr>,
}

/// Why the service did not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Service(#[from] ServiceError),
    #[error("cannot listen for signals: {0}")]
    Signal(std::io::Error),
}

/// What a bucket is expected to cost, in time and money.
fn in_words(estimate: &BucketEstimate) -> String {
    let (alone, stream) = estimate.write_ms;
    format!(
        "a partition's log is sent every {} ms at the most: expect {alone} to {stream} ms for a write; \
         requests, at S3's prices, cost up to ${:.0} a month for a partition that is written to all \
         the time and ${:.2} for an idle one",
        estimate.flush_interval_ms,
        estimate.active_partition_dollars,
        estimate.idle_partition_dollars
    )
}

impl Args {
    /// What the service is told: the file, the environment, and these flags over both.
    fn config(&self) -> Result<Config, ConfigError> {
        let mut config = Config::load(self.config.as_deref())?;
        if let Some(directory) = &self.data {
            config.storage.directory.clone_from(directory);
            config.storage.store = None;
        }
        if self.store.is_some() {
            config.storage.store.clone_from(&self.store);
        }
        if let Some(listen) = self.listen {
            config.server.listen = listen;
        }
        if let Some(listen) = self.admin_listen {
            config.admin.listen = listen;
        }
        Ok(config)
    }
}

/// Runs the service.
pub(crate) async fn run(args: Args) -> Result<(), ServeError> {
    let mut config = args.config()?;
    let log = logging::start(&config.log)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(ServeError::Signal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Signal)?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(ServeError::Signal)?;
    let service = Service::predictive(&config, Arc::new(WallClock)).await?;
    greet(&service, &config);
    if !config.admin.listen.ip().is_loopback() && !service.is_admin_secure() {
        tracing::warn!("tokens of the admin API travel as they are: configure [admin.tls]");
    }
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => reload(&args, &service, &log, &mut config),
        }
    }
    service.stop().await?;
    Ok(())
}

/// Says where the service is and how to try it.
fn greet(service: &Service, config: &Config) {
    println!("Foreshard keeps its data in {}", config.storage.location());
    if let Some(estimate) = BucketEstimate::new(&config.storage) {
        println!("  {}", in_words(&estimate));
    }
    let api = service.api_url();
    println!("  DynamoDB API   {api}");
    println!("  page, admin    {}", service.admin_url());
    println!("Try it:");
    let (id, secret) = match config.server.credentials.ids().next() {
        Some(id) => (id, "..."),
        None => ("local", "local"),
    };
    println!(
        "  AWS_ACCESS_KEY_ID={id} AWS_SECRET_ACCESS_KEY={secret} AWS_DEFAULT_REGION=us-east-1 \
         aws dynamodb list-tables --endpoint-url {api}"
    );
}

/// Reads the configuration again; what came of it stands in the log, whatever its level.
fn reload(args: &Args, service: &Service, log: &LogControl, config: &mut Config) {
    let told = args.config();
    match told.and_then(|told| reload::apply(service, log, config, &told)) {
        Ok(Reloaded { changed, waiting }) => {
            let list = |names: &[String]| match names {
                [] => "nothing".to_owned(),
                names => names.join(", "),
            };
            let (changed, waits) = (list(&changed), list(&waiting));
            tracing::warn!(
                changed,
                waits_for_a_restart = waits,
                "the configuration was read again"
            );
        }
        Err(error) => {
            tracing::error!(%error, "the configuration is refused, the old one stays in force");
        }
    }
}
