//! What can go wrong with a server itself. Errors of requests are `dynamodb::Error`, not these.

use std::net::SocketAddr;

use thiserror::Error;

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
    /// The address is taken or not ours.
    #[error("cannot listen on {listen}: {source}; choose another address or port")]
    Bind {
        /// The address that was asked for.
        listen: SocketAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
}
