//! `foreshard backup` and `foreshard import`, against a real service.

use crate::lifecycle::{create_table, item};
use crate::process::Service;
use crate::s3::S3;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use tokio::process::Command;

/// Its exit code, and what it printed and complained about.
async fn foreshard(service: &Service, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_foreshard"));
    command.args(arguments).args(["--endpoint", service.http.api()]);
    let done = command.output().await.unwrap();
    let said = [done.stdout, done.stderr].concat();
    (done.status.code(), String::from_utf8(said).unwrap())
}

async fn count(service: &Service, table: &str) -> Value {
    service.http.ok("Scan", json!({"TableName": table, "Select": "COUNT"})).await["Count"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_made_listed_restored_and_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let service = Service::start(directory.path()).await;
    create_table(&service, "kept").await;
    service.http.ok("PutItem", json!({"TableName": "kept", "Item": item("a", 1)})).await;
    let (code, said) = foreshard(&service, &["backup", "create", "kept", "nightly"]).await;
    assert_eq!(code, Some(0), "{said}");
    let arn = said.trim().strip_prefix("made ").unwrap().to_owned();
    let (_, listed) = foreshard(&service, &["backup", "list", "--table", "kept"]).await;
    assert!(listed.contains("AVAILABLE") && listed.contains(&arn), "{listed}");
    let (code, said) = foreshard(&service, &["backup", "restore", &arn, "again"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(count(&service, "again").await, 1);
    let (code, said) = foreshard(&service, &["backup", "restore", &arn, "again"]).await;
    assert!(code == Some(1) && said.contains("TableAlreadyExistsException"), "{said}");
    let (code, said) = foreshard(&service, &["backup", "delete", &arn]).await;
    assert_eq!(code, Some(0), "{said}");
    let (_, listed) = foreshard(&service, &["backup", "list", "--json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&listed).unwrap()["BackupSummaries"], json!([]));
    assert_eq!(service.terminate().await, Some(0));
}

/// An export as DynamoDB writes it, below `root`.
fn export(root: &Path, files: &[&[Value]]) {
    let below = root.join("AWSDynamoDB/01700000000000-abcdef01");
    std::fs::create_dir_all(below.join("data")).unwrap();
    let mut manifest = String::new();
    for (number, items) in files.iter().enumerate() {
        let name = format!("file{number}.json.gz");
        let file = std::fs::File::create(below.join("data").join(&name)).unwrap();
        let mut encoder = GzEncoder::new(file, Compression::default());
        for item in *items {
            writeln!(encoder, "{}", json!({"Item": item})).unwrap();
        }
        encoder.finish().unwrap();
        let key = format!("some/prefix/AWSDynamoDB/01700000000000-abcdef01/data/{name}");
        let line = json!({
            "itemCount": items.len(), "md5Checksum": "x", "etag": "y", "dataFileS3Key": key,
        });
        manifest += &format!("{line}\n");
    }
    std::fs::write(below.join("manifest-files.json"), manifest).unwrap();
    let items: usize = files.iter().map(|items| items.len()).sum();
    let summary = json!({
        "version": "2020-06-30", "outputFormat": "DYNAMODB_JSON", "itemCount": items,
        "s3Bucket": "bucket", "s3Prefix": "some/prefix", "billedSizeBytes": 0,
    });
    std::fs::write(below.join("manifest-summary.json"), summary.to_string()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_of_dynamodb_is_imported() {
    let directory = tempfile::tempdir().unwrap();
    let service = Service::start(directory.path()).await;
    let exported = tempfile::tempdir().unwrap();
    let items: Vec<Value> = (0..130).map(|n| item(&format!("k{n:03}"), n)).collect();
    export(exported.path(), &[&items[..100], &[], &items[100..]]);
    let source = exported.path().to_str().unwrap();
    let import = ["import", source, "--table", "imported", "--json"];
    let (code, said) = foreshard(&service, &import).await;
    assert!(code == Some(1) && said.contains("ResourceNotFoundException"), "{said}");
    let made = [&import[..], &["--partition-key", "pk:S"]].concat();
    let (code, said) = foreshard(&service, &made).await;
    assert_eq!(code, Some(0), "{said}");
    let document: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(document, json!({"table": "imported", "items": 130, "files": 3}));
    assert_eq!(count(&service, "imported").await, 130);
    let got = json!({"TableName": "imported", "Key": {"pk": {"S": "k077"}}});
    assert_eq!(service.http.ok("GetItem", got).await["Item"], item("k077", 77));
    // Once more is the same.
    let (code, _) = foreshard(&service, &import).await;
    assert_eq!((code, count(&service, "imported").await), (Some(0), json!(130)));
    let (code, said) = foreshard(&service, &["import", "/nonexistent", "--table", "x"]).await;
    assert!(code == Some(1) && said.trim().lines().count() == 1, "{said}");
    assert_eq!(service.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_in_a_bucket_is_imported() {
    let Some(s3) = S3::start().await else { return };
    let directory = tempfile::tempdir().unwrap();
    let service = Service::start(directory.path()).await;
    let exported = tempfile::tempdir().unwrap();
    let items: Vec<Value> = (0..60).map(|n| item(&format!("k{n:03}"), n)).collect();
    export(exported.path(), &[&items[..40], &items[40..]]);
    s3.upload(exported.path(), "backups/daily").await;
    let import = async |source: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_foreshard"));
        let arguments = ["import", source, "--table", "imported", "--partition-key", "pk:S"];
        command.args(arguments).args(["--endpoint", service.http.api()]).envs(s3.environment());
        let done = command.output().await.unwrap();
        (done.status.code(), String::from_utf8([done.stdout, done.stderr].concat()).unwrap())
    };
    let (code, said) = import("s3://test/backups/daily").await;
    assert_eq!((code, said.trim()), (Some(0), "60 items of 2 files are in table imported"));
    assert_eq!(count(&service, "imported").await, 60);
    let got = json!({"TableName": "imported", "Key": {"pk": {"S": "k057"}}});
    assert_eq!(service.http.ok("GetItem", got).await["Item"], item("k057", 57));
    // What is not there is named, in one line.
    let below = "backups/daily/AWSDynamoDB/01700000000000-abcdef01";
    s3.remove(&format!("{below}/data/file1.json.gz")).await;
    service.http.ok("DeleteTable", json!({"TableName": "imported"})).await;
    let (code, said) = import(&format!("s3://test/{below}")).await;
    assert!(code == Some(1) && said.trim().lines().count() == 1, "{said}");
    assert!(said.contains("cannot read data/file1.json.gz: it is not there"), "{said}");
    let (code, said) = import("s3://test/backups/weekly").await;
    assert!(code == Some(1) && said.contains("there is no manifest-summary.json"), "{said}");
    assert_eq!(service.terminate().await, Some(0));
}
