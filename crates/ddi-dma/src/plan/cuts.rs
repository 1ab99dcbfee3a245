//! Where one list ends and the next begins, for runs that suit the engine as they are.
//!
//! A cut is *free* where the runs can be cut without copying anything more: on a granule, at an address that suits
//! the alignment, minxfer away from the ends of a run. A list ends at the last free cut that it can reach; where
//! there is none, [`join`](super::join) takes over.

use alloc::vec::Vec;

use super::runs::{Run, Source};
use super::{Budget, Engine, layout};

/// A position in the object, with the run that holds the byte there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) at: u64,
    pub(super) run: usize,
}

/// One list: where it starts and where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) start: Place,
    pub(super) end: u64,
}

/// No cut is possible: some granule can neither go as it lies nor through the copy buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stuck;

/// Finds cuts in runs that are shaped already.
#[derive(Clone, Copy)]
pub(super) struct Cutter<'a> {
    pub(super) runs: &'a [Run],
    pub(super) engine: &'a Engine,
    pub(super) budget: Budget,
    pub(super) length: u64,
}

impl<'a> Cutter<'a> {
    /// Whether every run is made of legal cookies as it is.
    pub(super) fn suits(&self) -> bool {
        let Engine { min, align_mask, .. } = *self.engine;
        self.runs.iter().all(|run| {
            let step = if run.source == Source::Direct { align_mask + 1 } else { 1 };
            run.address & align_mask == 0 && run.size >= min && !self.engine.leaves_tail(run.size, step)
        })
    }

    /// Cuts the object into lists from left to right, each as long as it can be.
    pub(super) fn greedy(&self, cuts: &mut Vec<Cut>) -> Result<(), Stuck> {
        cuts.clear();
        let mut start = Place { at: 0, run: 0 };
        while start.at < self.length {
            let limit = self.frontier(start).last().ok_or(Stuck)?;
            let end = self.last_free_cut(start, limit).ok_or(Stuck)?;
            cuts.push(Cut { start, end: end.at });
            start = end;
        }
        Ok(())
    }

    /// The last free cut in `start..=limit`, behind start.
    pub(super) fn last_free_cut(&self, start: Place, limit: Place) -> Option<Place> {
        if limit.at == self.length {
            return (limit.at > start.at).then_some(limit);
        }
        let mut most = limit.at;
        let before = self.runs.get(start.run..=limit.run.min(self.runs.len() - 1))?;
        for (index, run) in before.iter().enumerate().rev() {
            if run.offset >= most {
                continue;
            }
            if let Some(at) = self.free_in(run, start.at, most) {
                let index = start.run + index;
                return Some(Place { at, run: if at == run.end() { index + 1 } else { index } });
            }
            most = run.offset;
        }
        None
    }

    /// The last free cut in this run, at `most` or before, behind `start`; its end counts as in it.
    fn free_in(&self, run: &Run, start: u64, most: u64) -> Option<u64> {
        let Engine { granule, min, .. } = *self.engine;
        if most >= run.end() && run.end() > start && run.end().is_multiple_of(granule) {
            return Some(run.end());
        }
        let low = run.offset.max(start) + min;
        let high = most.min(run.end().saturating_sub(min));
        if high < low {
            return None;
        }
        let at = last_common(granule, run.offset, self.step(run), high)?;
        (at >= low).then_some(at)
    }

    /// The place of a position.
    pub(super) fn place(&self, at: u64) -> Place {
        Place { at, run: self.runs.partition_point(|run| run.end() <= at) }
    }

    /// A cookie may start in this run at multiples of this, counted from the run's own start.
    fn step(&self, run: &Run) -> u64 {
        let Engine { min, cookie_max, align_mask, .. } = *self.engine;
        let exact = if min == cookie_max { min } else { 1 };
        match run.source {
            Source::Direct => exact.max(align_mask + 1),
            Source::Copied => exact,
        }
    }

