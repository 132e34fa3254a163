//! What was said about a blob: the newest that was acknowledged is there, or one that somebody has begun to write since.
//! A removal is not forced onto the disk, so what was removed may come back when the power goes; within a
//! process it does not.

use super::content;
use bytes::Bytes;
use std::collections::BTreeSet;

/// What there may be under one name; one task writes it. Number 0 is nothing.
#[derive(Clone, Debug)]
pub(crate) struct BlobKnown {
    /// What a start may find.
    may_be: BTreeSet<u64>,
    /// What this process must find, if that is known.
    now: Option<u64>,
}

impl Default for BlobKnown {
    fn default() -> Self {
        Self { may_be: [0].into(), now: Some(0) }
    }
}

impl BlobKnown {
    /// A write, or a removal, is under way.
    pub(crate) fn begin(&mut self, number: u64) {
        self.may_be.insert(number);
        self.now = None;
    }

    /// It is done.
    pub(crate) fn done(&mut self, number: u64) {
        self.now = Some(number);
        if number != 0 {
            self.may_be = [number].into();
        }
    }

    /// What a process finds when it starts.
    pub(crate) fn found(&mut self, name: &str, found: Option<&Bytes>) -> Result<(), String> {
        self.now = None;
        self.shown(name, found)
    }

    /// What was read; the same is read until somebody writes.
    pub(crate) fn shown(&mut self, name: &str, found: Option<&Bytes>) -> Result<(), String> {
        let may_be = self.now.map_or_else(|| self.may_be.clone(), |now| [now].into());
        let is = |number: &u64| match number {
            0 => found.is_none(),
            number => found == Some(&content(name, *number)),
        };
        let number = may_be.into_iter().find(is);
        let lost = || format!("blob {name} is {found:.60?}, but {self:?}");
        self.now = Some(number.ok_or_else(lost)?);
        Ok(())
    }
}
