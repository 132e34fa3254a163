//! The commands that talk to a running service's admin API: tables, partitions, plans.
//!
//! They print what the API answers, as a table for people or, with `--json`, as the document itself.
//! They decide nothing.

pub(crate) mod workflow;

use crate::client::{HttpClient, describe, https, trusting};
use bytes::Bytes;
use clap::Subcommand;
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use std::path::PathBuf;

/// The token that the admin API asks for, if it has any.
const TOKEN_VARIABLE: &str = "FORESHARD_ADMIN_TOKEN";

/// Whom to trust, for commands that are not told.
const AUTHORITY_VARIABLE: &str = "FORESHARD_ADMIN_CA";

/// Where the admin API is, for commands that are not told.
const ADMIN_VARIABLE: &str = "FORESHARD_ADMIN";
const ADMIN_DEFAULT: &str = "http://127.0.0.1:8001";

/// Where the admin API is, and how to print.
#[derive(clap::Args, Debug)]
pub(crate) struct Common {
    /// The admin API [default: the environment's FORESHARD_ADMIN, or http://127.0.0.1:8001]
    #[arg(long, value_name = "URL")]
    admin: Option<String>,
    /// Whom to trust if it is an https address: a PEM file [default: the environment's
    /// FORESHARD_ADMIN_CA, or the authorities that browsers know]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

impl Common {
    /// Whether one JSON document is wanted.
    pub(crate) fn json(&self) -> bool {
        self.json
    }

    /// Connections to it.
    fn client(&self) -> Result<HttpClient, AdminError> {
        let named = std::env::var_os(AUTHORITY_VARIABLE).filter(|named| !named.is_empty());
        match self.ca.clone().or(named.map(PathBuf::from)) {
            Some(authority) => trusting(&authority).map_err(AdminError::Authority),
            None => Ok(https()),
        }
    }

