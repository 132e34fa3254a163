//! Tables while they are made, changed and deleted: what others see of it, and that it ends.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use serde_json::{Value, json};
use storage::{FaultPoint, Faults, Verdict};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::http_client::AUTHORIZATION;
use crate::support::{TestServer, table};

/// Holds storage at one point until it is let go on.
#[derive(Debug, Default)]
struct Gate {
    point: Mutex<Option<FaultPoint>>,
    reached: Notify,
    opened: Notify,
}

#[async_trait]
impl Faults for Gate {
    async fn reached(&self, point: FaultPoint) -> Verdict {
        let is_held = self.point.lock().take_if(|held| *held == point).is_some();
        if is_held {
            self.reached.notify_one();
            self.opened.notified().await;
        }
        Verdict::Proceed
    }
}

impl Gate {
    fn hold(&self, point: FaultPoint) {
        *self.point.lock() = Some(point);
    }
}

async fn gated() -> (TestServer, Arc<Gate>) {
    let gate = Arc::new(Gate::default());
    let faults: Arc<dyn Faults> = Arc::clone(&gate) as _;
    (TestServer::start_on(tempfile::tempdir().unwrap(), faults, |_| ()).await, gate)
}

fn things() -> Value {
    json!({"TableName": "things"})
}

fn update() -> Value {
    json!({"TableName": "things", "DeletionProtectionEnabled": false, "TableClass": "STANDARD"})
}

fn put() -> Value {
    json!({"TableName": "things", "Item": {"pk": {"S": "a"}}})
}

async fn status(server: &TestServer) -> String {
    let reply = server.raw.must("DescribeTable", things()).await;
    reply["Table"]["TableStatus"].as_str().unwrap().to_owned()
}

/// Begins an operation and waits until storage is held in the middle of it.
async fn held(
    server: &TestServer,
    gate: &Gate,
    point: FaultPoint,
    operation: &'static str,
    body: Value,
) -> tokio::task::JoinHandle<Value> {
    gate.hold(point);
    let raw = server.raw.clone();
    let reply = tokio::spawn(async move { raw.must(operation, body).await });
    gate.reached.notified().await;
    reply
}

/// The refusals of operations, by name.
async fn refusals(server: &TestServer, operations: &[(&str, Value)]) -> Vec<String> {
    let mut names = Vec::new();
    for (operation, body) in operations {
        names.push(server.raw.operation(operation, body.clone()).await.error());
    }
    names
}

#[tokio::test]
async fn a_table_is_creating_until_it_can_be_used() {
    let (server, gate) = gated().await;
    let create = table("things", false);
    let reply =
        held(&server, &gate, FaultPoint::CreatePrepared, "CreateTable", create.clone()).await;
    assert_eq!(status(&server).await, "CREATING");
    let listed = server.raw.must("ListTables", json!({})).await;
    assert_eq!(listed, json!({"TableNames": ["things"]}));
    let refused = refusals(
        &server,
        &[
            ("CreateTable", create),
            ("UpdateTable", update()),
            ("DeleteTable", things()),
            ("PutItem", put()),
        ],
    )
    .await;
    let in_use = "ResourceInUseException";
    assert_eq!(refused, [in_use, in_use, in_use, "ResourceNotFoundException"]);
    gate.opened.notify_one();
    assert_eq!(reply.await.unwrap()["TableDescription"]["TableStatus"], "CREATING");
    // Who does not wait finds it, too.
    server.raw.must("PutItem", put()).await;
    assert_eq!(status(&server).await, "ACTIVE");
    server.stop().await;
}

#[tokio::test]
async fn a_table_is_updating_until_the_change_holds() {
    let (server, gate) = gated().await;
    server.table("things", false).await;
    let reply = held(&server, &gate, FaultPoint::CatalogWriting, "UpdateTable", update()).await;
    assert_eq!(status(&server).await, "UPDATING");
    let more = [("UpdateTable", update()), ("DeleteTable", things())];
    assert_eq!(refusals(&server, &more).await, ["ResourceInUseException"; 2]);
    let create = [("CreateTable", table("things", false))];
    assert_eq!(refusals(&server, &create).await, ["ResourceInUseException"]);
    server.raw.must("PutItem", put()).await;
    gate.opened.notify_one();
    let updated = reply.await.unwrap();
    assert_eq!(updated["TableDescription"]["TableStatus"], "UPDATING");
    assert_eq!(updated["TableDescription"]["TableClassSummary"]["TableClass"], "STANDARD");
    assert_eq!(status(&server).await, "ACTIVE");
    server
        .raw
        .must("UpdateTable", json!({"TableName": "things", "DeletionProtectionEnabled": true}))
        .await;
    let refused = server.raw.operation("DeleteTable", things()).await;
    assert_eq!(refused.error(), "ValidationException");
    assert_eq!(status(&server).await, "ACTIVE", "a refused deletion leaves no state");
    server.stop().await;
}

