//! Conditions on attributes by name: `Expected` and the filters; read here, and also what
//! `KeyConditions` are read as.

use super::{Junction, not_valid, whole};
use crate::error::ApiError;
use crate::expression::condition::{Comparator, Condition, Op, Operand, Test};
use crate::expression::condition_order;
use crate::json::{self, Body};
use crate::params::{self, Params};
use serde_json::Value as Json;
use std::cmp::Ordering;
use std::sync::Arc;
use types::Value;

/// The operators, in the order of DynamoDB's message.
const OPERATORS: [(&str, Operator); 13] = [
    ("IN", Operator::In),
    ("NULL", Operator::Null),
    ("BETWEEN", Operator::Between),
    ("LT", Operator::Compare(Comparator::Less)),
    ("NOT_CONTAINS", Operator::NotContains),
    ("EQ", Operator::Compare(Comparator::Equal)),
    ("GT", Operator::Compare(Comparator::Greater)),
    ("NOT_NULL", Operator::NotNull),
    ("NE", Operator::Compare(Comparator::NotEqual)),
    ("LE", Operator::Compare(Comparator::LessOrEqual)),
    ("BEGINS_WITH", Operator::BeginsWith),
    ("GE", Operator::Compare(Comparator::GreaterOrEqual)),
    ("CONTAINS", Operator::Contains),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Compare(Comparator),
    In,
    Null,
    NotNull,
    Between,
    BeginsWith,
    Contains,
    NotContains,
}

/// A parameter with conditions by attribute, its shape checked and its values not yet read.
#[derive(Debug)]
pub(crate) struct RawConditions(Vec<Raw>);

#[derive(Debug)]
struct Raw {
    attribute: String,
    operator: Option<Operator>,
    list: Option<Vec<Json>>,
    /// The older form, of `Expected` only: a value, or whether there is to be one.
    value: Option<Json>,
    exists: Option<bool>,
    /// Whether this is of `Expected`.
    expected: bool,
}

/// A condition on one attribute, with as many values of such types as its operator takes.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) attribute: String,
    pub(super) operator: Operator,
    pub(super) values: Vec<Arc<Value>>,
}

impl RawConditions {
    /// Takes `Expected`.
    pub(crate) fn take_expected(params: &mut Params) -> Result<Option<Self>, ApiError> {
        Self::take(params, "Expected", true)
    }

    /// Takes a filter, or key conditions.
    pub(crate) fn take_filter(params: &mut Params, name: &str) -> Result<Option<Self>, ApiError> {
        Self::take(params, name, false)
    }

    fn take(params: &mut Params, name: &str, expected: bool) -> Result<Option<Self>, ApiError> {
        let Some(map) = params.object(name)? else {
            return Ok(None);
        };
        let mut raw = Vec::with_capacity(map.len());
        for (attribute, json) in map {
            let mut inner = Params::new(Body(params::object(json)?));
            let path = format!("{}.{attribute}.member", params::member(name));
            // Only `Expected` has a form without an operator.
            let operator = match expected && !inner.has("ComparisonOperator") {
                true => None,
                false => inner.choice_at("ComparisonOperator", &path, &OPERATORS)?,
            };
            let list = inner.list("AttributeValueList")?;
            let value = inner.take("Value").filter(|_| expected);
            let exists = inner.boolean("Exists")?.filter(|_| expected);
            params.adopt_violations(inner);
            raw.push(Raw { attribute, operator, list, value, exists, expected });
        }
        Ok(Some(Self(raw)))
    }

    /// The condition that all or any of them are; none if there are none.
    ///
    /// # Errors
    /// What DynamoDB refuses.
    pub(crate) fn condition(
        conditions: Option<Self>,
        junction: Option<Junction>,
    ) -> Result<Option<Condition>, ApiError> {
        let count = conditions.as_ref().map_or(0, |conditions| conditions.0.len());
        if junction.is_some() && count == 0 {
            return Err(ApiError::validation(
                "ConditionalOperator cannot be used without Filter or Expected",
            ));
        }
        if junction.is_some() && count == 1 {
            return Err(ApiError::validation(
                "ConditionalOperator can only be used when Filter or Expected has two or more \
                 elements",
            ));
        }
        let Some(conditions) = conditions.filter(|_| count > 0) else {
            return Ok(None);
        };
        let combine = if junction == Some(Junction::Or) { Op::Or } else { Op::And };
        let mut program = Vec::new();
        for (index, condition) in conditions.checked()?.into_iter().enumerate() {
            condition.push_to(&mut program);
            if index > 0 {
                program.push(combine.clone());
            }
        }
        Ok(Some(Condition::of(program)))
    }

    /// The conditions, checked.
    pub(super) fn checked(self) -> Result<Vec<Checked>, ApiError> {
        self.0.into_iter().map(Raw::checked).collect()
    }
}

