//! CreateTable.
//!
//! Beside DynamoDB's parameters one tag is understood: `foreshard:strategy` (`hash`, `range` or
//! `composite`) chooses how the table's keys are ordered and where it may be split, so that any
//! DynamoDB client can.

mod parse;

pub(super) use parse::attribute_definitions;

use crate::error::ApiError;
use crate::json::Body;
use crate::params::Params;
use crate::requests::table_params as shared;
use crate::table::{
    Billing, BillingMode, Changes, STRATEGY_TAG, TableClass, TableDefinition, Tag, WarmThroughput,
};
use types::{KeyAttribute, KeySchema, Strategy};

/// A CreateTable request.
#[derive(Clone, Debug)]
pub struct CreateTable {
    name: String,
    attributes: Vec<KeyAttribute>,
    key_schema: KeySchema,
    billing: Billing,
    warm_throughput: Option<WarmThroughput>,
    deletion_protection: bool,
    class: Option<TableClass>,
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
        let billing_mode = shared::billing_mode(&mut params)?;
        let rates = shared::provisioned(&mut params)?;
        let key_schema = parse::key_schema(&mut params)?;
        let deletion_protection = params.boolean("DeletionProtectionEnabled")?.unwrap_or_default();
        let warm_throughput = shared::warm(&mut params)?;
        let tags = shared::tags(&mut params)?.unwrap_or_default();
        shared::switched_off(&mut params, "StreamSpecification", "StreamEnabled")?;
        shared::switched_off(&mut params, "SSESpecification", "Enabled")?;
        let class = shared::table_class(&mut params)?;
        params.finish_constraints()?;
        for (parameter, instead) in UNSUPPORTED {
            params.refuse(parameter, instead)?;
        }
        let billing = billing(billing_mode.unwrap_or(BillingMode::Provisioned), rates)?;
        let key_schema = parse::resolve(&attributes, &key_schema)?;
        shared::check_tag_count(tags.len())?;
        shared::check_tags(&tags)?;
        let strategy = strategy(&tags)?;
        Ok(Self {
            name,
            attributes,
            key_schema,
            billing,
            warm_throughput,
            deletion_protection,
            class,
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
            class: self.class,
            changes: Changes::default(),
            point_in_time: None,
            restored: None,
        }
    }
}

pub(super) fn billing(mode: BillingMode, rates: Option<(u64, u64)>) -> Result<Billing, ApiError> {
    match (mode, rates) {
        (BillingMode::PayPerRequest, None) => Ok(Billing::PayPerRequest),
        (BillingMode::PayPerRequest, Some(_)) => Err(shared::no_rates_on_demand()),
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
