//! A TCP listener that serves HTTP/1.1 within bounds and drains when told to.
//!
//! Shared by the DynamoDB API and the admin API. It knows connections, not operations: at most so
//! many at once (further ones wait in the kernel's queue), TLS if it has a certificate, a bounded request
//! head in bounded time, and on shutdown no new connections while those under way finish their request.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use crate::error::ServerError;
use crate::settings::{HttpSettings, TlsSettings};
use crate::wire::stall::Unstalled;
use crate::wire::tls::{Tls, TlsError};

/// After a failed `accept` (out of file descriptors, mostly) wait this long before the next try.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);

/// Answers the requests of one connection after the other.
pub(crate) trait Handler: Send + Sync + 'static {
    /// What a reply's body is.
    type Body: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + 'static;

    /// Answers one request of the client at `peer`.
    fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// A listener that runs; dropping it leaves it running until the runtime ends.
#[derive(Debug)]
pub(crate) struct Listener {
    /// The bound address, with the port that was chosen.
    pub(crate) addr: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    tls: Option<Arc<Tls>>,
    /// Looks at the certificate's files.
    watching: Option<JoinHandle<()>>,
}

impl Listener {
    /// Binds `listen` and serves `handler` there, over TLS if there is any.
    pub(crate) async fn start<H: Handler>(
        listen: SocketAddr,
        settings: &HttpSettings,
        handler: Arc<H>,
        tls: Option<Tls>,
    ) -> Result<Self, ServerError> {
        let bind_failed = |source| ServerError::Bind { listen, source };
        let socket = TcpListener::bind(listen).await.map_err(bind_failed)?;
        let addr = socket.local_addr().map_err(bind_failed)?;
        let (stop, stopped) = watch::channel(false);
        let tls = tls.map(Arc::new);
        let watching = tls.as_ref().and_then(Tls::watch);
        let task = tokio::spawn(accept(socket, settings.clone(), handler, tls.clone(), stopped));
        Ok(Self { addr, stop, task, tls, watching })
    }

    /// Whether it speaks TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// Reads the certificate anew; with an error the old one stays.
    pub(crate) fn reload(&self, settings: &TlsSettings) -> Result<(), TlsError> {
        match &self.tls {
            Some(tls) => tls.reload(settings),
            None if settings.certificate.is_none() => Ok(()),
            None => Err(TlsError::Switched),
        }
    }

    /// Stops accepting, lets requests under way finish within the drain bound, and returns.
    pub(crate) async fn shutdown(self) {
        // The receiver is gone only if the task has ended already, which is what we want.
        let _ = self.stop.send(true);
        if let Some(watching) = &self.watching {
            watching.abort();
        }
        if let Err(error) = self.task.await {
            tracing::error!(%error, addr = %self.addr, "the listener's task failed");
        }
    }
}

/// The accept loop, until `stopped` says so.
async fn accept<H: Handler>(
    socket: TcpListener,
    settings: HttpSettings,
    handler: Arc<H>,
    tls: Option<Arc<Tls>>,
    mut stopped: watch::Receiver<bool>,
) {
    let connections = Arc::new(Semaphore::new(settings.connections_max));
    let graceful = GracefulShutdown::new();
    let protocol = protocol(&settings);
    let patience = Duration::from_millis(settings.reply_stall_ms_max);
    loop {
        let next = async {
            let permit = Arc::clone(&connections).acquire_owned().await;
            (permit, socket.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            next = next => next,
            _ = stopped.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                no_delay(&stream, peer);
                let connection = Connection {
                    protocol: protocol.clone(),
                    peer,
                    handler: Arc::clone(&handler),
                    watcher: graceful.watcher(),
                };
                let (tls, stopped) = (tls.clone(), stopped.clone());
                tokio::spawn(async move {
                    match tls {
                        None => connection.serve(Unstalled::new(stream, patience)).await,
                        Some(tls) => connection.secure(&tls, stream, patience, stopped).await,
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
    drop(socket);
    let drain = Duration::from_millis(settings.drain_ms_max);
    if tokio::time::timeout(drain, graceful.shutdown()).await.is_err() {
        tracing::warn!(drain_ms = settings.drain_ms_max, "requests still under way at shutdown");
    }
}

/// HTTP/1.1 with the bounds of the settings.
fn protocol(settings: &HttpSettings) -> http1::Builder {
    let mut protocol = http1::Builder::new();
    protocol
        .timer(TokioTimer::new())
        .keep_alive(true)
        .max_headers(settings.headers_max)
        .max_header_size(settings.header_bytes_max)
        .header_read_timeout(Duration::from_millis(settings.header_read_ms_max));
    protocol
}

/// One connection, before anything was read from it.
struct Connection<H> {
    protocol: http1::Builder,
    peer: SocketAddr,
    handler: Arc<H>,
    watcher: Watcher,
}

impl<H: Handler> Connection<H> {
    /// Shakes hands first; a shutdown does not wait for that.
    async fn secure(
        self,
        tls: &Tls,
        stream: TcpStream,
        patience: Duration,
        mut stopped: watch::Receiver<bool>,
    ) {
        let peer = self.peer;
        let shaken = tokio::select! {
            shaken = tls.accept(stream, patience) => shaken,
            _ = stopped.wait_for(|stop| *stop) => Err("shutting down".to_owned()),
        };
        match shaken {
            Ok(stream) => self.serve(stream).await,
            Err(why) => tracing::debug!(%peer, why, "no TLS connection"),
        }
    }

    /// Requests one after the other until either side closes.
    async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, stream: S) {
        let Self { protocol, peer, handler, watcher } = self;
        let service = service_fn(move |request| {
            let handler = Arc::clone(&handler);
            async move { Ok::<_, Infallible>(handler.handle(request, peer).await) }
        });
        let connection = protocol.serve_connection(TokioIo::new(stream), service);
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(%peer, %error, "connection ended early");
        }
    }
}

/// Replies are small and whole: waiting to fill a segment only adds latency.
fn no_delay(stream: &TcpStream, peer: SocketAddr) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "TCP_NODELAY refused");
    }
}
