//! The common case: an object that goes as it lies, in one list.
//!
//! One pass without branches that depend on limits: what would break a limit is gathered in a few registers and
//! tested once at the end.

use alloc::vec::Vec;

use super::Engine;
use crate::object::{Cookie, Extent, PageList, View};

/// Writes the object's cookies and returns its length, or `None` where it needs more than merging neighbours.
#[inline]
pub(super) fn merge(view: View<'_>, engine: &Engine, cookies: &mut Vec<Cookie>) -> Option<u64> {
    cookies.clear();
    let (length, faults) = match view {
        View::Pages(list) => merge_pages(list, engine, cookies)?,
        View::Extents(extents) => merge_extents(extents, engine, cookies)?,
    };
    let fits = faults.is_empty() && length <= engine.list_max && cookies.len() as u64 <= engine.list_cookies;
    fits.then_some(length)
}

/// What the cookies so far would break.
struct Faults {
    /// Bits of (size - 1) above count_max, of boundaries crossed, of misaligned starts.
    bits: u64,
    /// Lowest start and highest last byte.
    low: u64,
    high: u64,
    smallest: u64,
    limits: Limits,
}

/// The masks in registers.
#[derive(Clone, Copy)]
struct Limits {
    lo: u64,
    hi: u64,
    size: u64,
    boundary: u64,
    align_mask: u64,
    min: u64,
}

impl Faults {
    #[inline]
    fn new(engine: &Engine) -> Self {
        let attr = engine.attr();
        let limits = Limits {
            lo: attr.addr_lo,
            hi: attr.addr_hi,
            size: !attr.count_max,
            boundary: !engine.boundary,
            align_mask: engine.align_mask,
            min: engine.min,
        };
        Faults { bits: 0, low: u64::MAX, high: 0, smallest: u64::MAX, limits }
    }

    #[inline]
    fn add(&mut self, start: u64, size: u64) {
        let last = start.wrapping_add(size.wrapping_sub(1));
        self.bits |= ((start ^ last) & self.limits.boundary)
            | (size.wrapping_sub(1) & self.limits.size)
            | (start & self.limits.align_mask);
        self.low = self.low.min(start);
        self.high = self.high.max(last);
        self.smallest = self.smallest.min(size);
    }

    #[inline]
    fn is_empty(&self) -> bool {
        let Limits { lo, hi, min, .. } = self.limits;
        self.bits == 0 && self.low >= lo && self.high <= hi && self.smallest >= min
    }
}

/// Addresses from here on might wrap around; they take the careful way.
const CAREFUL: u64 = 1 << 63;

#[inline]
fn merge_pages(list: PageList<'_>, engine: &Engine, cookies: &mut Vec<Cookie>) -> Option<(u64, Faults)> {
    let PageList { pages, page_size, offset, length } = list;
    let (&first, rest) = pages.split_first()?;
    cookies.reserve(pages.len());
    let mut faults = Faults::new(engine);
    let mut seen = first;
    let mut start = first.wrapping_add(offset);
    let mut end = first.wrapping_add(page_size);
    let mut emit = |start: u64, size: u64| {
        faults.add(start, size);
        if cookies.len() == cookies.capacity() {
            return; // never: reserved above, one cookie a page at the most
        }
        cookies.push(Cookie { address: start, size });
    };
    for &page in rest {
        seen |= page;
        if page != end {
            emit(start, end.wrapping_sub(start));
            start = page;
        }
        end = page.wrapping_add(page_size);
    }
    let unused = page_size.wrapping_mul(pages.len() as u64).wrapping_sub(offset).wrapping_sub(length);
    emit(start, end.wrapping_sub(unused).wrapping_sub(start));
    (seen < CAREFUL && length > 0).then_some((length, faults))
}

#[inline]
fn merge_extents(extents: &[Extent], engine: &Engine, cookies: &mut Vec<Cookie>) -> Option<(u64, Faults)> {
    let (first, rest) = extents.split_first()?;
    cookies.reserve(extents.len());
    let mut faults = Faults::new(engine);
    let mut seen = first.address | first.size;
    let mut length = first.size;
    let mut run = *first;
    let mut empty = first.size == 0;
    for &Extent { address, size } in rest {
        seen |= address | size;
        empty |= size == 0;
        length = length.checked_add(size)?;
        if run.address.wrapping_add(run.size) == address {
            run.size = run.size.wrapping_add(size);
        } else {
            faults.add(run.address, run.size);
            cookies.push(Cookie { address: run.address, size: run.size });
            run = Extent { address, size };
        }
    }
    if empty || seen >= CAREFUL || length >= CAREFUL {
        return None;
    }
    faults.add(run.address, run.size);
    cookies.push(Cookie { address: run.address, size: run.size });
    Some((length, faults))
}