    /// How far a list reaches with one cookie, with two, and so on to sgllen.
    pub(super) fn frontier(&self, start: Place) -> Frontier<'a> {
        Frontier {
            runs: self.runs,
            engine: self.engine,
            at: start,
            room: self.budget.room,
            end: 0,
            cookies: self.engine.list_cookies,
            bytes: self.engine.list_max,
            copied: self.budget.bytes,
        }
    }

    /// The earliest free place from which one list can reach `end`.
    pub(super) fn earliest_start(&self, end: Place) -> u64 {
        let Engine { list_max, list_cookies, granule, .. } = *self.engine;
        let (mut at, mut cookies, mut bytes, mut copied) =
            (end.at, list_cookies, list_max, self.budget.bytes);
        for run in self.runs.get(..=end.run.min(self.runs.len() - 1)).unwrap_or(&[]).iter().rev() {
            let part = at.saturating_sub(run.offset);
            if part == 0 {
                continue;
            }
            let most = cookies.saturating_mul(self.engine.cookie_max).min(bytes);
            let take = match run.source {
                Source::Direct => part.min(most),
                Source::Copied => part.min(most).min(copied),
            };
            at -= take;
            bytes -= take;
            cookies -= self.engine.cookies_for(take);
            if run.source == Source::Copied {
                copied -= take;
            }
            if take < part {
                break;
            }
        }
        at.next_multiple_of(granule)
    }
}

/// The positions that a list reaches, cookie by cookie.
pub(super) struct Frontier<'a> {
    runs: &'a [Run],
    engine: &'a Engine,
    at: Place,
    /// Bytes that a window's copy run may have, and has.
    room: u64,
    end: u64,
    /// Cookies, bytes and copied bytes that are left.
    cookies: u64,
    bytes: u64,
    copied: u64,
}

impl Iterator for Frontier<'_> {
    type Item = Place;

    fn next(&mut self) -> Option<Place> {
        let run = self.runs.get(self.at.run)?;
        self.cookies = self.cookies.checked_sub(1)?;
        let mut take = (run.end() - self.at.at).min(self.engine.cookie_max).min(self.bytes);
        if run.source == Source::Copied {
            take = layout::fit(self.end, take.min(self.copied), self.room, self.engine);
            self.copied -= take;
            if self.room != u64::MAX {
                self.end = layout::slot(self.end, take, self.engine).saturating_add(take);
            }
        }
        self.bytes -= take;
        self.at.at += take;
        if self.at.at == run.end() {
            self.at.run += 1;
        }
        (take > 0).then_some(self.at)
    }
}

/// The largest multiple of `granule`, at most `high`, that is `offset` plus a multiple of `step`, a power of two.
pub(super) fn last_common(granule: u64, offset: u64, step: u64, high: u64) -> Option<u64> {
    // granule * n = offset (mod step): divide both sides by the powers of two that granule and step share.
    let shared = step.min(granule & granule.wrapping_neg());
    if !offset.is_multiple_of(shared) {
        return None;
    }
    let (odd, mask) = (granule / shared, step / shared - 1);
    // Newton's iteration inverts an odd number modulo 2^64: each round doubles the bits that are right.
    let inverse = if mask == 0 {
        0
    } else {
        (0..6).fold(odd, |x, _| x.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(x))))
    };
    let wanted = (offset / shared).wrapping_mul(inverse) & mask;
    let most = high / granule;
    let back = most.wrapping_sub(wanted) & mask;
    most.checked_sub(back)?.checked_mul(granule)
}

/// The first multiple of `granule` in the run, at least `low`, at which a direct cookie may start.
pub(super) fn first_common(granule: u64, run: &Run, step: u64, low: u64) -> Option<u64> {
    let start = run.offset.checked_add(run.address.wrapping_neg() & (step - 1))?;
    let period = granule.checked_mul(step / step.min(granule & granule.wrapping_neg()))?;
    let high = low.max(start).checked_add(period - 1)?;
    last_common(granule, start, step, high).filter(|at| *at < run.end())
}

#[cfg(test)]
mod tests {
    use super::last_common;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn last_common_is_the_largest(granule in 1u64..40, offset in 0u64..50, step in 0u32..6, high in 0u64..300) {
            let step = 1u64 << step;
            let plain = (0..=high).rev().find(|x| {
                x.is_multiple_of(granule) && (x + 64 * step - offset).is_multiple_of(step)
            });
            prop_assert_eq!(last_common(granule, offset, step, high), plain);
        }
    }
}
