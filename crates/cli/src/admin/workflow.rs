//! Workflows: what is under way, how far it is, and stopping it; and the one that takes hours.

use super::{AdminError, Common, call, get, print, text};
use clap::Subcommand;
use serde_json::{Value, json};
use std::io::IsTerminal;
use std::time::Duration;

/// How often a workflow is asked for while it is waited for.
const POLL_MS: u64 = 500;

/// `foreshard workflow …`
#[derive(Subcommand, Debug)]
pub(crate) enum WorkflowCommand {
    /// What is under way, and the rekeys that have ended since the service has started
    List {
        /// Also actions that have ended
        #[arg(long)]
        ended: bool,
        #[command(flatten)]
        common: Common,
    },
    /// How far one is
    Show {
        /// Its id
        id: u64,
        #[command(flatten)]
        common: Common,
    },
    /// Let an action wait before it begins
    Pause {
        /// Its id
        id: u64,
        #[command(flatten)]
        common: Common,
    },
    /// Let a paused action go on
    Resume {
        /// Its id
        id: u64,
        #[command(flatten)]
        common: Common,
    },
    /// Call an action off before it has begun, or stop a rekey and undo it
    Cancel {
        /// Its id
        id: u64,
        #[command(flatten)]
        common: Common,
    },
}

/// Runs `foreshard workflow …`.
pub(crate) async fn workflow(command: WorkflowCommand) -> Result<(), AdminError> {
    match command {
        WorkflowCommand::List { ended, common } => {
            let reply = get(&common, &format!("workflows?ended={ended}")).await?;
            if common.json {
                println!("{reply}");
                return Ok(());
            }
            let columns =
                [("id", "id"), ("table", "table"), ("action", "action"), ("state", "state")];
            let more = [("kind", "kind"), ("step", "step"), ("waits for", "waits_for")];
            let actions: Vec<(&str, &str)> = columns.into_iter().chain(more).collect();
            print(&common, &reply, "workflows", &actions);
            println!("\nrekeys:");
            let ended: Vec<(&str, &str)> =
                columns.into_iter().chain([("failure", "failure")]).collect();
            print(&common, &reply, "rekeys", &ended);
        }
        WorkflowCommand::Show { id, common } => {
            let reply = get(&common, &format!("workflows/{id}")).await?;
            match common.json {
                true => println!("{reply}"),
                false if reply["trail"].is_array() => steps(&reply),
                false => println!("{}", line(&reply)),
            }
        }
        WorkflowCommand::Pause { id, common } => tell(&common, id, "pause").await?,
        WorkflowCommand::Resume { id, common } => tell(&common, id, "resume").await?,
        WorkflowCommand::Cancel { id, common } => {
            let path = format!("workflows/{id}/cancel");
            let reply = call(&common, "POST", &path, Some(json!({}))).await?;
            match common.json {
                true => println!("{reply}"),
                false if reply["cancelled"].is_number() => println!("workflow {id} is called off"),
                false => println!("workflow {id} is being undone"),
            }
        }
    }
    Ok(())
}

/// An action with its steps.
fn steps(reply: &Value) {
    let line = |name: &str, field: &str| println!("{name:10} {}", text(&reply[field]));
    for (name, field) in [
        ("workflow", "id"),
        ("table", "table"),
        ("action", "action"),
        ("kind", "kind"),
        ("partitions", "sources"),
        ("into", "children"),
        ("because", "reason"),
        ("step", "step"),
        ("waits for", "waits_for"),
        ("failure", "failure"),
    ] {
        line(name, field);
    }
    for passed in reply["trail"].as_array().into_iter().flatten() {
        println!("{:10} {} at {}", "", text(&passed["step"]), moment(&passed["at_ms"]));
    }
    let effect = &reply["effect"];
    println!(
        "{:10} fullest new partition {} predicted, {} as it came; overload avoided {} predicted, {} as it came",
        "effect",
        text(&effect["predicted_full"]),
        text(&effect["actual_full"]),
        text(&effect["predicted_avoided"]),
        text(&effect["actual_avoided"]),
    );
}

