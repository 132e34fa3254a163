//! TagResource, UntagResource, ListTagsOfResource.
//!
//! Tags are labels that nothing here reads, but for `foreshard:strategy`, which chooses a table's
//! strategy when it is created and cannot be changed afterwards.

use super::table_params as shared;
use crate::error::{ApiError, ErrorKind};
use crate::json::{self, Body};
use crate::params::Params;
use crate::table::{TableDefinition, Tag};
use serde_json::{Value as Json, json};

/// The table that a request about tags names.
#[derive(Clone, Debug, PartialEq)]
struct Resource {
    arn: String,
    table_name: String,
}

/// A TagResource request.
#[derive(Clone, Debug)]
pub struct TagResource {
    resource: Resource,
    tags: Vec<Tag>,
}

/// An UntagResource request.
#[derive(Clone, Debug)]
pub struct UntagResource {
    resource: Resource,
    keys: Vec<String>,
}

/// A ListTagsOfResource request.
#[derive(Clone, Debug)]
pub struct ListTags {
    resource: Resource,
}

impl Resource {
    fn take(params: &mut Params, operation: &str) -> Result<Self, ApiError> {
        let Some(arn) = params.string("ResourceArn")? else {
            return Err(ApiError::validation("Invalid TableArn"));
        };
        // An ARN that is none of ours is one that the caller has no rights to.
        let denied = || {
            let message = format!(
                "User is not authorized to perform: dynamodb:{operation} on resource: {arn}"
            );
            ApiError::new(ErrorKind::AccessDenied, message)
        };
        let rest = arn.strip_prefix("arn:aws:dynamodb:").ok_or_else(denied)?;
        let name = rest.split_once(":table/").map(|(_, name)| name).ok_or_else(denied)?;
        let table_name = name.to_owned();
        Ok(Self { arn, table_name })
    }
}

macro_rules! resource_of {
    ($($request:ty),*) => {
        $(impl $request {
            /// The table that the request names.
            pub fn table_name(&self) -> &str {
                &self.resource.table_name
            }

            /// The refusal if there is no such table.
            pub fn not_found(&self) -> ApiError {
                ApiError::resource_not_found(&self.resource.arn)
            }
        })*
    };
}

resource_of!(TagResource, UntagResource, ListTags);

impl TagResource {
    /// Reads and validates the request.
    ///
    /// # Errors
    /// What DynamoDB refuses.
    pub fn parse(body: Body) -> Result<Self, ApiError> {
        let mut params = Params::new(body);
        let resource = Resource::take(&mut params, "TagResource")?;
        let tags = shared::tags(&mut params)?;
        if tags.is_none() {
            params.missing("tags");
        }
        params.finish_constraints()?;
        let tags = tags.unwrap_or_default();
        if tags.is_empty() {
            // DynamoDB's own words.
            return Err(ApiError::validation("Atleast one Tag needs to be provided as Input."));
        }
        shared::check_tags(&tags)?;
        shared::check_strategy_tag(tags.iter().map(|tag| tag.key.as_str()))?;
        Ok(Self { resource, tags })
    }

    /// The table with the new tags; those it had under the same names are replaced.
    ///
    /// # Errors
    /// If they become too many.
    pub fn apply(&self, mut table: TableDefinition) -> Result<TableDefinition, ApiError> {
        for tag in &self.tags {
            match table.tags.iter_mut().find(|known| known.key == tag.key) {
                Some(known) => known.value.clone_from(&tag.value),
                None => table.tags.push(tag.clone()),
            }
        }
        shared::check_tag_count(table.tags.len())?;
        Ok(table)
    }
}

