//! Where one list ends and the next begins.
//!
//! A cut is *free* where the runs can be cut without copying anything more: on a granule, at an address that suits
//! the alignment, minxfer away from the ends of a run. A list ends at the last free cut that it can reach; where
//! there is none, the list starts with a *join*: a stretch that is copied so that the rest can go as it lies.

use alloc::vec::Vec;
use core::ops::Range;

use super::engine::Shape;
use super::runs::{Run, Source};
use super::{Budget, Engine};

/// A position in the object, with the run that holds the byte there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) at: u64,
    pub(super) run: usize,
}

/// One list: where it starts, where it ends, and what of it is copied beyond what its runs say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) start: Place,
    pub(super) end: u64,
    pub(super) join: Range<u64>,
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
    /// Cuts the object into lists from left to right, each as long as it can be.
    pub(super) fn greedy(&self, cuts: &mut Vec<Cut>) -> Result<(), Stuck> {
        cuts.clear();
        let mut start = Place { at: 0, run: 0 };
        while start.at < self.length {
            let (end, join) = self.list_from(start)?;
            cuts.push(Cut { start, end: end.at, join });
            start = end;
        }
        Ok(())
    }

    /// The end of the list that starts here, and the join that it needs.
    fn list_from(&self, start: Place) -> Result<(Place, Range<u64>), Stuck> {
        let head = self.head(start);
        let reach = self.frontier(start, head.clone()).last();
        let reached = reach.and_then(|limit| {
            let behind = Place { at: head.end, run: start.run };
            let free = self.last_free_cut(behind, limit).or_else(|| self.forced_cut(start, limit, &head));
            free.filter(|end| end.at >= head.end)
        });
        match reached {
            Some(end) => Ok((end, head)),
            None => self.joined_granule(start).ok_or(Stuck),
        }
    }

    /// What the cut at this place makes misaligned: from here to the next address at which a cookie may start.
    fn head(&self, start: Place) -> Range<u64> {
        let Some(run) = self.runs.get(start.run) else { return start.at..start.at };
        let step = self.step(run);
        if run.source == Source::Copied || (start.at - run.offset).is_multiple_of(step) {
            return start.at..start.at;
        }
        let min = self.engine.min;
        let mut end = start.at;
        for run in self.runs.get(start.run..).unwrap_or(&[]) {
            let missing = min.saturating_sub(end - start.at);
            if run.source == Source::Copied || (missing == 0 && end == run.offset) {
                break;
            }
            let wanted = (end - run.offset + missing.max(1)).next_multiple_of(self.step(run));
            end = if run.size.saturating_sub(wanted) < min { run.end() } else { run.offset + wanted };
        }
        start.at..end
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

    /// A cut on a granule that leaves the next list a misaligned start.
    fn forced_cut(&self, start: Place, limit: Place, head: &Range<u64>) -> Option<Place> {
        let Engine { granule, min, cookie_max, .. } = *self.engine;
        let tries = min.div_ceil(granule).saturating_add(2);
        let highest = limit.at - limit.at % granule;
        (0..tries).map_while(|n| highest.checked_sub(n * granule)).take_while(|at| *at > start.at).find_map(
            |at| {
                let index = self.runs.partition_point(|run| run.end() <= at);
                let run = self.runs.get(index)?;
                let piece = match at {
                    _ if at == run.offset => min,
                    _ if head.contains(&(at - 1)) => at - head.start,
                    _ => at - run.offset.max(start.at).max(head.end),
                };
                let exact = min < cookie_max || piece.is_multiple_of(min);
                let fits = piece >= min && exact && self.length - at >= min;
                fits.then_some(Place { at, run: index })
            },
        )
    }

    /// A list whose first granule is copied, in part where that is enough.
    fn joined_granule(&self, start: Place) -> Option<(Place, Range<u64>)> {
        let Engine { granule, min, .. } = *self.engine;
        let size = min.max(1).checked_next_multiple_of(granule)?;
        let left = self.length - start.at;
        let size = if left <= size || left - size < min { left } else { size };
        let end = start.at + size;
        if self.engine.shape == Shape::Demanding {
            return self.copies_whole(start.at, size).then(|| (self.place(end), start.at..end));
        }
        self.cheapest_join(start, end).and_then(|join| {
            let limit = self.frontier(start, join.clone()).last()?;
            Some((self.last_free_cut(start, limit)?, join))
        })
    }

    /// Whether one list can hold `size` copied bytes and nothing else.
    fn copies_whole(&self, at: u64, size: u64) -> bool {
        let Engine { list_max, list_cookies, granule, .. } = *self.engine;
        let last = at + size == self.length;
        size <= list_max.min(self.budget.bytes)
            && self.engine.cookies_for(size) <= list_cookies
            && (last || size.is_multiple_of(granule))
    }

    /// Of the joins of whole pieces that let the list reach `end`, the one that copies the fewest bytes.
    fn cheapest_join(&self, start: Place, end: u64) -> Option<Range<u64>> {
        const MOST_PIECES: usize = 24;
        let pieces = self.runs.get(start.run..)?.iter().take_while(|run| run.offset < end);
        let pieces: Vec<Run> = pieces.map(|run| run.part(start.at, end)).collect();
        let whole = start.at..end;
        let reaches = |join: &Range<u64>| {
            self.frontier(start, join.clone()).last().is_some_and(|limit| limit.at >= end)
        };
        if pieces.len() > MOST_PIECES {
            return Some(whole).filter(reaches);
        }
        let cost = |from: usize, to: usize| -> u64 {
            let joined = pieces.get(from..=to).unwrap_or(&[]);
            joined.iter().filter(|run| run.source == Source::Direct).map(|run| run.size).sum()
        };
        let mut joins: Vec<(u64, Range<u64>)> = (0..pieces.len())
            .flat_map(|from| (from..pieces.len()).map(move |to| (from, to)))
            .filter_map(|(from, to)| Some((cost(from, to), pieces.get(from)?.offset..pieces.get(to)?.end())))
            .collect();
        joins.sort_by_key(|(cost, join)| (*cost, join.start));
        joins.into_iter().map(|(_, join)| join).find(reaches)
    }

    /// The place of a position.
    fn place(&self, at: u64) -> Place {
        Place { at, run: self.runs.partition_point(|run| run.end() <= at) }
    }

    /// A cookie may start in this run at multiples of this, counted from the run's own start.
    pub(super) fn step(&self, run: &Run) -> u64 {
        let Engine { min, cookie_max, align_mask, .. } = *self.engine;
        let exact = if min == cookie_max { min } else { 1 };
        match run.source {
            Source::Direct => exact.max(align_mask + 1),
            Source::Copied => exact,
        }
    }

    /// How far a list reaches with one cookie, with two, and so on to sgllen.
    pub(super) fn frontier(&self, start: Place, join: Range<u64>) -> Frontier<'a> {
        Frontier {
            runs: self.runs,
            at: start,
            join,
            cookie_max: self.engine.cookie_max,
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
    at: Place,
    join: Range<u64>,
    cookie_max: u64,
    /// Cookies, bytes and copied bytes that are left.
    cookies: u64,
    bytes: u64,
    copied: u64,
}

impl Frontier<'_> {
    /// The stretch of one kind that starts here: its kind and how far it goes.
    fn piece(&self) -> Option<(Source, u64)> {
        let (run, at) = (self.runs.get(self.at.run)?, self.at.at);
        Some(match run.source {
            _ if self.join.contains(&at) => (Source::Copied, self.join.end.min(run.end())),
            Source::Direct if self.join.start > at => (Source::Direct, self.join.start.min(run.end())),
            source => (source, run.end()),
        })
    }
}

