//! Key conditions: `partition = :v`, optionally `AND` one condition on the sort key; or, where the table
//! answers that, one range condition on the partition key.
//!
//! They have the grammar of conditions and are parsed as such; what a query cannot look up by key
//! is refused afterwards, as in DynamoDB.

use super::condition::{Comparator, Condition, Op, Operand, Test};
use super::placeholders::Placeholders;
use crate::error::ApiError;
use std::sync::Arc;
use types::storage_key::SortCondition;
use types::{KeyAttribute, KeySchema, KeyValue, Value};

/// A parsed `KeyConditionExpression`, not yet matched with a table's key schema.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyConditionExpression {
    terms: Vec<Term>,
}

/// Which items a query asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum KeyCondition {
    /// Those of one item collection.
    Collection {
        /// The partition key.
        partition: KeyValue,
        /// The condition on the sort key, if there is one.
        sort: Option<SortCondition>,
    },
    /// Those of all item collections whose partition key meets this condition, which is no equality.
    Collections(SortCondition),
}

/// A condition on one attribute.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Term {
    pub(super) attribute: String,
    pub(super) test: KeyTest,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum KeyTest {
    Compare(Comparator, Arc<Value>),
    Between(Arc<Value>, Arc<Value>),
    BeginsWith(Arc<Value>),
    /// One that no order of keys answers; of `KeyConditions` only.
    NotIndexable,
}

impl KeyConditionExpression {
    /// Parses the expression.
    ///
    /// # Errors
    /// If it is no condition, or one that is not on keys.
    pub fn parse(text: &str, placeholders: &mut Placeholders) -> Result<Self, ApiError> {
        let condition = Condition::parse("KeyConditionExpression", text, placeholders)?;
        let mut terms: Vec<Term> = Vec::new();
        for op in condition.into_program() {
            let term = match op {
                Op::And => continue,
                Op::Or => return Err(invalid_operator("OR")),
                Op::Not => return Err(invalid_operator("NOT")),
                Op::Test(test) => term(test)?,
            };
            if terms.iter().any(|other| other.attribute == term.attribute) {
                return Err(ApiError::validation(
                    "KeyConditionExpressions must only contain one condition per key",
                ));
            }
            terms.push(term);
        }
        if terms.len() > 2 {
            return Err(ApiError::validation("Conditions can be of length 1 or 2 only"));
        }
        Ok(Self { terms })
    }

    /// A key condition of other parameters, of one term or two.
    pub(super) fn of(terms: Vec<Term>) -> Self {
        Self { terms }
    }

    /// What the expression asks for in a table with this key. `ranges` says whether the table answers
    /// range conditions on the partition key.
    ///
    /// # Errors
    /// If it is not on the key's attributes, not with `=` on the partition key, or with values of
    /// other types.
    pub fn bind(&self, schema: &KeySchema, ranges: bool) -> Result<KeyCondition, ApiError> {
        let not_supported = || ApiError::validation("Query key condition not supported");
        let find = |attribute: &KeyAttribute| {
            self.terms.iter().find(|term| term.attribute == attribute.name)
        };
        let missed = |attribute: &KeyAttribute| {
            let name = &attribute.name;
            ApiError::validation(format!("Query condition missed key schema element: {name}"))
        };
        if schema.sort.is_none() && self.terms.len() > 1 {
            return Err(not_supported());
        }
        let partition_term = find(&schema.partition).ok_or_else(|| missed(&schema.partition))?;
        let sort_term = match &schema.sort {
            Some(attribute) if self.terms.len() > 1 => {
                Some((attribute, find(attribute).ok_or_else(|| missed(attribute))?))
            }
            _ => None,
        };
        if self.terms.iter().any(|term| term.test == KeyTest::NotIndexable) {
            return Err(not_indexable());
        }
        let value = match &partition_term.test {
            KeyTest::Compare(Comparator::Equal, value) => value,
            _ if !ranges => return Err(not_supported()),
            _ if sort_term.is_some() => return Err(sort_key_without_collection()),
            test => return Ok(KeyCondition::Collections(condition_on(&schema.partition, test)?)),
        };
        let partition = key_value(&schema.partition, value)?;
        let sort = sort_term.map(|(attribute, term)| condition_on(attribute, &term.test));
        let sort = sort.transpose()?;
        Ok(KeyCondition::Collection { partition, sort })
    }
}

/// Of tables that answer range conditions only, so there are no words of DynamoDB for it.
fn sort_key_without_collection() -> ApiError {
    ApiError::validation(
        "Query key condition not supported: a condition on the sort key needs the partition key to be \
         compared with =",
    )
}

fn not_indexable() -> ApiError {
    ApiError::validation("Attempted conditional constraint is not an indexable operation")
}

fn invalid_operator(operator: &str) -> ApiError {
    ApiError::validation(format!("Invalid operator used in KeyConditionExpression: {operator}"))
}

