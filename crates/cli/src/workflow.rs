//! `foreshard workflow …`: what is being carried out, through the admin API.

use crate::admin::{AdminError, Common, call, get, print, text};
use clap::Subcommand;
use serde_json::json;

/// `foreshard workflow …`
#[derive(Subcommand, Debug)]
pub(crate) enum WorkflowCommand {
    /// What is being carried out
    List {
        /// Also what has ended
        #[arg(long)]
        ended: bool,
        #[command(flatten)]
        common: Common,
    },
    /// One workflow: its steps, what it was expected to do, and what it did
    Show(Named),
    /// Call a workflow off before it has begun to change anything
    Cancel(Named),
    /// Let a workflow wait before it begins
    Pause(Named),
    /// Let a paused workflow go on
    Resume(Named),
}

/// One workflow.
#[derive(clap::Args, Debug)]
pub(crate) struct Named {
    /// Its number
    id: u64,
    #[command(flatten)]
    common: Common,
}

/// Runs `foreshard workflow …`.
pub(crate) async fn run(command: WorkflowCommand) -> Result<(), AdminError> {
    match command {
        WorkflowCommand::List { ended, common } => {
            let reply = get(&common, &format!("workflows?ended={ended}")).await?;
            let columns = [
                ("id", "id"),
                ("table", "table"),
                ("action", "action"),
                ("kind", "kind"),
                ("step", "step"),
                ("attempt", "attempt"),
                ("waits for", "waits_for"),
                ("reason", "reason"),
            ];
            print(&common, &reply, "workflows", &columns);
        }
        WorkflowCommand::Show(named) => show(&named).await?,
        WorkflowCommand::Cancel(named) => tell(&named, "cancel").await?,
        WorkflowCommand::Pause(named) => tell(&named, "pause").await?,
        WorkflowCommand::Resume(named) => tell(&named, "resume").await?,
    }
    Ok(())
}

async fn show(Named { id, common }: &Named) -> Result<(), AdminError> {
    let reply = get(common, &format!("workflows/{id}")).await?;
    if common.json {
        println!("{reply}");
        return Ok(());
    }
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
        println!("{:10} {} at {}", "", text(&passed["step"]), text(&passed["at_ms"]));
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
    Ok(())
}

async fn tell(Named { id, common }: &Named, what: &str) -> Result<(), AdminError> {
    let reply = call(common, "POST", &format!("workflows/{id}/{what}"), Some(json!({}))).await?;
    if common.json {
        println!("{reply}");
    } else {
        println!("workflow {id} has been told: {}", text(&reply["told"]));
    }
    Ok(())
}
