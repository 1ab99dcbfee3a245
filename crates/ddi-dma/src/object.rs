//! Memory objects: what a transfer moves, and how it shows itself to the planner.

use crate::device::Translation;
use crate::flags::Direction;
use crate::nexus::NexusMemory;

/// A run of addresses: the machine's physical addresses before a nexus maps it, bus addresses after.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Extent {
    /// First address.
    pub address: u64,
    /// Bytes.
    pub size: u64,
}

/// Bus addresses from here on stand for bytes that are not mapped: no engine behind an IOMMU reaches them.
pub(crate) const UNMAPPED: u64 = 1 << 63;

/// One (address, size) that the engine takes (`ddi_dma_cookie_t`). Not to be computed with.
///
/// Laid out like [`Extent`]: an object that needs no cut is its own cookie list.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[doc(alias = "MBI_ADDR")]
pub struct Cookie {
    /// Bus address (`dmac_laddress`).
    pub address: u64,
    /// Bytes (`dmac_size`).
    pub size: u64,
}

/// An object as a list of pages of one size, the first and last of which may be partial.
#[derive(Debug, Clone, Copy)]
pub struct PageList<'a> {
    pub(crate) pages: &'a [u64],
    pub(crate) page_size: u64,
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

impl<'a> PageList<'a> {
    /// Describes `length` bytes that start `offset` bytes into the first of `pages`.
    ///
    /// `pages` holds the address of each page; `None` where the page size is not a power of two, the offset lies
    /// behind the first page, or the pages do not hold the bytes. Pages behind the last byte are ignored.
    ///
    /// # Examples
    ///
    /// ```
    /// use ddi_dma::PageList;
    ///
    /// let pages = [0x3000, 0x9000];
    /// assert!(PageList::new(&pages, 4096, 0x200, 4096).is_some());
    /// assert!(PageList::new(&pages, 4096, 0x200, 8192).is_none()); // one page too few
    /// ```
    pub fn new(pages: &'a [u64], page_size: u64, offset: u64, length: u64) -> Option<Self> {
        if !page_size.is_power_of_two() || offset >= page_size {
            return None;
        }
        let used = offset.checked_add(length)?.div_ceil(page_size);
        let pages = pages.get(..usize::try_from(used).ok()?)?;
        Some(PageList { pages, page_size, offset, length })
    }
}

/// How an object shows itself: one look, not a call a page.
#[derive(Debug, Clone, Copy)]
pub enum View<'a> {
    /// Runs of any size, in the order of the object's bytes.
    Extents(&'a [Extent]),
    /// Pages of one size.
    Pages(PageList<'a>),
}

impl<'a> View<'a> {
    /// Bytes of the object; `None` where the sum passes 2^64 - 1.
    pub fn length(&self) -> Option<u64> {
        match self {
            View::Pages(list) => Some(list.length),
            View::Extents(extents) => extents.iter().try_fold(0u64, |sum, e| sum.checked_add(e.size)),
        }
    }

    /// The extents in order, empty ones left out. Neighbours may touch.
    pub fn extents(&self) -> Extents<'a> {
        match *self {
            View::Extents(extents) => Extents { extents, pages: &[], page_size: 0, skip: 0, left: 0 },
            View::Pages(PageList { pages, page_size, offset, length }) => {
                Extents { extents: &[], pages, page_size, skip: offset, left: length }
            }
        }
    }
}

/// Iterator over the extents of a [`View`].
#[derive(Debug, Clone)]
pub struct Extents<'a> {
    extents: &'a [Extent],
    pages: &'a [u64],
    page_size: u64,
    /// Bytes of the next page that are not the object's.
    skip: u64,
    /// Bytes of the object in the pages that are left.
    left: u64,
}

impl Iterator for Extents<'_> {
    type Item = Extent;

    #[inline]
    fn next(&mut self) -> Option<Extent> {
        if let Some((&page, rest)) = self.pages.split_first() {
            let size = (self.page_size - self.skip).min(self.left);
            let address = page.wrapping_add(self.skip);
            self.pages = rest;
            self.skip = 0;
            self.left -= size;
            return (size > 0).then_some(Extent { address, size });
        }
        loop {
            let (&extent, rest) = self.extents.split_first()?;
            self.extents = rest;
            if extent.size > 0 {
                return Some(extent);
            }
        }
    }
}

/// One kind of addresses of one [`Bus`](crate::Bus): what is reached by them there means nothing anywhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BusId {
    pub(crate) bus: u64,
    pub(crate) translation: Translation,
}

/// Whose addresses a [`View`] holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Addresses {
    /// The machine's physical addresses.
    Machine,
    /// Those of the bus on which the memory was allocated: it is mapped already, and binds there alone.
    Bus(BusId),
}

/// Memory that can be bound to a handle.
///
/// The binding owns the object for as long as the device may reach it, so no borrow is needed and forgetting a
/// binding only leaks.
///
/// # Implementation safety
///
/// Until the object is dropped, wherever it is moved meanwhile:
/// - [`view`](Self::view) shows the same addresses each time, and they belong to this object alone, or to memory that
///   whoever has a part of it reaches by volatile words alone, as it reaches what a device writes;
/// - the memory stays allocated and does not move;
/// - nothing that safe code can reach *through a shared reference to the object* holds a reference into the memory
///   while a binding owns it;
/// - [`copy_out`](Self::copy_out) and [`copy_in`](Self::copy_in) touch exactly the bytes named.
pub unsafe trait DmaObject: Send + 'static {
    /// Shows where the bytes are, in addresses that the object's nexus understands.
    fn view(&self) -> View<'_>;

    /// Tells whose addresses these are. Most objects show those of the machine, which a nexus maps.
    fn addresses(&self) -> Addresses {
        Addresses::Machine
    }

    /// The memory of [`Nexus::alloc`](crate::Nexus::alloc) in which the object lies in one run, if it does, and where it
    /// starts in it: what the nexus then synchronises.
    fn nexus_memory(&self) -> Option<(&NexusMemory, u64)> {
        None
    }

    /// Tells whether the object may be transferred this way. Memory that its owner may only read, or that was locked
    /// for less, refuses.
    fn permits(&self, _direction: Direction) -> bool {
        true
    }

    /// Copies `length` bytes from `offset` of the object to `to`.
    ///
    /// # Safety
    ///
    /// The range lies inside the object, `to` is valid for writing `length` bytes, and the two do not overlap.
    unsafe fn copy_out(&self, offset: u64, to: *mut u8, length: u64);

    /// Copies `length` bytes from `from` into the object at `offset`.
    ///
    /// # Safety
    ///
    /// The range lies inside the object, `from` is valid for reading `length` bytes, and the two do not overlap;
    /// nobody else accesses these bytes meanwhile.
    unsafe fn copy_in(&self, offset: u64, from: *const u8, length: u64);
}
