//! How load lies inside cells, as far as it was ever seen: the measure for cutting a cell's past.
//!
//! A row of counts keeps the cells it was counted in for ever. When a later, finer range asks for its
//! part of an old cell, something must say how much of the cell that is. By default it is the range's
//! part of the cell's bytes. When a hot cell is refined, the keys sampled inside show better: the
//! shape then remembers the masses to both sides of the cut. Parts always add up to the whole, so no
//! sequence of cuts changes a total.

use crate::axis;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use types::KeyRange;

/// Segments that a shape may have; beyond them the two adjacent ones with the least mass are joined.
const SEGMENTS_MAX: usize = 1_024;
/// Neither side of a cut is believed to have less than this share: samples are few, and the past may
/// have been different.
const SIDE_SHARE_MIN: f64 = 0.01;

/// A piecewise even distribution of mass over the key axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct KeyShape {
    /// Rising starts; the first is empty. Between two starts the mass lies evenly over the bytes.
    segments: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Segment {
    start: Bytes,
    mass: f64,
}

impl Default for KeyShape {
    /// Evenly over all bytes.
    fn default() -> Self {
        Self { segments: vec![Segment { start: Bytes::new(), mass: 1.0 }] }
    }
}

impl KeyShape {
    /// Which share of `whole` lies in `part`, a range inside it: from 0 to 1.
    pub(crate) fn share(&self, whole: &KeyRange, part: &KeyRange) -> f64 {
        let all = self.mass(whole);
        if all > 0.0 { (self.mass(part) / all).clamp(0.0, 1.0) } else { even_share(whole, part) }
    }

    /// Learns that `left_share` of what lies in `whole` lies below `boundary`.
    pub(crate) fn learn(&mut self, whole: &KeyRange, boundary: &Bytes, left_share: f64) {
        let left_share = left_share.clamp(SIDE_SHARE_MIN, 1.0 - SIDE_SHARE_MIN);
        let left = KeyRange { start: whole.start.clone(), end: Some(boundary.clone()) };
        let right = KeyRange { start: boundary.clone(), end: whole.end.clone() };
        let all = self.mass(whole);
        for cut in [Some(&whole.start), Some(boundary), whole.end.as_ref()].into_iter().flatten() {
            self.cut(cut);
        }
        self.set_mass(&left, all * left_share);
        self.set_mass(&right, all * (1.0 - left_share));
        while self.segments.len() > SEGMENTS_MAX {
            self.join_lightest();
        }
    }

    /// The shape, if it is one: it may have been read from a file.
    pub(crate) fn checked(self) -> Option<Self> {
        let starts_at_start = self.segments.first().is_some_and(|first| first.start.is_empty());
        let rising = self.segments.windows(2).all(|pair| pair[0].start < pair[1].start);
        let masses = self.segments.iter().all(|at| at.mass.is_finite() && at.mass >= 0.0);
        (starts_at_start && rising && masses).then_some(self)
    }

    fn mass(&self, range: &KeyRange) -> f64 {
        let first =
            self.segments.partition_point(|segment| segment.start <= range.start).max(1) - 1;
        let inside =
            (first..self.segments.len()).map(|at| (self.range(at), self.segments[at].mass));
        inside
            .map_while(|(segment, mass)| {
                let shared = segment.intersection(range)?;
                Some(mass * even_share(&segment, &shared))
            })
            .sum()
    }

    fn range(&self, at: usize) -> KeyRange {
        let end = self.segments.get(at + 1).map(|next| next.start.clone());
        KeyRange { start: self.segments[at].start.clone(), end }
    }

    /// Makes `key` the start of a segment, without moving mass.
    fn cut(&mut self, key: &Bytes) {
        let Err(at) = self.segments.binary_search_by(|segment| segment.start.cmp(key)) else {
            return;
        };
        let whole = self.range(at - 1);
        let right = self.segments[at - 1].mass * (1.0 - axis::position(&whole, key));
        self.segments[at - 1].mass -= right;
        self.segments.insert(at, Segment { start: key.clone(), mass: right });
    }

    /// Scales the segments inside `range`, which starts and ends with segments, to a total.
    fn set_mass(&mut self, range: &KeyRange, mass: f64) {
        let inside = |segment: &&mut Segment| range.contains(&segment.start);
        let now: f64 = self.mass(range);
        let count = self.segments.iter_mut().filter(inside).count().max(1) as f64;
        for segment in self.segments.iter_mut().filter(inside) {
            segment.mass = if now > 0.0 { segment.mass * mass / now } else { mass / count };
        }
    }

    fn join_lightest(&mut self) {
        let pair = |at: &usize| self.segments[*at].mass + self.segments[at + 1].mass;
        let lightest = (0..self.segments.len() - 1).min_by(|a, b| pair(a).total_cmp(&pair(b)));
        if let Some(at) = lightest {
            self.segments[at].mass = pair(&at);
            self.segments.remove(at + 1);
        }
    }
}

/// The part's share of the whole's bytes.
fn even_share(whole: &KeyRange, part: &KeyRange) -> f64 {
    let end = part.end.as_ref().map_or(1.0, |end| axis::position(whole, end));
    end - axis::position(whole, &part.start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn range(start: u8, end: Option<u8>) -> KeyRange {
        let key = |byte: u8| {
            if byte == 0 { Bytes::new() } else { Bytes::copy_from_slice(&[byte]) }
        };
        KeyRange { start: key(start), end: end.map(key) }
    }

    #[test]
    fn shares_are_even_until_something_is_learned() {
        let mut shape = KeyShape::default();
        assert_eq!(shape.share(&KeyRange::full(), &range(0x40, Some(0x80))), 0.25);
        shape.learn(&range(0, Some(0x80)), &Bytes::from_static(&[0x10]), 0.9);
        let learned = shape.share(&range(0, Some(0x80)), &range(0, Some(0x10)));
        assert!((learned - 0.9).abs() < 1e-12, "{learned}");
        let half = shape.share(&KeyRange::full(), &range(0, Some(0x80)));
        assert!((half - 0.5).abs() < 1e-12, "outside nothing moved: {half}");
    }

    #[test]
    fn segments_are_bounded_and_mass_stays() {
        let mut shape = KeyShape::default();
        for n in 1..2_000u16 {
            let boundary = Bytes::copy_from_slice(&(n * 32).to_be_bytes());
            shape.learn(&KeyRange::full(), &boundary, f64::from(n) / 2_000.0);
        }
        assert_eq!(shape.segments.len(), SEGMENTS_MAX);
        assert!((shape.mass(&KeyRange::full()) - 1.0).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn parts_add_up_to_the_whole(
            learned in prop::collection::vec((any::<u8>(), any::<u8>(), 0.0..1.0f64), 0..30),
            cuts in prop::collection::btree_set(2u8..0xfe, 1..6),
        ) {
            let mut shape = KeyShape::default();
            for (low, high, share) in learned {
                let (low, high) = (low.min(high), low.max(high));
                if high - low >= 2 {
                    let middle = Bytes::copy_from_slice(&[low + 1]);
                    shape.learn(&range(low, Some(high)), &middle, share);
                }
            }
            let whole = range(1, Some(0xff));
            let cuts: Vec<Bytes> = cuts.iter().map(|cut| Bytes::copy_from_slice(&[*cut])).collect();
            let shares = whole.cut(&cuts).unwrap().iter().map(|part| shape.share(&whole, part)).sum::<f64>();
            prop_assert!((shares - 1.0).abs() < 1e-9, "{}", shares);
        }
    }
}
