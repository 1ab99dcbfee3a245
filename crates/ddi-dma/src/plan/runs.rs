//! From an object's extents to runs: stretches that go as they lie, or through the copy buffer.

use alloc::vec::Vec;

use super::{Engine, PlanError};
use crate::object::{Extent, View};

/// How the bytes of a run reach the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// The engine takes them where they lie.
    Direct,
    /// They stand in the copy buffer.
    Copied,
}

/// A stretch of the object that one cookie could name, were there no limit on its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// Where it starts in the object.
    pub(super) offset: u64,
    pub(super) size: u64,
    /// Its bus address; 0 for a copied run, which has none yet.
    pub(super) address: u64,
    pub(super) source: Source,
}

impl Run {
    pub(super) fn end(&self) -> u64 {
        self.offset + self.size
    }

    /// The run's part in `from..to`, which it touches.
    pub(super) fn part(&self, from: u64, to: u64) -> Run {
        let (start, end) = (self.offset.max(from), self.end().min(to));
        let address = match self.source {
            Source::Direct => self.address + (start - self.offset),
            Source::Copied => 0,
        };
        Run { offset: start, size: end - start, address, source: self.source }
    }
}

/// What goes through the copy buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Copying {
    /// What the engine cannot reach.
    Unreachable,
    /// Everything: the last answer to an object that lies too awkwardly.
    Everything,
}

/// Builds runs in object order, joining neighbours that belong together.
pub(super) struct Runs<'a> {
    runs: &'a mut Vec<Run>,
    boundary: u64,
    offset: u64,
}

/// Collects the runs of an object and returns its length.
pub(super) fn collect(
    view: View<'_>,
    engine: &Engine,
    copying: Copying,
    runs: &mut Vec<Run>,
) -> Result<u64, PlanError> {
    runs.clear();
    let length = view.length().filter(|length| *length < TOO_LONG);
    let length = length.ok_or(PlanError::Wraps { address: 0, size: u64::MAX })?;
    let (lo, hi) = match copying {
        Copying::Unreachable => (engine.attr().addr_lo, engine.attr().addr_hi),
        Copying::Everything => (u64::MAX, 0),
    };
    let mut into = Runs { runs, boundary: engine.boundary, offset: 0 };
    let mut unreachable = 0;
    for Extent { address, size } in view.extents() {
        let last = address.wrapping_add(size - 1);
        if last < address {
            return Err(PlanError::Wraps { address, size });
        }
        if last < lo || address > hi {
            unreachable += size;
            continue;
        }
        let (from, to) = (address.max(lo), last.min(hi));
        into.copied(unreachable + (from - address));
        into.direct(from, to - from);
        unreachable = last - to;
    }
    into.copied(unreachable);
    Ok(length)
}

/// Objects of this many bytes and more are refused, so that no sum of sizes overflows.
const TOO_LONG: u64 = 1 << 62;

impl Runs<'_> {
    fn copied(&mut self, size: u64) {
        if size > 0 {
            push_copied(self.runs, self.offset, size);
            self.offset += size;
        }
    }

    /// Adds `size_less_one + 1` direct bytes, cut at boundaries.
    fn direct(&mut self, mut address: u64, size_less_one: u64) {
        let mut left = size_less_one;
        loop {
            // All sizes here are less one, so that a run may fill the whole address space.
            let take = left.min(self.boundary - (address & self.boundary));
            let size = take.saturating_add(1);
            match self.runs.last_mut() {
                Some(run)
                    if run.source == Source::Direct
                        && run.address.wrapping_add(run.size) == address
                        && address & self.boundary != 0 =>
                {
                    run.size += size;
                }
                _ => self.runs.push(Run { offset: self.offset, size, address, source: Source::Direct }),
            }
            self.offset += size;
            if take == left {
                break;
            }
            left -= take + 1;
            address += take + 1;
        }
    }
}

/// Adds copied bytes at `offset`; copied neighbours are one run.
pub(super) fn push_copied(runs: &mut Vec<Run>, offset: u64, size: u64) {
    match runs.last_mut() {
        Some(run) if run.source == Source::Copied => run.size += size,
        _ => runs.push(Run { offset, size, address: 0, source: Source::Copied }),
    }
}
