//! Sets of document paths as a tree: finding clashes, and copying just those parts of an item.

use super::fault::{Faults, Rank};
use super::path::{PATH_STEPS_MAX, Path, Step};
use std::collections::BTreeMap;
use types::{Item, Value};

/// Paths none of which leads to or through another.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct PathTree(BTreeMap<String, Node>);

/// What the paths through one value ask for. As deep as a path is long, which is bounded.
#[derive(Clone, Debug, PartialEq)]
enum Node {
    Whole,
    Keys(BTreeMap<String, Node>),
    Indexes(BTreeMap<usize, Node>),
}

/// Why a path cannot be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clash {
    /// It is, or contains, or lies in one that is there.
    Overlap,
    /// It takes a map for a list or the other way round.
    Conflict,
}

impl PathTree {
    /// A tree of `paths`; clashes are noted in `faults`.
    pub(super) fn of<'a>(
        paths: impl Iterator<Item = &'a Path> + Clone,
        faults: &mut Faults,
    ) -> Self {
        let mut tree = Self::default();
        for (index, path) in paths.clone().enumerate() {
            // Longer paths are refused elsewhere; here they would only make the tree deep.
            if path.steps.len() >= PATH_STEPS_MAX {
                continue;
            }
            if let Err(clash) = tree.insert(path) {
                note(clash, paths.clone().take(index), path, faults);
            }
        }
        tree
    }

    fn insert(&mut self, path: &Path) -> Result<(), Clash> {
        let mut fresh = !self.0.contains_key(&path.attribute);
        let mut node = self.0.entry(path.attribute.clone()).or_insert(Node::Whole);
        for step in &path.steps {
            if fresh {
                *node = match step {
                    Step::Key(_) => Node::Keys(BTreeMap::new()),
                    Step::Index(_) => Node::Indexes(BTreeMap::new()),
                };
            }
            node = match (node, step) {
                (Node::Whole, _) => return Err(Clash::Overlap),
                (Node::Keys(keys), Step::Key(key)) => {
                    fresh = !keys.contains_key(key);
                    keys.entry(key.clone()).or_insert(Node::Whole)
                }
                (Node::Indexes(indexes), Step::Index(index)) => {
                    fresh = !indexes.contains_key(index);
                    indexes.entry(*index).or_insert(Node::Whole)
                }
                _ => return Err(Clash::Conflict),
            };
        }
        if fresh { Ok(()) } else { Err(Clash::Overlap) }
    }

    /// The parts of `item` that the paths lead to, in their places. List elements close up.
    pub(super) fn project(&self, item: &Item) -> Item {
        Item(project_keys(&self.0, &item.0))
    }
}

fn project_keys(
    nodes: &BTreeMap<String, Node>,
    map: &BTreeMap<String, Value>,
) -> BTreeMap<String, Value> {
    let part = |(key, node): (&String, &Node)| Some((key.clone(), project(node, map.get(key)?)?));
    nodes.iter().filter_map(part).collect()
}

fn project(node: &Node, value: &Value) -> Option<Value> {
    match (node, value) {
        (Node::Whole, value) => Some(value.clone()),
        (Node::Keys(keys), Value::M(map)) => {
            let part = project_keys(keys, map);
            (!part.is_empty()).then_some(Value::M(part))
        }
        (Node::Indexes(indexes), Value::L(list)) => {
            let part = |(index, node): (&usize, &Node)| project(node, list.get(*index)?);
            let part: Vec<_> = indexes.iter().filter_map(part).collect();
            (!part.is_empty()).then_some(Value::L(part))
        }
        _ => None,
    }
}

/// Names the pair of paths that clash.
fn note<'a>(
    clash: Clash,
    earlier: impl Iterator<Item = &'a Path>,
    path: &Path,
    faults: &mut Faults,
) {
    let clashes = |other: &&Path| {
        let mut pair = PathTree::default();
        pair.insert(other).is_ok() && pair.insert(path).is_err()
    };
    let mut earlier = earlier;
    let first = earlier.find(clashes).map_or(String::new(), Path::to_string);
    let (rank, verb) = match clash {
        Clash::Overlap => (Rank::PathOverlap, "overlap"),
        Clash::Conflict => (Rank::PathConflict, "conflict"),
    };
    faults.note(rank, || {
        format!(
            "Two document paths {verb} with each other; must remove or rewrite one of these paths; \
             path one: {first}, path two: {path}"
        )
    });
}
