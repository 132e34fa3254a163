use super::*;
use crate::requests::create_table::Creation;
use crate::table::{Billing, PointInTime, TableDefinition, Tag};
use crate::testing::{body, parsed, refusal, table};
use serde_json::{Value as Json, json};

const ARN: &str = "arn:aws:dynamodb:local:000000000000:table/things/backup/01700000001000-0000002a";

fn view(number: u64, kind: BackupKind, begun_ms: i64) -> BackupView {
    BackupView {
        number,
        note: BackupNote { name: format!("backup-{number}"), kind, expires_ms: None },
        begun_ms,
        taken_ms: begun_ms + 5,
        status: BackupStatus::Available,
        bytes: 77,
        table: table(),
    }
}

#[test]
fn a_backup_is_named_by_an_arn_that_leads_back_to_it() {
    let backup = view(42, BackupKind::User, 1_700_000_001_000);
    assert_eq!(backup.arn(), ARN);
    assert_eq!(backup_number(ARN), Some(42));
    for other in
        ["", "arn:aws:dynamodb:local:000000000000:table/things", "x/backup/1", "x/backup/1-zz"]
    {
        assert_eq!(backup_number(other), None, "{other}");
    }
}

#[test]
fn descriptions_have_what_dynamodb_has() {
    let backup = view(42, BackupKind::User, 1_700_000_001_000);
    let created = parsed(&backup.create_response());
    assert_eq!(created["BackupDetails"]["BackupStatus"], "CREATING");
    let described = parsed(&backup.describe_response());
    let details = &described["BackupDescription"]["BackupDetails"];
    assert_eq!(
        (&details["BackupStatus"], &details["BackupType"]),
        (&json!("AVAILABLE"), &json!("USER"))
    );
    assert_eq!(details["BackupCreationDateTime"], 1_700_000_001.0);
    let source = &described["BackupDescription"]["SourceTableDetails"];
    assert_eq!((&source["TableName"], &source["TableSizeBytes"]), (&json!("things"), &json!(77)));
    assert_eq!(source["KeySchema"][0], json!({"AttributeName": "p", "KeyType": "HASH"}));
    let deleted = parsed(&backup.delete_response());
    assert_eq!(deleted["BackupDescription"]["BackupDetails"]["BackupStatus"], "DELETED");
}

#[test]
fn notes_survive_storing_and_later_ones_are_not_read_in_part() {
    let note = BackupNote { name: "a".into(), kind: BackupKind::System, expires_ms: Some(5) };
    assert_eq!(BackupNote::from_stored(&note.to_stored()), Some(note.clone()));
    let fixture = json!({"version": 1, "name": "a", "kind": "SYSTEM", "expires_ms": 5});
    assert_eq!(BackupNote::from_stored(&fixture), Some(note));
    let later = json!({"version": 2, "name": "a", "kind": "SYSTEM"});
    assert_eq!(BackupNote::from_stored(&later), None);
    assert_eq!(BackupNote::from_stored(&Json::Null), None);
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    let create = |json: Json| refusal(CreateBackup::parse(body(json)));
    assert!(create(json!({"TableName": "things"})).contains("null at 'backupName'"));
    assert!(
        create(json!({"TableName": "things", "BackupName": "a b"}))
            .contains("'a b' at 'backupName'")
    );
    assert!(create(json!({"TableName": "things", "BackupName": "ab"})).contains("equal to 3"));
    let named = |json: Json| refusal(BackupRequest::parse(body(json)));
    assert!(named(json!({})).contains("null at 'backupArn'"));
    assert!(named(json!({"BackupArn": "short"})).contains("equal to 37"));
}

fn list(request: Json) -> Json {
    let backups = [
        view(1, BackupKind::User, 1_000),
        view(2, BackupKind::Point, 2_000),
        view(3, BackupKind::System, 3_000),
        view(4, BackupKind::User, 4_000),
        view(5, BackupKind::User, 5_000),
    ];
    let request = ListBackups::parse(body(request)).unwrap();
    parsed(&request.respond(backups.iter()))
}

