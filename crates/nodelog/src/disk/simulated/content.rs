//! The content of a simulated file: what programs see, what is safe, and what lies between.

use crate::random::Random;

/// What a disk writes as a whole.
const SECTOR_BYTES: usize = 512;

/// The content of a file.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) modified_ms: i64,
    seen: Vec<u8>,
    safe: Vec<u8>,
    /// What was done since the last sync, in order.
    pending: Vec<Pending>,
}

#[derive(Debug)]
enum Pending {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

impl Content {
    pub(super) fn new(now_ms: i64) -> Self {
        Self { modified_ms: now_ms, ..Self::default() }
    }

    pub(super) fn seen(&self) -> &[u8] {
        &self.seen
    }

    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        put(&mut self.seen, offset, bytes);
        self.pending.push(Pending::Write(offset, bytes.to_vec()));
    }

    pub(super) fn truncate(&mut self, length: usize) {
        self.seen.truncate(length);
        self.pending.push(Pending::Truncate(length));
    }

    pub(super) fn sync(&mut self) {
        for pending in self.pending.drain(..) {
            match pending {
                Pending::Write(offset, bytes) => put(&mut self.safe, offset, &bytes),
                Pending::Truncate(length) => self.safe.truncate(length),
            }
        }
    }

    /// Some of it got through, the rest is taken for written and will never be written.
    pub(super) fn fail_sync(&mut self, random: &mut Random) {
        self.keep_some(random);
    }

    /// Some of what was not synced is there, and nothing else.
    pub(super) fn power_cycle(&mut self, random: &mut Random) {
        self.keep_some(random);
        self.seen = self.safe.clone();
    }

    pub(super) fn damage(&mut self, offset: usize, flip: u8) {
        self.seen[offset] ^= flip;
        self.safe[offset] ^= flip;
    }

    fn keep_some(&mut self, random: &mut Random) {
        let kept_percent = [0, 50, 90, 100][(random.next() % 4) as usize];
        let garbage = random.chance(50);
        for pending in std::mem::take(&mut self.pending) {
            match pending {
                Pending::Write(offset, bytes) => {
                    self.keep_sectors(random, kept_percent, garbage, offset, &bytes);
                }
                Pending::Truncate(length) if random.chance(kept_percent) => {
                    self.safe.truncate(length);
                }
                Pending::Truncate(_) => {}
            }
        }
    }

    /// Each sector that a write touches is written or not. If one behind it is, the gap has zeros
    /// or whatever was there before the file was.
    fn keep_sectors(
        &mut self,
        random: &mut Random,
        kept_percent: u64,
        garbage: bool,
        offset: usize,
        bytes: &[u8],
    ) {
        let mut at = 0;
        while at < bytes.len() {
            let sector_end = (offset + at) / SECTOR_BYTES * SECTOR_BYTES + SECTOR_BYTES;
            let end = bytes.len().min(sector_end - offset);
            if random.chance(kept_percent) {
                let old = self.safe.len();
                put(&mut self.safe, offset + at, &bytes[at..end]);
                if garbage && offset + at > old {
                    self.safe[old..offset + at].iter_mut().for_each(|b| *b = random.next() as u8);
                }
            }
            at = end;
        }
    }
}

fn put(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[offset..end].copy_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_synced_stays_and_the_rest_may_not() {
        let mut outcomes = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let mut content = Content::default();
            content.write(0, b"safe");
            content.sync();
            content.write(4, &[7; 1_500]);
            content.power_cycle(&mut Random::new(seed));
            assert_eq!(&content.seen()[..4], b"safe");
            outcomes.insert(content.seen().to_vec());
        }
        assert!(outcomes.len() > 20, "lost, torn and reordered in many ways: {}", outcomes.len());
        assert!(outcomes.contains(&b"safe"[..]) && outcomes.iter().any(|seen| seen.len() == 1_504));
    }

    #[test]
    fn a_failed_sync_goes_on_showing_what_it_lost() {
        let lost = (0..50).any(|seed| {
            let mut content = Content::default();
            content.write(0, b"gone");
            content.fail_sync(&mut Random::new(seed));
            content.sync();
            assert_eq!(content.seen(), b"gone");
            content.power_cycle(&mut Random::new(seed));
            content.seen().is_empty()
        });
        assert!(lost);
    }
}
