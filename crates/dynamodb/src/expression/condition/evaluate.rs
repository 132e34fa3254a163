//! Judging a condition on an item. Operands of the wrong type make a test false, never an error.

use super::{Comparator, Op, Operand, Test};
use std::borrow::Cow;
use std::cmp::Ordering;
use types::{Item, Number, Value};

/// Runs a postfix program; an empty one is true.
pub(super) fn program(program: &[Op], item: &Item) -> bool {
    let mut stack: Vec<bool> = Vec::new();
    for op in program {
        match op {
            Op::Test(test) => stack.push(holds(test, item)),
            Op::Not => {
                if let Some(top) = stack.last_mut() {
                    *top = !*top;
                }
            }
            Op::And => combine(&mut stack, |left, right| left && right),
            Op::Or => combine(&mut stack, |left, right| left || right),
        }
    }
    stack.pop().unwrap_or(true)
}

fn combine(stack: &mut Vec<bool>, operator: fn(bool, bool) -> bool) {
    let right = stack.pop().unwrap_or(true);
    let left = stack.pop().unwrap_or(true);
    stack.push(operator(left, right));
}

fn holds(test: &Test, item: &Item) -> bool {
    match test {
        Test::Compare(left, comparator, right) => {
            let (left, right) = (value(left, item), value(right, item));
            compared(left.as_deref(), *comparator, right.as_deref())
        }
        Test::Between(operand, low, high) => {
            let operand = value(operand, item);
            let within = |bound: &Operand, comparator| {
                compared(operand.as_deref(), comparator, value(bound, item).as_deref())
            };
            within(low, Comparator::GreaterOrEqual) && within(high, Comparator::LessOrEqual)
        }
        Test::In(operand, list) => {
            let operand = value(operand, item);
            operand.is_some() && list.iter().any(|element| operand == value(element, item))
        }
        Test::Exists(path) => path.resolve(item).is_some(),
        Test::NotExists(path) => path.resolve(item).is_none(),
        Test::HasType(operand, kind) => {
            value(operand, item).is_some_and(|value| value.type_name() == kind)
        }
        Test::BeginsWith(operand, start) => both(operand, start, item, begins_with),
        Test::Contains(operand, element) => both(operand, element, item, contains),
    }
}

fn both(left: &Operand, right: &Operand, item: &Item, test: fn(&Value, &Value) -> bool) -> bool {
    match (value(left, item), value(right, item)) {
        (Some(left), Some(right)) => test(&left, &right),
        _ => false,
    }
}

fn value<'a>(operand: &'a Operand, item: &'a Item) -> Option<Cow<'a, Value>> {
    match operand {
        Operand::Path(path) => path.resolve(item).map(Cow::Borrowed),
        Operand::Value(value) => Some(Cow::Borrowed(value)),
        Operand::Size(path) => size(path.resolve(item)?).map(|size| Cow::Owned(Value::N(size))),
    }
}

/// Whether a comparison holds. What is missing differs from everything and is in no order.
fn compared(left: Option<&Value>, comparator: Comparator, right: Option<&Value>) -> bool {
    let (Some(left), Some(right)) = (left, right) else {
        return comparator == Comparator::NotEqual;
    };
    let order = |accepted: fn(Ordering) -> bool| compare(left, right).is_some_and(accepted);
    match comparator {
        Comparator::Equal => left == right,
        Comparator::NotEqual => left != right,
        Comparator::Less => order(Ordering::is_lt),
        Comparator::LessOrEqual => order(Ordering::is_le),
        Comparator::Greater => order(Ordering::is_gt),
        Comparator::GreaterOrEqual => order(Ordering::is_ge),
    }
}

/// The order of two scalars of one type.
pub(in crate::expression) fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::S(left), Value::S(right)) => Some(left.as_bytes().cmp(right.as_bytes())),
        (Value::N(left), Value::N(right)) => Some(left.cmp(right)),
        (Value::B(left), Value::B(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

/// What the function `size` returns, for types that have one.
pub(super) fn size(value: &Value) -> Option<Number> {
    let size = match value {
        // As DynamoDB Local counts, which is written in Java: in units of UTF-16.
        Value::S(text) => text.encode_utf16().count(),
        Value::B(bytes) => bytes.len(),
        Value::M(map) => map.len(),
        Value::L(list) => list.len(),
        Value::Ss(set) => set.len(),
        Value::Ns(set) => set.len(),
        Value::Bs(set) => set.len(),
        Value::N(_) | Value::Bool(_) | Value::Null => return None,
    };
    Some(Number::from(size as u64))
}

fn begins_with(value: &Value, start: &Value) -> bool {
    match (value, start) {
        (Value::S(text), Value::S(start)) => text.starts_with(start.as_str()),
        (Value::B(bytes), Value::B(start)) => bytes.starts_with(start),
        _ => false,
    }
}

fn contains(value: &Value, element: &Value) -> bool {
    match (value, element) {
        (Value::S(text), Value::S(part)) => text.contains(part.as_str()),
        (Value::B(bytes), Value::B(part)) => {
            part.is_empty() || bytes.windows(part.len()).any(|window| window == part)
        }
        (Value::Ss(set), Value::S(text)) => set.contains(text),
        (Value::Ns(set), Value::N(number)) => set.contains(number),
        (Value::Bs(set), Value::B(bytes)) => set.contains(bytes),
        (Value::L(list), element) => list.contains(element),
        _ => false,
    }
}
