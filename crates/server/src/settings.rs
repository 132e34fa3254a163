//! What a server can be told: addresses, bounds of the HTTP surface, limits of the tables.
//!
//! Plain data with defaults, read from the configuration file by the command line. Every bound of
//! the request path has its name here; nothing below invents one of its own.

mod credentials;
mod tls;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use planner::measured::MeasuredSettings;
use serde::{Deserialize, Serialize};
use workload::DemandSettings;

use crate::error::ServerError;
use crate::wire::tls as wire;

pub use credentials::{Credentials, Secret};
pub use tls::TlsSettings;

/// One server: where it listens, what it accepts, how it throttles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerSettings {
    /// The address of the DynamoDB API; port 0 picks a free one.
    pub listen: SocketAddr,
    /// The region that appears in ARNs and in the health text.
    pub region: String,
    /// The account number that appears in ARNs.
    pub account: String,
    /// Who may use the API; without any credential it is served on loopback only.
    pub credentials: Credentials,
    /// TLS on this port.
    pub tls: TlsSettings,
    /// Bounds of the HTTP surface.
    pub http: HttpSettings,
    /// How much a partition may be asked for.
    pub limits: LimitSettings,
    /// What is taken for a limit, where limits are measured.
    pub measured: MeasuredSettings,
    /// How new tables are laid out.
    pub tables: TableSettings,
    /// How retries are told from new demand.
    pub demand: DemandSettings,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8000),
            region: "us-east-1".to_owned(),
            account: "000000000000".to_owned(),
            credentials: Credentials::default(),
            tls: TlsSettings::default(),
            http: HttpSettings::default(),
            limits: LimitSettings::default(),
            measured: MeasuredSettings::default(),
            tables: TableSettings::default(),
            demand: DemandSettings::default(),
        }
    }
}

/// What to do to listen beyond loopback.
const UNVERIFIED: &str = "without credentials everybody could use it; put ACCESS_KEY_ID = \"secret\" \
     under [server.credentials] in the configuration, or listen on 127.0.0.1 or [::1]";

impl ServerSettings {
    /// Refuses what a server would not start with; reads the TLS files.
    ///
    /// # Errors
    /// If the address is not a loopback address and there are no credentials, if a credential is
    /// empty, or if the certificate cannot be used.
    pub fn check(&self) -> Result<(), ServerError> {
        if let Some(id) = self.credentials.empty_one() {
            return Err(ServerError::EmptyCredential { id: id.to_owned() });
        }
        loopback_only(self.listen, self.credentials.is_empty().then_some(UNVERIFIED))?;
        wire::check(&self.tls).map_err(|why| ServerError::Tls { section: "server.tls", why })?;
        Ok(())
    }
}

/// Where nobody is verified, only this machine may come; `unverified` says what to do otherwise.
pub(crate) fn loopback_only(
    listen: SocketAddr,
    unverified: Option<&'static str>,
) -> Result<(), ServerError> {
    match unverified {
        Some(remedy) if !listen.ip().is_loopback() => {
            Err(ServerError::NotLoopback { listen, remedy })
        }
        _ => Ok(()),
    }
}

/// Bounds of an HTTP listener. Times are real time, also under a scaled clock: they protect this
/// process, not a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpSettings {
    /// Connections served at once; more wait in the kernel's queue.
    pub connections_max: usize,
    /// The largest request body. DynamoDB's own limit is 16 MB.
    pub body_bytes_max: usize,
    /// Memory for the bodies of all requests under way that are larger than
    /// [`HttpSettings::SMALL_BODY_BYTES`]; more wait until others are done.
    pub bodies_bytes_max: usize,
    /// The largest request head (request line and headers together).
    pub header_bytes_max: usize,
    /// The most headers in one request.
    pub headers_max: usize,
    /// How long a connection may take for a request head, or stay idle before the next one.
    pub header_read_ms_max: u64,
    /// How long one request may take, from the end of its head to its reply.
    pub request_ms_max: u64,
    /// How long a reply may wait for a client that does not read it.
    pub reply_stall_ms_max: u64,
    /// How long a shutdown waits for requests under way.
    pub drain_ms_max: u64,
    /// Origins of web pages that may use the API; `["*"]` for all. Without it all may if there are
    /// credentials, and else those of this machine.
    pub cors_origins: Option<Vec<String>>,
}

impl HttpSettings {
    /// Bodies up to this size are bounded by the number of connections alone.
    pub const SMALL_BODY_BYTES: usize = 64 * 1024;
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            connections_max: 4096,
            body_bytes_max: 16 * 1024 * 1024,
            bodies_bytes_max: 256 * 1024 * 1024,
            header_bytes_max: 32 * 1024,
            headers_max: 100,
            header_read_ms_max: 60_000,
            request_ms_max: 30_000,
            reply_stall_ms_max: 30_000,
            drain_ms_max: 10_000,
            cors_origins: None,
        }
    }
}

/// Whether and how partitions throttle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LimitMode {
    /// Token buckets per partition, as DynamoDB has them.
    Dynamodb,
    /// What DynamoDB would serve is served, and beyond it what partitions and the node are seen to sustain;
    /// nobody is refused before a limit was met.
    #[default]
    Measured,
    /// No throttling.
    Off,
}

/// The capacity of one partition. The defaults are DynamoDB's published partition limits:
/// 3,000 read and 1,000 write units per second, and up to 300 s of unused capacity kept as burst
/// (Amazon DynamoDB Developer Guide, "Burst and adaptive capacity").
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitSettings {
    /// What partitions refuse.
    pub mode: LimitMode,
    /// Read units per second and partition that are served in any case, and planned with until more has
    /// been served or a limit was met.
    pub read_units_per_s: f64,
    /// The same of write units.
    pub write_units_per_s: f64,
    /// Unused capacity is kept for this many seconds.
    pub burst_s: f64,
    /// Whether tables with provisioned throughput are throttled at it, too.
    pub provisioned: bool,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            mode: LimitMode::default(),
            read_units_per_s: 3000.0,
            write_units_per_s: 1000.0,
            burst_s: 300.0,
            provisioned: false,
        }
    }
}

/// How many tables there may be, and how new ones are laid out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TableSettings {
    /// Partitions of a new table, cut evenly over the hash space.
    pub partitions_initial: u32,
    /// The most tables one server keeps.
    pub tables_max: usize,
    /// How many ends of pages are remembered per table, for scans that go on after a change of its key
    /// order; the oldest are forgotten.
    pub page_tokens_max: usize,
    /// The most backups that clients may have made; points in time are not counted.
    pub backups_max: usize,
    /// How often a table with point-in-time recovery gets a point, if anything was written to it.
    pub point_ms: i64,
}

impl Default for TableSettings {
    fn default() -> Self {
        Self {
            partitions_initial: 1,
            tables_max: 2500,
            page_tokens_max: 100_000,
            backups_max: 1000,
            point_ms: 300_000,
        }
    }
}