impl UntagResource {
    /// Reads and validates the request.
    ///
    /// # Errors
    /// What DynamoDB refuses.
    pub fn parse(body: Body) -> Result<Self, ApiError> {
        let mut params = Params::new(body);
        let resource = Resource::take(&mut params, "UntagResource")?;
        let keys = params.list("TagKeys")?;
        if keys.is_none() {
            params.missing("tagKeys");
        }
        params.finish_constraints()?;
        let key = |json| match json {
            Json::String(key) => Ok(key),
            other => Err(json::not_a("String", &other)),
        };
        let keys = keys.unwrap_or_default().into_iter().map(key).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            // DynamoDB's own words.
            return Err(ApiError::validation("Atleast one Tag Key needs to be provided as Input."));
        }
        shared::check_strategy_tag(keys.iter().map(String::as_str))?;
        Ok(Self { resource, keys })
    }

    /// The table without those tags; names that it has no tag for are no error.
    pub fn apply(&self, mut table: TableDefinition) -> TableDefinition {
        table.tags.retain(|tag| !self.keys.contains(&tag.key));
        table
    }
}

impl ListTags {
    /// Reads and validates the request.
    ///
    /// # Errors
    /// If it names no table, or goes on where no answer has ended.
    pub fn parse(body: Body) -> Result<Self, ApiError> {
        let mut params = Params::new(body);
        let resource = Resource::take(&mut params, "ListTagsOfResource")?;
        if params.string("NextToken")?.is_some() {
            // All tags fit one answer, so no token was ever given out.
            return Err(ApiError::validation("Invalid NextToken"));
        }
        Ok(Self { resource })
    }
}

/// The response of ListTagsOfResource.
pub fn tags_response(table: &TableDefinition) -> Vec<u8> {
    json::to_body(&json!({"Tags": table.tags}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{body, parsed, refusal, table};

    const ARN: &str = "arn:aws:dynamodb:local:000000000000:table/things";

    fn tag(tags: Json) -> Result<TagResource, ApiError> {
        TagResource::parse(body(json!({"ResourceArn": ARN, "Tags": tags})))
    }

    #[test]
    fn tags_are_set_replaced_and_taken_away() {
        let request = tag(json!([{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}])).unwrap();
        assert_eq!(request.table_name(), "things");
        let tagged = request.apply(table()).unwrap();
        let again = tag(json!([{"Key": "a", "Value": "2"}])).unwrap().apply(tagged).unwrap();
        assert_eq!(
            parsed(&tags_response(&again)),
            json!({"Tags": [{"Key": "a", "Value": "2"}, {"Key": "b", "Value": ""}]})
        );
        let untag = body(json!({"ResourceArn": ARN, "TagKeys": ["a", "none"]}));
        let untagged = UntagResource::parse(untag).unwrap().apply(again);
        assert_eq!(untagged.tags.len(), 1);
    }

    #[test]
    fn a_table_has_fifty_tags_at_most() {
        let many = |first: usize, count: usize| {
            let tags = (first..first + count).map(|n| json!({"Key": n.to_string(), "Value": ""}));
            tag(tags.collect()).unwrap()
        };
        let full = many(0, 50).apply(table()).unwrap();
        assert!(many(10, 3).apply(full.clone()).is_ok());
        assert!(refusal(many(50, 1).apply(full)).contains("at most 50"));
    }

    #[test]
    fn requests_without_resource_or_tags_are_refused() {
        let refused = |json: Json| refusal(TagResource::parse(body(json)));
        assert_eq!(refused(json!({})), "Invalid TableArn");
        assert!(refused(json!({"ResourceArn": "x"})).contains("not authorized"));
        assert!(refused(json!({"ResourceArn": ARN})).contains("null at 'tags'"));
        assert!(refusal(tag(json!([]))).contains("one Tag needs"));
        assert!(
            refusal(tag(json!([{"Key": "foreshard:strategy", "Value": "hash"}])))
                .contains("is fixed when the table is created")
        );
        let untag = |keys: Json| {
            refusal(UntagResource::parse(body(json!({"ResourceArn": ARN, "TagKeys": keys}))))
        };
        assert!(untag(json!([])).contains("one Tag Key needs"));
        assert!(untag(json!(["foreshard:strategy"])).contains("is fixed"));
        assert_eq!(untag(json!([1])), "NUMBER_VALUE cannot be converted to String");
        let list = body(json!({"ResourceArn": ARN, "NextToken": "x"}));
        assert_eq!(refusal(ListTags::parse(list)), "Invalid NextToken");
    }
}
