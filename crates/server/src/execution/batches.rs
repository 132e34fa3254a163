//! BatchWriteItem and BatchGetItem: many items in one request, each on its own.
//!
//! The parts go to storage at the same time, so that a batch waits for the disk once. A part that
//! its partition has no capacity for goes back to the client unprocessed; if there is no other, the
//! whole batch is refused, as DynamoDB does, and SDKs retry it.

use std::sync::Arc;

use dynamodb::{
    Access, ApiError, BatchGetItem, BatchReadResult, BatchWriteItem, BatchWriteResult, Body,
    Change, Read, Write,
};
use futures::future::try_join_all;
use types::Units;
use workload::RequestType;

use super::items::{ItemKey, least_read, read_item, throttled, write_item};
use super::metered::{Metered, Throttled};
use super::{Call, Executor};
use crate::tables::ServedTable;

impl Executor {
    pub(super) async fn batch_write_item(
        &self,
        body: Body,
        call: &Call<'_>,
    ) -> Result<Vec<u8>, ApiError> {
        let batch = BatchWriteItem::parse(body)?;
        let mut parts = Vec::with_capacity(batch.tables().len());
        for part in batch.tables() {
            let served = self.tables.for_items(part.table_name())?;
            let writes = part.plan(&served.definition)?;
            parts.push((served, writes));
        }
        let results = try_join_all(parts.iter().map(|(served, writes)| async move {
            try_join_all(writes.iter().map(|write| self.write_part(served, write, call))).await
        }))
        .await?;
        let processed = |result: &BatchWriteResult| *result != BatchWriteResult::Unprocessed;
        if !results.iter().flatten().any(processed) {
            return Err(refusal(parts.first().map(|(served, _)| served), Access::Write, call));
        }
        Ok(batch.respond(&results))
    }

    pub(super) async fn batch_get_item(
        &self,
        body: Body,
        call: &Call<'_>,
    ) -> Result<Vec<u8>, ApiError> {
        let batch = BatchGetItem::parse(body)?;
        let mut parts = Vec::with_capacity(batch.tables().len());
        for part in batch.tables() {
            let served = self.tables.for_items(part.table_name())?;
            let reads = part.plan(&served.definition)?;
            parts.push((served, reads));
        }
        let results = try_join_all(parts.iter().map(|(served, reads)| async move {
            try_join_all(reads.iter().map(|read| self.read_part(served, read, call))).await
        }))
        .await?;
        let processed = |result: &BatchReadResult| !matches!(result, BatchReadResult::Unprocessed);
        if !results.iter().flatten().any(processed) {
            return Err(refusal(parts.first().map(|(served, _)| served), Access::Read, call));
        }
        Ok(batch.respond(&results))
    }

    async fn write_part(
        &self,
        served: &ServedTable,
        write: &Write,
        call: &Call<'_>,
    ) -> Result<BatchWriteResult, ApiError> {
        let key = ItemKey::new(served, write.key(), write.primary_key());
        // Unconditional: what it is and costs at least shows in what it would do to an empty place.
        let on_nothing = write.decide(None);
        let request = match on_nothing.change {
            Change::Put(_) => RequestType::Store,
            Change::Delete | Change::Keep => RequestType::Delete,
        };
        let target = key.target(request, on_nothing.units);
        let Ok(metered) = Metered::admit_part(self, served, call, target) else {
            return Ok(BatchWriteResult::Unprocessed);
        };
        let outcome = write_item(&self.tables, served, write, metered).await?;
        match outcome.error() {
            Some(error) => Err(error.clone()),
            None => Ok(BatchWriteResult::Done(outcome.units)),
        }
    }

    async fn read_part(
        &self,
        served: &ServedTable,
        read: &Read,
        call: &Call<'_>,
    ) -> Result<BatchReadResult, ApiError> {
        let key = ItemKey::new(served, read.key(), read.primary_key());
        let target = key.target(RequestType::Retrieve, least_read(read));
        match Metered::admit_part(self, served, call, target) {
            Ok(metered) => {
                Ok(BatchReadResult::Done(read_item(&self.tables, served, read, metered).await?))
            }
            Err(_throttled) => Ok(BatchReadResult::Unprocessed),
        }
    }
}

/// Nothing of a batch was processed.
fn refusal(served: Option<&Arc<ServedTable>>, access: Access, call: &Call<'_>) -> ApiError {
    let Some(served) = served else {
        return ApiError::validation("The batch is empty; give at least one item");
    };
    let units = match access {
        Access::Read => Units::read(1.0),
        Access::Write => Units::write(1.0),
    };
    let by_table = served.admission.provisioned.is_exhausted(units, call.now_ms);
    throttled(served, access, if by_table { Throttled::Table } else { Throttled::Partition })
}
