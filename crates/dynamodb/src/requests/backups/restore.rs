//! RestoreTableFromBackup and RestoreTableToPointInTime.
//!
//! A restored table has the keys and the strategy of the table that was backed up, and its billing, unless the
//! request says otherwise. What DynamoDB does not carry over is not carried over here: tags (but for those
//! that say how the table works), deletion protection, and point-in-time recovery itself.

use super::required_arn;
use crate::error::{ApiError, ErrorKind};
use crate::json::Body;
use crate::params::Params;
use crate::requests::create_table::{Creation, billing};
use crate::requests::table_params as shared;
use crate::table::{
    BillingMode, Changes, RANGE_QUERIES_TAG, Restored, STRATEGY_TAG, TableDefinition,
};

/// Parameters that are refused, and what to do instead.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("OnDemandThroughputOverride", "use BillingModeOverride PROVISIONED to limit throughput"),
    ("VectorIndexOverride", "restore the table without vector indexes"),
];

/// What is to be made of a table that was backed up.
#[derive(Clone, Debug)]
struct Target {
    name: String,
    billing_mode: Option<BillingMode>,
    rates: Option<(u64, u64)>,
}

/// Where the data of a restored table come from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The backup's ARN; none for a point in time.
    pub backup_arn: Option<String>,
    /// The instant whose state it is.
    pub instant_ms: i64,
}

impl Target {
    fn take(params: &mut Params) -> Result<Self, ApiError> {
        let name = match params.string("TargetTableName")? {
            Some(name) => params.checked_table_name(&name, "targetTableName"),
            None => {
                params.missing("targetTableName");
                String::new()
            }
        };
        let billing_mode = shared::billing_mode_override(params)?;
        let rates = shared::provisioned_override(params)?;
        for indexes in ["GlobalSecondaryIndexOverride", "LocalSecondaryIndexOverride"] {
            // None is what there is.
            if !params.list(indexes)?.unwrap_or_default().is_empty() {
                return Err(ApiError::validation(format!(
                    "The parameter {indexes} is not supported by this service: leave it out, or empty"
                )));
            }
        }
        shared::switched_off(params, "SSESpecificationOverride", "Enabled")?;
        Ok(Self { name, billing_mode, rates })
    }

    fn refuse_others(params: &mut Params) -> Result<(), ApiError> {
        UNSUPPORTED.iter().try_for_each(|(name, instead)| params.refuse(name, instead))
    }

    fn define(
        self,
        source: &TableDefinition,
        origin: Origin,
        creation: Creation<'_>,
    ) -> Result<TableDefinition, ApiError> {
        let billing = match (self.billing_mode, self.rates) {
            (None, None) => source.billing,
            (mode, rates) => billing(mode.unwrap_or(source.billing.mode()), rates)?,
        };
        let Creation { created_ms, uuid, region, account } = creation;
        let works = |key: &str| [STRATEGY_TAG, RANGE_QUERIES_TAG].contains(&key);
        Ok(TableDefinition {
            arn: format!("arn:aws:dynamodb:{region}:{account}:table/{}", self.name),
            name: self.name,
            uuid,
            created_ms,
            billing,
            warm_throughput: None,
            deletion_protection: false,
            tags: source.tags.iter().filter(|tag| works(&tag.key)).cloned().collect(),
            changes: Changes::default(),
            point_in_time: None,
            restored: Some(Restored {
                table_arn: source.arn.clone(),
                backup_arn: origin.backup_arn,
                instant_ms: origin.instant_ms,
            }),
            ..source.clone()
        })
    }
}

/// A RestoreTableFromBackup request.
#[derive(Clone, Debug)]
pub struct RestoreFromBackup {
    target: Target,
    backup_arn: String,
}

impl RestoreFromBackup {
    /// Reads and validates the request.
    ///
    /// # Errors
    /// What DynamoDB refuses, and what this service does not support.
    pub fn parse(body: Body) -> Result<Self, ApiError> {
        let mut params = Params::new(body);
        let target = Target::take(&mut params)?;
        let backup_arn = required_arn(&mut params)?;
        params.finish_constraints()?;
        Target::refuse_others(&mut params)?;
        Ok(Self { target, backup_arn })
    }

