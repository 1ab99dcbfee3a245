//! The common case: an object that goes as it lies, in one list.
//!
//! One pass that merges neighbours and gathers in a register or two whether something is out of reach. What it cannot
//! vouch for it leaves to the careful stages; it does not cut, and copies all or nothing.

use alloc::vec::Vec;

use super::{Budget, Engine};
use crate::object::{Cookie, Extent, PageList, View};

/// Addresses and sizes from here on might overflow; they take the careful way.
const CAREFUL: u64 = 1 << 62;

/// Writes the object's cookies and returns its length, or `None` where it needs more than merging neighbours.
#[inline(always)]
pub(super) fn merge(view: View<'_>, engine: &Engine, cookies: &mut Vec<Cookie>) -> Option<u64> {
    let length = match view {
        View::Pages(list) => match list.pages {
            [page] => one_run(page.wrapping_add(list.offset), list.length, engine, cookies)?,
            _ => merge_pages(list, engine, cookies)?,
        },
        View::Extents([extent]) => one_run(extent.address, extent.size, engine, cookies)?,
        View::Extents(extents) => merge_extents(extents, engine, cookies)?,
    };
    (length <= engine.list_max && cookies.len() as u64 <= engine.list_cookies).then_some(length)
}

/// The length of an object of which no byte is reachable and that one copied cookie holds.
#[inline(never)]
pub(super) fn one_copy(view: View<'_>, engine: &Engine, budget: Budget) -> Option<u64> {
    let View::Pages(PageList { pages, page_size, length, .. }) = view else { return None };
    let most = engine.cookie_max.min(engine.list_max).min(budget.bytes).min(budget.room);
    // A page that is partly reachable has an address or a last byte without these bits.
    let far = |page: &u64| page & engine.reach_mask & !(page_size - 1) != 0;
    (length >= engine.min && length > 0 && length <= most && pages.iter().all(far)).then_some(length)
}

/// An object in one run.
#[inline]
fn one_run(address: u64, size: u64, engine: &Engine, cookies: &mut Vec<Cookie>) -> Option<u64> {
    let attr = engine.attr();
    let last = address.checked_add(size.wrapping_sub(1))?;
    let fits = size >= engine.min
        && size <= engine.cookie_max.min(CAREFUL)
        && address >= attr.addr_lo
        && last <= attr.addr_hi
        && (address & engine.align_mask) | ((address ^ last) & !engine.boundary) == 0;
    if !fits {
        return None;
    }
    cookies.clear();
    cookies.push(Cookie { address, size });
    Some(size)
}

/// Cookies being written into reserved storage.
///
/// # Invariants
///
/// `next` and what lies between it and the end of the reserved storage is valid for writes, at least as many cookies
/// as there are calls of [`push`](Self::push) to come.
struct Writer {
    next: *mut Cookie,
}

impl Writer {
    /// Adds a cookie.
    ///
    /// # Safety
    ///
    /// It is called at most as often as `write_cookies` was told.
    #[inline(always)]
    unsafe fn push(&mut self, address: u64, size: u64) {
        // SAFETY: there is room for another cookie: the invariant, which the caller keeps.
        unsafe {
            self.next.write(Cookie { address, size });
            self.next = self.next.add(1);
        }
    }
}

/// Lets `fill` write at most `most` cookies into the vector.
#[inline(always)]
fn write_cookies<T>(cookies: &mut Vec<Cookie>, most: usize, fill: impl FnOnce(&mut Writer) -> T) -> T {
    cookies.clear();
    cookies.reserve(most);
    let start = cookies.as_mut_ptr();
    let mut writer = Writer { next: start };
    let filled = fill(&mut writer);
    // SAFETY: `next` points into or right behind the storage that starts at `start`, a whole number of cookies away,
    // and `push` wrote all cookies between.
    unsafe { cookies.set_len(writer.next.offset_from_unsigned(start)) };
    filled
}

/// Gathers what addresses were seen, to be judged once.
trait Seen {
    fn page(&mut self, address: u64);
}

/// Bits that were set in any address: enough where the reach is 0..=2^n-1.
struct Bits(u64);

impl Seen for Bits {
    #[inline(always)]
    fn page(&mut self, address: u64) {
        self.0 |= address;
    }
}

/// Lowest and highest address.
struct Ends {
    low: u64,
    high: u64,
}

impl Seen for Ends {
    #[inline(always)]
    fn page(&mut self, address: u64) {
        self.low = self.low.min(address);
        self.high = self.high.max(address);
    }
}

