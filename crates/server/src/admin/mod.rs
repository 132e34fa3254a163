//! The admin listener: the page, the admin API under `/api/v1`, metrics and health.
//!
//! It wraps the manager's documents in HTTP and decides nothing. Loopback only unless it has tokens,
//! like the DynamoDB API with credentials (`access`).

mod access;
mod answer;
mod audit;
mod hand;
mod openapi;
mod overview;
mod pages;
mod parameters;
mod routes;
mod table;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use manager::Manager;
use serde::{Deserialize, Serialize};
use storage::Storage;

use crate::error::ServerError;
use crate::metrics::MetricsExport;
use crate::settings::HttpSettings;
use crate::wire::Listener;
use audit::AuditLog;
use routes::Routes;

pub use access::{AdminToken, Role, Tokens};

/// Where the admin listener is, and what it accepts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdminSettings {
    /// The address of the page, the admin API and the metrics; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Who may use it; without anybody whoever is on this machine may, and it is served on loopback
    /// only.
    pub tokens: Tokens,
    /// Bounds of the HTTP surface.
    pub http: HttpSettings,
}

impl Default for AdminSettings {
    fn default() -> Self {
        let http = HttpSettings {
            connections_max: 256,
            body_bytes_max: 1024 * 1024,
            bodies_bytes_max: 16 * 1024 * 1024,
            ..HttpSettings::default()
        };
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8001),
            tokens: Tokens::default(),
            http,
        }
    }
}

/// What to do to reach it from elsewhere.
const UNVERIFIED: &str = "without tokens everybody could use the admin API; give some under \
     [admin.tokens], or listen on 127.0.0.1 or [::1] and use a tunnel";

/// What the admin listener shows.
#[derive(Clone)]
pub struct AdminComponents {
    /// Knows tables, partitions, load, forecasts and decisions.
    pub manager: Arc<Manager>,
    /// The server's metrics.
    pub metrics: Arc<MetricsExport>,
    /// Where items are: a service that cannot write is not ready.
    pub storage: Arc<Storage>,
}

impl std::fmt::Debug for AdminComponents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AdminComponents").field("metrics", &self.metrics).finish_non_exhaustive()
    }
}

/// Starts admin listeners.
#[derive(Debug)]
pub struct Admin;

impl Admin {
    /// Starts to serve the page, the admin API, metrics and health. Not ready before it is told so.
    ///
    /// # Errors
    /// If the address is not a loopback address and there are no tokens, if a token can be guessed, if
    /// the audit log cannot be read, or if the address cannot be listened on.
    pub async fn start(
        settings: AdminSettings,
        components: AdminComponents,
    ) -> Result<AdminHandle, ServerError> {
        let ready = Arc::new(AtomicBool::new(false));
        if let Some(name) = settings.tokens.weak_one() {
            return Err(ServerError::WeakToken { name: name.to_owned() });
        }
        let unverified = settings.tokens.is_empty().then_some(UNVERIFIED);
        let audit = AuditLog::restore(components.storage.blobs().clone()).await;
        let audit = audit.map_err(ServerError::Audit)?;
        let (http, tokens) = (&settings.http, settings.tokens.clone());
        let routes = Routes::new(components, http, tokens, audit, Arc::clone(&ready));
        let listener = Listener::start(settings.listen, http, Arc::new(routes), unverified);
        let listener = listener.await?;
        tracing::info!(addr = %listener.addr, "serving the admin API");
        Ok(AdminHandle { ready, listener })
    }
}

/// A running admin listener. Dropping the handle does not stop it.
#[derive(Debug)]
pub struct AdminHandle {
    ready: Arc<AtomicBool>,
    listener: Listener,
}

impl AdminHandle {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.listener.addr
    }

    /// What `/readyz` says from now on.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }

    /// Accepts no more connections, lets requests under way finish, and returns.
    pub async fn shutdown(self) {
        self.listener.shutdown().await;
    }
}
