//! Who may use the admin API, what is written down of it, and that it says what it can do.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use server::admin::{AdminToken, Role, Tokens};
use server::{Admin, AdminSettings};

use crate::admin::{Administered, JSON, eventually, refusal, tunable};
use crate::http_client::Reply;
use crate::support::TestServer;

const OPERATOR: &str = "Bearer an-operators-long-token";
const READER: &str = "Bearer a-readers-long-token";

/// An admin listener that two people may use.
async fn guarded() -> Administered {
    let token = |name: &str, role: &str, token: &str| {
        let token = json!({ "role": role, "token": token });
        let token: AdminToken = serde_json::from_value(token).unwrap();
        (name.to_owned(), token)
    };
    let tokens = Tokens::new([
        token("ann", "operator", "an-operators-long-token"),
        token("bob", "read-only", "a-readers-long-token"),
    ]);
    Administered::start_with(TestServer::start().await, |settings| settings.tokens = tokens).await
}

async fn send(admin: &Administered, method: Method, path: &str, token: &str) -> Reply {
    let headers = [JSON, ("authorization", token)];
    let headers = if token.is_empty() { &headers[..1] } else { &headers[..] };
    admin.raw.send(method, path, headers, "{}").await
}

#[tokio::test(flavor = "multi_thread")]
async fn with_tokens_nobody_else_sees_or_changes_anything() {
    let admin = guarded().await;
    let (get, post) = (Method::GET, Method::POST);
    for path in ["/", "/healthz", "/openapi.json"] {
        assert_eq!(send(&admin, get.clone(), path, "").await.status, StatusCode::OK, "{path}");
    }
    for path in ["/api/v1/overview", "/api/v1/tables", "/api/v1/audit", "/metrics"] {
        let refused = send(&admin, get.clone(), path, "").await;
        assert_eq!(refused.header("www-authenticate"), "Bearer");
        refusal(&refused, StatusCode::UNAUTHORIZED);
        refusal(&send(&admin, get.clone(), path, "Bearer x").await, StatusCode::UNAUTHORIZED);
        assert_eq!(send(&admin, get.clone(), path, READER).await.status, StatusCode::OK, "{path}");
    }
    let pause = "/api/v1/planner/pause";
    refusal(&send(&admin, post.clone(), pause, "").await, StatusCode::UNAUTHORIZED);
    let why = refusal(&send(&admin, post.clone(), pause, READER).await, StatusCode::FORBIDDEN);
    assert!(why.contains("bob") && why.contains("read-only"), "{why}");
    assert!(!admin.manager.is_paused());
    assert_eq!(send(&admin, post, pause, OPERATOR).await.json(), json!({ "paused": true }));
    assert!(admin.manager.is_paused());
    let audit = send(&admin, get, "/api/v1/audit", READER).await.json();
    let [entry] = &audit["audit"].as_array().unwrap()[..] else { panic!("one entry: {audit}") };
    assert_eq!(
        (&entry["who"], &entry["path"], &entry["status"]),
        (&json!("ann"), &json!("planner/pause"), &json!(200))
    );
    admin.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_origins_and_other_names_get_nothing() {
    let admin = Administered::start().await;
    for headers in [("host", "attacker.example"), ("origin", "https://attacker.example")] {
        for path in ["/api/v1/overview", "/metrics"] {
            let refused = admin.raw.send(Method::GET, path, &[headers], "").await;
            refusal(&refused, StatusCode::FORBIDDEN);
        }
        let pause = "/api/v1/planner/pause";
        let refused = admin.raw.send(Method::POST, pause, &[JSON, headers], "{}").await;
        refusal(&refused, StatusCode::FORBIDDEN);
    }
    assert!(!admin.manager.is_paused());
    let page = admin.raw.get("/").await;
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    admin.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_is_in_the_audit_log_and_still_there_after_a_restart() {
    let admin = Administered::start().await;
    let split = json!({ "action": "split", "partition": 99, "into": 2 });
    admin.server.table("things", false).await;
    let dry = "/api/v1/tables/things/reslice?dry_run=true";
    let refused = admin.post(dry, &[JSON], split.clone()).await;
    refusal(&refused, StatusCode::BAD_REQUEST);
    let alerts = json!([{ "labels": { "alertname": "Flood" } }]);
    let taken = admin.post("/api/v1/anomalies", &[JSON], alerts).await;
    assert_eq!(taken.json(), json!({ "taken": 1 }));
    admin.post("/api/v1/planner/resume", &[JSON], json!({})).await;
    let before = admin.document("audit").await;
    let entries = before["audit"].as_array().unwrap();
    let of = |field: &str| entries.iter().map(|e| e[field].clone()).collect::<Vec<Value>>();
    assert_eq!(of("path"), ["planner/resume", "anomalies", "tables/things/reslice?dry_run=true"]);
    assert_eq!(of("status"), [json!(200), json!(200), json!(400)]);
    assert_eq!(entries[2]["body"], split.to_string());
    assert!(entries[2]["error"].as_str().unwrap().contains("no partition p99"));

    // Another listener on the same storage reads what is on disk.
    let again = admin.another(0).await;
    let reply = again.1.get("/api/v1/audit").await;
    assert_eq!(reply.json(), before);
    again.0.shutdown().await;
    admin.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_can_be_guessed_are_refused() {
    let admin = Administered::start().await;
    let weak = json!({ "eve": { "role": "read-only", "token": "1234" } });
    let settings = AdminSettings {
        listen: ([127, 0, 0, 1], 0).into(),
        tokens: serde_json::from_value(weak).unwrap(),
        ..Default::default()
    };
    let error = Admin::start(settings, admin.components()).await.unwrap_err().to_string();
    assert!(error.contains("eve") && error.contains("[admin.tokens]"), "{error}");
    assert!(Role::ReadOnly < Role::Operator);
    admin.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_of_the_openapi_document_answers_as_it_says() {
    let admin = tunable(TestServer::start().await).await;
    admin.server.table("things", false).await;
    let known = async || {
        let partitions = admin.document("tables/things/partitions").await;
        let scored = partitions["partitions"][0]["score"].is_number();
        scored.then(|| partitions["partitions"][0]["id"].to_string())
    };
    let partition = eventually(known).await;
    let split =
        json!({ "action": "split", "partition": partition.parse::<u64>().unwrap(), "into": 2 });
    let done = admin.post("/api/v1/tables/things/reslice", &[JSON], split).await;
    assert_eq!(done.status, StatusCode::OK, "{:?}", done.body);
    let children = async || {
        let document = admin.document("tables/things/partitions").await;
        let second = &document["partitions"][1];
        second["score"].is_number().then(|| second["id"].to_string())
    };
    let child = eventually(children).await;
    let wish = json!({ "strategy": "composite" });
    let rekey =
        admin.post("/api/v1/tables/things/rekey", &[JSON], wish).await.json()["id"].to_string();
    let document = admin.raw.get("/openapi.json").await.json();
    let mut looked_at = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        let Some(get) = methods.get("get") else { continue };
        let path = path
            .replace("{table}", "things")
            .replace("{partition}", &child)
            .replace("{workflow}", &rekey)
            .replace("{decision}", "1");
        let reply = admin.raw.get(&path).await;
        if path == "/readyz" {
            assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "not said to be ready");
            continue;
        }
        assert_eq!(reply.status, StatusCode::OK, "{path}: {:?}", reply.body);
        let schema = &get["responses"]["200"]["content"]["application/json"]["schema"];
        for (field, about) in schema["properties"].as_object().into_iter().flatten() {
            let json = reply.json();
            let value = &json[field];
            let kind = match value {
                Value::Array(_) => "array",
                Value::Object(_) => "object",
                Value::String(_) => "string",
                Value::Bool(_) => "boolean",
                Value::Number(_) => "integer",
                Value::Null => "nothing",
            };
            let nullable = about["type"].is_array();
            let fits = about["type"] == kind
                || (nullable && (about["type"][0] == kind || value.is_null()));
            assert!(fits, "{field} of {path} is {kind}, not {}", about["type"]);
        }
        looked_at += 1;
    }
    assert!(looked_at >= 18, "{looked_at}");
    let wrong = admin.raw.send(Method::DELETE, "/api/v1/tables", &[], "").await;
    assert_eq!(wrong.header("allow"), "GET");
    refusal(&wrong, StatusCode::METHOD_NOT_ALLOWED);
    admin.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_that_has_ended_cannot_be_cancelled() {
    let admin = Administered::start().await;
    admin.server.table("things", false).await;
    let known = async || {
        let forecast = admin.document("tables/things/forecast").await;
        (!forecast["partitions"].as_array()?.is_empty()).then_some(())
    };
    eventually(known).await;
    let partitions = admin.document("tables/things/partitions").await;
    let id = partitions["partitions"][0]["id"].clone();
    let split = json!({ "action": "split", "partition": id, "into": 2 });
    let done = admin.post("/api/v1/tables/things/reslice", &[JSON], split).await.json();
    let path = format!("/api/v1/workflows/{}/cancel", done["decision"]);
    let why = refusal(&admin.post(&path, &[JSON], json!({})).await, StatusCode::CONFLICT);
    assert!(why.contains("ended"), "{why}");
    let nowhere = admin.post("/api/v1/workflows/77/cancel", &[JSON], json!({})).await;
    refusal(&nowhere, StatusCode::NOT_FOUND);
    let newest = admin.document("decisions?limit=1&brief=true").await;
    assert_eq!(newest["decisions"][0]["id"], done["decision"]);
    assert!(newest["decisions"][0].get("entry").is_none());
    let whole = admin.document(&format!("decisions/{}", done["decision"])).await;
    assert!(whole["entry"]["timing"]["prepare_ms"].as_f64().unwrap() > 0.0, "{whole}");
    admin.stop().await;
}