/// Pages: all cookies but the first start on a page, and all but the first and last fill pages.
#[inline]
fn merge_pages(list: PageList<'_>, engine: &Engine, cookies: &mut Vec<Cookie>) -> Option<u64> {
    let PageList { pages, page_size, offset, length } = list;
    let &first = pages.first()?;
    let fits = page_size >= engine.page_least
        && page_size - 1 <= engine.boundary
        && length.wrapping_sub(1) < engine.cookie_max.min(CAREFUL)
        && (first | offset) & engine.align_mask == 0
        // An object that starts out of reach would be merged in vain.
        && first & engine.reach_mask == 0;
    if !fits {
        return None;
    }
    if engine.reach_mask != 0 {
        let bits = merge_runs(list, engine.boundary, engine.min, Bits(0), cookies)?;
        (bits.0 & engine.reach_mask == 0).then_some(length)
    } else {
        let ends = Ends { low: u64::MAX, high: 0 };
        let ends = merge_runs(list, engine.boundary, engine.min, ends, cookies)?;
        let last = ends.high.saturating_add(page_size - 1);
        (ends.low >= engine.attr().addr_lo && last <= engine.attr().addr_hi && last < CAREFUL)
            .then_some(length)
    }
}

/// Writes a cookie for each run of pages that touch; `None` where one would cross a boundary or be too short.
///
/// A function of its own, so that all it needs stays in registers.
#[inline(never)]
fn merge_runs<S: Seen>(
    list: PageList<'_>,
    boundary: u64,
    min: u64,
    mut seen: S,
    cookies: &mut Vec<Cookie>,
) -> Option<S> {
    let PageList { pages, page_size, offset, length } = list;
    let (&first, rest) = pages.split_first()?;
    let mut start = first.wrapping_add(offset);
    let mut end = first.wrapping_add(page_size);
    let mut short = !rest.is_empty() && end.wrapping_sub(start) < min;
    let mut crosses = false;
    seen.page(first);
    write_cookies(cookies, pages.len(), |out| {
        for &page in rest {
            seen.page(page);
            if page == end {
                crosses |= page & boundary == 0;
            } else {
                // SAFETY: one cookie for each page of `rest` at the most, and one behind the loop.
                unsafe { out.push(start, end.wrapping_sub(start)) }
                start = page;
            }
            end = page.wrapping_add(page_size);
        }
        let unused = page_size.wrapping_mul(pages.len() as u64).wrapping_sub(offset).wrapping_sub(length);
        let size = end.wrapping_sub(unused).wrapping_sub(start);
        // SAFETY: as above.
        unsafe { out.push(start, size) }
        // Only the first and the last run can be shorter than a page, and so than minxfer.
        short |= size < min;
    });
    (!short && !crosses).then_some(seen)
}

/// What runs of any size would break.
#[derive(Default)]
struct Faults {
    /// Bits of all starts, of all sizes, and those in which the ends of a run differ.
    starts: u64,
    sizes: u64,
    across: u64,
    /// Has the sign bit where a run is too short or out of reach.
    negative: u64,
}

impl Faults {
    #[inline(always)]
    fn add(&mut self, engine: &Engine, start: u64, size: u64) {
        let last = start.wrapping_add(size.wrapping_sub(1));
        self.starts |= start;
        self.sizes |= size.wrapping_sub(1);
        self.across |= start ^ last;
        let attr = engine.attr();
        self.negative |= start.wrapping_sub(attr.addr_lo.min(CAREFUL))
            | attr.addr_hi.min(2 * CAREFUL - 1).wrapping_sub(last)
            | size.wrapping_sub(engine.min);
    }

    fn is_empty(&self, engine: &Engine) -> bool {
        self.starts & engine.align_mask == 0
            && self.sizes & !engine.attr().count_max == 0
            && self.across & !engine.boundary == 0
            && self.negative >> 63 == 0
            && (self.starts | self.sizes) < CAREFUL
    }
}

#[inline(never)]
fn merge_extents(extents: &[Extent], engine: &Engine, cookies: &mut Vec<Cookie>) -> Option<u64> {
    let (first, rest) = extents.split_first()?;
    let mut faults = Faults::default();
    let mut run = *first;
    let mut length = first.size;
    write_cookies(cookies, extents.len(), |out| {
        for &Extent { address, size } in rest {
            length = length.saturating_add(size);
            if run.address.wrapping_add(run.size) == address {
                run.size = run.size.saturating_add(size);
                continue;
            }
            faults.add(engine, run.address, run.size);
            // SAFETY: one cookie for each extent of `rest` at the most, and one behind the loop.
            unsafe { out.push(run.address, run.size) }
            run = Extent { address, size };
        }
        faults.add(engine, run.address, run.size);
        // SAFETY: as above.
        unsafe { out.push(run.address, run.size) }
    });
    (faults.is_empty(engine) && length < CAREFUL).then_some(length)
}
