//! A table's definition: what the catalog stores, and what DescribeTable shows of it.

mod key_range;
mod recovery;
mod stored;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use types::{KeyAttribute, KeySchema, Strategy};

pub use recovery::{PointInTime, RECOVERY_DAYS_MAX, Restored};
pub use stored::{
    ChosenBy, UnreadableDefinition, allows_fan_out, has_chosen_strategy, with_strategy,
};

/// The tag that chooses the strategy.
pub const STRATEGY_TAG: &str = "foreshard:strategy";

/// The tag that lets a table in hash order answer range conditions on the partition key.
pub const RANGE_QUERIES_TAG: &str = "foreshard:range-queries";

/// The value of [`RANGE_QUERIES_TAG`] that allows it.
pub const FAN_OUT: &str = "fan-out";

/// How a table answers a query with a range condition on the partition key: an extension, see
/// docs/compatibility.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeQueries {
    /// Not at all, as in DynamoDB.
    Refused,
    /// By reading one range of the key axis.
    InKeyOrder,
    /// By reading the whole table.
    FanOut,
}

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
    pub(crate) fn rates(&self) -> (u64, u64) {
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

/// What a table's storage is billed as. It changes no behaviour here; clients read it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TableClass {
    /// The default.
    #[serde(rename = "STANDARD")]
    Standard,
    /// For tables that are read rarely.
    #[serde(rename = "STANDARD_INFREQUENT_ACCESS")]
    InfrequentAccess,
}

/// When properties of a table were last changed, in milliseconds since the epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Changes {
    /// To on demand; without it the table is on demand since its creation, or never was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_demand_ms: Option<i64>,
    /// To higher provisioned rates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub increase_ms: Option<i64>,
    /// To lower provisioned rates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decrease_ms: Option<i64>,
    /// To another class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_ms: Option<i64>,
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

/// What a table is; stored in the catalog as [`TableDefinition::to_stored`] writes it.
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
    /// The class, if one was chosen. Since version 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<TableClass>,
    /// When the above was changed. Since version 2.
    #[serde(default)]
    pub changes: Changes,
    /// Whether it can be restored to points in time. Since version 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point_in_time: Option<PointInTime>,
    /// What it was restored from, if it was. Since version 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored: Option<Restored>,
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
    /// How range conditions on the partition key are answered.
    pub fn range_queries(&self) -> RangeQueries {
        let allowed = |tag: &Tag| tag.key == RANGE_QUERIES_TAG && tag.value == FAN_OUT;
        match self.strategy.is_hash_order() {
            false => RangeQueries::InKeyOrder,
            true if self.tags.iter().any(allowed) => RangeQueries::FanOut,
            true => RangeQueries::Refused,
        }
    }

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
        let mut description = json!({
            "AttributeDefinitions": self.attributes.iter().map(|attribute| json!({
                "AttributeName": attribute.name,
                "AttributeType": attribute.key_type.as_str(),
            })).collect::<Vec<_>>(),
            "TableName": self.name,
            "KeySchema": self.key_schema_description(),
            "TableStatus": status.as_str(),
            "CreationDateTime": seconds(self.created_ms),
            "ProvisionedThroughput": self.throughput_description(),
            "TableSizeBytes": size.bytes,
            "ItemCount": size.items,
            "TableArn": self.arn,
            "TableId": self.uuid,
            "DeletionProtectionEnabled": self.deletion_protection,
        });
        if let Some(since_ms) = self.on_demand_since_ms() {
            description["BillingModeSummary"] = json!({
                "BillingMode": self.billing.mode(),
                "LastUpdateToPayPerRequestDateTime": seconds(since_ms),
            });
        }
        if let Some(class) = self.class {
            description["TableClassSummary"] = json!({"TableClass": class});
            if let Some(ms) = self.changes.class_ms {
                description["TableClassSummary"]["LastUpdateDateTime"] = json!(seconds(ms));
            }
        }
        if let Some(restored) = &self.restored {
            description["RestoreSummary"] = restored.summary(status == TableStatus::Creating);
        }
        let warm = self.shown_warm_throughput();
        description["WarmThroughput"] = json!({
            "ReadUnitsPerSecond": warm.read_units,
            "WriteUnitsPerSecond": warm.write_units,
            "Status": if status == TableStatus::Active { "ACTIVE" } else { "UPDATING" },
        });
        description
    }

    /// DynamoDB's `KeySchema`.
    pub(crate) fn key_schema_description(&self) -> Json {
        let element = |(attribute, role): (&KeyAttribute, &str)| json!({"AttributeName": attribute.name, "KeyType": role});
        self.key_schema.attributes().zip(["HASH", "RANGE"]).map(element).collect()
    }

    fn throughput_description(&self) -> Json {
        let (read_units, write_units) = self.billing.rates();
        let mut throughput = json!({
            "NumberOfDecreasesToday": 0,
            "ReadCapacityUnits": read_units,
            "WriteCapacityUnits": write_units,
        });
        for (name, ms) in [
            ("LastIncreaseDateTime", self.changes.increase_ms),
            ("LastDecreaseDateTime", self.changes.decrease_ms),
        ] {
            if let Some(ms) = ms {
                throughput[name] = json!(seconds(ms));
            }
        }
        throughput
    }

    /// Since when the table is, or until its last change was, on demand.
    fn on_demand_since_ms(&self) -> Option<i64> {
        let from_the_start = self.billing.mode() == BillingMode::PayPerRequest;
        self.changes.on_demand_ms.or(from_the_start.then_some(self.created_ms))
    }

    /// Clients such as Terraform expect warm throughput in every description.
    pub(crate) fn shown_warm_throughput(&self) -> WarmThroughput {
        self.warm_throughput.unwrap_or(match self.billing {
            Billing::PayPerRequest => WarmThroughput::ON_DEMAND,
            Billing::Provisioned { read_units, write_units } => {
                WarmThroughput { read_units, write_units }
            }
        })
    }
}

/// A time as DynamoDB's JSON has it: seconds since the epoch, with decimals.
pub(crate) fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
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
    fn partitions_follow_the_rates_asked_for() {
        let mut table = testing::table();
        assert_eq!(table.initial_partitions(3000.0, 1000.0), 1);
        table.billing = Billing::Provisioned { read_units: 3001, write_units: 1000 };
        assert_eq!(table.initial_partitions(3000.0, 1000.0), 2);
        table.warm_throughput = Some(WarmThroughput { read_units: 1, write_units: 5000 });
        assert_eq!(table.initial_partitions(3000.0, 1000.0), 5);
    }
}
