//! JSON in and out: request bodies, attribute values, response bodies.

mod decode;
mod encode;

pub(crate) use decode::{
    check_name, decode_item, decode_value, not_a, too_deep, unexpected_list, unexpected_object,
};
pub(crate) use encode::ItemJson;

use crate::error::ApiError;
use serde::Serialize;
use serde_json::{Map, Value as Json};

/// A request's JSON object.
///
/// Arrays and objects nest at most 127 deep: the parser refuses more, so that no input can exhaust
/// the stack. Items nest 32 deep at most, which takes two levels of JSON each.
#[derive(Clone, Debug)]
pub struct Body(pub(crate) Map<String, Json>);

impl Body {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// If it is no JSON object, or nested too deeply.
    pub fn parse(bytes: &[u8]) -> Result<Self, ApiError> {
        match serde_json::from_slice(bytes) {
            Ok(Json::Object(map)) => Ok(Self(map)),
            Ok(Json::Array(_)) => {
                Err(ApiError::serialization("Start of list found where not expected"))
            }
            Ok(_) => Err(ApiError::serialization("Unexpected value type in payload")),
            Err(error) => Err(ApiError::serialization(format!("the body is not JSON: {error}"))),
        }
    }
}

/// The bytes of a response.
pub(crate) fn to_body(response: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(response).expect("responses have text keys, and writing to memory succeeds")
}

#[cfg(test)]
mod tests;
