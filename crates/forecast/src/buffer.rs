//! The last so-many values of a stream, as one contiguous slice.
//!
//! A ring would save a little memory, but every model wants slices and differences of positions.
//! So old values stay until the slack is used up and then leave together: a push is amortised O(1).

/// Keeps at least the last `keep` values, at most `keep + slack`.
#[derive(Clone, Debug)]
pub(crate) struct Recent<T> {
    values: Vec<T>,
    keep: usize,
    slack: usize,
}

impl<T: Copy> Recent<T> {
    pub(crate) fn new(keep: usize, slack: usize) -> Self {
        Self { values: Vec::new(), keep, slack: slack.max(1) }
    }

    pub(crate) fn push(&mut self, value: T) {
        if self.values.len() == self.keep + self.slack {
            self.values.drain(..self.slack);
        }
        if self.values.len() == self.values.capacity() {
            // Grows with the data, but never past the bound, as doubling would.
            let room = (self.values.len().max(64)).min(self.keep + self.slack - self.values.len());
            self.values.reserve_exact(room);
        }
        self.values.push(value);
    }

    /// The values, oldest first.
    pub(crate) fn as_slice(&self) -> &[T] {
        &self.values
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn state_bytes(&self) -> usize {
        self.values.capacity() * size_of::<T>()
    }
}

/// One bit for each of the latest bins, by the bin's number.
#[derive(Clone, Debug)]
pub(crate) struct Marks {
    words: Vec<u64>,
}

impl Marks {
    /// Remembers the latest `keep` bins.
    pub(crate) fn new(keep: usize) -> Self {
        Self { words: vec![0; keep.div_ceil(64) + 1] }
    }

    pub(crate) fn set(&mut self, bin: u64, marked: bool) {
        let (word, bit) = self.place(bin);
        self.words[word] = self.words[word] & !bit | if marked { bit } else { 0 };
    }

    pub(crate) fn get(&self, bin: u64) -> bool {
        let (word, bit) = self.place(bin);
        self.words[word] & bit != 0
    }

    fn place(&self, bin: u64) -> (usize, u64) {
        ((bin / 64) as usize % self.words.len(), 1 << (bin % 64))
    }

    pub(crate) fn state_bytes(&self) -> usize {
        self.words.len() * size_of::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_values_stay_and_memory_is_bounded() {
        let mut recent = Recent::new(10, 3);
        for value in 0..1000_u32 {
            recent.push(value);
            let kept = recent.as_slice();
            assert_eq!(kept.last(), Some(&value));
            assert!(kept.windows(2).all(|pair| pair[1] == pair[0] + 1));
            assert!(recent.len() >= 10.min(value as usize + 1) && recent.len() <= 13);
            assert!(recent.state_bytes() <= 13 * size_of::<u32>());
        }
    }

    #[test]
    fn the_latest_marks_stay() {
        let mut marks = Marks::new(100);
        for bin in 0..1_000 {
            marks.set(bin, bin % 3 == 0);
            let kept = bin.saturating_sub(99)..=bin;
            assert!(kept.into_iter().all(|bin| marks.get(bin) == (bin % 3 == 0)), "{bin}");
        }
        assert_eq!(marks.state_bytes(), 24);
    }
}
