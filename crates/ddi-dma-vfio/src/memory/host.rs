//! Memory of its own, in whole pages.

use std::io;

use ddi_dma::{DmaObject, Extent, View};

use super::access_by_copies;
use super::pages::{HUGE, Pages, page_size};

/// Memory of its own, all zero, in pages that hold nothing else: what a device reaches beside the object is nobody's.
///
/// # Examples
///
/// ```
/// use ddi_dma_vfio::HostBuffer;
///
/// let mut buffer = HostBuffer::new(8192)?;
/// buffer.write(4096, b"for the device")?;
/// let mut there = [0; 14];
/// buffer.read(4096, &mut there)?;
/// assert_eq!(&there, b"for the device");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct HostBuffer {
    pages: Pages,
    /// Where the object starts in the pages.
    offset: u64,
    extent: Extent,
}

impl HostBuffer {
    /// Allocates `length` bytes from the start of a page on.
    ///
    /// # Errors
    ///
    /// Those of the kernel; `InvalidInput` where no bytes are asked for.
    pub fn new(length: u64) -> io::Result<Self> {
        Self::with_offset(length, 0)
    }

    /// Allocates `length` bytes from `offset` of a page on.
    ///
    /// # Errors
    ///
    /// Those of the kernel; `InvalidInput` where no bytes are asked for, or the offset is not inside a page.
    pub fn with_offset(length: u64, offset: u64) -> io::Result<Self> {
        if offset >= page_size() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the offset is not inside a page"));
        }
        Self::in_pages(length, offset, page_size())
    }

    /// Allocates `length` bytes in huge pages as far as the kernel has them, which makes mapping them much cheaper.
    ///
    /// # Errors
    ///
    /// Those of the kernel; `InvalidInput` where no bytes are asked for.
    pub fn huge(length: u64) -> io::Result<Self> {
        Self::in_pages(length, 0, HUGE)
    }

    fn in_pages(length: u64, offset: u64, align: u64) -> io::Result<Self> {
        let whole = length.checked_add(offset).and_then(|whole| whole.checked_next_multiple_of(align));
        let Some(whole) = whole.filter(|_| length > 0) else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "an object has bytes, and less than 2^64",
            ));
        };
        let pages = Pages::anonymous(whole, align)?;
        pages.touch();
        let extent = Extent { address: pages.address() + offset, size: length };
        Ok(HostBuffer { pages, offset, extent })
    }

    /// Bytes.
    #[expect(clippy::len_without_is_empty, reason = "there is always a byte")]
    pub fn len(&self) -> u64 {
        self.extent.size
    }
}

access_by_copies!(HostBuffer);

// SAFETY: the pages are the value's own until it is dropped and never move; no reference into them exists; copies touch the
// bytes named alone.
unsafe impl DmaObject for HostBuffer {
    fn view(&self) -> View<'_> {
        View::Extents(std::slice::from_ref(&self.extent))
    }

    unsafe fn copy_out(&self, offset: u64, to: *mut u8, length: u64) {
        // SAFETY: the caller's range, moved to where the object starts.
        unsafe { self.pages.copy_out(self.offset + offset, to, length) }
    }

    unsafe fn copy_in(&self, offset: u64, from: *const u8, length: u64) {
        // SAFETY: as above, and the pages are writable.
        unsafe { self.pages.copy_in(self.offset + offset, from, length) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_starts_where_it_is_asked_to() {
        let mut buffer = HostBuffer::with_offset(5000, 77).unwrap();
        assert_eq!(buffer.extent.address % page_size(), 77);
        buffer.write(4990, b"end of it.").unwrap();
        assert!(buffer.to_vec().ends_with(b"end of it."));
        assert!(buffer.write(4991, b"end of it.").is_err());
        assert!(buffer.read(u64::MAX, &mut [0]).is_err());
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert!(HostBuffer::new(0).is_err());
        assert!(HostBuffer::new(u64::MAX).is_err());
        assert!(HostBuffer::huge(u64::MAX).is_err());
        assert!(HostBuffer::with_offset(1, page_size()).is_err());
    }

    #[test]
    fn huge_pages_start_at_their_size() {
        let buffer = HostBuffer::huge(HUGE + 1).unwrap();
        assert_eq!((buffer.extent.address % HUGE, buffer.len()), (0, HUGE + 1));
    }
}
