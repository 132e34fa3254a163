//! What can go wrong with a server itself. Errors of requests are `dynamodb::Error`, not these.

use std::net::SocketAddr;

use thiserror::Error;

/// Why a server could not start or stop.
#[derive(Debug, Error)]
pub enum ServerError {
    /// Without credentials everybody who can connect may do everything.
    #[error(
        "listen address {listen} is not a loopback address: Foreshard has no credentials yet, \
         so it only listens on 127.0.0.1 or [::1]"
    )]
    NotLoopback {
        /// The address that was asked for.
        listen: SocketAddr,
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
