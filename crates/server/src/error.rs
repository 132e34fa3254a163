//! What can go wrong with a server itself. Errors of requests are `dynamodb::Error`, not these.

use std::net::SocketAddr;

use thiserror::Error;

pub use crate::wire::tls::TlsError;

/// Why a server could not start or stop.
#[derive(Debug, Error)]
pub enum ServerError {
    /// Nobody is verified there, so everybody who can connect may do everything.
    #[error("listen address {listen} is not a loopback address: {remedy}")]
    NotLoopback {
        /// The address that was asked for.
        listen: SocketAddr,
        /// What to do about it.
        remedy: &'static str,
    },
    /// A credential that anybody can guess.
    #[error(
        "the credential of access key id {id:?} is empty: give both an id and a secret under \
         [server.credentials]"
    )]
    EmptyCredential {
        /// Its access key id.
        id: String,
    },
    /// A token that can be guessed.
    #[error(
        "the token of {name:?} under [admin.tokens] is shorter than 16 bytes: use a random one, for \
         example of `openssl rand -hex 24`"
    )]
    WeakToken {
        /// Whose it is.
        name: String,
    },
    /// Changes could not be written down.
    #[error("the audit log cannot be read: {0}")]
    Audit(#[source] storage::StorageError),
    /// The certificate cannot be used.
    #[error("[{section}] {why}")]
    Tls {
        /// The section of the configuration that names it.
        section: &'static str,
        /// What is wrong.
        #[source]
        why: TlsError,
    },
    /// The address is taken or not ours.
    #[error("cannot listen on {listen}: {source}; choose another address or port")]
    Bind {
        /// The address that was asked for.
        listen: SocketAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
}
