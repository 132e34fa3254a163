//! Starting servers, and the tables that tests use.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::{Value, json};
use server::{Components, LimitMode, Server, ServerHandle, ServerSettings};
use storage::{Faults, NoFaults, Storage, StorageSettings};
use tempfile::TempDir;
use types::{Clock, ManualClock};
use workload::{ClientNames, Recorder, Vector, WorkloadSettings};

use crate::http_client::RawClient;

/// The time that a test's clock shows at first: 1 May 2024.
pub(crate) const START_MS: i64 = 1_714_521_600_000;

/// Same ids in every run.
const SEED: u64 = 7;

/// A running server and what it stands on.
pub(crate) struct TestServer {
    pub(crate) handle: ServerHandle,
    components: Components,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) raw: RawClient,
    directory: TempDir,
}

impl TestServer {
    /// A server with default settings, on a free port.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    /// A server with settings that the test chooses.
    pub(crate) async fn start_with(change: impl FnOnce(&mut ServerSettings)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self::start_in(directory, change).await
    }

    /// A server on a directory that may hold what an earlier one left.
    pub(crate) async fn start_in(
        directory: TempDir,
        change: impl FnOnce(&mut ServerSettings),
    ) -> Self {
        Self::start_on(directory, Arc::new(NoFaults), change).await
    }

    /// A server whose storage fails where `faults` says.
    pub(crate) async fn start_on(
        directory: TempDir,
        faults: Arc<dyn Faults>,
        change: impl FnOnce(&mut ServerSettings),
    ) -> Self {
        let clock = Arc::new(ManualClock::new(START_MS));
        let shared: Arc<dyn Clock> = Arc::clone(&clock) as _;
        let settings = StorageSettings::at(directory.path());
        let parts = storage::Components::new(Arc::clone(&shared), SEED);
        let parts = storage::Components { faults, ..parts };
        let storage = Storage::open(settings, parts).await.unwrap();
        let workload = WorkloadSettings::default();
        let recorder = Arc::new(Recorder::new(&workload.recorder));
        let clients = Arc::new(ClientNames::new(workload.client_names_max));
        let mut settings =
            ServerSettings { listen: ([127, 0, 0, 1], 0).into(), ..Default::default() };
        // What a test of refusals relies on; what a machine sustains is no test's business.
        settings.limits.mode = LimitMode::Dynamodb;
        change(&mut settings);
        let components = Components {
            storage,
            recorder,
            clients,
            clock: shared,
            expected_load: None,
            seed: SEED,
        };
        let handle = Server::start(settings, components.clone()).await.unwrap();
        let raw = RawClient::new(handle.addr());
        Self { handle, components, clock, raw, directory }
    }

    /// What the server was built on.
    pub(crate) fn components(&self) -> Components {
        self.components.clone()
    }

    /// Its storage.
    pub(crate) fn storage(&self) -> &Arc<Storage> {
        &self.components.storage
    }

    /// Where it listens.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.handle.addr()
    }

    /// Stops the server and closes its storage; hands back the directory.
    pub(crate) async fn stop(self) -> TempDir {
        self.handle.shutdown().await;
        self.components.storage.close().await.unwrap();
        self.directory
    }

    /// Creates a table with a string partition key `pk` and, if asked for, a number sort key `sk`.
    pub(crate) async fn table(&self, name: &str, sort: bool) -> Value {
        self.raw.must("CreateTable", table(name, sort)).await["TableDescription"].clone()
    }

    /// The workload vectors recorded since the last time.
    pub(crate) fn vectors(&self) -> Vec<Vector> {
        let mut vectors = Vec::new();
        self.components.recorder.drain_into(&mut vectors);
        vectors
    }
}

/// The parameters that create a table with a string partition key `pk` and, if asked for, a number
/// sort key `sk`.
pub(crate) fn table(name: &str, sort: bool) -> Value {
    let mut keys = vec![json!({"AttributeName": "pk", "KeyType": "HASH"})];
    let mut attributes = vec![json!({"AttributeName": "pk", "AttributeType": "S"})];
    if sort {
        keys.push(json!({"AttributeName": "sk", "KeyType": "RANGE"}));
        attributes.push(json!({"AttributeName": "sk", "AttributeType": "N"}));
    }
    json!({
        "TableName": name,
        "KeySchema": keys,
        "AttributeDefinitions": attributes,
        "BillingMode": "PAY_PER_REQUEST",
    })
}
