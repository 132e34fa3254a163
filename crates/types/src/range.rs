//! Half-open ranges of the key axis: what a partition owns and what a cell counts.
//!
//! Keys are plain bytes in their stored order. This module knows nothing about how they are made
//! (`storage_key`) or about who owns a range (the catalog).

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// All keys `start <= key < end`; without an `end`, all keys from `start` on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KeyRange {
    /// The first key inside; empty for the beginning of the axis.
    pub start: Bytes,
    /// The first key outside; `None` for the end of the axis.
    pub end: Option<Bytes>,
}

impl KeyRange {
    /// The whole key axis.
    pub fn full() -> Self {
        Self { start: Bytes::new(), end: None }
    }

    /// The range from `start` up to, and without, `end`.
    pub fn new(start: impl Into<Bytes>, end: Option<Bytes>) -> Self {
        Self { start: start.into(), end }
    }

    /// Whether `key` lies inside.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.start.as_ref() <= key && self.end.as_ref().is_none_or(|end| key < end.as_ref())
    }

    /// Whether no key can lie inside.
    pub fn is_empty(&self) -> bool {
        self.end.as_ref().is_some_and(|end| *end <= self.start)
    }

    /// Whether `other` lies inside as a whole.
    pub fn covers(&self, other: &KeyRange) -> bool {
        self.start <= other.start
            && match (&self.end, &other.end) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(mine), Some(theirs)) => theirs <= mine,
            }
    }

    /// The part that both ranges share, if any key can lie in it.
    pub fn intersection(&self, other: &KeyRange) -> Option<KeyRange> {
        let start = self.start.clone().max(other.start.clone());
        let end = match (&self.end, &other.end) {
            (None, end) | (end, None) => end.clone(),
            (Some(mine), Some(theirs)) => Some(mine.min(theirs).clone()),
        };
        let shared = KeyRange { start, end };
        (!shared.is_empty()).then_some(shared)
    }

    /// Cuts the range at `boundaries`, which must rise strictly and lie strictly inside.
    /// Returns `None` if they do not.
    pub fn cut(&self, boundaries: &[Bytes]) -> Option<Vec<KeyRange>> {
        let mut pieces = Vec::with_capacity(boundaries.len() + 1);
        let mut start = self.start.clone();
        for boundary in boundaries {
            if *boundary <= start || !self.contains(boundary) {
                return None;
            }
            pieces.push(KeyRange { start, end: Some(boundary.clone()) });
            start = boundary.clone();
        }
        pieces.push(KeyRange { start, end: self.end.clone() });
        Some(pieces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: &'static str, end: Option<&'static str>) -> KeyRange {
        KeyRange::new(start, end.map(Bytes::from))
    }

    #[test]
    fn cut_tiles_the_range() {
        let pieces = range("b", Some("y")).cut(&["f".into(), "m".into()]).unwrap();
        assert_eq!(pieces, [range("b", Some("f")), range("f", Some("m")), range("m", Some("y"))]);
    }

    #[test]
    fn cut_refuses_boundaries_on_the_edge_outside_or_out_of_order() {
        let whole = range("b", Some("y"));
        for bad in [vec!["b"], vec!["y"], vec!["a"], vec!["m", "f"], vec!["m", "m"]] {
            let bad: Vec<Bytes> = bad.into_iter().map(Bytes::from).collect();
            assert_eq!(whole.cut(&bad), None, "{bad:?}");
        }
    }

    #[test]
    fn intersection_is_what_both_contain() {
        let left = range("a", Some("m"));
        assert_eq!(left.intersection(&range("f", None)), Some(range("f", Some("m"))));
        assert_eq!(left.intersection(&range("m", None)), None);
        assert!(KeyRange::full().covers(&left));
        assert!(!left.covers(&KeyRange::full()));
    }
}
