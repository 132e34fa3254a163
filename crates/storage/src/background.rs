//! Threads for what no request waits for: memtables become files, files are compacted, garbage is
//! collected.
//!
//! These are long computations. On the threads that answer requests they make whole batches of
//! requests wait for as long as they take, at the worst just after a split, which leaves much to be tidied
//! up. So they get threads of their own, and these have to stand back when processors are short (a
//! nice value; where the system refuses, they have the usual one). What they fall behind with is bounded
//! by the engine: writers wait when too much is in memory or in unsorted files.
//!
//! The task that hands writes to the log is not here: every writer waits for it.

use std::io;
use tokio::runtime::{Builder, Handle, Runtime};

/// How far the threads stand back: about a third of a processor's time if requests want all of it.
const NICE: i32 = 5;

/// The threads. Nothing goes on on them once this is dropped, so close the storage before.
#[derive(Debug)]
pub struct Background(Option<Runtime>);

impl Background {
    /// As many threads as there are processors.
    ///
    /// # Errors
    /// The system's, if it has no threads to give.
    pub fn start() -> io::Result<Self> {
        let stand_back = || {
            if let Err(error) = rustix::process::nice(NICE) {
                tracing::debug!(%error, "background threads keep the usual priority");
            }
        };
        let runtime = Builder::new_multi_thread()
            .thread_name("background")
            .on_thread_start(stand_back)
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    /// For [`Components`](crate::Components).
    pub fn handle(&self) -> Option<Handle> {
        self.0.as_ref().map(|runtime| runtime.handle().clone())
    }
}

impl Drop for Background {
    /// Waits for nobody, because it may be among a runtime's own tasks.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_threads_stand_back_and_nobody_elses_do() {
        let background = Background::start().unwrap();
        let own = rustix::process::nice(0).unwrap();
        let theirs = background.0.as_ref().unwrap().block_on(async {
            tokio::spawn(async { rustix::process::nice(0).unwrap() }).await.unwrap()
        });
        assert_eq!(theirs, (own + NICE).min(19));
        assert_eq!(rustix::process::nice(0).unwrap(), own);
    }
}
