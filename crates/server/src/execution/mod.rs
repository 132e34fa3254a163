//! Carrying out operations: the pure decisions of crate `dynamodb` on what crate `storage` keeps.
//!
//! Every operation goes the same way: parse, find the table, plan, then for each item or page
//! admission, storage, and what it cost; at last the reply. Nothing here judges a condition or
//! renders an item, and nothing in `dynamodb` waits for a disk.

mod backups;
mod batches;
mod continuous;
mod items;
mod metered;
mod pages;
mod table_changes;
mod table_ops;

use std::sync::Arc;
use std::time::Instant;

use dynamodb::{ApiError, Body, Operation, describe_endpoints_response, describe_limits_response};
use manager::HotKeyReport;
use storage::StorageError;
use types::{Clock, PartitionId, TableId};
use workload::{ClientNames, Demand, Recorder, Vector};

use crate::admission::{HotKey, Refused};
use crate::metrics::Metrics;
use crate::server::Components;
use crate::settings::ServerSettings;
use crate::table_states::TableStates;
use crate::tables::{ServedTable, Tables};

/// Carries out operations.
pub(crate) struct Executor {
    storage: Arc<storage::Storage>,
    tables: Arc<Tables>,
    states: TableStates,
    keeper: continuous::Keeper,
    recorder: Arc<Recorder>,
    clients: Arc<ClientNames>,
    demand: Demand,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
    settings: ServerSettings,
    seed: u64,
    started: Instant,
    /// The same by the server's clock.
    started_ms: i64,
}

/// What an operation needs to know of the request that asked for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    /// The client's number.
    pub(crate) client: u64,
    /// The SDK's name for this call; retries share it.
    pub(crate) invocation_id: Option<&'a str>,
    /// Which attempt of the call this is.
    pub(crate) sdk_request: Option<&'a str>,
    /// The address that the client has used.
    pub(crate) host: &'a str,
    /// When it arrived, on the server's clock.
    pub(crate) now_ms: i64,
    /// When it arrived, in real milliseconds since the server's start: clients wait in real time.
    pub(crate) real_ms: i64,
}

impl std::fmt::Debug for Executor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Executor").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Executor {
    /// An executor on `components`.
    pub(crate) fn new(
        settings: &ServerSettings,
        components: Components,
        metrics: Arc<Metrics>,
    ) -> Self {
        let Components { storage, recorder, clients, clock, expected_load, seed } = components;
        let tables = Tables::new(
            Arc::clone(&storage),
            Arc::clone(&clock),
            settings.limits,
            settings.tables.page_tokens_max,
            expected_load,
        );
        Self {
            storage,
            tables: Arc::new(tables),
            states: TableStates::default(),
            keeper: continuous::Keeper::default(),
            recorder,
            clients,
            demand: Demand::new(&settings.demand),
            metrics,
            started_ms: clock.now_ms(),
            clock,
            settings: settings.clone(),
            seed,
            started: Instant::now(),
        }
    }

    /// The names of clients.
    pub(crate) fn clients(&self) -> &ClientNames {
        &self.clients
    }

    /// The tables that are served.
    pub(crate) fn tables(&self) -> &Arc<Tables> {
        &self.tables
    }

    /// The server's time.
    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Real milliseconds since the start.
    pub(crate) fn real_ms(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// The keys that ask for much of what their partitions have.
    pub(crate) fn hot_keys(&self) -> Vec<HotKeyReport> {
        let report = |(table, partition, key): (TableId, PartitionId, HotKey)| HotKeyReport {
            table,
            partition,
            key_hash: key.key_hash,
            client: self.clients.name(key.client).map(|name| name.to_string()),
            demand: key.demand,
            refused: key.refused,
        };
        self.tables.hot_keys().into_iter().map(report).collect()
    }

    /// Counts a request that was refused, and tells when it is a single key that is too much.
    fn throttled(&self, served: &ServedTable, refused: &Refused, vector: &Vector) {
        if !refused.hot_key {
            return;
        }
        self.metrics.count_hot_key();
        if refused.first {
            let client = self.clients.name(vector.client);
            tracing::warn!(
                table = served.table.name(),
                partition = %vector.partition,
                key = %format_args!("{:016x}", vector.key_hash),
                client = client.as_deref().unwrap_or("unknown"),
                "a single key asks for more than its partition has: it alone is throttled",
            );
        }
    }

    /// Carries out `operation` with the parameters in `body`; returns the reply's body.
    pub(crate) async fn execute(
        &self,
        operation: Operation,
        body: &[u8],
        call: &Call<'_>,
    ) -> Result<Vec<u8>, ApiError> {
        let body = Body::parse(body)?;
        match operation {
            Operation::PutItem => self.put_item(body, call).await,
            Operation::UpdateItem => self.update_item(body, call).await,
            Operation::DeleteItem => self.delete_item(body, call).await,
            Operation::GetItem => self.get_item(body, call).await,
            Operation::Query => self.query(body, call).await,
            Operation::Scan => self.scan(body, call).await,
            Operation::BatchWriteItem => self.batch_write_item(body, call).await,
            Operation::BatchGetItem => self.batch_get_item(body, call).await,
            Operation::CreateTable => self.create_table(body).await,
            Operation::UpdateTable => self.update_table(body).await,
            Operation::DescribeTable => self.describe_table(body).await,
            Operation::ListTables => self.list_tables(body),
            Operation::DeleteTable => self.delete_table(body).await,
            Operation::TagResource => self.tag_resource(body).await,
            Operation::UntagResource => self.untag_resource(body).await,
            Operation::ListTagsOfResource => self.list_tags(body),
            Operation::DescribeTimeToLive => self.describe_time_to_live(body),
            Operation::CreateBackup => self.create_backup(body).await,
            Operation::DescribeBackup => self.describe_backup(body),
            Operation::ListBackups => self.list_backups(body),
            Operation::DeleteBackup => self.delete_backup(body).await,
            Operation::RestoreTableFromBackup => self.restore_from_backup(body).await,
            Operation::RestoreTableToPointInTime => self.restore_to_point(body).await,
            Operation::UpdateContinuousBackups => self.update_continuous_backups(body).await,
            Operation::DescribeContinuousBackups => self.describe_continuous_backups(body),
            Operation::DescribeEndpoints => Ok(describe_endpoints_response(call.host)),
            Operation::DescribeLimits => Ok(describe_limits_response()),
        }
    }
}

/// Does `work` to its end, also if its client hangs up and nobody waits for it any more: a table
/// must not stay half made, half changed or half deleted until the next start.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, ApiError>> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::spawn(work).await.unwrap_or_else(|error| {
        tracing::error!(%error, "an operation on a table failed");
        Err(ApiError::internal("The request processing has failed because of an internal error"))
    })
}

/// A failure of storage as clients see it: a table that went away, or a fault of ours that may
/// pass and is worth a retry. What exactly it was stands in the log.
fn storage_failed(error: StorageError) -> ApiError {
    match error {
        StorageError::NoSuchTable(_) => ApiError::table_not_found(),
        error => {
            tracing::error!(%error, "storage failed");
            ApiError::internal("The request processing has failed because of an internal error")
        }
    }
}
