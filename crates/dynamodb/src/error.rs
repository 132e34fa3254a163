//! Errors as DynamoDB's clients see them: a type name, an HTTP status, a message, and extras.
//!
//! The one place where anything that goes wrong becomes a DynamoDB error. SDKs decide by the type
//! name whether to retry and which exception to raise, so the names are part of the protocol; the
//! messages follow DynamoDB's own wording where it is known.

mod throttling;

pub use throttling::{Access, Throttle};

use crate::json::ItemJson;
use serde::Serialize;
use serde::ser::SerializeMap;
use types::Item;

/// The types of errors that this service answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is DynamoDB's type of the same name")]
pub enum ErrorKind {
    AccessDenied,
    BackupInUse,
    BackupNotFound,
    ConditionalCheckFailed,
    IncompleteSignature,
    InternalServerError,
    InvalidRestoreTime,
    InvalidSignature,
    LimitExceeded,
    MissingAuthenticationToken,
    PointInTimeRecoveryUnavailable,
    ProvisionedThroughputExceeded,
    ResourceInUse,
    ResourceNotFound,
    Serialization,
    ServiceUnavailable,
    TableAlreadyExists,
    TableInUse,
    TableNotFound,
    Throttling,
    UnknownOperation,
    UnrecognizedClient,
    Validation,
}

impl ErrorKind {
    /// The `__type` of the error body.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::AccessDenied => "com.amazon.coral.service#AccessDeniedException",
            Self::BackupInUse => "com.amazonaws.dynamodb.v20120810#BackupInUseException",
            Self::BackupNotFound => "com.amazonaws.dynamodb.v20120810#BackupNotFoundException",
            Self::ConditionalCheckFailed => {
                "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"
            }
            Self::IncompleteSignature => "com.amazon.coral.service#IncompleteSignatureException",
            Self::InternalServerError => "com.amazonaws.dynamodb.v20120810#InternalServerError",
            Self::InvalidRestoreTime => {
                "com.amazonaws.dynamodb.v20120810#InvalidRestoreTimeException"
            }
            Self::InvalidSignature => "com.amazon.coral.service#InvalidSignatureException",
            Self::LimitExceeded => "com.amazonaws.dynamodb.v20120810#LimitExceededException",
            Self::MissingAuthenticationToken => {
                "com.amazon.coral.service#MissingAuthenticationTokenException"
            }
            Self::PointInTimeRecoveryUnavailable => {
                "com.amazonaws.dynamodb.v20120810#PointInTimeRecoveryUnavailableException"
            }
            Self::ProvisionedThroughputExceeded => {
                "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"
            }
            Self::ResourceInUse => "com.amazonaws.dynamodb.v20120810#ResourceInUseException",
            Self::ResourceNotFound => "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException",
            Self::Serialization => "com.amazon.coral.service#SerializationException",
            Self::ServiceUnavailable => "com.amazon.coral.service#ServiceUnavailableException",
            Self::TableAlreadyExists => {
                "com.amazonaws.dynamodb.v20120810#TableAlreadyExistsException"
            }
            Self::TableInUse => "com.amazonaws.dynamodb.v20120810#TableInUseException",
            Self::TableNotFound => "com.amazonaws.dynamodb.v20120810#TableNotFoundException",
            Self::Throttling => "com.amazon.coral.availability#ThrottlingException",
            Self::UnknownOperation => "com.amazon.coral.service#UnknownOperationException",
            Self::UnrecognizedClient => "com.amazon.coral.service#UnrecognizedClientException",
            Self::Validation => "com.amazon.coral.validate#ValidationException",
        }
    }

    /// The HTTP status: DynamoDB answers everything that a client can mend with 400.
    pub fn status(self) -> u16 {
        match self {
            Self::InternalServerError => 500,
            Self::ServiceUnavailable => 503,
            _ => 400,
        }
    }
}

/// A refusal or failure, ready to be rendered.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}: {message}", kind.type_name())]
pub struct ApiError {
    kind: ErrorKind,
    message: String,
    /// The item that a failed condition was judged on, if the request asked for it.
    item: Option<Item>,
    throttle: Option<Throttle>,
}

