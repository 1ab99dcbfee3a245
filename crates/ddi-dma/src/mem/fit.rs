//! How long private memory really is, and which attribute forbids more.
//!
//! Memory is one run, so what an engine takes of it in one list can be told without planning: pieces of the largest
//! cookie and a tail.

use super::{MemError, MemoryUse};
use crate::attr::DmaAttr;

/// A cache line, for memory that passes an I/O cache: none in use is longer.
const CACHE_LINE: u64 = 64;

/// What is asked of the nexus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fit {
    /// Bytes that can be bound.
    pub(super) real_length: u64,
    /// The same in whole pages.
    pub(super) size: u64,
}

/// An engine's limits on one run in one list.
struct Limits<'a> {
    attr: &'a DmaAttr,
    page: u64,
    min: u64,
    /// Largest cookie.
    cookie: u64,
    /// Most bytes of a list.
    list: u64,
}

/// Finds the real length for `length` bytes: the padded one where that goes in one list, else less padding.
pub(super) fn fit(length: u64, usage: MemoryUse, attr: &DmaAttr, page: u64) -> Result<Fit, MemError> {
    if length == 0 {
        return Err(MemError::Empty);
    }
    let limits = Limits::new(attr, page);
    let granular = u64::from(attr.granular);
    let padded = match usage {
        MemoryUse::Consistent => [length.checked_next_multiple_of(limits.min), None],
        MemoryUse::Streaming => {
            let line = limits.min.max(CACHE_LINE);
            let unit =
                granular << (line.trailing_zeros() - granular.trailing_zeros().min(line.trailing_zeros()));
            [length.checked_next_multiple_of(unit), length.checked_next_multiple_of(granular)]
        }
    };
    let least = [limits.with_whole_tail(length), Some(length)];
    let candidates = padded.into_iter().chain(least).flatten();
    let found = candidates.filter(|real| limits.allow(*real)).find_map(|real_length| {
        let size = real_length.checked_next_multiple_of(page).filter(|size| *size <= limits.reach())?;
        Some(Fit { real_length, size })
    });
    found.ok_or_else(|| limits.forbid(length))
}

impl<'a> Limits<'a> {
    fn new(attr: &'a DmaAttr, page: u64) -> Self {
        Limits {
            attr,
            page,
            min: attr.minxfer.into(),
            cookie: attr.count_max.min(attr.seg).saturating_add(1),
            list: attr.maxxfer - attr.maxxfer % u64::from(attr.granular),
        }
    }

    /// Most bytes that the cookies of one list hold, and the member that says so.
    fn cookies(&self) -> (&'static str, u64) {
        let of_one = if self.attr.count_max <= self.attr.seg { "count_max" } else { "seg" };
        match u64::from(self.attr.sgllen) {
            1 => (of_one, self.cookie),
            // A second cookie would start where the first ends, which is not aligned.
            _ if self.attr.align > self.cookie => ("align", self.cookie),
            sgllen if self.attr.sgllen != DmaAttr::UNLIMITED => {
                ("sgllen", self.cookie.saturating_mul(sgllen))
            }
            _ => ("sgllen", u64::MAX),
        }
    }

    /// Most bytes that lie in reach, in whole pages, aligned and kept from crossing a boundary.
    fn reach(&self) -> u64 {
        let DmaAttr { addr_lo, addr_hi, align, seg, .. } = *self.attr;
        let step = align.max(self.page);
        let whole = |start: u64, last: u64| {
            let bytes = last.checked_sub(start).map_or(0, |bytes| bytes.saturating_add(1));
            bytes - bytes % self.page
        };
        let within =
            addr_lo.checked_next_multiple_of(step).map_or(0, |start| whole(start, addr_hi.min(start | seg)));
        let boundary = seg.checked_add(1).and_then(|seg| addr_lo.checked_next_multiple_of(step.max(seg)));
        within.max(boundary.map_or(0, |start| whole(start, addr_hi)))
    }

    /// Whether so many bytes, placed as asked of the nexus, go in one list as they lie.
    fn allow(&self, length: u64) -> bool {
        let (_, most) = self.cookies();
        (self.min..=self.list.min(most)).contains(&length)
            && (length <= self.cookie || self.tail_goes(length))
    }

    /// Whether the tail behind whole cookies is a cookie, or can be evened out with the one before it.
    fn tail_goes(&self, length: u64) -> bool {
        let tail = length % self.cookie;
        let halves = self.cookie / 2;
        let before_it = match self.attr.seg.checked_add(1) {
            Some(seg) if length > seg => length % seg > self.cookie,
            _ => true,
        };
        tail == 0 || tail >= self.min || (self.attr.align.max(self.min) <= halves && before_it)
    }

    /// The length with its tail made a cookie.
    fn with_whole_tail(&self, length: u64) -> Option<u64> {
        let tail = length % self.cookie;
        match length {
            _ if length <= self.cookie => Some(length.max(self.min)),
            _ if tail == 0 => Some(length),
            _ => (length - tail).checked_add(tail.max(self.min)),
        }
    }

    /// The error for a length that cannot be had, with the attribute that allows least.
    #[cold]
    fn forbid(&self, length: u64) -> MemError {
        let in_reach = ("addr_hi", self.reach());
        let (member, most) = [("maxxfer", self.list), self.cookies(), in_reach].into_iter().fold(
            ("", u64::MAX),
            |least, next| {
                if next.1 < least.1 || least.0.is_empty() { next } else { least }
            },
        );
        let most = if self.allow(most) { most } else { most - most % self.cookie };
        MemError::Limits { length, member, most }
    }
}
