//! UpdateTable: billing mode, throughput, warm throughput, deletion protection, class.
//!
//! All of it changes the definition alone and holds at once. Partitions follow the load that is
//! forecast, not these numbers; secondary indexes, streams and replicas do not exist yet.

use super::create_table::attribute_definitions;
use super::table_params as shared;
use crate::error::{ApiError, ErrorKind};
use crate::json::Body;
use crate::params::{self, Params};
use crate::table::{Billing, BillingMode, TableClass, TableDefinition, WarmThroughput};
use serde_json::Value as Json;

/// An UpdateTable request.
#[derive(Clone, Debug)]
pub struct UpdateTable {
    table_name: String,
    billing_mode: Option<BillingMode>,
    rates: Option<(u64, u64)>,
    warm_throughput: Option<WarmThroughput>,
    deletion_protection: Option<bool>,
    class: Option<TableClass>,
    index: Option<IndexChange>,
}

/// A change of a secondary index, which no table has: what it is refused with.
#[derive(Clone, Debug, PartialEq)]
enum IndexChange {
    Create,
    /// An update or deletion of the index with this name.
    Other(String),
}

const UNSUPPORTED: &[(&str, &str)] = &[
    ("ReplicaUpdates", "global tables do not exist here"),
    ("GlobalTableWitnessUpdates", "global tables do not exist here"),
    ("MultiRegionConsistency", "global tables do not exist here"),
    ("GlobalTableSettingsReplicationMode", "global tables do not exist here"),
    ("OnDemandThroughput", "use BillingMode PROVISIONED to limit throughput"),
];

impl UpdateTable {
    /// Reads and validates the request, without its table.
    ///
    /// # Errors
    /// What DynamoDB refuses, and what this service does not support.
    pub fn parse(body: Body) -> Result<Self, ApiError> {
        let mut params = Params::new(body);
        let table_name = params.table_name()?;
        let billing_mode = shared::billing_mode(&mut params)?;
        let rates = shared::provisioned(&mut params)?;
        let warm_throughput = shared::warm(&mut params)?;
        let deletion_protection = params.boolean("DeletionProtectionEnabled")?;
        let class = shared::table_class(&mut params)?;
        let stream = params.object("StreamSpecification")?;
        let encryption = params.object("SSESpecification")?;
        // Attributes are defined for the indexes that use them, and there are none.
        if params.has("AttributeDefinitions") {
            attribute_definitions(&mut params)?;
        }
        let index = params.list("GlobalSecondaryIndexUpdates")?.unwrap_or_default();
        params.finish_constraints()?;
        for (parameter, instead) in UNSUPPORTED {
            params.refuse(parameter, instead)?;
        }
        let changes = billing_mode.is_some()
            || rates.is_some()
            || warm_throughput.is_some()
            || deletion_protection.is_some()
            || class.is_some();
        if !changes && stream.is_none() && encryption.is_none() && index.is_empty() {
            return Err(ApiError::validation(
                "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, \
                 GlobalSecondaryIndexUpdates or SSESpecification or ReplicaUpdates is required",
            ));
        }
        check_rates(billing_mode, rates)?;
        check_stream(stream)?;
        if let Some(encryption) = encryption
            && Params::new(Body(encryption)).boolean("Enabled")? == Some(true)
        {
            return Err(unsupported("SSESpecification", "set Enabled to false"));
        }
        let index = index_change(index)?;
        Ok(Self {
            table_name,
            billing_mode,
            rates,
            warm_throughput,
            deletion_protection,
            class,
            index,
        })
    }

    /// The table that the request names.
    pub fn table_name(&self) -> &str {
        &self.table_name
    }

    /// The table after the update, which is made at `now_ms`.
    ///
    /// # Errors
    /// If the update does not fit the table as it is.
    pub fn apply(
        &self,
        mut table: TableDefinition,
        now_ms: i64,
    ) -> Result<TableDefinition, ApiError> {
        match &self.index {
            Some(IndexChange::Create) => {
                let instead = "create the table without global secondary indexes";
                return Err(unsupported("GlobalSecondaryIndexUpdates", instead));
            }
            Some(IndexChange::Other(name)) => {
                let message = format!("Requested resource not found: Index: {name} not found");
                return Err(ApiError::new(ErrorKind::ResourceNotFound, message));
            }
            None => {}
        }
        if let Some(billing) = self.billing(&table)? {
            note_billing(&mut table, billing, now_ms);
        }
        if let Some(warm) = self.warm_throughput {
            check_warm(table.shown_warm_throughput(), warm)?;
            table.warm_throughput = Some(warm);
        }
        if let Some(protected) = self.deletion_protection {
            table.deletion_protection = protected;
        }
        if self.class.is_some() && self.class != table.class {
            table.class = self.class;
            table.changes.class_ms = Some(now_ms);
        }
        Ok(table)
    }