/// A moment as a person would write it; what is none stays as it is.
fn moment(at_ms: &Value) -> String {
    let time = at_ms.as_i64().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    time.map_or_else(|| text(at_ms), |time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}

async fn tell(common: &Common, id: u64, what: &str) -> Result<(), AdminError> {
    let reply = call(common, "POST", &format!("workflows/{id}/{what}"), Some(json!({}))).await?;
    match common.json {
        true => println!("{reply}"),
        false => println!("workflow {id} has been told: {}", text(&reply["told"])),
    }
    Ok(())
}

/// Runs `foreshard table rekey …`.
pub(super) async fn rekey(
    common: &Common,
    table: &str,
    strategy: types::Strategy,
    no_wait: bool,
) -> Result<(), AdminError> {
    let wish = json!({ "strategy": strategy });
    let mut reply = call(common, "POST", &format!("tables/{table}/rekey"), Some(wish)).await?;
    let path = format!("workflows/{}", reply["id"]);
    // Progress is for people; who reads a file or a pipe wants the end.
    let shown = !common.json && std::io::stderr().is_terminal();
    while !no_wait && reply["state"] == "running" {
        if shown {
            eprint!("\r{}\x1b[K", line(&reply));
        }
        tokio::time::sleep(Duration::from_millis(POLL_MS)).await;
        reply = get(common, &path).await?;
    }
    if shown && !no_wait {
        eprintln!();
    }
    match common.json {
        true => println!("{reply}"),
        false => println!("{}", line(&reply)),
    }
    match reply["state"].as_str() {
        Some("failed" | "cancelled") => {
            let why = reply["failure"].as_str().unwrap_or("it was cancelled");
            Err(AdminError::Refused(format!("table {table} is as before: {why}")))
        }
        _ => Ok(()),
    }
}

/// A rekey in one line.
fn line(rekey: &Value) -> String {
    let field = |name: &str| text(&rekey[name]);
    let what = format!(
        "workflow {}: rekey of {} from {} to {}: {}",
        field("id"),
        field("table"),
        field("from"),
        field("to"),
        field("state")
    );
    let progress = &rekey["progress"];
    if let Some(failure) = rekey["failure"].as_str() {
        return format!("{what}, {failure}");
    }
    if rekey["state"] == "done" {
        return format!("{what}, writes waited {} ms", field("pause_ms"));
    }
    if progress.is_null() {
        return what;
    }
    let left = match progress["left_s"].as_f64() {
        Some(left_s) => format!("{left_s:.0} s left"),
        None => "time left unknown".to_owned(),
    };
    format!(
        "{what}, {}, {} items, {} of about {} bytes, {left}",
        text(&progress["phase"]),
        text(&progress["items"]),
        text(&progress["bytes"]),
        text(&progress["bytes_total"])
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_dates() {
        assert_eq!(moment(&json!(1_700_000_000_000_i64)), "2023-11-14 22:13:20 UTC");
        assert_eq!(moment(&Value::Null), "-");
    }

    #[test]
    fn a_rekey_is_one_line_at_every_stage() {
        let mut rekey = json!({
            "id": 3, "table": "orders", "from": "hash", "to": "range", "state": "running",
            "progress": null,
        });
        assert_eq!(line(&rekey), "workflow 3: rekey of orders from hash to range: running");
        rekey["progress"] = json!({
            "phase": "copying", "items": 5, "bytes": 10, "bytes_total": 40, "left_s": 2.6,
        });
        assert!(line(&rekey).ends_with("copying, 5 items, 10 of about 40 bytes, 3 s left"));
        rekey["state"] = json!("done");
        rekey["pause_ms"] = json!(12.34);
        assert!(line(&rekey).ends_with("done, writes waited 12.3 ms"));
        rekey["state"] = json!("failed");
        rekey["failure"] = json!("the disk is full");
        assert!(line(&rekey).ends_with("to range: failed, the disk is full"));
    }
}