fn invalid_condition(problem: &str) -> ApiError {
    ApiError::validation(format!("Invalid condition in KeyConditionExpression: {problem}"))
}

fn term(test: Test) -> Result<Term, ApiError> {
    let (attribute, test) = match test {
        Test::Compare(_, Comparator::NotEqual, _) => return Err(invalid_operator("<>")),
        Test::Compare(left, comparator, right) => match (left, right) {
            (Operand::Value(value), right) => {
                (attribute(right)?, KeyTest::Compare(mirrored(comparator), value))
            }
            (left, right) => (attribute(left)?, KeyTest::Compare(comparator, constant(right)?)),
        },
        Test::Between(operand, low, high) => {
            let attribute = first_operand("BETWEEN", operand)?;
            (attribute, KeyTest::Between(constant(low)?, constant(high)?))
        }
        Test::BeginsWith(operand, start) => {
            (first_operand("begins_with", operand)?, KeyTest::BeginsWith(constant(start)?))
        }
        Test::In(..) => return Err(invalid_operator("IN")),
        Test::Exists(_) => return Err(invalid_operator("attribute_exists")),
        Test::NotExists(_) => return Err(invalid_operator("attribute_not_exists")),
        Test::HasType(..) => return Err(invalid_operator("attribute_type")),
        Test::Contains(..) => return Err(invalid_operator("contains")),
    };
    Ok(Term { attribute, test })
}

/// The comparator with its sides exchanged.
fn mirrored(comparator: Comparator) -> Comparator {
    match comparator {
        Comparator::Less => Comparator::Greater,
        Comparator::LessOrEqual => Comparator::GreaterOrEqual,
        Comparator::Greater => Comparator::Less,
        Comparator::GreaterOrEqual => Comparator::LessOrEqual,
        same => same,
    }
}

fn first_operand(operator: &str, operand: Operand) -> Result<String, ApiError> {
    match operand {
        Operand::Value(_) => Err(invalid_condition(&format!(
            "{operator} operator must have the key attribute as its first operand"
        ))),
        other => attribute(other),
    }
}

fn attribute(operand: Operand) -> Result<String, ApiError> {
    match operand {
        Operand::Path(path) if path.is_nested() => Err(ApiError::validation(
            "KeyConditionExpressions cannot have conditions on nested attributes",
        )),
        Operand::Path(path) => Ok(path.attribute),
        Operand::Value(_) => Err(invalid_condition("No key attribute specified")),
        Operand::Size(_) => {
            Err(ApiError::validation("KeyConditionExpressions cannot contain nested operations"))
        }
    }
}

fn constant(operand: Operand) -> Result<Arc<Value>, ApiError> {
    match operand {
        Operand::Value(value) => Ok(value),
        Operand::Path(_) => {
            Err(invalid_condition("Multiple attribute names used in one condition"))
        }
        Operand::Size(_) => {
            Err(ApiError::validation("KeyConditionExpressions cannot contain nested operations"))
        }
    }
}

/// What `test` says of a key attribute.
fn condition_on(attribute: &KeyAttribute, test: &KeyTest) -> Result<SortCondition, ApiError> {
    let key = |value| key_value(attribute, value);
    Ok(match test {
        KeyTest::Compare(Comparator::Equal, value) => SortCondition::Equal(key(value)?),
        KeyTest::Compare(Comparator::Less, value) => SortCondition::Less(key(value)?),
        KeyTest::Compare(Comparator::LessOrEqual, value) => SortCondition::LessOrEqual(key(value)?),
        KeyTest::Compare(Comparator::Greater, value) => SortCondition::Greater(key(value)?),
        KeyTest::Compare(Comparator::GreaterOrEqual, value) => {
            SortCondition::GreaterOrEqual(key(value)?)
        }
        // Expressions with these are refused when they are parsed.
        KeyTest::Compare(Comparator::NotEqual, _) | KeyTest::NotIndexable => {
            return Err(not_indexable());
        }
        KeyTest::Between(low, high) => SortCondition::Between(key(low)?, key(high)?),
        KeyTest::BeginsWith(start) => SortCondition::BeginsWith(key(start)?),
    })
}

