//! Work that goes on when its caller goes away.
//!
//! A request's future is dropped when its client hangs up. Between handing a change to the engine
//! and noting that it was handed over, that must not happen: the key's latch would be free while
//! the change is still on its way.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Runs `work` in the caller's task; if the caller is dropped before it is done, in a task of its
/// own.
pub(crate) fn uncancelled<F>(work: F) -> Uncancelled<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    Uncancelled { work: Some(Box::pin(work)) }
}

type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// See [`uncancelled`].
pub(crate) struct Uncancelled<T: Send + 'static> {
    /// None when done.
    work: Option<Work<T>>,
}

impl<T: Send + 'static> Future for Uncancelled<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Some(work) = &mut self.work else {
            return Poll::Pending;
        };
        let polled = work.as_mut().poll(context);
        if polled.is_ready() {
            self.work = None;
        }
        polled
    }
}

impl<T: Send + 'static> Drop for Uncancelled<T> {
    fn drop(&mut self) {
        if let (Some(work), Ok(runtime)) = (self.work.take(), tokio::runtime::Handle::try_current())
        {
            runtime.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn dropped_work_is_finished() {
        let (start, started) = oneshot::channel::<()>();
        let (done, is_done) = oneshot::channel();
        let work = uncancelled(async move {
            let _ = started.await;
            let _ = done.send(5);
        });
        assert!(work.now_or_never().is_none());
        start.send(()).unwrap();
        assert_eq!(is_done.await, Ok(5));
    }

    #[tokio::test]
    async fn finished_work_answers() {
        assert_eq!(uncancelled(async { 7 }).await, 7);
    }
}
