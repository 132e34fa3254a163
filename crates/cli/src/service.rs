//! One whole service in this process: storage, manager, server and admin API, put together.
//!
//! `serve` runs one on the wall clock, the demo two on a fast one. This is where settings meet
//! components; it holds no logic of its own.

use crate::alerts;
use crate::config::Config;
use manager::{Manager, ManagerError, PolicyFactory};
use planner::policy::Predictive;
use planner::view::Limits;
use server::metrics::MetricsExport;
use server::{Admin, AdminComponents, AdminHandle, LimitMode, Server, ServerError, ServerHandle};
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::Arc;
use storage::{Storage, StorageError};
use types::{Clock, Units};
use workload::{ClientNames, Recorder};

/// Why a service did not start or stop.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServiceError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Manager(#[from] ManagerError),
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error("[alerts] url = {0:?} is no address such as http://127.0.0.1:9093/api/v2/alerts")]
    AlertUrl(String),
}

/// A running service.
#[derive(Debug)]
pub(crate) struct Service {
    storage: Arc<Storage>,
    manager: Arc<Manager>,
    server: ServerHandle,
    admin: AdminHandle,
    alerts: Option<tokio::task::JoinHandle<()>>,
}

impl Service {
    /// A service that looks ahead.
    pub(crate) async fn predictive(
        config: &Config,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ServiceError> {
        let settings = config.planner.clone();
        let policy: PolicyFactory = Arc::new(move || Box::new(Predictive::new(settings.clone())));
        Self::start(config, clock, policy).await
    }

    /// A service with any policy.
    pub(crate) async fn start(
        config: &Config,
        clock: Arc<dyn Clock>,
        policy: PolicyFactory,
    ) -> Result<Self, ServiceError> {
        let alert_url = alert_url(config)?;
        let seed = seed();
        let faults = storage::Components::new(clock.clone(), seed);
        let storage = Storage::open(config.storage.clone(), faults).await?;
        let recorder = Arc::new(Recorder::new(&config.workload.recorder));
        let clients = Arc::new(ClientNames::new(config.workload.client_names_max));
        let manager = Manager::start(
            config.manager.clone(),
            manager::Components {
                storage: storage.clone(),
                recorder: recorder.clone(),
                clients: clients.clone(),
                clock: clock.clone(),
                capacity: capacity(config),
                limits: match config.server.limits.mode {
                    LimitMode::Dynamodb => Limits::Dynamodb,
                    LimitMode::Measured => Limits::Measured,
                    LimitMode::Off => Limits::Off,
                },
                collector: config.workload.collector.clone(),
                controller: controller_settings(config),
                policy,
                verdict_after_ms: config.planner.merge.cycle_min_ms,
            },
        )
        .await?;
        let alerts = alert_url
            .map(|url| tokio::spawn(alerts::run(config.alerts.clone(), url, manager.subscribe())));
        let expected = manager.clone();
        let server = Server::start(
            config.server.clone(),
            server::Components {
                storage: storage.clone(),
                recorder: recorder.clone(),
                clients,
                clock,
                expected_load: Some(Arc::new(move |table, range| {
                    expected.expected_load(table, range)
                })),
                seed,
            },
        )
        .await?;
        manager.set_credit_source(server.credit_source());
        manager.set_hot_key_source(server.hot_key_source());
        if let Some(measured) = server.measured_source() {
            manager.set_measured_source(measured);
        }
        let metrics = MetricsExport::new(server.metrics().clone(), recorder, Some(storage.clone()));
        let metrics = Arc::new(metrics.with_manager(manager.clone()));
        let components =
            AdminComponents { manager: manager.clone(), metrics, storage: storage.clone() };
        let admin = Admin::start(config.admin.clone(), components).await?;
        admin.set_ready(true);
        Ok(Self { storage, manager, server, admin, alerts })
    }

    /// Where the DynamoDB API listens.
    pub(crate) fn api_address(&self) -> SocketAddr {
        self.server.addr()
    }

    /// Where the page and the admin API listen.
    pub(crate) fn admin_address(&self) -> SocketAddr {
        self.admin.addr()
    }

    /// Its manager.
    pub(crate) fn manager(&self) -> &Arc<Manager> {
        &self.manager
    }

    /// Its tables.
    pub(crate) fn storage(&self) -> &Arc<Storage> {
        &self.storage
    }

    /// Drains requests, ends actions under way, saves history, and closes the store.
    pub(crate) async fn stop(self) -> Result<(), ServiceError> {
        self.admin.set_ready(false);
        self.server.shutdown().await;
        if let Some(alerts) = &self.alerts {
            alerts.abort();
        }
        self.manager.stop().await?;
        self.admin.shutdown().await;
        self.storage.close().await?;
        Ok(())
    }
}

/// Where alerts go, if anywhere.
fn alert_url(config: &Config) -> Result<Option<http::Uri>, ServiceError> {
    let Some(text) = &config.alerts.url else { return Ok(None) };
    let url = text.parse::<http::Uri>().ok().filter(|url| {
        matches!(url.scheme_str(), Some("http" | "https")) && url.authority().is_some()
    });
    url.map(Some).ok_or_else(|| ServiceError::AlertUrl(text.clone()))
}

/// What one partition can serve, as the server's limits have it; planning uses the same figure
/// where nothing is limited.
fn capacity(config: &Config) -> Units {
    let limits = &config.server.limits;
    Units { read: limits.read_units_per_s, write: limits.write_units_per_s }
}

/// The controller shares settings with the planner and the forecaster; there they are told once.
fn controller_settings(config: &Config) -> planner::controller::ControllerSettings {
    planner::controller::ControllerSettings {
        score: config.planner.score.clone(),
        forecast: config.forecast.clone(),
        payback_ms: config.planner.merge.payback_ms,
        now_ms: config.controller.now_ms,
        ..Default::default()
    }
}

/// Entropy for request ids and nonces: the standard library's per-process random keys.
fn seed() -> u64 {
    RandomState::new().hash_one("foreshard")
}
