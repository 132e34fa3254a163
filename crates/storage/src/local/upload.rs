//! An object that is written in parts.

use super::files::{Staged, write_all};
use super::{LocalObjects, error, generic, put_result};
use async_trait::async_trait;
use futures::FutureExt;
use object_store::{MultipartUpload, PutPayload, PutResult, Result, UploadPart};
use parking_lot::Mutex;
use std::sync::Arc;

/// A staged file, and how far it goes when all parts are written that were handed in.
#[derive(Debug)]
pub(super) struct Upload {
    objects: LocalObjects,
    /// `None` when it was completed or given up.
    staged: Arc<Mutex<Option<Staged>>>,
    end: u64,
}

impl Upload {
    pub(super) fn new(objects: LocalObjects, staged: Staged) -> Self {
        Self { objects, staged: Arc::new(Mutex::new(Some(staged))), end: 0 }
    }
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (objects, staged, at) = (self.objects.clone(), self.staged.clone(), self.end);
        self.end += data.content_length() as u64;
        let write = async move {
            let write = move |_: &_| match &*staged.lock() {
                Some(staged) => write_all(&*staged.file, at, &data).map_err(error("a part")),
                None => Err(generic("the upload is over")),
            };
            objects.run(write).await
        };
        write.boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let staged = self.staged.clone();
        let publish = move |files: &super::Files| {
            let staged = staged.lock().take().ok_or_else(|| generic("the upload is over"))?;
            files.publish(&staged, false).map_err(|problem| {
                files.discard(&staged);
                error("completing an upload")(problem)
            })
        };
        self.objects.run(publish).await?;
        Ok(put_result())
    }

    async fn abort(&mut self) -> Result<()> {
        let staged = self.staged.clone();
        let discard = move |files: &super::Files| {
            if let Some(staged) = staged.lock().take() {
                files.discard(&staged);
            }
            Ok(())
        };
        self.objects.run(discard).await
    }
}

impl Drop for Upload {
    /// Nobody waits for it: what stays behind is swept away by the next start.
    fn drop(&mut self) {
        if let Some(staged) = self.staged.lock().take() {
            self.objects.files.discard(&staged);
        }
    }
}
