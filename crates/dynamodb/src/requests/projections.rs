//! Which parts of items a read returns, said by an expression or by a list of names.

use crate::error::ApiError;
use crate::expression::legacy::take_attributes;
use crate::expression::{Placeholders, Projection};
use crate::params::Params;

/// The parameters of a projection, not yet read.
#[derive(Debug)]
pub(super) struct RawProjection {
    text: Option<String>,
    names: Option<Vec<String>>,
}

impl RawProjection {
    /// Takes the parameters; `path` is where messages say that the list of names is.
    pub(super) fn take(params: &mut Params, path: &str) -> Result<Self, ApiError> {
        Ok(Self {
            text: params.string("ProjectionExpression")?,
            names: take_attributes(params, path)?,
        })
    }

    /// The expression's parameter, and whether it is present.
    pub(super) fn expression(&self) -> (&'static str, bool) {
        ("ProjectionExpression", self.text.is_some())
    }

    /// The legacy parameter, and whether it is present.
    pub(super) fn legacy(&self) -> (&'static str, bool) {
        ("AttributesToGet", self.names.is_some())
    }

    pub(super) fn parse(
        &self,
        placeholders: &mut Placeholders,
    ) -> Result<Option<Projection>, ApiError> {
        match (&self.text, &self.names) {
            (Some(text), _) => Projection::parse(text, placeholders).map(Some),
            (None, Some(names)) => Projection::of_attributes(names).map(Some),
            (None, None) => Ok(None),
        }
    }
}