#[tokio::test]
async fn a_table_is_deleting_until_it_is_gone() {
    let (server, gate) = gated().await;
    server.table("things", false).await;
    let reply = held(&server, &gate, FaultPoint::DropJournaled, "DeleteTable", things()).await;
    assert_eq!(status(&server).await, "DELETING");
    let again = server.raw.must("DeleteTable", things()).await;
    assert_eq!(again["TableDescription"]["TableStatus"], "DELETING");
    let refused = refusals(
        &server,
        &[("CreateTable", table("things", false)), ("UpdateTable", update()), ("PutItem", put())],
    )
    .await;
    let in_use = "ResourceInUseException";
    assert_eq!(refused, [in_use, in_use, "ResourceNotFoundException"]);
    gate.opened.notify_one();
    assert_eq!(reply.await.unwrap()["TableDescription"]["TableStatus"], "DELETING");
    let gone = [("DescribeTable", things()), ("DeleteTable", things())];
    assert_eq!(refusals(&server, &gone).await, ["ResourceNotFoundException"; 2]);
    server.table("things", false).await;
    server.stop().await;
}

#[tokio::test]
async fn a_deletion_is_finished_also_if_its_client_hangs_up() {
    let (server, gate) = gated().await;
    server.table("things", false).await;
    gate.hold(FaultPoint::DropJournaled);
    let body = things().to_string();
    let request = format!(
        "POST / HTTP/1.1\r\nhost: x\r\nx-amz-target: DynamoDB_20120810.DeleteTable\r\n\
         authorization: {AUTHORIZATION}\r\nx-amz-date: x\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut client = TcpStream::connect(server.addr()).await.unwrap();
    client.write_all(request.as_bytes()).await.unwrap();
    gate.reached.notified().await;
    drop(client);
    // The server notices when it has nothing else to do for this connection.
    while server.raw.operation("ListTables", json!({})).await.json()["TableNames"] == json!([]) {}
    gate.opened.notify_one();
    // If it were not finished, the name would stay taken until a restart.
    while server.raw.operation("CreateTable", table("things", false)).await.status != 200 {
        tokio::task::yield_now().await;
    }
    server.raw.must("PutItem", put()).await;
    server.stop().await;
}

/// As Terraform and the waiters of SDKs do: asks until the answer is the one it wants.
async fn poll(server: &TestServer, wanted: &str) -> Value {
    const POLLS_MAX: usize = 10;
    for _ in 0..POLLS_MAX {
        let reply = server.raw.operation("DescribeTable", things()).await;
        let shown = match reply.status.as_u16() {
            200 => reply.json()["Table"]["TableStatus"].as_str().unwrap().to_owned(),
            _ => reply.error(),
        };
        if shown == wanted {
            return reply.json();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never {wanted}");
}

#[tokio::test]
async fn a_poll_as_terraform_does_it_ends() {
    let server = TestServer::start().await;
    server.raw.must("CreateTable", table("things", true)).await;
    let table = poll(&server, "ACTIVE").await["Table"].clone();
    assert_eq!(table["WarmThroughput"]["Status"], "ACTIVE");
    for (member, is_there) in [
        ("TableArn", table["TableArn"].is_string()),
        ("TableId", table["TableId"].is_string()),
        ("KeySchema", table["KeySchema"].is_array()),
        ("AttributeDefinitions", table["AttributeDefinitions"].is_array()),
        ("BillingModeSummary", table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"),
        ("ProvisionedThroughput", table["ProvisionedThroughput"]["ReadCapacityUnits"] == 0),
        ("WarmThroughput", table["WarmThroughput"]["ReadUnitsPerSecond"].is_u64()),
        ("DeletionProtectionEnabled", table["DeletionProtectionEnabled"] == false),
        ("CreationDateTime", table["CreationDateTime"].is_number()),
    ] {
        assert!(is_there, "{member} in {table}");
    }
    for update in [
        json!({"BillingMode": "PROVISIONED",
            "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}}),
        json!({"ProvisionedThroughput": {"ReadCapacityUnits": 6, "WriteCapacityUnits": 5}}),
        json!({"BillingMode": "PAY_PER_REQUEST"}),
        json!({"WarmThroughput": {"ReadUnitsPerSecond": 13000, "WriteUnitsPerSecond": 5000}}),
    ] {
        let mut request = update.clone();
        request["TableName"] = json!("things");
        server.raw.must("UpdateTable", request).await;
        let shown = poll(&server, "ACTIVE").await["Table"].clone();
        assert_eq!(shown["WarmThroughput"]["Status"], "ACTIVE", "{update}");
    }
    server.raw.must("DeleteTable", things()).await;
    poll(&server, "ResourceNotFoundException").await;
    server.stop().await;
}
