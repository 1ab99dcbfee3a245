//! A caller's vector, wherever it lies.

use std::fmt;
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};

use ddi_dma::{DmaObject, Extent, View};

use super::access_by_copies;
use super::pages::page_size;

/// A caller's vector, bound where it lies, without a copy.
///
/// It shares its first and its last page with whatever lies beside it in the heap. An IOMMU maps whole pages, so a device
/// that is not trusted reaches that, too: bind with `ISOLATE`, or use a [`HostBuffer`](crate::HostBuffer).
///
/// # Examples
///
/// ```
/// use ddi_dma_vfio::VecBuffer;
///
/// let buffer = VecBuffer::new(b"for the device".to_vec());
/// assert_eq!(buffer.into_vec(), b"for the device");
/// ```
///
/// # Invariants
///
/// `start`, the extent's size and `capacity` are the parts of a vector that nobody else has.
pub struct VecBuffer {
    start: NonNull<u8>,
    capacity: usize,
    extent: Extent,
}

// SAFETY: the parts are those of a `Vec<u8>`, which may go to another thread.
unsafe impl Send for VecBuffer {}
// SAFETY: through a shared reference bytes are only copied out.
unsafe impl Sync for VecBuffer {}

impl VecBuffer {
    /// Takes a vector; its bytes stay where they are.
    pub fn new(vector: Vec<u8>) -> Self {
        let mut vector = ManuallyDrop::new(vector);
        let (start, length) = (vector.as_mut_ptr(), vector.len());
        // A page that was never written stands for the page of zeros, and a device that only reads would be shown that one
        // even after the first write.
        let pages = (0..length).step_by(page_size() as usize).chain(length.checked_sub(1));
        for at in pages {
            // SAFETY: a byte of the vector, which is ours; it keeps its value.
            unsafe { start.add(at).write_volatile(start.add(at).read_volatile()) };
        }
        let extent = Extent { address: start.expose_provenance() as u64, size: length as u64 };
        let start = NonNull::new(start).unwrap_or(NonNull::dangling());
        // INVARIANT: the parts of the vector, which is never dropped.
        VecBuffer { start, capacity: vector.capacity(), extent }
    }

    /// Gives the vector back.
    pub fn into_vec(self) -> Vec<u8> {
        ManuallyDrop::new(self).rebuild()
    }

    /// Bytes.
    pub fn len(&self) -> u64 {
        self.extent.size
    }

    /// Whether there are no bytes. Such an object is refused when it is bound.
    pub fn is_empty(&self) -> bool {
        self.extent.size == 0
    }

    /// Makes the vector of its parts, for which there must be no use afterwards.
    fn rebuild(&mut self) -> Vec<u8> {
        // SAFETY: the parts of a vector (invariant); both callers give up the value.
        unsafe { Vec::from_raw_parts(self.start.as_ptr(), self.extent.size as usize, self.capacity) }
    }
}

impl From<Vec<u8>> for VecBuffer {
    fn from(vector: Vec<u8>) -> Self {
        VecBuffer::new(vector)
    }
}

impl Drop for VecBuffer {
    fn drop(&mut self) {
        drop(self.rebuild());
    }
}

impl fmt::Debug for VecBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VecBuffer").field("extent", &self.extent).finish_non_exhaustive()
    }
}

access_by_copies!(VecBuffer);

// SAFETY: the bytes are the value's own until it is dropped and never move; no reference into them exists, since the vector
// is kept in parts; copies touch the bytes named alone.
unsafe impl DmaObject for VecBuffer {
    fn view(&self) -> View<'_> {
        View::Extents(std::slice::from_ref(&self.extent))
    }

    unsafe fn copy_out(&self, offset: u64, to: *mut u8, length: u64) {
        // SAFETY: the caller promises a range inside the vector.
        unsafe { ptr::copy_nonoverlapping(self.start.as_ptr().add(offset as usize), to, length as usize) }
    }

    unsafe fn copy_in(&self, offset: u64, from: *const u8, length: u64) {
        // SAFETY: as above.
        unsafe { ptr::copy_nonoverlapping(from, self.start.as_ptr().add(offset as usize), length as usize) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_comes_back_with_its_bytes_and_its_room() {
        let mut vector = Vec::with_capacity(10_000);
        vector.extend((0..5000u32).map(|n| n as u8));
        let (start, copy) = (vector.as_ptr().addr() as u64, vector.clone());
        let mut buffer = VecBuffer::new(vector);
        assert_eq!((buffer.extent.address, buffer.len()), (start, 5000));
        buffer.write(0, &[9]).unwrap();
        let back = buffer.into_vec();
        assert_eq!((back.capacity(), back[0], &back[1..]), (10_000, 9, &copy[1..]));
    }

    #[test]
    fn an_empty_vector_is_an_object_without_bytes() {
        let buffer = VecBuffer::from(Vec::new());
        assert!(buffer.is_empty() && buffer.to_vec().is_empty());
        assert!(buffer.read(0, &mut [0]).is_err());
        assert_eq!(buffer.into_vec(), Vec::<u8>::new());
    }
}
