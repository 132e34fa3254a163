//! The public DynamoDB protocol: requests, responses, errors, expressions; no I/O.
//!
//! A request goes through here three times. First its body is parsed and validated without any
//! table (`PutItem::parse`). Then it is planned for a table, which gives the storage keys it
//! touches (`PutItem::plan`). At last the stored bytes come back and a pure function decides what
//! to write and what to answer (`Write::decide`). What lies between, finding the table, reading
//! and writing, admission control, is the server's.
//!
//! Wording and order of validation follow DynamoDB where they are known, because applications and
//! their tests compare them. What is not supported is refused, never ignored.

mod consumed;
pub mod error;
pub mod expression;
mod json;
mod keys;
mod operation;
mod params;
mod requests;
pub mod sigv4;
pub mod table;
#[cfg(test)]
mod testing;

pub use error::{Access, ApiError, ErrorKind, Throttle};
pub use json::Body;
pub use operation::Operation;
pub use requests::backups::{
    BackupKind, BackupNote, BackupRequest, BackupStatus, BackupView, CreateBackup, ListBackups,
    Origin, RestorableTimes, RestoreFromBackup, RestoreTime, RestoreToPoint,
    UpdateContinuousBackups, backup_in_use, backup_not_found, backup_number,
    continuous_backups_response, table_in_use_for_backups,
};
pub use requests::batch_get_item::{
    BATCH_READ_BYTES_MAX, BATCH_READS_MAX, BatchGetItem, BatchReadResult, TableReads,
};
pub use requests::batch_write_item::{
    BATCH_WRITES_MAX, BatchWriteItem, BatchWriteResult, TableWrites,
};
pub use requests::create_table::{CreateTable, Creation};
pub use requests::delete_item::DeleteItem;
pub use requests::descriptions::{
    describe_endpoints_response, describe_limits_response, describe_time_to_live_response,
};
pub use requests::gathering::Gathering;
pub use requests::get_item::GetItem;
pub use requests::page::{Offer, PAGE_BYTES_MAX, Page, PagePlan};
pub use requests::put_item::PutItem;
pub use requests::query::Query;
pub use requests::read::{Read, ReadOutcome};
pub use requests::scan::Scan;
pub use requests::tables::{
    LIST_TABLES_MAX, ListTables, TableRequest, describe_table_response, table_description_response,
};
pub use requests::tags::{ListTags, TagResource, UntagResource, tags_response};
pub use requests::update_item::UpdateItem;
pub use requests::update_table::UpdateTable;
pub use requests::write::{Change, Write, WriteOutcome};
pub use table::{
    Billing, BillingMode, Changes, ChosenBy, FAN_OUT, PointInTime, RANGE_QUERIES_TAG,
    RECOVERY_DAYS_MAX, RangeQueries, Restored, STRATEGY_TAG, TableClass, TableDefinition,
    TableSize, TableStatus, Tag, UnreadableDefinition, WarmThroughput, allows_fan_out,
    has_chosen_strategy, with_strategy,
};
