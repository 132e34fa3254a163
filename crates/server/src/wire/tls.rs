//! TLS: who this server is, and how a connection begins.
//!
//! Certificate and key are read from files, at the start, when the files change and when told to. What
//! cannot be used is refused and the certificate in force stays, because half of a pair that is being
//! replaced is an ordinary sight. Handshakes are bounded in time and in number: they cost more than most
//! requests, and nobody has shown a credential yet.

mod identity;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rustls::ServerConfig;
use thiserror::Error;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::settings::TlsSettings;
use crate::wire::stall::Unstalled;
use identity::{Files, Stamp};

/// Why a certificate cannot be used.
#[derive(Debug, Error)]
pub enum TlsError {
    /// One without the other.
    #[error("{given} is set and {missing} is not: TLS needs both")]
    Half {
        /// What is there.
        given: &'static str,
        /// What is not.
        missing: &'static str,
    },
    /// A file is not what it should be.
    #[error("{}: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Whether there is TLS at all is decided at the start.
    #[error("TLS cannot be switched on or off while the service runs")]
    Switched,
}

/// What a client is told that speaks plain HTTP.
const PLAIN: &str = "this port speaks HTTPS: use an https:// address\n";

/// Reads the files of `settings` as a listener would; `None` without TLS.
pub(crate) fn check(settings: &TlsSettings) -> Result<Option<Arc<ServerConfig>>, TlsError> {
    Files::of(settings)?.map(|files| files.config()).transpose()
}

/// A listener's TLS.
#[derive(Debug)]
pub(crate) struct Tls {
    files: Mutex<Watched>,
    config: ArcSwap<ServerConfig>,
    handshakes: Semaphore,
    handshake_max: Duration,
    /// How often the files are looked at, if at all.
    look_interval: Option<Duration>,
}

#[derive(Debug)]
struct Watched {
    files: Files,
    /// What the files were when they were last read, whether they could be used or not.
    stamp: Stamp,
}

impl Tls {
    /// TLS as the settings have it; `None` without.
    pub(crate) fn new(settings: &TlsSettings) -> Result<Option<Self>, TlsError> {
        let Some(files) = Files::of(settings)? else { return Ok(None) };
        let stamp = files.stamp();
        let config = ArcSwap::new(files.config()?);
        Ok(Some(Self {
            files: Mutex::new(Watched { files, stamp }),
            config,
            handshakes: Semaphore::new(settings.handshakes_max.clamp(1, Semaphore::MAX_PERMITS)),
            handshake_max: Duration::from_millis(settings.handshake_ms_max),
            look_interval: match settings.look_interval_ms {
                0 => None,
                ms => Some(Duration::from_millis(ms)),
            },
        }))
    }

    /// Reads the files of `settings` anew; with an error everything stays as it was.
    pub(crate) fn reload(&self, settings: &TlsSettings) -> Result<(), TlsError> {
        let files = Files::of(settings)?.ok_or(TlsError::Switched)?;
        let stamp = files.stamp();
        let config = files.config()?;
        *self.files.lock() = Watched { files, stamp };
        self.config.store(config);
        Ok(())
    }

    /// Reads the files if they have changed since they were last read; whether they were taken.
    fn follow(&self) -> Result<bool, TlsError> {
        let mut watched = self.files.lock();
        // Taken before reading: what changes meanwhile is seen the next time.
        let stamp = watched.files.stamp();
        if stamp == watched.stamp {
            return Ok(false);
        }
        watched.stamp = stamp;
        self.config.store(watched.files.config()?);
        Ok(true)
    }

    /// Looks at the files again and again, until the task is aborted.
    pub(crate) fn watch(self: &Arc<Self>) -> Option<JoinHandle<()>> {
        let interval = self.look_interval?;
        let tls = Arc::clone(self);
        Some(tokio::spawn(async move {
            let mut look = tokio::time::interval(interval);
            loop {
                look.tick().await;
                let here = Arc::clone(&tls);
                // Files may lie on a disk that takes its time.
                match tokio::task::spawn_blocking(move || here.follow()).await {
                    Ok(Ok(false)) => {}
                    Ok(Ok(true)) => tracing::info!("a new TLS certificate is in use"),
                    Ok(Err(error)) => {
                        tracing::warn!(%error, "the new TLS certificate is not used, the old one stays");
                    }
                    Err(error) => tracing::error!(%error, "the TLS certificate is not watched"),
                }
            }
        }))
    }

    /// A connection after its handshake, or why there was none. Its writes wait for `patience` at the
    /// most.
    pub(crate) async fn accept(
        &self,
        stream: TcpStream,
        patience: Duration,
    ) -> Result<TlsStream<Unstalled<TcpStream>>, String> {
        let ended = tokio::time::timeout(self.handshake_max, self.shake_hands(stream, patience));
        ended.await.unwrap_or_else(|_| Err("the handshake took too long".to_owned()))
    }

    async fn shake_hands(
        &self,
        mut stream: TcpStream,
        patience: Duration,
    ) -> Result<TlsStream<Unstalled<TcpStream>>, String> {
        let told = |error: std::io::Error| error.to_string();
        let mut first = [0];
        let seen = stream.peek(&mut first).await.map_err(told)?;
        if seen == 1 && first[0].is_ascii_uppercase() {
            // A method: no TLS record begins like this.
            stream.write_all(plain().as_bytes()).await.map_err(told)?;
            return Err("the client spoke plain HTTP".to_owned());
        }
        // The semaphore is never closed. Who has not said anything yet takes no turn.
        let _turn = self.handshakes.acquire().await.map_err(|error| error.to_string())?;
        let acceptor = TlsAcceptor::from(self.config.load_full());
        acceptor.accept(Unstalled::new(stream, patience)).await.map_err(told)
    }
}

fn plain() -> String {
    format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{PLAIN}",
        PLAIN.len()
    )
}

#[cfg(test)]
mod tests;