fn key_value(attribute: &KeyAttribute, value: &Value) -> Result<KeyValue, ApiError> {
    let key = KeyValue::from_value(value).filter(|key| key.key_type() == attribute.key_type);
    key.ok_or_else(|| {
        ApiError::invalid_parameter("Condition parameter type does not match schema type")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{refusal, table};
    use serde_json::json;

    fn parse(text: &str) -> Result<KeyConditionExpression, ApiError> {
        let json = json!({":p": {"S": "a"}, ":s": {"N": "5"}, ":t": {"N": "9"}, "#p": "p"});
        KeyConditionExpression::parse(text, &mut Placeholders::from_json(json))
    }

    fn bind(text: &str) -> Result<KeyCondition, ApiError> {
        parse(text)?.bind(&table().key_schema, false)
    }

    fn number(number: i64) -> KeyValue {
        KeyValue::N(number.into())
    }

    #[test]
    fn conditions_on_keys_are_understood() {
        let (five, nine) = (number(5), number(9));
        for (text, sort) in [
            ("p = :p", None),
            ("(#p = :p)", None),
            (":p = p", None),
            ("p = :p AND s = :s", Some(SortCondition::Equal(five.clone()))),
            ("s < :s AND p = :p", Some(SortCondition::Less(five.clone()))),
            (":s < s AND p = :p", Some(SortCondition::Greater(five.clone()))),
            ("p = :p and s >= :s", Some(SortCondition::GreaterOrEqual(five.clone()))),
            ("p = :p AND :s >= s", Some(SortCondition::LessOrEqual(five.clone()))),
            ("p = :p AND s BETWEEN :s AND :t", Some(SortCondition::Between(five, nine))),
            ("(p = :p) AND (s > :t)", Some(SortCondition::Greater(number(9)))),
        ] {
            let expected = KeyCondition::Collection { partition: KeyValue::S("a".into()), sort };
            assert_eq!(bind(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn begins_with_needs_a_sort_key_of_strings_or_bytes() {
        let mut table = table();
        table.key_schema.sort = Some(KeyAttribute::new("s", types::KeyType::S));
        let bound = parse("p = :p AND begins_with(s, :p)").unwrap().bind(&table.key_schema, false);
        let partition = KeyValue::S("a".into());
        let sort = Some(SortCondition::BeginsWith(partition.clone()));
        assert_eq!(bound, Ok(KeyCondition::Collection { partition, sort }));
        assert_eq!(
            refusal(bind("p = :p AND begins_with(s, :p)")),
            "One or more parameter values were invalid: \
             Condition parameter type does not match schema type"
        );
    }

    #[test]
    fn conditions_that_no_key_answers_are_refused() {
        for (text, message) in [
            ("p = :p OR s = :s", "Invalid operator used in KeyConditionExpression: OR"),
            ("NOT p = :p", "Invalid operator used in KeyConditionExpression: NOT"),
            ("p <> :p", "Invalid operator used in KeyConditionExpression: <>"),
            ("p IN (:p)", "Invalid operator used in KeyConditionExpression: IN"),
            ("contains(p, :p)", "Invalid operator used in KeyConditionExpression: contains"),
            ("size(p) = :s", "KeyConditionExpressions cannot contain nested operations"),
            ("p.a = :p", "KeyConditionExpressions cannot have conditions on nested attributes"),
            (
                "p = :p AND p = :p",
                "KeyConditionExpressions must only contain one condition per key",
            ),
            (
                "p = s",
                "Invalid condition in KeyConditionExpression: \
                 Multiple attribute names used in one condition",
            ),
            (":p = :p", "Invalid condition in KeyConditionExpression: No key attribute specified"),
            ("p > :p", "Query key condition not supported"),
            ("s = :s", "Query condition missed key schema element: p"),
            ("p = :p AND x = :s", "Query condition missed key schema element: s"),
            ("p = :p AND s = :s AND x = :s", "Conditions can be of length 1 or 2 only"),
            (
                "p = :s",
                "One or more parameter values were invalid: \
                 Condition parameter type does not match schema type",
            ),
        ] {
            assert_eq!(refusal(bind(text)), message, "{text}");
        }
    }

    #[test]
    fn a_table_without_sort_key_takes_one_condition() {
        let mut schema = table().key_schema;
        schema.sort = None;
        let refused = parse("p = :p AND s = :s").unwrap().bind(&schema, false);
        assert_eq!(refusal(refused), "Query key condition not supported");
        assert!(parse("p = :p").unwrap().bind(&schema, false).is_ok());
    }

    #[test]
    fn range_conditions_on_the_partition_key_are_for_tables_that_answer_them() {
        let key = || KeyValue::S("a".into());
        let schema = table().key_schema;
        for (text, condition) in [
            ("p < :p", SortCondition::Less(key())),
            (":p < p", SortCondition::Greater(key())),
            ("p <= :p", SortCondition::LessOrEqual(key())),
            ("p >= :p", SortCondition::GreaterOrEqual(key())),
            ("p BETWEEN :p AND :p", SortCondition::Between(key(), key())),
            ("begins_with(p, :p)", SortCondition::BeginsWith(key())),
        ] {
            let bound = parse(text).unwrap().bind(&schema, true);
            assert_eq!(bound, Ok(KeyCondition::Collections(condition)), "{text}");
            assert_eq!(refusal(bind(text)), "Query key condition not supported", "{text}");
        }
        let refused = parse("p > :p AND s = :s").unwrap().bind(&schema, true);
        assert!(refusal(refused).contains("needs the partition key to be compared with ="));
        let mistyped = parse("p > :s").unwrap().bind(&schema, true);
        assert!(refusal(mistyped).contains("type does not match"));
    }
}
