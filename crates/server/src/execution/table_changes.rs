//! Operations that change a table's definition: UpdateTable, TagResource, UntagResource; and the one
//! that reads the tags.
//!
//! The definition in the catalog is changed by compare-and-set, judged on the version that is
//! changed; then the table is served by the new one. It holds at once, so a table is never
//! UPDATING. A change that asks for more throughput does not move a partition boundary: that is the
//! manager's.

use dynamodb::{
    ApiError, Body, ListTags, TableDefinition, TableStatus, TagResource, UntagResource,
    UpdateTable, table_description_response, tags_response,
};
use std::sync::Arc;
use storage::StorageError;

use super::table_ops::size;
use super::{Executor, storage_failed};
use crate::tables::ServedTable;

impl Executor {
    pub(super) async fn update_table(&self, body: Body) -> Result<Vec<u8>, ApiError> {
        let request = UpdateTable::parse(body)?;
        let served = self.named(request.table_name())?;
        let now_ms = self.now_ms();
        let served = self.redefine(&served, |table| request.apply(table, now_ms)).await?;
        let size = size(&served).await?;
        Ok(table_description_response(&served.definition, TableStatus::Active, size))
    }

    pub(super) async fn tag_resource(&self, body: Body) -> Result<Vec<u8>, ApiError> {
        let request = TagResource::parse(body)?;
        let served = self.tables.get(request.table_name())?.ok_or_else(|| request.not_found())?;
        self.redefine(&served, |table| request.apply(table)).await?;
        // DynamoDB answers with nothing at all.
        Ok(Vec::new())
    }

    pub(super) async fn untag_resource(&self, body: Body) -> Result<Vec<u8>, ApiError> {
        let request = UntagResource::parse(body)?;
        let served = self.tables.get(request.table_name())?.ok_or_else(|| request.not_found())?;
        self.redefine(&served, |table| Ok(request.apply(table))).await?;
        Ok(Vec::new())
    }

    pub(super) fn list_tags(&self, body: Body) -> Result<Vec<u8>, ApiError> {
        let request = ListTags::parse(body)?;
        let served = self.tables.get(request.table_name())?.ok_or_else(|| request.not_found())?;
        Ok(tags_response(&served.definition))
    }

    /// Replaces the table's definition by what `change` makes of it, durably.
    async fn redefine(
        &self,
        served: &ServedTable,
        change: impl Fn(TableDefinition) -> Result<TableDefinition, ApiError> + Send + Sync,
    ) -> Result<Arc<ServedTable>, ApiError> {
        // Most refusals show before anything is written. The table may change until then, so the
        // change is judged again on the version that it replaces.
        change(served.definition.clone())?;
        let mut refused = None;
        let changed = served.table.update_definition(|stored| {
            let new = TableDefinition::from_stored(stored)
                .map_err(|_| ApiError::internal("the table's stored definition cannot be read"))
                .and_then(&change);
            match new {
                Ok(new) => new.to_stored(),
                Err(error) => {
                    refused = Some(error);
                    stored.clone()
                }
            }
        });
        changed.await.map_err(|error| match error {
            StorageError::NoSuchTable(name) => ApiError::table_not_found_named(&name),
            error => storage_failed(error),
        })?;
        match refused {
            Some(error) => Err(error),
            None => self.tables.redefine(served),
        }
    }
}
