//! One whole service in this process: storage, manager, server and admin API, put together.
//!
//! `serve` runs one on the wall clock, the demo two on a fast one. This is where settings meet
//! components; it holds no logic of its own.

use crate::alerts::{self, AlertSettings};
use crate::config::{Config, ConfigError};
use manager::{Manager, ManagerError, PolicyFactory};
use planner::policy::Predictive;
use planner::settings::PlannerSettings;
use planner::view::Limits;
use server::metrics::MetricsExport;
use server::{Admin, AdminComponents, AdminHandle, LimitMode, Server, ServerError, ServerHandle};
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::Arc;
use storage::{Background, Storage, StorageError};
use tokio::sync::watch;
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
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("could not start threads for flushes and compactions: {0}")]
    Background(std::io::Error),
}

/// A running service.
#[derive(Debug)]
pub(crate) struct Service {
    storage: Arc<Storage>,
    manager: Arc<Manager>,
    server: ServerHandle,
    admin: AdminHandle,
    alerts: watch::Sender<AlertSettings>,
    alerting: tokio::task::JoinHandle<()>,
    /// What tables are planned by, if that can change.
    planner: Option<watch::Sender<PlannerSettings>>,
    /// What the store does beside requests ends with it, so it goes last.
    _background: Background,
}

impl Service {
    /// A service that looks ahead.
    pub(crate) async fn predictive(
        config: &Config,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ServiceError> {
        let (planner, settings) = watch::channel(config.planner.clone());
        let policy: PolicyFactory =
            Arc::new(move || Box::new(Predictive::new(settings.borrow().clone())));
        let service = Self::start(config, clock, policy).await?;
        Ok(Self { planner: Some(planner), ..service })
    }

    /// A service with any policy.
    pub(crate) async fn start(
        config: &Config,
        clock: Arc<dyn Clock>,
        policy: PolicyFactory,
    ) -> Result<Self, ServiceError> {
        config.check()?;
        let seed = seed();
        let background = Background::start().map_err(ServiceError::Background)?;
        let components = storage::Components {
            background: background.handle(),
            ..storage::Components::new(clock.clone(), seed)
        };
        let storage = Storage::open(config.storage.clone(), components).await?;
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
        let (alerts, settings) = watch::channel(config.alerts.clone());
        let alerting = tokio::spawn(alerts::run(settings, manager.subscribe()));
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
        let planner = None;
        let _background = background;
        Ok(Self { storage, manager, server, admin, alerts, alerting, planner, _background })
    }

    /// Takes over what of `config` can change while it runs, see `reload`. The certificates come first:
    /// nothing else can fail.
    pub(crate) fn reload(&self, config: &Config) -> Result<(), ServerError> {
        self.server.reload(&config.server)?;
        self.admin.reload(&config.admin)?;
        self.alerts.send_replace(config.alerts.clone());
        if let Some(planner) = &self.planner {
            // Only a change voids what tables have learnt.
            let is_changed = planner.send_if_modified(|now| {
                let differs = *now != config.planner;
                now.clone_from(&config.planner);
                differs
            });
            if is_changed {
                self.manager.follow_settings();
            }
        }
        Ok(())
    }

    /// Where the DynamoDB API listens.
    pub(crate) fn api_address(&self) -> SocketAddr {
        self.server.addr()
    }

    /// The same as clients name it.
    pub(crate) fn api_url(&self) -> String {
        url(self.server.is_secure(), self.server.addr())
    }

    /// Whether the page and the admin API speak TLS.
    pub(crate) fn is_admin_secure(&self) -> bool {
        self.admin.is_secure()
    }

    /// The page's address as a browser names it.
    pub(crate) fn admin_url(&self) -> String {
        url(self.admin.is_secure(), self.admin.addr())
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
        self.alerting.abort();
        self.manager.stop().await?;
        self.admin.shutdown().await;
        self.storage.close().await?;
        Ok(())
    }
}

fn url(is_secure: bool, address: SocketAddr) -> String {
    format!("http{}://{address}", if is_secure { "s" } else { "" })
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