impl ApiError {
    /// An error of `kind`, without extras.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), item: None, throttle: None }
    }

    /// The request breaks a rule; `message` says which and what to change.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Validation, message)
    }

    /// A validation error with the introduction that DynamoDB gives to bad parameter values.
    pub(crate) fn invalid_parameter(message: impl std::fmt::Display) -> Self {
        Self::validation(format!("One or more parameter values were invalid: {message}"))
    }

    /// The request body has the wrong shape.
    pub fn serialization(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Serialization, message)
    }

    /// The table of a request for its items does not exist, or not yet.
    pub fn table_not_found() -> Self {
        Self::new(ErrorKind::ResourceNotFound, "Requested resource not found")
    }

    /// The table called `name`, which a request about tables names, does not exist.
    pub fn table_not_found_named(name: &str) -> Self {
        let message = format!("Requested resource not found: Table: {name} not found");
        Self::new(ErrorKind::ResourceNotFound, message)
    }

    /// The table that a request about backups names does not exist.
    pub fn table_not_found_for_backups(name: &str) -> Self {
        Self::new(ErrorKind::TableNotFound, format!("Table not found: {name}"))
    }

    /// A restore into a name that is taken.
    pub fn restore_target_exists(name: &str) -> Self {
        Self::new(ErrorKind::TableAlreadyExists, format!("Table already exists: {name}"))
    }

    /// The resource that a request about tags names does not exist.
    pub fn resource_not_found(arn: &str) -> Self {
        // The missing letter is DynamoDB's.
        let message = format!("Requested resource not found: ResourcArn: {arn} not found");
        Self::new(ErrorKind::ResourceNotFound, message)
    }

    /// CreateTable for a name that is taken.
    pub fn table_exists(name: &str) -> Self {
        Self::new(ErrorKind::ResourceInUse, format!("Table already exists: {name}"))
    }

    /// A table in a state that does not allow the operation; `state` is `created`, `deleted`, ….
    pub fn table_in_use(name: &str, state: &str) -> Self {
        let message = format!(
            "Attempt to change a resource which is still in use: Table is being {state}: {name}"
        );
        Self::new(ErrorKind::ResourceInUse, message)
    }

    /// DeleteTable on a table with deletion protection.
    pub fn deletion_protected() -> Self {
        Self::validation(
            "Resource cannot be deleted as it is currently protected against deletion. \
             Disable deletion protection first.",
        )
    }

    /// A failed condition; with `item` if the request asked for the item it was judged on.
    pub fn condition_failed(item: Option<Item>) -> Self {
        let message = "The conditional request failed";
        Self { item, ..Self::new(ErrorKind::ConditionalCheckFailed, message) }
    }

    /// A request that admission control turns away.
    pub fn throttled(throttle: Throttle) -> Self {
        let error = Self::new(throttle.kind(), throttle.message());
        Self { throttle: Some(throttle), ..error }
    }

    /// A failure on our side. Clients retry it; `message` goes to them, so it names no internals.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InternalServerError, message)
    }

    /// What type of error this is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The text for the caller.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Why it was throttled, if it was: one of DynamoDB's names for that.
    pub fn throttle_reason(&self) -> Option<&'static str> {
        self.throttle.as_ref().map(Throttle::name)
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.kind.status()
    }

    /// The JSON body.
    pub fn to_body(&self) -> Vec<u8> {
        crate::json::to_body(self)
    }
}

impl Serialize for ApiError {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("__type", self.kind.type_name())?;
        // DynamoDB writes the name with a capital in this one type of error.
        let message = if self.kind == ErrorKind::Serialization { "Message" } else { "message" };
        map.serialize_entry(message, &self.message)?;
        if let Some(item) = &self.item {
            map.serialize_entry("Item", &ItemJson(item))?;
        }
        if let Some(throttle) = &self.throttle {
            map.serialize_entry(throttle.reasons_field(), &[throttle.reason()])?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(error: &ApiError) -> serde_json::Value {
        serde_json::from_slice(&error.to_body()).unwrap()
    }

    #[test]
    fn bodies_have_type_message_and_extras() {
        assert_eq!(
            body(&ApiError::table_not_found_named("t")),
            serde_json::json!({
                "__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException",
                "message": "Requested resource not found: Table: t not found",
            })
        );
        let failed = ApiError::condition_failed(Some(Item::from([("p", "a")])));
        assert_eq!(body(&failed)["Item"], serde_json::json!({"p": {"S": "a"}}));
        assert_eq!(failed.status(), 400);
        assert_eq!(body(&ApiError::serialization("x"))["Message"], "x");
        assert_eq!(ApiError::internal("x").status(), 500);
    }
}