impl Iterator for Frontier<'_> {
    type Item = Place;

    fn next(&mut self) -> Option<Place> {
        let start = self.at.at;
        let (source, _) = self.piece()?;
        self.cookies = self.cookies.checked_sub(1)?;
        let mut room = self.cookie_max;
        while let Some((kind, end)) = self.piece() {
            if kind != source || (kind == Source::Direct && self.at.at > start) {
                break;
            }
            let copied = if kind == Source::Copied { self.copied } else { u64::MAX };
            let take = (end - self.at.at).min(room).min(self.bytes).min(copied);
            self.at.at += take;
            self.bytes -= take;
            room -= take;
            if kind == Source::Copied {
                self.copied -= take;
            }
            if self.runs.get(self.at.run).is_some_and(|run| run.end() == self.at.at) {
                self.at.run += 1;
            }
            if take == 0 || room == 0 {
                break;
            }
        }
        (self.at.at > start).then_some(self.at)
    }
}

/// The largest multiple of `granule`, at most `high`, that is `offset` plus a multiple of `step`, a power of two.
fn last_common(granule: u64, offset: u64, step: u64, high: u64) -> Option<u64> {
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

#[cfg(test)]
mod tests {
    use super::last_common;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn last_common_is_the_largest(granule in 1u64..40, offset in 0u64..50, step in 0u32..6, high in 0u64..300) {
            let step = 1u64 << step;
            let plain = (0..=high).rev().find(|x| {
                x % granule == 0 && (x + 64 * step - offset) % step == 0
            });
            prop_assert_eq!(last_common(granule, offset, step, high), plain);
        }
    }
}
