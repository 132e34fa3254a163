//! Which operation a request asks for: the `X-Amz-Target` header.

use crate::error::{ApiError, ErrorKind};

/// The prefix of every target of this version of the API.
const API_VERSION: &str = "DynamoDB_20120810.";

macro_rules! operations {
    ($($name:ident),* $(,)?) => {
        /// The operations that are served.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "each is DynamoDB's operation of the same name")]
        pub enum Operation {
            $($name),*
        }

        impl Operation {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The name in the API.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name)),*
                }
            }
        }
    };
}

operations!(
    BatchGetItem,
    BatchWriteItem,
    CreateBackup,
    CreateTable,
    DeleteBackup,
    DeleteItem,
    DeleteTable,
    DescribeBackup,
    DescribeContinuousBackups,
    DescribeEndpoints,
    DescribeLimits,
    DescribeTable,
    DescribeTimeToLive,
    GetItem,
    ListBackups,
    ListTables,
    ListTagsOfResource,
    PutItem,
    Query,
    RestoreTableFromBackup,
    RestoreTableToPointInTime,
    Scan,
    TagResource,
    UntagResource,
    UpdateContinuousBackups,
    UpdateItem,
    UpdateTable,
);

/// Operations of DynamoDB that this service does not have; clients are told so by name.
const NOT_SERVED: &[&str] = &[
    "BatchExecuteStatement",
    "CreateGlobalTable",
    "DeleteResourcePolicy",
    "DescribeContributorInsights",
    "DescribeExport",
    "DescribeGlobalTable",
    "DescribeGlobalTableSettings",
    "DescribeImport",
    "DescribeKinesisStreamingDestination",
    "DescribeTableReplicaAutoScaling",
    "DisableKinesisStreamingDestination",
    "EnableKinesisStreamingDestination",
    "ExecuteStatement",
    "ExecuteTransaction",
    "ExportTableToPointInTime",
    "GetResourcePolicy",
    "ImportTable",
    "ListContributorInsights",
    "ListExports",
    "ListGlobalTables",
    "ListImports",
    "PutResourcePolicy",
    "TransactGetItems",
    "TransactWriteItems",
    "UpdateContributorInsights",
    "UpdateGlobalTable",
    "UpdateGlobalTableSettings",
    "UpdateKinesisStreamingDestination",
    "UpdateTableReplicaAutoScaling",
    "UpdateTimeToLive",
];

impl Operation {
    /// The operation that the header names.
    ///
    /// # Errors
    /// `UnknownOperationException` for anything that is not served.
    pub fn from_target(target: &str) -> Result<Self, ApiError> {
        let unknown = |message: String| Err(ApiError::new(ErrorKind::UnknownOperation, message));
        let Some(name) = target.strip_prefix(API_VERSION) else {
            return unknown(format!("the target '{target}' is none of {API_VERSION}*"));
        };
        match Self::ALL.iter().find(|operation| operation.name() == name) {
            Some(operation) => Ok(*operation),
            None if NOT_SERVED.contains(&name) => {
                unknown(format!("{name} is not supported by this service yet"))
            }
            None => unknown(format!("unknown operation: {name}")),
        }
    }

    /// Whether the operation is on items, and so counts as workload, rather than on tables.
    pub fn is_on_items(self) -> bool {
        matches!(
            self,
            Self::BatchGetItem
                | Self::BatchWriteItem
                | Self::DeleteItem
                | Self::GetItem
                | Self::PutItem
                | Self::Query
                | Self::Scan
                | Self::UpdateItem
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_name_operations() {
        for operation in Operation::ALL {
            let target = format!("DynamoDB_20120810.{}", operation.name());
            assert_eq!(Operation::from_target(&target), Ok(*operation));
        }
    }

    #[test]
    fn other_targets_are_refused() {
        for (target, reason) in [
            ("", "the target '' is none of DynamoDB_20120810.*"),
            ("PutItem", "the target 'PutItem' is none of DynamoDB_20120810.*"),
            ("DynamoDB_20111205.PutItem", "the target 'DynamoDB_20111205.PutItem' is none of"),
            ("DynamoDB_20120810.putItem", "unknown operation: putItem"),
            ("DynamoDB_20120810.TransactWriteItems", "TransactWriteItems is not supported"),
        ] {
            let error = Operation::from_target(target).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnknownOperation);
            assert!(error.message().starts_with(reason), "{}", error.message());
        }
    }
}
