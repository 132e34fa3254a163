//! Operations on tables: CreateTable, DescribeTable and its kin, ListTables, DeleteTable.
//!
//! As with DynamoDB a table is CREATING and DELETING while the work is done, and the replies say so;
//! but they come when it is done. So a client that waits for ACTIVE waits for one reply, and one that
//! does not wait finds its table all the same, as with DynamoDB Local.

use std::collections::BTreeSet;
use std::sync::Arc;

use dynamodb::{
    ApiError, Body, CreateTable, ErrorKind, ListTables, TableDefinition, TableRequest, TableSize,
    TableStatus, describe_table_response, describe_time_to_live_response,
    table_description_response,
};
use storage::{NewTable, StorageError};
use types::storage_key;
use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::backups::{last_backup, make_backup};
use super::{Executor, storage_failed, to_the_end};
use crate::item_count::ItemCount;
use crate::tables::ServedTable;

/// The most partitions that a new table gets, whatever throughput it asks for.
const INITIAL_PARTITIONS_MAX: u32 = 64;

impl Executor {
    pub(super) async fn create_table(&self, body: Body) -> Result<Vec<u8>, ApiError> {
        let request = CreateTable::parse(body)?;
        let name = request.table_name().to_owned();
        if self.storage.table(&name).is_some() {
            return Err(ApiError::table_exists(&name));
        }
        self.check_table_count()?;
        let definition = request.define(self.creation(&name));
        let creating = self.states.begin(TableStatus::Creating, &definition)?;
        let stored = definition.to_stored();
        let boundaries = self.boundaries(&definition);
        let new = NewTable { name: name.clone(), definition: stored, boundaries };
        let storage = Arc::clone(&self.storage);
        to_the_end(async move {
            let _creating = creating;
            storage.create_table(new).await.map(drop).map_err(|error| match error {
                StorageError::TableExists(_) => ApiError::table_exists(&name),
                error => storage_failed(error),
            })
        })
        .await?;
        let size = TableSize::default();
        Ok(table_description_response(&definition, TableStatus::Creating, size))
    }

    pub(super) async fn describe_table(&self, body: Body) -> Result<Vec<u8>, ApiError> {
        let request = TableRequest::parse(body)?;
        let name = request.table_name();
        let state = self.states.of(name);
        match (self.tables.get(name)?, state) {
            (Some(served), state) => {
                let size = size(&served).await?;
                // A table that is there is made, even if its making has just not been put away.
                let status = state.map(|state| state.status);
                let status = status.filter(|status| *status != TableStatus::Creating);
                let status = status.unwrap_or(TableStatus::Active);
                Ok(describe_table_response(&served.definition, status, size))
            }
            (None, Some(state)) => {
                let size = TableSize::default();
                Ok(describe_table_response(&state.definition, state.status, size))
            }
            (None, None) => Err(ApiError::table_not_found_named(name)),
        }
    }

    pub(super) fn list_tables(&self, body: Body) -> Result<Vec<u8>, ApiError> {
        let request = ListTables::parse(body)?;
        let (tables, changing) = (self.storage.tables(), self.states.names());
        let there = tables.iter().map(|table| table.name());
        let names: BTreeSet<&str> = there.chain(changing.iter().map(String::as_str)).collect();
        Ok(request.respond(names.into_iter()))
    }

    pub(super) fn describe_time_to_live(&self, body: Body) -> Result<Vec<u8>, ApiError> {
        self.named(TableRequest::parse(body)?.table_name())?;
        Ok(describe_time_to_live_response())
    }

    pub(super) async fn delete_table(&self, body: Body) -> Result<Vec<u8>, ApiError> {
        let request = TableRequest::parse(body)?;
        let name = request.table_name().to_owned();
        let (status, size) = (TableStatus::Deleting, TableSize::default());
        if let Some(state) = self.states.of(&name).filter(|state| state.status == status) {
            // "If table is already in the DELETING state, no error is returned."
            return Ok(table_description_response(&state.definition, status, size));
        }
        let definition = match (self.tables.get(&name)?, self.states.of(&name)) {
            (Some(served), _) => served.definition.clone(),
            (None, Some(state)) => state.definition,
            (None, None) => return Err(ApiError::table_not_found_named(&name)),
        };
        let deleting = self.states.begin(status, &definition)?;
        // Nobody changes the table from here on, so this is whether it is protected.
        if self.named(&name)?.definition.deletion_protection {
            return Err(ApiError::deletion_protected());
        }
        let (storage, tables) = (Arc::clone(&self.storage), Arc::clone(&self.tables));
        let last = definition.point_in_time.map(|_| last_backup(&name, self.now_ms()));
        to_the_end(async move {
            let _deleting = deleting;
            if let (Some(note), Some(table)) = (last, storage.table(&name)) {
                make_backup(&storage, &table, &note).await?;
            }
            storage.drop_table(&name).await.map_err(|error| match error {
                StorageError::NoSuchTable(_) => ApiError::table_not_found_named(&name),
                StorageError::Busy(_) => ApiError::table_in_use(&name, "updated"),
                error => storage_failed(error),
            })?;
            tables.forget_dropped();
            Ok(())
        })
        .await?;
        Ok(table_description_response(&definition, status, size))
    }

    /// The table that a request about tables names.
    pub(super) fn named(&self, name: &str) -> Result<Arc<ServedTable>, ApiError> {
        self.tables.get(name)?.ok_or_else(|| ApiError::table_not_found_named(name))
    }

    /// Refuses a table too many.
    pub(super) fn check_table_count(&self) -> Result<(), ApiError> {
        let tables = self.storage.tables().len();
        if tables < self.settings.tables.tables_max {
            return Ok(());
        }
        let message = format!("There are {tables} tables already; delete some first");
        Err(ApiError::new(ErrorKind::LimitExceeded, message))
    }

    /// Where a new table is cut: as often as the settings say, or as the throughput it asks for
    /// needs. Only hash order can be cut before anything is known of the keys.
    fn boundaries(&self, definition: &TableDefinition) -> Vec<bytes::Bytes> {
        if !definition.strategy.is_hash_order() {
            return Vec::new();
        }
        let limits = &self.settings.limits;
        let asked = definition
            .initial_partitions(limits.read_units_per_s, limits.write_units_per_s)
            .min(INITIAL_PARTITIONS_MAX);
        storage_key::even_boundaries(self.settings.tables.partitions_initial.max(asked).max(1))
    }

    /// DynamoDB's `TableId`: a UUID (version 8: made from what distinguishes this table).
    pub(super) fn table_uuid(&self, name: &str, created_ms: i64) -> String {
        let what = format!("{name} {created_ms} {}", self.real_ms());
        let bits = xxh3_128_with_seed(what.as_bytes(), self.seed);
        let bits = bits & !(0xf << 76) & !(0x3 << 62) | (0x8 << 76) | (0x2 << 62);
        let hex = format!("{bits:032x}");
        [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
    }
}

/// How much a table holds.
pub(super) async fn size(served: &Arc<ServedTable>) -> Result<TableSize, ApiError> {
    let sizes = served.table.partition_sizes().await.map_err(storage_failed)?;
    let items = ItemCount::of(served, &sizes);
    Ok(TableSize { items, bytes: sizes.iter().map(|size| size.live_bytes).sum() })
}
