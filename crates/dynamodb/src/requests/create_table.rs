//! CreateTable.
//!
//! Beside DynamoDB's parameters one tag is understood: `foreshard:strategy` (`hash`, `range` or
//! `composite`) chooses how the table's keys are ordered and where it may be split, so that any
//! DynamoDB client can.

mod parse;

use crate::error::ApiError;
use crate::json::Body;
use crate::params::Params;
use crate::table::{Billing, BillingMode, TableDefinition, Tag, WarmThroughput};
use types::{KeyAttribute, KeySchema, Strategy};

/// The tag that chooses the strategy.
pub const STRATEGY_TAG: &str = "foreshard:strategy";

/// Largest rate that can be provisioned.
const RATE_MAX: i64 = 1_000_000_000_000;

/// A CreateTable request.
#[derive(Clone, Debug)]
pub struct CreateTable {
    name: String,
    attributes: Vec<KeyAttribute>,
    key_schema: KeySchema,
    billing: Billing,
    warm_throughput: Option<WarmThroughput>,
    deletion_protection: bool,
    strategy: Strategy,
    tags: Vec<Tag>,
}

/// What the service adds to a new table's definition.
#[derive(Clone, Debug)]
pub struct Creation<'a> {
    /// Now.
    pub created_ms: i64,
    /// DynamoDB's `TableId`.
    pub uuid: String,
    /// The region in the ARN.
    pub region: &'a str,
    /// The account in the ARN.
    pub account: &'a str,
}

/// Parameters that are refused, and what to do instead.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("LocalSecondaryIndexes", "create the table without local secondary indexes"),
    ("GlobalSecondaryIndexes", "create the table without global secondary indexes"),
    ("ResourcePolicy", "create the table without a resource policy"),
    ("OnDemandThroughput", "use BillingMode PROVISIONED to limit throughput"),
    ("GlobalTableSourceArn", "global tables do not exist here"),
    ("GlobalTableSettingsReplicationMode", "global tables do not exist here"),
];

impl CreateTable {
    /// Reads and validates the request.
    ///
    /// # Errors
    /// What DynamoDB refuses, and what this service does not support.
    pub fn parse(body: Body) -> Result<Self, ApiError> {
        let mut params = Params::new(body);
        let attributes = parse::attribute_definitions(&mut params)?;
        let name = params.table_name()?;
        let billing_mode = params.choice(
            "BillingMode",
            &[
                ("PROVISIONED", BillingMode::Provisioned),
                ("PAY_PER_REQUEST", BillingMode::PayPerRequest),
            ],
        )?;
        let rates = parse::rates(
            &mut params,
            "ProvisionedThroughput",
            ["ReadCapacityUnits", "WriteCapacityUnits"],
        )?;
        let key_schema = parse::key_schema(&mut params)?;
        let deletion_protection = params.boolean("DeletionProtectionEnabled")?.unwrap_or_default();
        let warm = parse::rates(
            &mut params,
            "WarmThroughput",
            ["ReadUnitsPerSecond", "WriteUnitsPerSecond"],
        )?;
        let tags = parse::tags(&mut params)?;
        parse::switched_off(&mut params, "StreamSpecification", "StreamEnabled")?;
        parse::switched_off(&mut params, "SSESpecification", "Enabled")?;
        parse::standard_class(&mut params)?;
        params.finish_constraints()?;
        for (parameter, instead) in UNSUPPORTED {
            params.refuse(parameter, instead)?;
        }
        let billing = billing(billing_mode.unwrap_or(BillingMode::Provisioned), rates)?;
        let key_schema = parse::resolve(&attributes, &key_schema)?;
        let warm_throughput =
            warm.map(|(read_units, write_units)| WarmThroughput { read_units, write_units });
        let strategy = strategy(&tags)?;
        Ok(Self {
            name,
            attributes,
            key_schema,
            billing,
            warm_throughput,
            deletion_protection,
            strategy,
            tags,
        })
    }

    /// The name of the new table.
    pub fn table_name(&self) -> &str {
        &self.name
    }

    /// The definition of the new table.
    pub fn define(self, creation: Creation<'_>) -> TableDefinition {
        let Creation { created_ms, uuid, region, account } = creation;
        TableDefinition {
            arn: format!("arn:aws:dynamodb:{region}:{account}:table/{}", self.name),
            name: self.name,
            uuid,
            created_ms,
            attributes: self.attributes,
            key_schema: self.key_schema,
            strategy: self.strategy,
            billing: self.billing,
            warm_throughput: self.warm_throughput,
            deletion_protection: self.deletion_protection,
            tags: self.tags,
        }
    }
}

fn billing(mode: BillingMode, rates: Option<(u64, u64)>) -> Result<Billing, ApiError> {
    match (mode, rates) {
        (BillingMode::PayPerRequest, None) => Ok(Billing::PayPerRequest),
        (BillingMode::PayPerRequest, Some(_)) => Err(ApiError::invalid_parameter(
            "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is \
             PAY_PER_REQUEST",
        )),
        (BillingMode::Provisioned, Some((read_units, write_units))) => {
            Ok(Billing::Provisioned { read_units, write_units })
        }
        (BillingMode::Provisioned, None) => Err(ApiError::invalid_parameter(
            "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is \
             PROVISIONED",
        )),
    }
}

fn strategy(tags: &[Tag]) -> Result<Strategy, ApiError> {
    let Some(tag) = tags.iter().find(|tag| tag.key == STRATEGY_TAG) else {
        return Ok(Strategy::default());
    };
    let strategies = [Strategy::Hash, Strategy::Range, Strategy::Composite];
    strategies.into_iter().find(|strategy| strategy.as_str() == tag.value).ok_or_else(|| {
        ApiError::invalid_parameter(format!(
            "The tag {STRATEGY_TAG} must be hash, range or composite, not '{}'",
            tag.value
        ))
    })
}

#[cfg(test)]
mod tests;
