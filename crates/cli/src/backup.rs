//! `foreshard backup …`: backups through the DynamoDB API, of a service here or of any endpoint that has them.
//!
//! The commands print what the API answers, as lines for people or, with `--json`, as the document itself.

use crate::client::{ClientError, DynamoClient};
use crate::endpoint::Endpoint;
use clap::Subcommand;
use serde_json::{Value, json};

/// `foreshard backup …`
#[derive(Subcommand, Debug)]
pub(crate) enum BackupCommand {
    /// Back up a table: all of it, as it is at one instant
    Create {
        /// The table
        table: String,
        /// The backup's name; several may have one
        name: String,
        #[command(flatten)]
        common: Common,
    },
    /// All backups
    List {
        /// Those of this table only, also if it is gone
        #[arg(long)]
        table: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Delete a backup
    Delete {
        /// Its ARN, as `backup list` shows it
        arn: String,
        #[command(flatten)]
        common: Common,
    },
    /// Make a new table of a backup
    Restore {
        /// The backup's ARN, as `backup list` shows it
        arn: String,
        /// The new table's name
        table: String,
        #[command(flatten)]
        common: Common,
    },
}

/// Where the API is, and how to print.
#[derive(clap::Args, Debug)]
pub(crate) struct Common {
    #[command(flatten)]
    endpoint: Endpoint,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Runs one of them.
pub(crate) async fn run(command: BackupCommand) -> Result<(), ClientError> {
    match command {
        BackupCommand::Create { table, name, common } => {
            let request = json!({"TableName": table, "BackupName": name});
            let made = client(&common)?.expect("CreateBackup", &request).await?;
            let arn = text(&made["BackupDetails"]["BackupArn"]);
            print(&common, &made, || format!("made {arn}"));
        }
        BackupCommand::List { table, common } => {
            let listed = list(&client(&common)?, table).await?;
            print(&common, &json!({"BackupSummaries": listed}), || lines(&listed));
        }
        BackupCommand::Delete { arn, common } => {
            let request = json!({"BackupArn": arn});
            let deleted = client(&common)?.expect("DeleteBackup", &request).await?;
            print(&common, &deleted, || format!("deleted {arn}"));
        }
        BackupCommand::Restore { arn, table, common } => {
            let request = json!({"BackupArn": arn, "TargetTableName": table});
            let made = client(&common)?.expect("RestoreTableFromBackup", &request).await?;
            print(&common, &made, || format!("restored into table {table}"));
        }
    }
    Ok(())
}

fn client(common: &Common) -> Result<DynamoClient, ClientError> {
    common.endpoint.client()
}

/// All pages.
async fn list(client: &DynamoClient, table: Option<String>) -> Result<Vec<Value>, ClientError> {
    let mut listed = Vec::new();
    let mut start = Value::Null;
    loop {
        let request = json!({
            "TableName": table, "BackupType": "ALL", "ExclusiveStartBackupArn": start,
        });
        let mut page = client.expect("ListBackups", &request).await?;
        if let Some(summaries) = page["BackupSummaries"].as_array_mut() {
            listed.append(summaries);
        }
        start = page["LastEvaluatedBackupArn"].take();
        if start.is_null() {
            return Ok(listed);
        }
    }
}

fn print(common: &Common, document: &Value, line: impl FnOnce() -> String) {
    match common.json {
        true => println!("{document}"),
        false => println!("{}", line()),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

/// One line for each backup.
fn lines(backups: &[Value]) -> String {
    if backups.is_empty() {
        return "no backups".to_owned();
    }
    let line = |backup: &Value| {
        let ms = backup["BackupCreationDateTime"].as_f64().unwrap_or(0.0) * 1000.0;
        let made = jiff::Timestamp::from_millisecond(ms as i64);
        format!(
            "{}  {:9}  {:6}  {:>12} bytes  {}  {}  {}",
            made.map_or_else(|_| "-".to_owned(), |made| format!("{made:.0}")),
            text(&backup["BackupStatus"]),
            text(&backup["BackupType"]),
            backup["BackupSizeBytes"],
            text(&backup["TableName"]),
            text(&backup["BackupName"]),
            text(&backup["BackupArn"]),
        )
    };
    backups.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_is_a_line() {
        assert_eq!(lines(&[]), "no backups");
        let backup = json!({
            "BackupCreationDateTime": 1_700_000_000.5, "BackupStatus": "AVAILABLE", "BackupType": "USER",
            "BackupSizeBytes": 77, "TableName": "orders", "BackupName": "nightly", "BackupArn": "arn:x",
        });
        let line = lines(&[backup]);
        assert!(line.starts_with("2023-11-14T22:13:20Z  AVAILABLE  USER"), "{line}");
        assert!(line.ends_with("77 bytes  orders  nightly  arn:x"), "{line}");
    }
}