fn names(list: &Json) -> Vec<&str> {
    let summaries = list["BackupSummaries"].as_array().unwrap();
    summaries.iter().map(|summary| summary["BackupName"].as_str().unwrap()).collect()
}

#[test]
fn backups_are_listed_by_table_type_and_time_and_in_pages() {
    assert_eq!(names(&list(json!({}))), ["backup-1", "backup-4", "backup-5"]);
    let all = list(json!({"BackupType": "ALL"}));
    assert_eq!(names(&all), ["backup-1", "backup-3", "backup-4", "backup-5"]);
    assert_eq!(all.get("LastEvaluatedBackupArn"), None);
    assert_eq!(names(&list(json!({"BackupType": "SYSTEM"}))), ["backup-3"]);
    assert_eq!(names(&list(json!({"BackupType": "AWS_BACKUP"}))), [""; 0]);
    assert_eq!(names(&list(json!({"TableName": "others"}))), [""; 0]);
    let between = json!({"TimeRangeLowerBound": 1, "TimeRangeUpperBound": 5.0});
    assert_eq!(names(&list(between)), ["backup-1", "backup-4"]);
    let mut start = Json::Null;
    let mut pages = Vec::new();
    loop {
        let page = list(json!({"Limit": 1, "ExclusiveStartBackupArn": start}));
        pages.push(names(&page).join(" "));
        start = page["LastEvaluatedBackupArn"].clone();
        if start.is_null() {
            break;
        }
    }
    assert_eq!(pages, ["backup-1", "backup-4", "backup-5"]);
    let refused = |json: Json| refusal(ListBackups::parse(body(json)));
    assert!(refused(json!({"Limit": 101})).contains("equal to 100"));
    assert!(refused(json!({"BackupType": "X"})).contains("[USER, SYSTEM, AWS_BACKUP, ALL]"));
    assert!(refused(json!({"TimeRangeLowerBound": 2, "TimeRangeUpperBound": 1})).contains("later"));
    let wrong = "x".repeat(40);
    assert!(refused(json!({"ExclusiveStartBackupArn": wrong})).starts_with("Invalid Exclusive"));
}

fn creation() -> Creation<'static> {
    Creation { created_ms: 9, uuid: "new".into(), region: "here", account: "1" }
}

#[test]
fn a_restored_table_is_like_the_old_one_but_for_what_the_request_says() {
    let tags = [("a", "1"), ("foreshard:strategy", "hash")];
    let tags = tags.map(|(key, value)| Tag { key: key.into(), value: value.into() }).to_vec();
    let source = TableDefinition {
        tags,
        deletion_protection: true,
        point_in_time: Some(PointInTime { since_ms: 1, days: 2 }),
        ..table()
    };
    let define = |changes: Json| {
        let mut request = json!({"TargetTableName": "copies", "BackupArn": ARN});
        request.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let request = RestoreFromBackup::parse(body(request)).unwrap();
        assert_eq!((request.target_name(), request.backup_arn()), ("copies", ARN));
        let origin = Origin { backup_arn: Some(ARN.into()), instant_ms: 7 };
        request.define(&source, origin, creation())
    };
    let plain = define(json!({})).unwrap();
    assert_eq!(plain.name, "copies");
    assert_eq!(plain.arn, "arn:aws:dynamodb:here:1:table/copies");
    assert_eq!(
        (plain.key_schema.clone(), plain.billing),
        (source.key_schema.clone(), source.billing)
    );
    assert_eq!((plain.deletion_protection, plain.point_in_time), (false, None));
    assert_eq!(plain.tags.len(), 1);
    let shown = plain.description(crate::TableStatus::Creating, Default::default());
    assert_eq!(
        shown["RestoreSummary"],
        json!({
            "SourceTableArn": source.arn, "SourceBackupArn": ARN, "RestoreDateTime": 0.007,
            "RestoreInProgress": true,
        })
    );
    let provisioned = define(json!({
        "BillingModeOverride": "PROVISIONED",
        "ProvisionedThroughputOverride": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6},
    }));
    let rates = Billing::Provisioned { read_units: 5, write_units: 6 };
    assert_eq!(provisioned.unwrap().billing, rates);
    assert!(
        refusal(define(json!({"BillingModeOverride": "PROVISIONED"})))
            .contains("both be specified")
    );
    let refused = |name: &str, value: Json| {
        let request = json!({"TargetTableName": "copies", "BackupArn": ARN, name: value});
        refusal(RestoreFromBackup::parse(body(request)))
    };
    for (name, value) in [
        ("GlobalSecondaryIndexOverride", json!([{}])),
        ("SSESpecificationOverride", json!({"Enabled": true})),
        ("OnDemandThroughputOverride", json!({"MaxReadRequestUnits": 1})),
    ] {
        assert!(refused(name, value).contains("not supported by this service"), "{name}");
    }
}

