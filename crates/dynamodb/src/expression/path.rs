//! Document paths: `a.b[1]`.

use std::fmt;
use types::{Item, Value};

/// Most steps in a path, the attribute's name included.
pub(super) const PATH_STEPS_MAX: usize = 32;

/// One step into a map or list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Into a map, by key.
    Key(String),
    /// Into a list, by position.
    Index(usize),
}

/// Where in an item a value is: the attribute, then steps into it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path {
    /// The attribute's name.
    pub attribute: String,
    /// The way into its value; empty for the whole value.
    pub steps: Vec<Step>,
}

impl Path {
    /// The value at this path, if there is one.
    pub fn resolve<'a>(&self, item: &'a Item) -> Option<&'a Value> {
        let attribute = item.get(&self.attribute)?;
        self.steps.iter().try_fold(attribute, |value, step| match (value, step) {
            (Value::M(map), Step::Key(key)) => map.get(key),
            (Value::L(list), Step::Index(index)) => list.get(*index),
            _ => None,
        })
    }

    /// Whether this leads into an attribute rather than to the whole of it.
    pub fn is_nested(&self) -> bool {
        !self.steps.is_empty()
    }
}

/// As DynamoDB's messages show a path: `[a, b, [1]]`.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}", self.attribute)?;
        for step in &self.steps {
            match step {
                Step::Key(key) => write!(f, ", {key}")?,
                Step::Index(index) => write!(f, ", [{index}]")?,
            }
        }
        f.write_str("]")
    }
}
