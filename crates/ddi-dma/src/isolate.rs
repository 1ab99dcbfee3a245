//! Isolation: only the whole pages of an object are mapped for the device; the rest goes through the copy buffer.
//!
//! An IOMMU protects whole pages, so a device that was given part of a page reaches all of it. With the flag ISOLATE it is
//! given none of it.

use alloc::vec::Vec;
use core::ops::Range;

use crate::object::{Extent, UNMAPPED, View};

/// The whole pages of an object, or of a window of it.
#[derive(Debug, Default)]
pub(crate) struct Isolation {
    /// Where they lie, in object order.
    pub(crate) pages: Vec<Extent>,
    /// Which bytes of the object they are, counted from its start or from that of the window.
    parts: Vec<Range<u64>>,
    length: u64,
}

impl Isolation {
    /// Finds the whole pages of what a view shows.
    pub(crate) fn find(&mut self, view: View<'_>, page: u64) {
        self.pages.clear();
        self.parts.clear();
        let mut at = 0;
        let mut open: Option<Extent> = None;
        for extent in view.extents() {
            match &mut open {
                // Neighbours share their pages.
                Some(run) if run.address.wrapping_add(run.size) == extent.address => run.size += extent.size,
                _ => {
                    at += self.close(open, at, page);
                    open = Some(extent);
                }
            }
        }
        at += self.close(open, at, page);
        self.length = at;
    }

    /// Adds the whole pages of a run that starts at byte `at`; returns the run's bytes.
    fn close(&mut self, run: Option<Extent>, at: u64, page: u64) -> u64 {
        let Some(Extent { address, size }) = run else { return 0 };
        // A run at the very top has no page behind it.
        let first = address.checked_next_multiple_of(page).unwrap_or(u64::MAX);
        let end = address.saturating_add(size);
        let behind = end - end % page;
        if first < behind {
            self.pages.push(Extent { address: first, size: behind - first });
            self.parts.push(at + (first - address)..at + (behind - address));
        }
        size
    }

    /// Writes what the engine is shown: the pages where the nexus mapped them, and between them bytes that are not mapped.
    pub(crate) fn show(&self, mapped: &mut Vec<Extent>) {
        let pages = core::mem::take(mapped);
        let mut pages = pages.into_iter();
        let mut rest = Extent { address: 0, size: 0 };
        let mut at = 0;
        for part in &self.parts {
            hide(part.start - at, mapped);
            at = part.start;
            while at < part.end {
                if rest.size == 0 {
                    let Some(next) = pages.next() else { return };
                    rest = next;
                }
                let size = rest.size.min(part.end - at);
                mapped.push(Extent { address: rest.address, size });
                rest = Extent { address: rest.address.wrapping_add(size), size: rest.size - size };
                at += size;
            }
        }
        hide(self.length - at, mapped);
    }

    /// Which bytes of the pages, one after the other, are in this range of the object.
    pub(crate) fn within(&self, range: &Range<u64>) -> Range<u64> {
        let before = |at: u64| -> u64 {
            self.parts.iter().map(|part| part.end.min(at).saturating_sub(part.start)).sum()
        };
        before(range.start)..before(range.end)
    }
}

fn hide(size: u64, extents: &mut Vec<Extent>) {
    if size > 0 {
        extents.push(Extent { address: UNMAPPED, size });
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::Isolation;
    use crate::object::{Extent, UNMAPPED, View};

    fn extent(address: u64, size: u64) -> Extent {
        Extent { address, size }
    }

    fn find(extents: &[Extent]) -> Isolation {
        let mut isolation = Isolation::default();
        isolation.find(View::Extents(extents), 0x1000);
        isolation
    }

    #[test]
    fn whole_pages_are_found_across_neighbours() {
        let isolation = find(&[extent(0x1800, 0x900), extent(0x2100, 0x2000), extent(0x8000, 0x20)]);
        assert_eq!(isolation.pages, [extent(0x2000, 0x2000)]);
        assert_eq!(isolation.parts, vec![0x800..0x2800]);
        assert_eq!(isolation.length, 0x2920);
    }

    #[test]
    fn what_is_not_mapped_is_shown_out_of_reach() {
        let isolation = find(&[extent(0x1FF0, 0x2020), extent(0x9000, 0x1000), extent(0x20, 4)]);
        let mut mapped = vec![extent(0x70_0000, 0x1800), extent(0x90_0000, 0x1800)];
        isolation.show(&mut mapped);
        let expected = [
            extent(UNMAPPED, 0x10),
            extent(0x70_0000, 0x1800),
            extent(0x90_0000, 0x800),
            extent(UNMAPPED, 0x10),
            extent(0x90_0800, 0x1000),
            extent(UNMAPPED, 4),
        ];
        assert_eq!(mapped, expected);
        assert_eq!(isolation.within(&(0..0x3024)), 0..0x3000);
        assert_eq!(isolation.within(&(0x10..0x2000)), 0..0x1FF0);
        assert_eq!(isolation.within(&(0x2010..0x2020)), 0x2000..0x2000);
    }

    #[test]
    fn an_object_within_a_page_has_none() {
        let isolation = find(&[extent(0x1001, 0xFFF)]);
        assert!(isolation.pages.is_empty());
        let mut mapped = Vec::new();
        isolation.show(&mut mapped);
        assert_eq!(mapped, [extent(UNMAPPED, 0xFFF)]);
    }

    #[test]
    fn the_top_of_the_address_space_is_no_page() {
        let isolation = find(&[extent(u64::MAX - 0x10, 0x10)]);
        assert!(isolation.pages.is_empty());
        assert_eq!(isolation.length, 0x10);
    }
}