    /// The backup to restore.
    pub fn backup_arn(&self) -> &str {
        &self.backup_arn
    }

    /// The name of the new table.
    pub fn target_name(&self) -> &str {
        &self.target.name
    }

    /// The definition of the new table, of that of the table that was backed up.
    ///
    /// # Errors
    /// If its billing makes no sense.
    pub fn define(
        self,
        source: &TableDefinition,
        origin: Origin,
        creation: Creation<'_>,
    ) -> Result<TableDefinition, ApiError> {
        self.target.define(source, origin, creation)
    }
}

/// Which point in time is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestoreTime {
    /// The latest that there is.
    Latest,
    /// This, in milliseconds since the epoch.
    At(i64),
}

/// A RestoreTableToPointInTime request.
#[derive(Clone, Debug)]
pub struct RestoreToPoint {
    target: Target,
    source_name: String,
    time: RestoreTime,
}

impl RestoreToPoint {
    /// Reads and validates the request.
    ///
    /// # Errors
    /// What DynamoDB refuses, and what this service does not support.
    pub fn parse(body: Body) -> Result<Self, ApiError> {
        let mut params = Params::new(body);
        let target = Target::take(&mut params)?;
        let arn = params.string("SourceTableArn")?;
        let arn = arn.map(|arn| params.checked_table_name(&arn, "sourceTableArn"));
        let name = params.string("SourceTableName")?;
        let name = name.map(|name| params.checked_table_name(&name, "sourceTableName"));
        let latest = params.boolean("UseLatestRestorableTime")?.unwrap_or(false);
        let at_ms = params.timestamp_ms("RestoreDateTime")?;
        params.finish_constraints()?;
        Target::refuse_others(&mut params)?;
        let source_name = match (arn, name) {
            (Some(arn), Some(name)) if arn != name => {
                return Err(ApiError::validation(
                    "SourceTableArn and SourceTableName must name the same table",
                ));
            }
            (Some(source), _) | (None, Some(source)) => source,
            (None, None) => {
                return Err(ApiError::validation(
                    "One of SourceTableArn and SourceTableName must be specified",
                ));
            }
        };
        let time = match (latest, at_ms) {
            (true, None) => RestoreTime::Latest,
            (false, Some(at_ms)) => RestoreTime::At(at_ms),
            (true, Some(_)) => {
                return Err(ApiError::validation(
                    "Only one of RestoreDateTime and UseLatestRestorableTime may be specified",
                ));
            }
            (false, None) => {
                return Err(ApiError::validation(
                    "One of RestoreDateTime and UseLatestRestorableTime must be specified",
                ));
            }
        };
        Ok(Self { target, source_name, time })
    }

    /// The table whose past is wanted.
    pub fn source_name(&self) -> &str {
        &self.source_name
    }

    /// The name of the new table.
    pub fn target_name(&self) -> &str {
        &self.target.name
    }

    /// The instant that is wanted.
    pub fn time(&self) -> RestoreTime {
        self.time
    }

    /// The refusal of a time that cannot be restored.
    pub fn invalid_time(&self) -> ApiError {
        let message = "The RestoreDateTime is outside of EarliestRestorableDateTime and \
                       LatestRestorableDateTime, which DescribeContinuousBackups tells";
        ApiError::new(ErrorKind::InvalidRestoreTime, message)
    }

    /// The refusal if the table's past is not kept.
    pub fn unavailable(&self) -> ApiError {
        let message =
            format!("Point in time recovery is not enabled for table '{}'", self.source_name);
        ApiError::new(ErrorKind::PointInTimeRecoveryUnavailable, message)
    }

    /// The definition of the new table, of that of the old one as it was then.
    ///
    /// # Errors
    /// If its billing makes no sense.
    pub fn define(
        self,
        source: &TableDefinition,
        origin: Origin,
        creation: Creation<'_>,
    ) -> Result<TableDefinition, ApiError> {
        self.target.define(source, origin, creation)
    }
}
