//! Memory that goes as it lies: locked, at known physical addresses.

use std::fmt;
use std::sync::atomic::{Ordering, fence};

use ddi_dma::{Addresses, DmaObject, PageList, RangeError, View};

use super::bus::PhysicalBus;
use super::pages::{LockError, PageKind, Pages, Taken};

/// Memory of this process that is locked where it lies, for devices without an IOMMU.
///
/// It is made of huge pages of its own and shows the physical address of each, looked up once. It binds to handles of the
/// bus that it was allocated on, without a system call; where it is out of a device's reach, it is copied. Huge pages of
/// the kernel's pool are not moved while they are in use; small pages may be, so they are only had by
/// [`small_pages`](Self::small_pages).
///
/// The bytes are reached by copying: no reference to them exists.
pub struct LockedBuffer {
    pages: Pages,
    /// Where the first byte lies in the first page.
    offset: u64,
    length: u64,
    addresses: Addresses,
}

impl LockedBuffer {
    /// Takes huge pages for `length` bytes, all zero.
    ///
    /// # Errors
    ///
    /// [`LockError`]: no huge pages, or where they lie is hidden from this process.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use ddi_dma::BusConfig;
    /// # use ddi_dma_vfio::uio::{LockedBuffer, PhysicalBus, PoolConfig};
    /// # let bus = PhysicalBus::new(PoolConfig::default(), BusConfig::default())?;
    /// let mut buffer = LockedBuffer::new(&bus, 3 << 20)?;
    /// buffer.write(0x1F_FFFE, b"on two pages")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(bus: &PhysicalBus, length: u64) -> Result<Self, LockError> {
        Self::with_offset(bus, length, 0)
    }

    /// Takes huge pages for `length` bytes that start `offset` bytes into the first.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new), and [`LockError::Offset`] where the offset is not inside a page.
    pub fn with_offset(bus: &PhysicalBus, length: u64, offset: u64) -> Result<Self, LockError> {
        Self::of(bus, PageKind::Huge, length, offset)
    }

    /// Takes small pages for `length` bytes that start `offset` bytes into the first.
    ///
    /// They may be moved: see [`PageKind::Small`] for what to do about it before.
    ///
    /// # Errors
    ///
    /// [`LockError`]: the limit of locked memory, or an offset behind the first page.
    pub fn small_pages(bus: &PhysicalBus, length: u64, offset: u64) -> Result<Self, LockError> {
        Self::of(bus, PageKind::Small, length, offset)
    }

    fn of(bus: &PhysicalBus, kind: PageKind, length: u64, offset: u64) -> Result<Self, LockError> {
        let page_size = kind.size();
        if offset >= page_size {
            return Err(LockError::Offset { offset, page_size });
        }
        let bytes = if length == 0 { 0 } else { offset.saturating_add(length) };
        let count = usize::try_from(bytes.div_ceil(page_size)).unwrap_or(usize::MAX);
        let pages = Taken::new(kind, count, bus.nexus().addresses())?.keep_all();
        Ok(LockedBuffer { pages, offset, length, addresses: bus.bus().addresses() })
    }

    /// Bytes.
    #[expect(clippy::len_without_is_empty, reason = "a buffer has at least one byte")]
    pub fn len(&self) -> u64 {
        self.length
    }

    /// The highest physical address that it has a byte at.
    pub fn highest(&self) -> u64 {
        self.view().extents().map(|extent| extent.address + (extent.size - 1)).max().unwrap_or(0)
    }

    /// Copies bytes out, from `offset` on.
    ///
    /// # Errors
    ///
    /// [`RangeError`] where they are not all inside; nothing is copied.
    pub fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), RangeError> {
        let length = self.check(offset, into.len())?;
        // SAFETY: the range was checked; `into` is borrowed memory, which the buffer's is not.
        unsafe { self.copy_out(offset, into.as_mut_ptr(), length) }
        Ok(())
    }

    /// Copies bytes in, to `offset` and behind.
    ///
    /// # Errors
    ///
    /// [`RangeError`] where they do not all fit; nothing is copied.
    pub fn write(&mut self, offset: u64, from: &[u8]) -> Result<(), RangeError> {
        let length = self.check(offset, from.len())?;
        // SAFETY: as in `read`.
        unsafe { self.copy_in(offset, from.as_ptr(), length) }
        Ok(())
    }

    /// Copies all bytes.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.length as usize];
        // SAFETY: all bytes of the buffer; `bytes` is memory of its own.
        unsafe { self.copy_out(0, bytes.as_mut_ptr(), self.length) }
        bytes
    }

    fn check(&self, offset: u64, length: usize) -> Result<u64, RangeError> {
        let (length, object) = (length as u64, self.length);
        match offset.checked_add(length) {
            Some(end) if end <= object => Ok(length),
            _ => Err(RangeError { offset, length, object }),
        }
    }

    /// Where the CPU finds the first page.
    #[cfg(test)]
    pub(super) fn base(&self) -> *mut u8 {
        self.pages.base().as_ptr()
    }

    /// Where the CPU finds a byte.
    ///
    /// # Safety
    ///
    /// The offset is no more than the length.
    unsafe fn at(&self, offset: u64) -> *mut u8 {
        // SAFETY: the pages hold `offset + length` bytes, as they were taken.
        unsafe { self.pages.base().as_ptr().add((self.offset + offset) as usize) }
    }
}

// SAFETY: the pages are mapped and locked, at the addresses looked up, until the value is dropped; no reference into them
// exists; the copies touch the bytes named alone.
unsafe impl DmaObject for LockedBuffer {
    #[inline]
    fn view(&self) -> View<'_> {
        let (pages, page_size) = (self.pages.physical(), self.pages.page_size());
        PageList::new(pages, page_size, self.offset, self.length).map_or(View::Extents(&[]), View::Pages)
    }

    #[inline]
    fn addresses(&self) -> Addresses {
        self.addresses
    }

    unsafe fn copy_out(&self, offset: u64, to: *mut u8, length: u64) {
        // What the device wrote is not read before it was seen to have ended.
        fence(Ordering::Acquire);
        // SAFETY: the caller promises a range inside, and memory to write that does not overlap it.
        unsafe { self.at(offset).copy_to_nonoverlapping(to, length as usize) }
    }

    unsafe fn copy_in(&self, offset: u64, from: *const u8, length: u64) {
        // SAFETY: the caller promises a range inside, and memory to read that does not overlap it.
        unsafe { self.at(offset).copy_from_nonoverlapping(from, length as usize) }
        // The bytes are there before the device is told.
        fence(Ordering::Release);
    }
}

impl fmt::Debug for LockedBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let page_size = self.pages.page_size();
        f.debug_struct("LockedBuffer").field("length", &self.length).field("page_size", &page_size).finish()
    }
}
