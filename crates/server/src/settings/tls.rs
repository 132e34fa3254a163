//! TLS on a listener: where its certificate and key are, and the bounds of handshakes.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// TLS on a listener, which speaks plain HTTP without a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsSettings {
    /// A PEM file with the certificate of this server, and after it those that lead to the authority.
    pub certificate: Option<PathBuf>,
    /// A PEM file with the certificate's private key, not encrypted.
    pub key: Option<PathBuf>,
    /// How often the files are looked at; changed ones are used from then on. 0: only when told to
    /// reload.
    pub look_interval_ms: u64,
    /// How long a client may take for its handshake.
    pub handshake_ms_max: u64,
    /// Handshakes under way at once; more wait, within the same time.
    pub handshakes_max: usize,
}

impl Default for TlsSettings {
    fn default() -> Self {
        Self {
            certificate: None,
            key: None,
            look_interval_ms: 10_000,
            handshake_ms_max: 10_000,
            handshakes_max: 256,
        }
    }
}
