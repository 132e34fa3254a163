//! The admin API before schemathesis, which makes requests from its OpenAPI document, right and wrong
//! ones: whatever is asked, no answer is a 500 or other than described.
//!
//! Skipped, with a word, if schemathesis is not beside the Python of the other suites, unless
//! `FORESHARD_NEED_CLIENTS=1` says that it must be.

use std::ffi::OsStr;

use serde_json::json;

use crate::admin::{Administered, eventually};
use crate::clients::{passes, python, skip, suite};

/// Requests that are made of each call, besides those at the edges of what is described.
const EXAMPLES: &str = "8";

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_asked_the_answer_is_one_that_was_described() {
    let schemathesis = python().map(|python| python.with_file_name("schemathesis"));
    let Some(schemathesis) = schemathesis.filter(|path| path.exists()) else {
        return skip("no schemathesis: run `make test`");
    };
    let admin = Administered::start().await;
    admin.server.table("things", false).await;
    let put = json!({ "TableName": "things", "Item": { "pk": { "S": "a" } } });
    admin.server.raw.must("PutItem", put).await;
    let known = async || {
        let forecast = admin.document("tables/things/forecast").await;
        (!forecast["partitions"].as_array()?.is_empty()).then_some(())
    };
    eventually(known).await;
    let (listener, _raw) = admin.another(0).await;
    listener.set_ready(true);
    let document = format!("http://{}/openapi.json", listener.addr());
    let config = suite("python/schemathesis.toml");
    let checks = "not_a_server_error,status_code_conformance,content_type_conformance,\
                  response_schema_conformance,unsupported_method";
    let arguments: [&OsStr; 13] = [
        "--config-file".as_ref(),
        config.as_os_str(),
        "run".as_ref(),
        document.as_ref(),
        "--phases=coverage,fuzzing".as_ref(),
        "--max-examples".as_ref(),
        EXAMPLES.as_ref(),
        "--checks".as_ref(),
        checks.as_ref(),
        "--seed=1".as_ref(),
        "--generation-deterministic".as_ref(),
        "--request-timeout=60".as_ref(),
        "--no-color".as_ref(),
    ];
    passes(&schemathesis, &arguments, " passed").await;
    listener.shutdown().await;
    admin.stop().await;
}
