//! Reading a request body within bounds of its own and of all bodies together.

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::settings::HttpSettings;

/// The unit in which body memory is handed out.
const PERMIT_BYTES: usize = 1024;

/// Why a body could not be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// Larger than a body may be.
    TooLarge,
    /// The client went away or sent nonsense.
    Broken,
}

/// Reads bodies; the large ones share a bounded memory.
#[derive(Debug)]
pub(crate) struct BodyReader {
    bytes_max: usize,
    memory: Semaphore,
}

/// A body, and its place in the memory for bodies until it is dropped.
#[derive(Debug)]
pub(crate) struct ReadBody<'a> {
    /// The body as one piece.
    pub(crate) bytes: Bytes,
    _memory: Option<SemaphorePermit<'a>>,
}

impl BodyReader {
    /// A reader with the bounds of `settings`.
    pub(crate) fn new(settings: &HttpSettings) -> Self {
        // At least one body of the largest size must fit, or it would wait for ever.
        let memory = settings.bodies_bytes_max.max(settings.body_bytes_max);
        Self {
            bytes_max: settings.body_bytes_max,
            memory: Semaphore::new((memory / PERMIT_BYTES).min(Semaphore::MAX_PERMITS)),
        }
    }

    /// The largest body.
    pub(crate) fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Reads the whole body, waiting for memory first if it is (or may become) large.
    pub(crate) async fn read(&self, body: Incoming) -> Result<ReadBody<'_>, BodyError> {
        let announced = body.size_hint().upper().map(|bytes| bytes as usize);
        let expected = announced.unwrap_or(self.bytes_max);
        if expected > self.bytes_max {
            return Err(BodyError::TooLarge);
        }
        let memory = if expected <= HttpSettings::SMALL_BODY_BYTES {
            None
        } else {
            let permits = u32::try_from(expected.div_ceil(PERMIT_BYTES)).unwrap_or(u32::MAX);
            // The semaphore is never closed.
            self.memory.acquire_many(permits).await.ok()
        };
        let bytes = collect(body, expected, self.bytes_max).await?;
        Ok(ReadBody { bytes, _memory: memory })
    }
}

/// Collects the frames; a body that came in one frame (nearly all) is not copied.
async fn collect(body: Incoming, expected: usize, bytes_max: usize) -> Result<Bytes, BodyError> {
    let mut body = Limited::new(body, bytes_max);
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            let too_large = error.downcast_ref::<LengthLimitError>().is_some();
            if too_large { BodyError::TooLarge } else { BodyError::Broken }
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if first.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                rest.reserve(expected.min(bytes_max));
                rest.extend_from_slice(&first);
            }
            rest.extend_from_slice(&data);
        }
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}