impl Raw {
    fn checked(self) -> Result<Checked, ApiError> {
        json::check_name(&self.attribute)?;
        let name = self.attribute.clone();
        let wrong = |what: String| {
            Err(ApiError::invalid_parameter(format!("{what} for Attribute: {name}")))
        };
        if self.value.is_some() && self.list.is_some() {
            return wrong("Value and AttributeValueList cannot be used together".into());
        }
        let Some(operator) = self.operator else {
            return self.by_existence();
        };
        if self.exists.is_some() {
            return wrong("Exists and ComparisonOperator cannot be used together".into());
        }
        let counted = !matches!(operator, Operator::Null | Operator::NotNull);
        if self.expected && counted && self.value.is_none() && self.list.is_none() {
            let name = operator.name();
            return wrong(format!(
                "Value or AttributeValueList must be used with ComparisonOperator: {name}"
            ));
        }
        let list = match (self.value, self.list) {
            (Some(value), _) => vec![value],
            (None, list) => list.unwrap_or_default(),
        };
        let values = list.into_iter().map(|json| json::decode_value(json).map(Arc::new));
        let values = values.collect::<Result<Vec<_>, _>>()?;
        operator.check(&values)?;
        Ok(Checked { attribute: self.attribute, operator, values })
    }

    /// Without an operator: a value that the attribute has, or that it has none.
    fn by_existence(self) -> Result<Checked, ApiError> {
        let name = &self.attribute;
        let wrong =
            |what: &str| Err(ApiError::invalid_parameter(format!("{what} for Attribute: {name}")));
        if self.list.is_some() {
            return wrong("AttributeValueList can only be used with a ComparisonOperator");
        }
        let (operator, values) = match (self.exists, self.value) {
            (Some(false), None) => (Operator::Null, Vec::new()),
            (Some(false), Some(_)) => return wrong("Value cannot be used when Exists is false"),
            (Some(true), None) => return wrong("Value must be provided when Exists is true"),
            (None, None) => return wrong("Value must be provided when Exists is null"),
            (_, Some(value)) => {
                let value = Arc::new(json::decode_value(value)?);
                (Operator::Compare(Comparator::Equal), vec![value])
            }
        };
        Ok(Checked { attribute: self.attribute, operator, values })
    }
}

impl Operator {
    pub(super) fn name(self) -> &'static str {
        let known = OPERATORS.iter().find(|(_, operator)| *operator == self);
        known.map_or("", |(name, _)| name)
    }

    fn check(self, values: &[Arc<Value>]) -> Result<(), ApiError> {
        let counts = match self {
            Self::Null | Self::NotNull => 0..=0,
            Self::Between => 2..=2,
            Self::In => 1..=usize::MAX,
            _ => 1..=1,
        };
        if !counts.contains(&values.len()) {
            return Err(ApiError::invalid_parameter(format!(
                "Invalid number of argument(s) for the {} ComparisonOperator",
                self.name()
            )));
        }
        if let Some(value) = values.iter().find(|value| !self.takes(value)) {
            return Err(not_valid(self.name(), value));
        }
        if values.windows(2).any(|pair| pair[0].type_name() != pair[1].type_name()) {
            return Err(ApiError::invalid_parameter(
                "AttributeValues inside AttributeValueList must be of same type",
            ));
        }
        if let (Self::Between, [low, high]) = (self, values)
            && condition_order(low, high).is_some_and(Ordering::is_gt)
        {
            return Err(ApiError::validation(
                "The BETWEEN condition was provided a range where the lower bound is greater than \
                 the upper bound",
            ));
        }
        Ok(())
    }

    /// Whether the operator is defined for values of this type.
    fn takes(self, value: &Value) -> bool {
        let scalar = matches!(value, Value::S(_) | Value::N(_) | Value::B(_));
        match self {
            Self::Compare(Comparator::Equal | Comparator::NotEqual)
            | Self::Null
            | Self::NotNull => true,
            Self::Compare(_) | Self::Between | Self::In => scalar,
            Self::BeginsWith => matches!(value, Value::S(_) | Value::B(_)),
            Self::Contains | Self::NotContains => {
                scalar || matches!(value, Value::Bool(_) | Value::Null)
            }
        }
    }
}

impl Checked {
    /// Appends the test, in postfix order.
    fn push_to(self, program: &mut Vec<Op>) {
        let path = whole(&self.attribute);
        let left = Operand::Path(path.clone());
        let mut values = self.values.into_iter().map(Operand::Value);
        let mut next = || values.next().unwrap_or_else(|| Operand::Value(Value::Null.into()));
        let test = match self.operator {
            Operator::Compare(comparator) => Test::Compare(left, comparator, next()),
            Operator::Null => Test::NotExists(path),
            Operator::NotNull => Test::Exists(path),
            Operator::Between => Test::Between(left, next(), next()),
            Operator::In => Test::In(left, values.collect()),
            Operator::BeginsWith => Test::BeginsWith(left, next()),
            Operator::Contains => Test::Contains(left, next()),
            Operator::NotContains => {
                // An attribute that is not there does not meet it.
                let contains = Test::Contains(left, next());
                program.extend([Op::Test(Test::Exists(path)), Op::Test(contains), Op::Not]);
                program.push(Op::And);
                return;
            }
        };
        program.push(Op::Test(test));
    }
}
