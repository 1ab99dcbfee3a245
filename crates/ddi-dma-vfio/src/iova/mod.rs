//! I/O addresses: what is free of them, and where a request finds room.

mod tree;

#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;

use tree::Tree;

/// Addresses from here on are never handed out: the framework has a use of its own for them, and no IOMMU reaches them.
pub(crate) const END: u64 = 1 << 63;

/// A range of I/O addresses that is asked for. All sizes are whole pages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    /// Bytes that are going to be mapped.
    pub(crate) size: u64,
    /// Bytes behind them that are taken, too, and stay unmapped.
    pub(crate) behind: u64,
    /// First address in reach.
    pub(crate) lo: u64,
    /// Last address in reach. What stays unmapped may lie behind it.
    pub(crate) hi: u64,
    /// A power of two of which the range starts at a multiple.
    pub(crate) align: u64,
    /// The range crosses no multiple of this plus one, where its size fits between two; else it starts at one.
    pub(crate) seg: u64,
}

impl Request {
    /// Bytes that are taken.
    fn held(&self) -> u64 {
        self.size.saturating_add(self.behind)
    }

    /// The highest place in `start..end`, all of which is free.
    fn highest_in(&self, start: u64, end: u64) -> Option<u64> {
        let lo = start.max(self.lo);
        let step = if self.fits_segment() { self.align } else { self.align.max(self.seg.saturating_add(1)) };
        let mut top = end.checked_sub(self.behind)?.min(self.hi.saturating_add(1));
        loop {
            let at = top.checked_sub(self.size)?;
            let at = at - at % step;
            if at < lo {
                return None;
            }
            let last = at + (self.size - 1);
            if !self.fits_segment() || (at ^ last) & !self.seg == 0 {
                return Some(at);
            }
            top = last & !self.seg;
        }
    }

    fn fits_segment(&self) -> bool {
        self.size - 1 <= self.seg
    }
}

/// Free ranges of addresses, handed out from the top, so that the low ones, which every device reaches, last longest.
///
/// Taking and giving back cost time that grows with the logarithm of the number of free ranges; alignments above a page
/// and boundaries may cost a look at each range that is just too small for them.
///
/// # Invariants
///
/// Ranges are whole pages below [`END`], not empty, and never touch each other.
#[derive(Debug)]
pub(crate) struct IovaSpace {
    page: u64,
    /// What may be handed out, in order.
    allowed: Vec<(u64, u64)>,
    free: Tree,
}

impl IovaSpace {
    /// All whole pages of these ranges, which may come in any order and overlap.
    pub(crate) fn new(ranges: &[RangeInclusive<u64>], page: u64) -> Self {
        let (allowed, mut free) = (whole(ranges, page), Tree::new());
        allowed.iter().for_each(|(start, end)| free.insert(*start, *end));
        IovaSpace { page, allowed, free }
    }

    /// Takes a range, as high as the request allows.
    pub(crate) fn take(&mut self, request: &Request) -> Option<u64> {
        let request = Request { align: request.align.max(self.page), ..*request };
        if request.size == 0 {
            return None;
        }
        let (start, at) = self.free.highest(&request)?;
        let end = self.free.remove(start)?;
        if start < at {
            self.free.insert(start, at);
        }
        let behind = at + request.held();
        if behind < end {
            self.free.insert(behind, end);
        }
        Some(at)
    }

    /// Gives back a range that was taken, or a part of one. What is no longer allowed of it is forgotten.
    pub(crate) fn give_back(&mut self, start: u64, size: u64) {
        for index in 0..self.allowed.len() {
            let (lo, hi) = self.allowed[index];
            self.join(start.max(lo), (start + size).min(hi));
        }
    }

    /// Adds a free range, if it is one, and joins it with its neighbours.
    fn join(&mut self, start: u64, end: u64) {
        if start >= end {
            return;
        }
        let (mut from, mut to) = (start, end);
        if let Some((before, _)) = self.free.last_below(start).filter(|(_, end)| *end == start) {
            self.free.remove(before);
            from = before;
        }
        if let Some(end) = self.free.remove(to) {
            to = end;
        }
        self.free.insert(from, to);
    }

    /// Allows no other ranges any more: what is free outside them is forgotten, now and when it comes back.
    pub(crate) fn restrict(&mut self, ranges: &[RangeInclusive<u64>]) {
        self.allowed = whole(ranges, self.page);
        for (start, end) in self.free.ranges() {
            self.free.remove(start);
            self.give_back(start, end - start);
        }
    }

    /// Bytes free within `lo..=hi`, and of the largest range there.
    pub(crate) fn free(&self, lo: u64, hi: u64) -> (u64, u64) {
        self.free.free(lo, hi.saturating_add(1))
    }

    /// The largest size for which the request could be met now; 0 where none could.
    pub(crate) fn largest(&self, request: &Request) -> u64 {
        let (_, most) = self.free(request.lo, request.hi);
        let align = request.align.max(self.page);
        let fits = |pages: u64| {
            pages == 0 || self.free.highest(&Request { size: pages * self.page, align, ..*request }).is_some()
        };
        let (mut fit, mut too_many) = (0, most / self.page + 1);
        while too_many - fit > 1 {
            let middle = fit + (too_many - fit) / 2;
            if fits(middle) { fit = middle } else { too_many = middle }
        }
        fit * self.page
    }
}

/// The whole pages of ranges, in order, as starts and ends; what touches is joined.
fn whole(ranges: &[RangeInclusive<u64>], page: u64) -> Vec<(u64, u64)> {
    let pages = |range: &RangeInclusive<u64>| {
        let start = range.start().checked_next_multiple_of(page)?;
        let end = range.end().saturating_add(1).min(END);
        let end = end - end % page;
        (start < end).then_some((start, end))
    };
    let mut whole: Vec<(u64, u64)> = ranges.iter().filter_map(pages).collect();
    whole.sort_unstable();
    let mut joined: Vec<(u64, u64)> = Vec::with_capacity(whole.len());
    for (start, end) in whole {
        match joined.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => joined.push((start, end)),
        }
    }
    joined
}
