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
use crate::settings::{HttpSettings, TlsSettings, loopback_only};
use crate::wire::Listener;
use crate::wire::tls::{self, Tls, TlsError};
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
    /// TLS on this port.
    pub tls: TlsSettings,
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
            tls: TlsSettings::default(),
            http,
        }
    }
}

/// What to do to reach it from elsewhere.
const UNVERIFIED: &str = "without tokens everybody could use the admin API; give some under \
     [admin.tokens], or listen on 127.0.0.1 or [::1] and use a tunnel";

impl AdminSettings {
    /// Refuses what an admin listener would not start with; reads the TLS files.
    ///
    /// # Errors
    /// If the address is not a loopback address and there are no tokens, if a token can be guessed, or
    /// if the certificate cannot be used.
    pub fn check(&self) -> Result<(), ServerError> {
        if let Some(name) = self.tokens.weak_one() {
            return Err(ServerError::WeakToken { name: name.to_owned() });
        }
        loopback_only(self.listen, self.tokens.is_empty().then_some(UNVERIFIED))?;
        tls::check(&self.tls).map_err(unusable)?;
        Ok(())
    }
}

fn unusable(why: TlsError) -> ServerError {
    ServerError::Tls { section: "admin.tls", why }
}

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
    /// If [`AdminSettings::check`] refuses the settings, if the audit log cannot be read, or if the
    /// address cannot be listened on.
    pub async fn start(
        settings: AdminSettings,
        components: AdminComponents,
    ) -> Result<AdminHandle, ServerError> {
        settings.check()?;
        let tls = Tls::new(&settings.tls).map_err(unusable)?;
        let ready = Arc::new(AtomicBool::new(false));
        let audit = AuditLog::restore(components.storage.blobs().clone()).await;
        let audit = audit.map_err(ServerError::Audit)?;
        let (http, tokens) = (&settings.http, settings.tokens.clone());
        let routes = Arc::new(Routes::new(components, http, tokens, audit, Arc::clone(&ready)));
        let listener = Listener::start(settings.listen, http, Arc::clone(&routes), tls).await?;
        tracing::info!(addr = %listener.addr, "serving the admin API");
        Ok(AdminHandle { ready, routes, listener })
    }
}

/// A running admin listener. Dropping the handle does not stop it.
#[derive(Debug)]
pub struct AdminHandle {
    ready: Arc<AtomicBool>,
    routes: Arc<Routes>,
    listener: Listener,
}

impl AdminHandle {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.listener.addr
    }

    /// Whether it speaks TLS.
    pub fn is_secure(&self) -> bool {
        self.listener.is_secure()
    }

    /// Takes over what of `settings` can change while requests are served: tokens, and the certificate
    /// with its key, which are read anew.
    ///
    /// # Errors
    /// If the certificate cannot be used; then nothing has changed.
    pub fn reload(&self, settings: &AdminSettings) -> Result<(), ServerError> {
        self.listener.reload(&settings.tls).map_err(unusable)?;
        self.routes.let_in(settings.tokens.clone());
        Ok(())
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
