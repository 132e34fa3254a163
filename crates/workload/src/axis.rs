//! Arithmetic on the key axis: where a key lies inside a range, and which key lies between two others.
//!
//! Keys are read as fractions to the base 256 after the bytes that both ends share, eight bytes deep.
//! That is exact for hashes and a fair guess for anything else: where load really lies inside a range
//! is the business of [`crate::shape`].

use bytes::Bytes;
use std::ops::Range;
use types::KeyRange;

/// Bytes of a key that enter the arithmetic, after what both ends share.
const DEPTH_BYTES: usize = 8;
/// Length of a boundary in hash order: a whole partition-key hash.
pub(crate) const HASH_BYTES: usize = 8;

/// Where new cell boundaries may lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grain {
    /// Between partition-key hashes: eight bytes, never more or fewer.
    Hash,
    /// Between any two keys that vectors can tell apart.
    Key,
}

impl Grain {
    /// The longest boundary of this grain.
    fn bytes_max(self) -> usize {
        match self {
            Self::Hash => HASH_BYTES,
            Self::Key => crate::STORAGE_KEY_PREFIX_BYTES,
        }
    }
}

/// How far into `range` a key lies: 0 at or before its start, 1 at or after its end.
pub(crate) fn position(range: &KeyRange, key: &[u8]) -> f64 {
    if key <= range.start.as_ref() {
        return 0.0;
    }
    if range.end.as_ref().is_some_and(|end| key >= end.as_ref()) {
        return 1.0;
    }
    let shared = shared_bytes(range);
    let Range { start, end } = numbers(range, shared);
    let at = number(key, shared).clamp(start, end);
    if end == start { 0.5 } else { (at - start) as f64 / (end - start) as f64 }
}

/// `key` if it cuts `range` in two.
pub(crate) fn strictly_inside(range: &KeyRange, key: Bytes) -> Option<Bytes> {
    (key > range.start && range.contains(&key)).then_some(key)
}

/// The shortest boundary of this grain that has `low` below it and `high` at or above it. Both must be
/// in order and differ; `None` if the grain does not tell them apart.
pub(crate) fn separator(low: &[u8], high: &[u8], grain: Grain) -> Option<Bytes> {
    let bytes_max = grain.bytes_max();
    let (low_cut, high_cut) =
        (&low[..low.len().min(bytes_max)], &high[..high.len().min(bytes_max)]);
    if low_cut >= high_cut {
        return None;
    }
    if grain == Grain::Hash {
        return Some(Bytes::copy_from_slice(high_cut));
    }
    let shared = low.iter().zip(high).take_while(|(low, high)| low == high).count();
    Some(Bytes::copy_from_slice(&high[..shared + 1]))
}

/// The first boundary of this grain above all keys that begin with `key`.
pub(crate) fn after(key: &[u8], grain: Grain) -> Option<Bytes> {
    let mut next = key[..key.len().min(grain.bytes_max())].to_vec();
    while let Some(last) = next.pop() {
        if last < u8::MAX {
            next.push(last + 1);
            if grain == Grain::Hash {
                next.resize(HASH_BYTES, 0);
            }
            return Some(next.into());
        }
    }
    None
}

/// The boundaries that cut hash space into `cells` even parts.
pub(crate) fn even_boundaries(cells: usize) -> impl Iterator<Item = Bytes> {
    let step = move |cell: usize| ((cell as u128) << 64) / cells as u128;
    (1..cells).map(move |cell| Bytes::copy_from_slice(&(step(cell) as u64).to_be_bytes()))
}

/// How many leading bytes all keys of the range have in common. An open end counts as endless 0xff.
fn shared_bytes(range: &KeyRange) -> usize {
    let start = range.start.iter();
    match &range.end {
        Some(end) => start.zip(end).take_while(|(start, end)| start == end).count(),
        None => start.take_while(|byte| **byte == u8::MAX).count(),
    }
}

/// Both ends of the range as numbers of eight bytes after the shared ones.
fn numbers(range: &KeyRange, shared: usize) -> Range<u128> {
    let end = match &range.end {
        Some(end) => number(end, shared),
        None => 1 << (8 * DEPTH_BYTES),
    };
    number(&range.start, shared)..end
}

