//! A table's definition: what the catalog stores, and what DescribeTable shows of it.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use types::{KeyAttribute, KeySchema, Strategy};

/// How a table pays for its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BillingMode {
    /// By request, without a configured rate.
    #[serde(rename = "PAY_PER_REQUEST")]
    PayPerRequest,
    /// By a configured rate.
    #[serde(rename = "PROVISIONED")]
    Provisioned,
}

/// The billing mode with its rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode")]
pub enum Billing {
    /// By request.
    #[serde(rename = "PAY_PER_REQUEST")]
    PayPerRequest,
    /// By these rates.
    #[serde(rename = "PROVISIONED")]
    Provisioned {
        /// Read units per second.
        read_units: u64,
        /// Write units per second.
        write_units: u64,
    },
}

impl Billing {
    /// The mode alone.
    pub fn mode(&self) -> BillingMode {
        match self {
            Self::PayPerRequest => BillingMode::PayPerRequest,
            Self::Provisioned { .. } => BillingMode::Provisioned,
        }
    }

    /// Read and write units per second; zeros on demand, as DynamoDB shows them.
    fn rates(&self) -> (u64, u64) {
        match *self {
            Self::PayPerRequest => (0, 0),
            Self::Provisioned { read_units, write_units } => (read_units, write_units),
        }
    }
}

/// The rates that a table should sustain from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarmThroughput {
    /// Read units per second.
    pub read_units: u64,
    /// Write units per second.
    pub write_units: u64,
}

impl WarmThroughput {
    /// What DynamoDB gives a new table on demand.
    pub const ON_DEMAND: Self = Self { read_units: 12_000, write_units: 4_000 };
}

/// A label of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// The label's name.
    #[serde(rename = "Key")]
    pub key: String,
    /// The label's value.
    #[serde(rename = "Value")]
    pub value: String,
}

/// What a table is; stored as JSON in the catalog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableDefinition {
    /// The name.
    pub name: String,
    /// The ARN.
    pub arn: String,
    /// DynamoDB's `TableId`, a UUID.
    pub uuid: String,
    /// When the table was made, in milliseconds since the epoch.
    pub created_ms: i64,
    /// The attributes whose types are fixed, in the order they were given.
    pub attributes: Vec<KeyAttribute>,
    /// The primary key.
    pub key_schema: KeySchema,
    /// How the key axis is ordered and where boundaries may fall.
    pub strategy: Strategy,
    /// How requests are paid for.
    pub billing: Billing,
    /// The rates asked for at creation, if any were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_throughput: Option<WarmThroughput>,
    /// Whether DeleteTable is refused.
    #[serde(default)]
    pub deletion_protection: bool,
    /// Labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

/// A table's state as clients wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is DynamoDB's state of the same name")]
pub enum TableStatus {
    Creating,
    Active,
    Updating,
    Deleting,
}

impl TableStatus {
    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "CREATING",
            Self::Active => "ACTIVE",
            Self::Updating => "UPDATING",
            Self::Deleting => "DELETING",
        }
    }
}

/// How much a table holds; DynamoDB's own figures are up to six hours old.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableSize {
    /// Items.
    pub items: u64,
    /// Bytes.
    pub bytes: u64,
}

impl TableDefinition {
    /// How many partitions serve the rates the table was created for, if one partition serves
    /// `read_units_max` and `write_units_max` per second.
    pub fn initial_partitions(&self, read_units_max: f64, write_units_max: f64) -> u32 {
        let (read, write) = match self.warm_throughput {
            Some(warm) => (warm.read_units, warm.write_units),
            None => self.billing.rates(),
        };
        let partitions = (read as f64 / read_units_max).max(write as f64 / write_units_max);
        // The cast saturates, so an absurd rate becomes an absurd count for the caller to bound.
        partitions.ceil().max(1.0) as u32
    }

