//! What the planner's tests share: an independent reading of what each attribute forbids.

#![allow(dead_code, reason = "each test binary uses a part of it")]
// Tests may index and panic.

use ddi_dma::plan::{Budget, Plan, Sliding, Source};
use ddi_dma::{DmaAttr, Extent};

/// What plans are compared by, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Totals {
    pub copied: u64,
    pub lists: u64,
    pub cookies: u64,
}

/// One cookie as the checker sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    pub offset: u64,
    pub address: u64,
    pub size: u64,
    pub source: Source,
}

/// Where the tests put the copy run: a multiple of every align and seg + 1 that they use, apart from all objects.
pub const COPY_BASE: u64 = 1 << 62;

/// The lists of a plan that [`Plan::place`] has placed.
pub fn lists(plan: &Plan) -> Vec<Vec<Seen>> {
    plan.windows().flat_map(|window| window.lists().collect::<Vec<_>>()).map(|list| seen(&list)).collect()
}

fn seen(list: &ddi_dma::plan::List<'_>) -> Vec<Seen> {
    list.pieces()
        .map(|piece| Seen {
            offset: piece.offset,
            address: piece.cookie.address,
            size: piece.cookie.size,
            source: piece.source,
        })
        .collect()
}

/// The totals of lists.
pub fn totals(lists: &[Vec<Seen>]) -> Totals {
    let all = || lists.iter().flatten();
    Totals {
        copied: all().filter(|c| c.source == Source::Copied).map(|c| c.size).sum(),
        lists: lists.len() as u64,
        cookies: all().count() as u64,
    }
}

/// Checks lists against the attributes: what breaks them first, if anything does.
pub fn check_lists(lists: &[Vec<Seen>], extents: &[Extent], attr: &DmaAttr) -> Result<(), String> {
    let length: u64 = extents.iter().map(|e| e.size).sum();
    let granule = u64::from(attr.granular);
    let most = attr.maxxfer - attr.maxxfer % granule;
    let mut at = 0;
    let mut walk = Walk { extents, index: 0, offset: 0 };
    for (index, list) in lists.iter().enumerate() {
        let start = at;
        if list.is_empty() {
            return Err(format!("list {index} is empty"));
        }
        for cookie in list {
            if cookie.offset != at {
                return Err(format!("cookie at {} where {at} is next", cookie.offset));
            }
            check_cookie(cookie, attr)?;
            if cookie.source == Source::Direct {
                walk.names(cookie, attr)?;
            }
            at += cookie.size;
        }
        let bytes = at - start;
        if attr.sgllen != DmaAttr::UNLIMITED && list.len() as u64 > u64::from(attr.sgllen) {
            return Err(format!("list {index} has {} cookies", list.len()));
        }
        if bytes > most {
            return Err(format!("list {index} has {bytes} bytes"));
        }
        if index + 1 < lists.len() && bytes % granule != 0 {
            return Err(format!("list {index} of {bytes} bytes is no multiple of granular"));
        }
    }
    if at != length { Err(format!("{at} bytes of {length} covered")) } else { Ok(()) }
}

fn check_cookie(cookie: &Seen, attr: &DmaAttr) -> Result<(), String> {
    let last = cookie.address.checked_add(cookie.size.wrapping_sub(1));
    let wrong = match last {
        _ if cookie.size == 0 => "is empty",
        None => "wraps",
        _ if cookie.size - 1 > attr.count_max => "is above count_max",
        _ if cookie.size < u64::from(attr.minxfer) => "is below minxfer",
        _ if !cookie.address.is_multiple_of(attr.align) => "is misaligned",
        Some(last) if (cookie.address ^ last) & !attr.seg != 0 => "crosses a boundary",
        Some(last)
            if cookie.source == Source::Direct && (cookie.address < attr.addr_lo || last > attr.addr_hi) =>
        {
            "is out of reach"
        }
        _ => return Ok(()),
    };
    Err(format!("{cookie:x?} {wrong}"))
}

/// Follows the object's extents alongside the cookies.
struct Walk<'a> {
    extents: &'a [Extent],
    index: usize,
    /// Where the extent at `index` starts in the object.
    offset: u64,
}

impl Walk<'_> {
    /// Checks that a direct cookie names exactly the object's own addresses.
    fn names(&mut self, cookie: &Seen, _attr: &DmaAttr) -> Result<(), String> {
        let (mut at, end) = (cookie.offset, cookie.offset + cookie.size);
        while at < end {
            while self.offset + self.extents[self.index].size <= at {
                self.offset += self.extents[self.index].size;
                self.index += 1;
            }
            let extent = self.extents[self.index];
            let address = extent.address + (at - self.offset);
            if address != cookie.address + (at - cookie.offset) {
                return Err(format!("{cookie:x?} names {at:#x}, which lies at {address:#x}"));
            }
            at = end.min(self.offset + extent.size);
        }
        Ok(())
    }
}

/// Checks a whole plan, windows and copy run included, and returns its totals. Places it at [`COPY_BASE`].
pub fn check_plan(
    plan: &mut Plan,
    extents: &[Extent],
    attr: &DmaAttr,
    budget: Budget,
    sliding: Sliding,
) -> Result<Totals, String> {
    plan.place(COPY_BASE);
    let all = lists(plan);
    check_lists(&all, extents, attr)?;
    if sliding == Sliding::No && plan.window_count() != 1 {
        return Err(format!("{} windows without sliding", plan.window_count()));
    }
    let mut at = 0;
    for window in plan.windows() {
        if window.offset() != at || window.list_count() == 0 {
            return Err(format!("window {} starts at {}, not {at}", window.index(), window.offset()));
        }
        let mut copies = Vec::new();
        for list in window.lists() {
            if list.offset() != at {
                return Err(format!("list at {} where {at} is next", list.offset()));
            }
            at += list.length();
            copies.extend(seen(&list).into_iter().filter(|c| c.source == Source::Copied));
        }
        if window.range() != (window.offset()..at) {
            return Err(format!("window {} ends at {at}, not {:?}", window.index(), window.range()));
        }
        let copied: u64 = copies.iter().map(|c| c.size).sum();
        if copied > budget.bytes || copied != window.copied_bytes() {
            return Err(format!("a window copies {copied} bytes, it says {}", window.copied_bytes()));
        }
        copies.sort_by_key(|c| c.address);
        let mut free = COPY_BASE;
        for copy in copies {
            if copy.address < free {
                return Err(format!("{copy:x?} overlaps another copy"));
            }
            free = copy.address + copy.size;
        }
        if free - COPY_BASE > plan.room() || plan.room() > budget.room {
            return Err(format!("{} bytes of room, {} said", free - COPY_BASE, plan.room()));
        }
    }
    let totals = totals(&all);
    if totals.copied != plan.copied_bytes() {
        return Err(format!("copied_bytes says {}, not {}", plan.copied_bytes(), totals.copied));
    }
    Ok(totals)
}

/// Bytes that the engine cannot reach.
pub fn unreachable_bytes(extents: &[Extent], attr: &DmaAttr) -> u64 {
    extents
        .iter()
        .map(|e| {
            let last = e.address + (e.size - 1);
            let (from, to) = (e.address.max(attr.addr_lo), last.min(attr.addr_hi));
            if from > to { e.size } else { e.size - (to - from + 1) }
        })
        .sum()
}