#[test]
fn a_point_in_time_has_one_source_and_one_time() {
    let parse = |json: Json| RestoreToPoint::parse(body(json));
    let arn = "arn:aws:dynamodb:local:000000000000:table/things";
    let latest = parse(json!({
        "TargetTableName": "copies", "SourceTableArn": arn, "UseLatestRestorableTime": true,
    }));
    let latest = latest.unwrap();
    assert_eq!((latest.source_name(), latest.time()), ("things", RestoreTime::Latest));
    let at = parse(json!({
        "TargetTableName": "copies", "SourceTableName": "things", "RestoreDateTime": 1.5,
    }));
    assert_eq!(at.unwrap().time(), RestoreTime::At(1_500));
    for (request, reason) in [
        (json!({"TargetTableName": "copies", "SourceTableName": "things"}), "must be specified"),
        (json!({"TargetTableName": "copies", "RestoreDateTime": 1}), "One of SourceTableArn"),
        (
            json!({"TargetTableName": "copies", "SourceTableName": "others", "SourceTableArn": arn,
                   "RestoreDateTime": 1}),
            "the same table",
        ),
        (
            json!({"TargetTableName": "copies", "SourceTableName": "things", "RestoreDateTime": 1,
                   "UseLatestRestorableTime": true}),
            "Only one of",
        ),
    ] {
        assert!(refusal(parse(request)).contains(reason), "{reason}");
    }
}

#[test]
fn the_past_is_kept_for_as_long_as_the_request_says() {
    let update = |specification: Json| {
        UpdateContinuousBackups::parse(body(json!({
            "TableName": "things", "PointInTimeRecoverySpecification": specification,
        })))
    };
    let on = |table, days: Option<u32>| {
        let specification =
            json!({"PointInTimeRecoveryEnabled": true, "RecoveryPeriodInDays": days});
        update(specification).unwrap().apply(table, 100)
    };
    let kept = on(table(), None);
    assert_eq!(kept.point_in_time, Some(PointInTime { since_ms: 100, days: 35 }));
    let shorter = on(
        TableDefinition { point_in_time: Some(PointInTime { since_ms: 1, days: 35 }), ..kept },
        Some(7),
    );
    assert_eq!(shorter.point_in_time, Some(PointInTime { since_ms: 1, days: 7 }));
    let times = RestorableTimes { earliest_ms: 1_000, latest_ms: 2_500 };
    let shown = parsed(&continuous_backups_response(&shorter, Some(times)));
    assert_eq!(
        shown["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"],
        json!({
            "PointInTimeRecoveryStatus": "ENABLED", "RecoveryPeriodInDays": 7,
            "EarliestRestorableDateTime": 1.0, "LatestRestorableDateTime": 2.5,
        })
    );
    let off = update(json!({"PointInTimeRecoveryEnabled": false})).unwrap();
    assert!(!off.enables());
    let off = off.apply(shorter, 200);
    let shown = parsed(&continuous_backups_response(&off, Some(times)));
    assert_eq!(
        shown["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"],
        json!({"PointInTimeRecoveryStatus": "DISABLED"})
    );
    assert!(refusal(update(Json::Null)).contains("null at 'pointInTimeRecoverySpecification'"));
    assert!(refusal(update(json!({}))).contains("pointInTimeRecoveryEnabled"));
    for days in [0, 36] {
        let days = json!({"PointInTimeRecoveryEnabled": true, "RecoveryPeriodInDays": days});
        assert!(refusal(update(days)).contains("recoveryPeriodInDays"));
    }
}