    /// DynamoDB's `TableDescription`.
    pub fn description(&self, status: TableStatus, size: TableSize) -> Json {
        let (read_units, write_units) = self.billing.rates();
        let mut description = json!({
            "AttributeDefinitions": self.attributes.iter().map(|attribute| json!({
                "AttributeName": attribute.name,
                "AttributeType": attribute.key_type.as_str(),
            })).collect::<Vec<_>>(),
            "TableName": self.name,
            "KeySchema": self.key_schema.attributes().zip(["HASH", "RANGE"]).map(
                |(attribute, role)| json!({"AttributeName": attribute.name, "KeyType": role})
            ).collect::<Vec<_>>(),
            "TableStatus": status.as_str(),
            "CreationDateTime": self.created_ms as f64 / 1000.0,
            "ProvisionedThroughput": {
                "NumberOfDecreasesToday": 0,
                "ReadCapacityUnits": read_units,
                "WriteCapacityUnits": write_units,
            },
            "TableSizeBytes": size.bytes,
            "ItemCount": size.items,
            "TableArn": self.arn,
            "TableId": self.uuid,
            "DeletionProtectionEnabled": self.deletion_protection,
        });
        if self.billing.mode() == BillingMode::PayPerRequest {
            description["BillingModeSummary"] = json!({
                "BillingMode": BillingMode::PayPerRequest,
                "LastUpdateToPayPerRequestDateTime": self.created_ms as f64 / 1000.0,
            });
        }
        let warm = self.shown_warm_throughput();
        description["WarmThroughput"] = json!({
            "ReadUnitsPerSecond": warm.read_units,
            "WriteUnitsPerSecond": warm.write_units,
            "Status": if status == TableStatus::Active { "ACTIVE" } else { "UPDATING" },
        });
        description
    }

    /// Clients such as Terraform expect warm throughput in every description.
    fn shown_warm_throughput(&self) -> WarmThroughput {
        self.warm_throughput.unwrap_or(match self.billing {
            Billing::PayPerRequest => WarmThroughput::ON_DEMAND,
            Billing::Provisioned { read_units, write_units } => {
                WarmThroughput { read_units, write_units }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn descriptions_show_what_clients_wait_for() {
        let table = testing::table();
        let shown = table.description(TableStatus::Active, TableSize { items: 3, bytes: 99 });
        assert_eq!(shown["TableStatus"], "ACTIVE");
        assert_eq!(shown["KeySchema"][1], json!({"AttributeName": "s", "KeyType": "RANGE"}));
        assert_eq!(shown["AttributeDefinitions"][1]["AttributeType"], "N");
        assert_eq!(shown["BillingModeSummary"]["BillingMode"], "PAY_PER_REQUEST");
        assert_eq!(shown["WarmThroughput"]["ReadUnitsPerSecond"], 12_000);
        assert_eq!((&shown["ItemCount"], &shown["TableSizeBytes"]), (&json!(3), &json!(99)));
    }

    #[test]
    fn definitions_round_trip_as_json() {
        let mut table = testing::table();
        table.tags.push(Tag { key: "k".into(), value: "v".into() });
        table.warm_throughput = Some(WarmThroughput::ON_DEMAND);
        let json = serde_json::to_value(&table).unwrap();
        assert_eq!(serde_json::from_value::<TableDefinition>(json).unwrap(), table);
    }

    #[test]
    fn a_definition_of_the_first_version_stays_readable() {
        let stored = r#"{"name":"t","arn":"a","uuid":"u","created_ms":1,
            "attributes":[{"name":"p","key_type":"S"}],
            "key_schema":{"partition":{"name":"p","key_type":"S"}},
            "strategy":"range","billing":{"mode":"PROVISIONED","read_units":5,"write_units":6}}"#;
        let table: TableDefinition = serde_json::from_str(stored).unwrap();
        assert_eq!(table.billing, Billing::Provisioned { read_units: 5, write_units: 6 });
        assert_eq!(table.strategy, Strategy::Range);
    }

    #[test]
    fn partitions_follow_the_rates_asked_for() {
        let mut table = testing::table();
        assert_eq!(table.initial_partitions(3000.0, 1000.0), 1);
        table.billing = Billing::Provisioned { read_units: 3001, write_units: 1000 };
        assert_eq!(table.initial_partitions(3000.0, 1000.0), 2);
        table.warm_throughput = Some(WarmThroughput { read_units: 1, write_units: 5000 });
        assert_eq!(table.initial_partitions(3000.0, 1000.0), 5);
    }
}