    /// The new billing, if it changes.
    fn billing(&self, table: &TableDefinition) -> Result<Option<Billing>, ApiError> {
        let mode = self.billing_mode.unwrap_or(table.billing.mode());
        match (mode, self.rates) {
            (BillingMode::PayPerRequest, Some(_)) => Err(shared::no_rates_on_demand()),
            (BillingMode::PayPerRequest, None) => {
                let new = Billing::PayPerRequest;
                Ok((table.billing != new).then_some(new))
            }
            // Rates are needed to begin with; a table that has some may be told its mode again.
            (BillingMode::Provisioned, None)
                if self.billing_mode.is_some_and(|new| new != table.billing.mode()) =>
            {
                Err(ApiError::invalid_parameter(
                    "ProvisionedThroughput must be specified when BillingMode is PROVISIONED",
                ))
            }
            (BillingMode::Provisioned, None) => Ok(None),
            (BillingMode::Provisioned, Some((read_units, write_units))) => {
                let new = Billing::Provisioned { read_units, write_units };
                if table.billing == new {
                    return Err(unchanged(read_units, write_units));
                }
                Ok(Some(new))
            }
        }
    }
}

/// Whoever asks for a table on demand names no rates.
fn check_rates(mode: Option<BillingMode>, rates: Option<(u64, u64)>) -> Result<(), ApiError> {
    match (mode, rates) {
        (Some(BillingMode::PayPerRequest), Some(_)) => Err(shared::no_rates_on_demand()),
        _ => Ok(()),
    }
}

fn check_stream(stream: Option<serde_json::Map<String, Json>>) -> Result<(), ApiError> {
    match stream.map(|stream| Params::new(Body(stream)).boolean("StreamEnabled")).transpose()? {
        None => Ok(()),
        Some(Some(true)) => Err(unsupported("StreamSpecification", "leave it out")),
        Some(_) => Err(ApiError::validation("Table has no stream to disable")),
    }
}

fn unsupported(parameter: &str, instead: &str) -> ApiError {
    ApiError::validation(format!(
        "The parameter {parameter} is not supported by this service: {instead}"
    ))
}

fn unchanged(read_units: u64, write_units: u64) -> ApiError {
    ApiError::validation(format!(
        "The provisioned throughput for the table will not change. The requested value equals the \
         current value. Current ReadCapacityUnits provisioned for the table: {read_units}. \
         Requested ReadCapacityUnits: {read_units}. Current WriteCapacityUnits provisioned for the \
         table: {write_units}. Requested WriteCapacityUnits: {write_units}. Refer to the Amazon \
         DynamoDB Developer Guide for current limits and how to request higher limits."
    ))
}

/// Warm throughput only rises.
fn check_warm(now: WarmThroughput, asked: WarmThroughput) -> Result<(), ApiError> {
    for (name, now, asked) in [
        ("ReadUnitsPerSecond", now.read_units, asked.read_units),
        ("WriteUnitsPerSecond", now.write_units, asked.write_units),
    ] {
        if asked < now {
            return Err(ApiError::invalid_parameter(format!(
                "Requested {name} for WarmThroughput for table is lower than current \
                 WarmThroughput, decreasing WarmThroughput is not supported"
            )));
        }
    }
    Ok(())
}

/// Changes the billing and notes when which rate rose or fell.
fn note_billing(table: &mut TableDefinition, billing: Billing, now_ms: i64) {
    let provisioned = |billing: &Billing| billing.mode() == BillingMode::Provisioned;
    if provisioned(&table.billing) && provisioned(&billing) {
        let (old, new) = (table.billing.rates(), billing.rates());
        if new.0 > old.0 || new.1 > old.1 {
            table.changes.increase_ms = Some(now_ms);
        }
        if new.0 < old.0 || new.1 < old.1 {
            table.changes.decrease_ms = Some(now_ms);
        }
    } else if provisioned(&table.billing) {
        table.changes.on_demand_ms = Some(now_ms);
    } else {
        // The description goes on to tell since when it had been on demand.
        table.changes.on_demand_ms = table.changes.on_demand_ms.or(Some(table.created_ms));
    }
    table.billing = billing;
}

fn index_change(updates: Vec<Json>) -> Result<Option<IndexChange>, ApiError> {
    let Some(first) = updates.into_iter().next() else {
        return Ok(None);
    };
    let mut update = Params::new(Body(params::object(first)?));
    if update.object("Create")?.is_some() {
        return Ok(Some(IndexChange::Create));
    }
    for change in ["Update", "Delete"] {
        if let Some(change) = update.object(change)? {
            let name = Params::new(Body(change)).string("IndexName")?;
            return Ok(Some(IndexChange::Other(name.unwrap_or_default())));
        }
    }
    Err(ApiError::invalid_parameter(
        "One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, \
         GlobalSecondaryIndexUpdate.Delete must not be null",
    ))
}

#[cfg(test)]
mod tests;