/// Eight bytes of `key` from `from` on, big-endian, as if it went on with zeros.
fn number(key: &[u8], from: usize) -> u128 {
    let byte = |at: usize| u128::from(key.get(at).copied().unwrap_or(0));
    (from..from + DEPTH_BYTES).fold(0, |number, at| number << 8 | byte(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn range(start: &[u8], end: Option<&[u8]>) -> KeyRange {
        KeyRange::new(Bytes::copy_from_slice(start), end.map(Bytes::copy_from_slice))
    }

    #[test]
    fn positions_in_hash_space_are_exact() {
        let whole = KeyRange::full();
        assert_eq!(position(&whole, &[0x80]), 0.5);
        assert_eq!(position(&whole, &[0x40, 0, 0, 0, 0, 0, 0, 0, b'x']), 0.25);
        let quarter = range(&[0x40], Some(&[0x80]));
        assert_eq!(position(&quarter, &[0x50]), 0.25);
        assert_eq!((position(&quarter, &[0x30]), position(&quarter, &[0x90])), (0.0, 1.0));
        let last = range(&[0xff, 0xff, 0x80], None);
        assert_eq!(position(&last, &[0xff, 0xff, 0xc0]), 0.5);
    }

    #[test]
    fn separators_are_short_and_follow_the_grain() {
        let cut = separator(b"user/0001/x", b"user/0007/a", Grain::Key).unwrap();
        assert_eq!(cut.as_ref(), b"user/0007");
        assert_eq!(separator(b"12345678a", b"12345678b", Grain::Hash), None);
        let cut = separator(b"12345678a", b"12345679b", Grain::Hash).unwrap();
        assert_eq!(cut.as_ref(), b"12345679");
    }

    #[test]
    fn after_skips_all_that_begins_alike() {
        assert_eq!(after(b"ab", Grain::Key).unwrap().as_ref(), b"ac");
        assert_eq!(after(&[7, 0xff], Grain::Key).unwrap().as_ref(), [8]);
        assert_eq!(after(&[0xff; 3], Grain::Key), None);
        let hash = [1, 2, 3, 4, 5, 6, 7, 0xff, b'k'];
        assert_eq!(after(&hash, Grain::Hash).unwrap().as_ref(), [1, 2, 3, 4, 5, 6, 8, 0]);
    }

    #[test]
    fn even_boundaries_are_even() {
        let cuts: Vec<Bytes> = even_boundaries(4).collect();
        let firsts: Vec<u8> = cuts.iter().map(|cut| cut[0]).collect();
        assert_eq!(firsts, [0x40, 0x80, 0xc0]);
        assert!(cuts.iter().all(|cut| cut.len() == HASH_BYTES));
    }

    fn any_range() -> impl Strategy<Value = KeyRange> {
        let key =
            || prop::collection::vec(prop::sample::select(vec![0u8, 1, 0x7f, 0xfe, 0xff]), 0..12);
        (key(), prop::option::of(key())).prop_map(|(start, end)| range(&start, end.as_deref()))
    }

    proptest! {
        #[test]
        fn positions_rise_with_the_keys(range in any_range(), keys in [any::<[u8; 5]>(), any::<[u8; 5]>()]) {
            let [low, high] = if keys[0] <= keys[1] { keys } else { [keys[1], keys[0]] };
            prop_assert!(position(&range, &low) <= position(&range, &high));
        }

        #[test]
        fn a_separator_separates(keys in [any::<[u8; 10]>(), any::<[u8; 10]>()]) {
            prop_assume!(keys[0] != keys[1]);
            let [low, high] = if keys[0] < keys[1] { keys } else { [keys[1], keys[0]] };
            for grain in [Grain::Hash, Grain::Key] {
                if let Some(cut) = separator(&low, &high, grain) {
                    prop_assert!(low.as_slice() < cut.as_ref() && cut.as_ref() <= high.as_slice());
                }
            }
        }
    }
}
