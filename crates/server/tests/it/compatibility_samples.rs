//! Every parameter of the operations that are served, with a value that uses it.
//!
//! The parameters are those of the DynamoDB API Reference.

use serde_json::{Value, json};

/// An operation and its parameters.
pub(crate) struct Sample {
    pub(crate) operation: &'static str,
    /// A request that is served without the parameter in question.
    pub(crate) base: Value,
    /// For parameters of a batch's part for one table: what the parts are in.
    pub(crate) within: Option<&'static str>,
    /// Each with a value that uses it.
    pub(crate) parameters: Vec<(&'static str, Value)>,
}

impl Sample {
    /// What must be in a request beside a parameter, so that the request makes sense.
    pub(crate) fn companions(&self, name: &str) -> Vec<(&'static str, Value)> {
        let condition = json!("attribute_exists(#n) OR n = :v");
        let names = ("ExpressionAttributeNames", json!({"#n": "n"}));
        let values = ("ExpressionAttributeValues", json!({":v": {"N": "1"}}));
        match (self.operation, name) {
            ("PutItem" | "DeleteItem", "ExpressionAttributeNames") => {
                vec![("ConditionExpression", condition), values]
            }
            ("PutItem" | "DeleteItem", "ExpressionAttributeValues") => {
                vec![("ConditionExpression", condition), names]
            }
            ("UpdateItem", "ExpressionAttributeNames") => {
                vec![("UpdateExpression", json!("SET #n = :v")), values]
            }
            ("UpdateItem", "ExpressionAttributeValues") => {
                vec![("UpdateExpression", json!("SET #n = :v")), names]
            }
            ("PutItem" | "DeleteItem" | "UpdateItem", "ConditionalOperator") => {
                vec![("Expected", two_conditions())]
            }
            ("Scan", "ConditionalOperator") => vec![("ScanFilter", two_conditions())],
            ("Query", "ConditionalOperator") => vec![("QueryFilter", two_conditions())],
            ("Query", "ExpressionAttributeNames") => query_by_expression(json!("#n")),
            ("Query", "ExpressionAttributeValues") => {
                let mut companions = query_by_expression(json!("pk"));
                companions.retain(|(name, _)| *name != "ExpressionAttributeValues");
                companions
            }
            ("Query", "KeyConditionExpression") => {
                vec![
                    ("KeyConditions", Value::Null),
                    ("ExpressionAttributeValues", json!({":p": {"S": "a"}})),
                ]
            }
            ("Scan", "ExpressionAttributeNames") => {
                vec![("FilterExpression", condition), values]
            }
            ("Scan", "ExpressionAttributeValues") => {
                vec![("FilterExpression", condition), names]
            }
            ("GetItem", "ExpressionAttributeNames") => vec![("ProjectionExpression", json!("#n"))],
            ("Scan", "Segment") => vec![("TotalSegments", json!(2))],
            ("Scan", "TotalSegments") => vec![("Segment", json!(1))],
            ("UpdateTable", "BillingMode") => vec![("ProvisionedThroughput", rates())],
            ("UpdateTable" | "CreateTable", "ProvisionedThroughput") => {
                vec![("BillingMode", json!("PROVISIONED"))]
            }
            (operation, "BillingModeOverride") if operation.starts_with("Restore") => {
                vec![("ProvisionedThroughputOverride", rates())]
            }
            (operation, "ProvisionedThroughputOverride") if operation.starts_with("Restore") => {
                vec![("BillingModeOverride", json!("PROVISIONED"))]
            }
            ("RestoreTableToPointInTime", "RestoreDateTime") => {
                vec![("UseLatestRestorableTime", Value::Null)]
            }
            _ => vec![],
        }
    }
}

fn query_by_expression(projection: Value) -> Vec<(&'static str, Value)> {
    vec![
        ("KeyConditions", Value::Null),
        ("KeyConditionExpression", json!("pk = :p")),
        ("ExpressionAttributeValues", json!({":p": {"S": "a"}})),
        ("ProjectionExpression", projection),
    ]
}

fn two_conditions() -> Value {
    json!({"n": {"ComparisonOperator": "NOT_NULL"}, "z": {"ComparisonOperator": "NULL"}})
}

fn rates() -> Value {
    json!({"ReadCapacityUnits": 1, "WriteCapacityUnits": 1})
}

fn key() -> Value {
    json!({"pk": {"S": "a"}, "sk": {"N": "1"}})
}

/// The parameters that all operations on one item share.
fn with_capacity(mut parameters: Vec<(&'static str, Value)>) -> Vec<(&'static str, Value)> {
    parameters.push(("ReturnConsumedCapacity", json!("INDEXES")));
    parameters
}

/// The parameters that writes share.
fn with_condition(parameters: Vec<(&'static str, Value)>) -> Vec<(&'static str, Value)> {
    let mut parameters = with_capacity(parameters);
    parameters.extend([
        ("ConditionExpression", json!("attribute_exists(pk)")),
        ("ExpressionAttributeNames", json!({"#n": "n"})),
        ("ExpressionAttributeValues", json!({":v": {"N": "1"}})),
        ("Expected", json!({"n": {"Value": {"N": "1"}}})),
        ("ConditionalOperator", json!("OR")),
        ("ReturnItemCollectionMetrics", json!("SIZE")),
        ("ReturnValues", json!("ALL_OLD")),
        ("ReturnValuesOnConditionCheckFailure", json!("ALL_OLD")),
    ]);
    parameters
}

/// The parameters that Query and Scan share.
fn with_page(
    legacy_filter: &'static str,
    mut parameters: Vec<(&'static str, Value)>,
) -> Vec<(&'static str, Value)> {
    parameters.extend([
        ("AttributesToGet", json!(["n"])),
        ("ConditionalOperator", json!("OR")),
        ("ConsistentRead", json!(true)),
        ("ExclusiveStartKey", key()),
        ("ExpressionAttributeNames", json!({"#n": "n"})),
        ("FilterExpression", json!("attribute_exists(n)")),
        ("IndexName", json!("index")),
        ("Limit", json!(1)),
        ("ProjectionExpression", json!("n")),
        (legacy_filter, json!({"n": {"ComparisonOperator": "NOT_NULL"}})),
        ("Select", json!("COUNT")),
    ]);
    with_capacity(parameters)
}

/// All operations that are served.
pub(crate) fn samples() -> Vec<Sample> {
    let on_things = json!({"TableName": "things"});
    let on_key = json!({"TableName": "things", "Key": key()});
    let sample = |operation, base: &Value, parameters| Sample {
        operation,
        base: base.clone(),
        within: None,
        parameters,
    };
    let name = || ("TableName", json!("things"));
    let item_key = || ("Key", key());
    let query = json!({"TableName": "things", "KeyConditions": {
        "pk": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "a"}]},
    }});
    let key_conditions = ("KeyConditions", query["KeyConditions"].clone());
    let put = json!({"TableName": "things", "Item": key()});
    let updates = json!({"n": {"Action": "ADD", "Value": {"N": "1"}}});
    let get = json!({"RequestItems": {"things": {"Keys": [key()]}}});
    let write = json!({"RequestItems": {"things": [{"PutRequest": {"Item": key()}}]}});
    let mut samples = table_samples();
    samples.extend(backup_samples());
    samples.extend([
        sample("PutItem", &put, with_condition(vec![name(), ("Item", key())])),
        sample(
            "GetItem",
            &on_key,
            with_capacity(vec![
                name(),
                item_key(),
                ("AttributesToGet", json!(["n"])),
                ("ConsistentRead", json!(true)),
                ("ExpressionAttributeNames", json!({"#n": "n"})),
                ("ProjectionExpression", json!("n")),
            ]),
        ),
        sample(
            "UpdateItem",
            &on_key,
            with_condition(vec![
                name(),
                item_key(),
                ("AttributeUpdates", updates),
                ("UpdateExpression", json!("REMOVE n")),
            ]),
        ),
        sample("DeleteItem", &on_key, with_condition(vec![name(), item_key()])),
        sample(
            "Query",
            &query,
            with_page(
                "QueryFilter",
                vec![
                    name(),
                    key_conditions,
                    ("KeyConditionExpression", json!("pk = :p")),
                    ("ExpressionAttributeValues", json!({":p": {"S": "a"}})),
                    ("ScanIndexForward", json!(false)),
                ],
            ),
        ),
        sample(
            "Scan",
            &on_things,
            with_page(
                "ScanFilter",
                vec![
                    name(),
                    ("ExpressionAttributeValues", json!({":v": {"N": "1"}})),
                    ("Segment", json!(0)),
                    ("TotalSegments", json!(2)),
                ],
            ),
        ),
        sample(
            "BatchGetItem",
            &get,
            with_capacity(vec![("RequestItems", get["RequestItems"].clone())]),
        ),
        Sample {
            operation: "BatchGetItem",
            base: get.clone(),
            within: Some("RequestItems"),
            parameters: vec![
                ("Keys", json!([key()])),
                ("AttributesToGet", json!(["n"])),
                ("ConsistentRead", json!(true)),
                ("ProjectionExpression", json!("n")),
            ],
        },
        sample(
            "BatchWriteItem",
            &write,
            with_capacity(vec![
                ("RequestItems", write["RequestItems"].clone()),
                ("ReturnItemCollectionMetrics", json!("SIZE")),
            ]),
        ),
    ]);
    samples
}

fn table_samples() -> Vec<Sample> {
    let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/things";
    let on_things = json!({"TableName": "things"});
    let on_arn = json!({"ResourceArn": arn});
    let new = json!({
        "TableName": "new-things",
        "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    });
    let tag = json!({"ResourceArn": arn, "Tags": [{"Key": "k", "Value": "v"}]});
    let untag = json!({"ResourceArn": arn, "TagKeys": ["k"]});
    let sample = |operation, base: &Value, parameters| Sample {
        operation,
        base: base.clone(),
        within: None,
        parameters,
    };
    let of = |base: &Value, names: &[&'static str]| -> Vec<(&'static str, Value)> {
        names.iter().map(|name| (*name, base[*name].clone())).collect()
    };
    let mut create = of(&new, &["TableName", "KeySchema", "AttributeDefinitions", "BillingMode"]);
    create.extend(shared_by_tables());
    create.extend([
        ("Tags", tag["Tags"].clone()),
        ("GlobalSecondaryIndexes", json!([{"IndexName": "index"}])),
        ("LocalSecondaryIndexes", json!([{"IndexName": "index"}])),
        ("ResourcePolicy", json!("{}")),
    ]);
    let mut update = of(&on_things, &["TableName"]);
    update.extend(shared_by_tables());
    update.extend([
        ("BillingMode", json!("PROVISIONED")),
        ("AttributeDefinitions", new["AttributeDefinitions"].clone()),
        ("GlobalSecondaryIndexUpdates", json!([{"Create": {"IndexName": "index"}}])),
        ("ReplicaUpdates", json!([{"Create": {"RegionName": "x"}}])),
    ]);
    let any_change = json!({"TableName": "things", "DeletionProtectionEnabled": false});
    let named = || of(&on_things, &["TableName"]);
    vec![
        sample("CreateTable", &new, create),
        sample("DescribeTable", &on_things, named()),
        sample("UpdateTable", &any_change, update),
        sample("DeleteTable", &on_things, named()),
        sample(
            "ListTables",
            &json!({}),
            vec![("ExclusiveStartTableName", json!("aaa")), ("Limit", json!(1))],
        ),
        sample("TagResource", &tag, of(&tag, &["ResourceArn", "Tags"])),
        sample("UntagResource", &untag, of(&untag, &["ResourceArn", "TagKeys"])),
        sample("ListTagsOfResource", &on_arn, of(&on_arn, &["ResourceArn"])),
        sample("DescribeTimeToLive", &on_things, named()),
        sample("DescribeLimits", &json!({}), vec![]),
        sample("DescribeEndpoints", &json!({}), vec![]),
    ]
}

/// Stands for the ARN of a backup that is there.
pub(crate) const BACKUP: &str = "{the ARN of a backup}";

fn backup_samples() -> Vec<Sample> {
    let sample =
        |operation, base: Value, parameters| Sample { operation, base, within: None, parameters };
    let on_things = json!({"TableName": "things"});
    let named = ("TableName", json!("things"));
    let on_backup = json!({"BackupArn": BACKUP});
    let arn = ("BackupArn", json!(BACKUP));
    let target = ("TargetTableName", json!("new-things"));
    let overrides = || {
        vec![
            ("BillingModeOverride", json!("PROVISIONED")),
            ("ProvisionedThroughputOverride", rates()),
            ("GlobalSecondaryIndexOverride", json!([{"IndexName": "index"}])),
            ("LocalSecondaryIndexOverride", json!([{"IndexName": "index"}])),
            ("OnDemandThroughputOverride", json!({"MaxReadRequestUnits": 1})),
            ("SSESpecificationOverride", json!({"Enabled": true})),
            ("VectorIndexOverride", json!([{"IndexName": "index"}])),
        ]
    };
    let with_overrides = |first: &[(&'static str, Value)]| [first.to_vec(), overrides()].concat();
    let switch = json!({"PointInTimeRecoveryEnabled": true, "RecoveryPeriodInDays": 1});
    vec![
        sample(
            "CreateBackup",
            json!({"TableName": "things", "BackupName": "backup"}),
            vec![named.clone(), ("BackupName", json!("backup"))],
        ),
        sample("DescribeBackup", on_backup.clone(), vec![arn.clone()]),
        sample("DeleteBackup", on_backup, vec![arn.clone()]),
        sample(
            "ListBackups",
            json!({}),
            vec![
                named.clone(),
                ("Limit", json!(1)),
                ("TimeRangeLowerBound", json!(1)),
                ("TimeRangeUpperBound", json!(1)),
                ("ExclusiveStartBackupArn", json!(BACKUP)),
                ("BackupType", json!("ALL")),
            ],
        ),
        sample(
            "RestoreTableFromBackup",
            json!({"TargetTableName": "new-things", "BackupArn": BACKUP}),
            with_overrides(&[target.clone(), arn]),
        ),
        sample(
            "RestoreTableToPointInTime",
            json!({
                "TargetTableName": "new-things", "SourceTableName": "things",
                "UseLatestRestorableTime": true,
            }),
            with_overrides(&[
                ("SourceTableArn", json!("arn:aws:dynamodb:us-east-1:000000000000:table/things")),
                ("SourceTableName", json!("things")),
                target,
                ("UseLatestRestorableTime", json!(true)),
                ("RestoreDateTime", json!(crate::support::START_MS as f64 / 1000.0)),
            ]),
        ),
        sample(
            "UpdateContinuousBackups",
            json!({"TableName": "things", "PointInTimeRecoverySpecification": switch}),
            vec![named.clone(), ("PointInTimeRecoverySpecification", switch.clone())],
        ),
        sample("DescribeContinuousBackups", on_things, vec![named]),
    ]
}

/// The parameters that CreateTable and UpdateTable share.
fn shared_by_tables() -> Vec<(&'static str, Value)> {
    vec![
        ("ProvisionedThroughput", rates()),
        ("WarmThroughput", json!({"ReadUnitsPerSecond": 20_000, "WriteUnitsPerSecond": 20_000})),
        ("DeletionProtectionEnabled", json!(false)),
        ("TableClass", json!("STANDARD_INFREQUENT_ACCESS")),
        ("OnDemandThroughput", json!({"MaxReadRequestUnits": 1})),
        ("SSESpecification", json!({"Enabled": true})),
        ("StreamSpecification", json!({"StreamEnabled": true})),
    ]
}