    /// The admin API's address, without a path.
    pub(crate) fn url(&self) -> String {
        let named = self
            .admin
            .clone()
            .or_else(|| std::env::var(ADMIN_VARIABLE).ok())
            .filter(|named| !named.is_empty());
        address(named.as_deref().unwrap_or(ADMIN_DEFAULT))
    }
}

/// An address as it is asked for; `host:port` means http.
fn address(named: &str) -> String {
    let named = named.trim_end_matches('/');
    if named.contains("://") { named.to_owned() } else { format!("http://{named}") }
}

/// A partition's id, as the dashboard and messages write it (`p3`) or as a number.
fn partition_id(text: &str) -> Result<u64, String> {
    let digits = text.strip_prefix('p').unwrap_or(text);
    digits.parse().map_err(|_| "write an id such as 3 or p3".to_owned())
}

/// `foreshard table …`
#[derive(Subcommand, Debug)]
pub(crate) enum TableCommand {
    /// All tables
    List(Common),
    /// Give a table another strategy; waits until it has it
    Rekey {
        /// The table
        table: String,
        /// hash, range or composite
        #[arg(long)]
        strategy: types::Strategy,
        /// Do not wait: `workflow list` shows how far it is
        #[arg(long)]
        no_wait: bool,
        #[command(flatten)]
        common: Common,
    },
}

/// `foreshard partition …`
#[derive(Subcommand, Debug)]
pub(crate) enum PartitionCommand {
    /// The partitions of a table
    List {
        /// The table
        table: String,
        #[command(flatten)]
        common: Common,
    },
    /// Split one partition
    Split {
        /// The table
        table: String,
        /// The partition's id
        #[arg(value_parser = partition_id)]
        id: u64,
        /// How many partitions to make of it
        #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(2..=64))]
        into: u32,
        #[command(flatten)]
        how: How,
        #[command(flatten)]
        common: Common,
    },
    /// Merge two neighbours
    Merge {
        /// The table
        table: String,
        /// The first partition's id
        #[arg(value_parser = partition_id)]
        left: u64,
        /// Its neighbour's id
        #[arg(value_parser = partition_id)]
        right: u64,
        #[command(flatten)]
        how: How,
        #[command(flatten)]
        common: Common,
    },
    /// Move the boundary between two neighbours to where it divides their load best
    Shift {
        /// The table
        table: String,
        /// The first partition's id
        #[arg(value_parser = partition_id)]
        left: u64,
        /// Its neighbour's id
        #[arg(value_parser = partition_id)]
        right: u64,
        #[command(flatten)]
        how: How,
        #[command(flatten)]
        common: Common,
    },
    /// Give an item collection, or one item, a partition of its own
    Isolate {
        /// The table
        table: String,
        /// Its key as DynamoDB writes it, e.g. '{"pk": {"S": "a"}}'; with the sort key, one item
        #[arg(long, value_name = "JSON", value_parser = key)]
        key: Value,
        #[command(flatten)]
        how: How,
        #[command(flatten)]
        common: Common,
    },
}

/// Whether and how an action is carried out.
#[derive(clap::Args, Debug)]
pub(crate) struct How {
    /// Show what would be done, and change nothing
    #[arg(long, conflicts_with = "no_wait")]
    dry_run: bool,
    /// Begin it and do not wait for its end
    #[arg(long)]
    no_wait: bool,
}

/// A key as JSON.
fn key(text: &str) -> Result<Value, String> {
    let parsed: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let example = r#"write a key such as {"pk": {"S": "a"}}"#;
    parsed.is_object().then_some(parsed).ok_or_else(|| example.to_owned())
}

/// `foreshard plan …`
#[derive(clap::Args, Debug)]
pub(crate) struct PlanArgs {
    /// The table
    table: String,
    /// Changes nothing, nor does the command without it: the manager acts by itself
    #[arg(long = "dry-run")]
    _dry_run: bool,
    #[command(flatten)]
    common: Common,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdminError {
    /// No service there.
    #[error("no admin API at {url}: {why}; is the service running, and is --admin right?")]
    Unreachable { url: String, why: String },
    /// Nobody to trust.
    #[error("--ca {0}")]
    Authority(String),
    /// The service said no.
    #[error("{0}")]
    Refused(String),
    /// The reply made no sense.
    #[error("{url} did not answer as the admin API does: {why}")]
    Reply { url: String, why: String },
}

/// Runs `foreshard table …`.
pub(crate) async fn table(command: TableCommand) -> Result<(), AdminError> {
    let common = match command {
        TableCommand::List(common) => common,
        TableCommand::Rekey { table, strategy, no_wait, common } => {
            return workflow::rekey(&common, &table, strategy, no_wait).await;
        }
    };
    let reply = get(&common, "tables").await?;
    let columns = [
        ("table", "name"),
        ("strategy", "strategy"),
        ("partitions", "partitions"),
        ("epoch", "epoch"),
    ];
    print(&common, &reply, "tables", &columns);
    Ok(())
}

/// Runs `foreshard partition …`.
pub(crate) async fn partition(command: PartitionCommand) -> Result<(), AdminError> {
    match command {
        PartitionCommand::List { table, common } => {
            let reply = get(&common, &format!("tables/{table}/partitions")).await?;
            let columns = [
                ("id", "id"),
                ("from", "start"),
                ("to", "end"),
                ("read/s", "load_read_units"),
                ("write/s", "load_write_units"),
                ("capacity read", "capacity_read_units"),
                ("write", "capacity_write_units"),
                ("score", "score"),
                ("bytes", "size_bytes"),
            ];
            print(&common, &reply, "partitions", &columns);
        }
        PartitionCommand::Split { table, id, into, how, common } => {
            let request = json!({ "action": "split", "partition": id, "into": into });
            reslice(&common, &how, &table, request).await?;
        }
        PartitionCommand::Merge { table, left, right, how, common } => {
            let request = json!({ "action": "merge", "partitions": [left, right] });
            reslice(&common, &how, &table, request).await?;
        }
        PartitionCommand::Shift { table, left, right, how, common } => {
            let request = json!({ "action": "shift", "partitions": [left, right] });
            reslice(&common, &how, &table, request).await?;
        }
        PartitionCommand::Isolate { table, key, how, common } => {
            let request = json!({ "action": "isolate", "key": key });
            reslice(&common, &how, &table, request).await?;
        }
    }
    Ok(())
}

/// Runs `foreshard plan …`.
pub(crate) async fn plan(args: PlanArgs) -> Result<(), AdminError> {
    let reply = get(&args.common, &format!("tables/{}/plan", args.table)).await?;
    if args.common.json {
        println!("{reply}");
        return Ok(());
    }
    let actions = reply["actions"].as_array().map(Vec::as_slice).unwrap_or_default();
    if actions.is_empty() {
        println!("nothing to do: {}", text(&reply["reason"]));
    }
    for action in actions {
        println!("{}: {}", text(&action["kind"]), text(&action["reason"]));
    }
    println!("strategy: {}", text(&reply["strategy"]["reason"]));
    if let Some(held) = reply["change"]["held"].as_str() {
        println!("strategy: held up: {held}");
    }
    Ok(())
}

async fn reslice(
    common: &Common,
    how: &How,
    table: &str,
    request: Value,
) -> Result<(), AdminError> {
    let query = match (how.dry_run, how.no_wait) {
        (true, _) => "?dry_run=true",
        (_, true) => "?no_wait=true",
        _ => "",
    };
    let path = format!("tables/{table}/reslice{query}");
    let reply = call(common, "POST", &path, Some(request)).await?;
    if common.json {
        println!("{reply}");
    } else if how.dry_run {
        println!("{}", preview(&reply));
    } else if how.no_wait {
        println!("workflow {} has begun", text(&reply["workflow"]));
    } else {
        println!(
            "done in {} ms, writes waited {} ms; new partitions: {}",
            text(&reply["total_ms"]),
            text(&reply["pause_ms"]),
            text(&reply["children"])
        );
    }
    Ok(())
}

/// What a dry run would do, in one line; a merge has no boundaries.
fn preview(reply: &Value) -> String {
    let cuts = reply["boundaries"].as_array().is_some_and(|cuts| !cuts.is_empty());
    let at = if cuts { format!(" at {}", text(&reply["boundaries"])) } else { String::new() };
    format!(
        "would {} partitions {}{at} ({}): {}; {} bytes to write anew in time",
        text(&reply["action"]),
        text(&reply["sources"]),
        text(&reply["kind"]),
        text(&reply["reason"]),
        text(&reply["moved_bytes"]),
    )
}

/// A document of the admin API.
pub(crate) async fn get(common: &Common, path: &str) -> Result<Value, AdminError> {
    call(common, "GET", path, None).await
}

pub(crate) async fn call(
    common: &Common,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> Result<Value, AdminError> {
    let admin = common.url();
    let url = format!("{admin}/api/v1/{path}");
    let unreachable = |why: String| AdminError::Unreachable { url: admin.clone(), why };
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let mut request = http::Request::builder()
        .method(method)
        .uri(&url)
        .header("content-type", "application/json");
    if let Ok(token) = std::env::var(TOKEN_VARIABLE) {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| unreachable(error.to_string()))?;
    let response = common.client()?.request(request).await;
    let response = response.map_err(|error| unreachable(describe(&error)))?;
    let ok = response.status().is_success();
    let strange = |why: String| AdminError::Reply { url: url.clone(), why };
    let bytes = response
        .into_body()
        .collect()
        .await
        .map_err(|error| strange(error.to_string()))?
        .to_bytes();
    let reply: Value =
        serde_json::from_slice(&bytes).map_err(|error| strange(error.to_string()))?;
    match ok {
        true => Ok(reply),
        false => Err(AdminError::Refused(text(&reply["error"]))),
    }
}

pub(crate) fn print(common: &Common, reply: &Value, list: &str, columns: &[(&str, &str)]) {
    if common.json {
        println!("{reply}");
        return;
    }
    let rows = reply[list].as_array().map(Vec::as_slice).unwrap_or_default();
    let cells: Vec<Vec<String>> = std::iter::once(columns.iter().map(|c| c.0.to_owned()).collect())
        .chain(rows.iter().map(|row| columns.iter().map(|c| text(&row[c.1])).collect()))
        .collect();
    for line in &cells {
        let padded = line.iter().enumerate().map(|(column, cell)| {
            let width = cells.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
            format!("{cell:width$}")
        });
        println!("{}", padded.collect::<Vec<_>>().join("  ").trim_end());
    }
}

/// A JSON value as a person would write it.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => format!("{float:.1}"),
            _ => number.to_string(),
        },
        Value::Null => "-".to_owned(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_leave_out_http() {
        assert_eq!(address("127.0.0.1:19001"), "http://127.0.0.1:19001");
        assert_eq!(address("http://there:1/"), "http://there:1");
        assert_eq!(address("https://there"), "https://there");
    }

    #[test]
    fn a_partition_is_named_with_or_without_its_p() {
        assert_eq!((partition_id("3"), partition_id("p3")), (Ok(3), Ok(3)));
        for bad in ["", "p", "q3", "pp3", "-1"] {
            assert!(partition_id(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_dry_run_names_boundaries_where_there_are_some() {
        let mut reply = json!({
            "action": "merge", "sources": [7, 8], "boundaries": [], "kind": "horizontal",
            "reason": "asked for", "moved_bytes": 5,
        });
        let merge =
            "would merge partitions 7, 8 (horizontal): asked for; 5 bytes to write anew in time";
        assert_eq!(preview(&reply), merge);
        reply["boundaries"] = json!(["40", "80"]);
        assert!(preview(&reply).contains("7, 8 at 40, 80 (horizontal)"));
    }
}
