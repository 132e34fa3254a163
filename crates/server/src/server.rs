//! A server: everything put together, started, and stopped again.

use std::net::SocketAddr;
use std::sync::Arc;

use manager::{HotKeyReport, MeasuredSource};
use storage::Storage;
use types::{Clock, PartitionId, TableId, Units};
use workload::{ClientNames, Recorder};

use crate::admission::{ExpectedLoad, measured};
use crate::error::ServerError;
use crate::execution::Executor;
use crate::metrics::Metrics;
use crate::service::Service;
use crate::settings::{LimitMode, LimitSettings, ServerSettings};
use crate::wire::Listener;
use crate::wire::tls::{Tls, TlsError};

/// What a server is built on. Several servers in one process each have their own.
#[derive(Clone)]
pub struct Components {
    /// Where tables and items are.
    pub storage: Arc<Storage>,
    /// Takes one workload vector per data request.
    pub recorder: Arc<Recorder>,
    /// Takes the names of clients.
    pub clients: Arc<ClientNames>,
    /// Fills the token buckets and dates the workload vectors; may be scaled.
    pub clock: Arc<dyn Clock>,
    /// Divides credit at a reslice; without it, or without an answer, children get equal parts.
    pub expected_load: Option<ExpectedLoad>,
    /// For request ids and table ids.
    pub seed: u64,
}

impl std::fmt::Debug for Components {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Components").field("clock", &self.clock).finish_non_exhaustive()
    }
}

/// Starts servers.
#[derive(Debug)]
pub struct Server;

impl Server {
    /// Starts to serve the DynamoDB API.
    ///
    /// # Errors
    /// If [`ServerSettings::check`] refuses the settings, or if the address cannot be listened on.
    pub async fn start(
        settings: ServerSettings,
        components: Components,
    ) -> Result<ServerHandle, ServerError> {
        settings.check()?;
        let tls = Tls::new(&settings.tls).map_err(unusable)?;
        let metrics = Arc::new(Metrics::default());
        let recorder = Arc::clone(&components.recorder);
        let seed = components.seed;
        let (storage, clock) = (Arc::clone(&components.storage), Arc::clone(&components.clock));
        let executor = Executor::new(&settings, components, Arc::clone(&metrics));
        let measuring = (settings.limits.mode == LimitMode::Measured).then(|| {
            let tables = Arc::clone(executor.tables());
            let known = Arc::clone(tables.measured());
            tokio::spawn(measured::run(known, tables, storage, clock, settings.measured.clone()))
        });
        let service = Arc::new(Service::new(&settings, executor, Arc::clone(&metrics), seed));
        let listener =
            Listener::start(settings.listen, &settings.http, Arc::clone(&service), tls).await?;
        tracing::info!(addr = %listener.addr, "serving the DynamoDB API");
        let limits = settings.limits;
        let keeper = Arc::clone(&service);
        let keeping = tokio::spawn(async move { keeper.executor().keep_points_for_ever().await });
        Ok(ServerHandle { metrics, recorder, service, listener, limits, measuring, keeping })
    }
}

fn unusable(why: TlsError) -> ServerError {
    ServerError::Tls { section: "server.tls", why }
}

/// A running server. Dropping the handle does not stop it.
#[derive(Debug)]
pub struct ServerHandle {
    metrics: Arc<Metrics>,
    recorder: Arc<Recorder>,
    service: Arc<Service>,
    listener: Listener,
    limits: LimitSettings,
    /// What looks at partitions and node, if limits are measured.
    measuring: Option<tokio::task::JoinHandle<()>>,
    /// What keeps points in time.
    keeping: tokio::task::JoinHandle<()>,
}

impl ServerHandle {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.listener.addr
    }

    /// Whether it speaks TLS.
    pub fn is_secure(&self) -> bool {
        self.listener.is_secure()
    }

    /// Takes over what of `settings` can change while requests are served: credentials, the origins of
    /// web pages, and the certificate with its key, which are read anew.
    ///
    /// # Errors
    /// If the certificate cannot be used; then nothing has changed.
    pub fn reload(&self, settings: &ServerSettings) -> Result<(), ServerError> {
        self.listener.reload(&settings.tls).map_err(unusable)?;
        self.service.let_in(settings);
        Ok(())
    }

    /// What it counts.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Where it records.
    pub fn recorder(&self) -> &Arc<Recorder> {
        &self.recorder
    }

    /// Tells what a partition's token buckets have left, as the planner wants to know it. `None`
    /// for what is not there, and without limits.
    pub fn credit_source(
        &self,
    ) -> Arc<dyn Fn(TableId, PartitionId) -> Option<Units> + Send + Sync> {
        let service = Arc::clone(&self.service);
        Arc::new(move |table, partition| service.executor().tables().credit(table, partition))
    }

    /// Tells what partitions and the node are seen to sustain; `None` if limits are not measured.
    pub fn measured_source(&self) -> Option<MeasuredSource> {
        self.measuring.as_ref()?;
        let prior =
            Units { read: self.limits.read_units_per_s, write: self.limits.write_units_per_s };
        let (of_partition, of_node) = (Arc::clone(&self.service), Arc::clone(&self.service));
        Some(MeasuredSource {
            capacity: Arc::new(move |table, partition| {
                let measured = of_partition.executor().tables().measured();
                Some(measured.capacity(table, partition, prior))
            }),
            node: Arc::new(move || Some(of_node.executor().tables().measured().node())),
        })
    }

    /// Tells which keys ask for much of what their partitions have, as admission sees it.
    pub fn hot_key_source(&self) -> Arc<dyn Fn() -> Vec<HotKeyReport> + Send + Sync> {
        let service = Arc::clone(&self.service);
        Arc::new(move || service.executor().hot_keys())
    }

    /// Accepts no more connections, lets requests under way finish (within the bound of the
    /// settings), and returns. Storage stays open.
    pub async fn shutdown(self) {
        self.listener.shutdown().await;
        if let Some(measuring) = &self.measuring {
            measuring.abort();
        }
        self.keeping.abort();
    }
}
