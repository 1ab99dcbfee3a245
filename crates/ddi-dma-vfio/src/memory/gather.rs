//! Several objects as one.

use std::fmt;

use ddi_dma::{Addresses, Direction, DmaObject, Extent, View};

use super::access_by_copies;

/// Several objects as one, in order: what a list of iovecs is.
///
/// Where one ends and the next starts at page edges, a device sees one run of addresses.
///
/// # Examples
///
/// ```
/// use ddi_dma_vfio::{Gather, VecBuffer};
///
/// let parts = vec![VecBuffer::new(b"head".to_vec()), VecBuffer::new(b"tail".to_vec())];
/// let object = Gather::new(parts).expect("vectors are not mapped beforehand");
/// assert_eq!(object.to_vec(), b"headtail");
/// ```
pub struct Gather<O> {
    objects: Vec<O>,
    extents: Vec<Extent>,
    length: u64,
}

impl<O: DmaObject> Gather<O> {
    /// Joins objects.
    ///
    /// # Errors
    ///
    /// The objects, where one of them is mapped beforehand, or there are 2^64 bytes or more.
    pub fn new(objects: Vec<O>) -> Result<Self, Vec<O>> {
        let lengths = objects.iter().map(|object| match object.addresses() {
            Addresses::Machine => object.view().length(),
            Addresses::Bus(_) => None,
        });
        let length = lengths.into_iter().try_fold(0u64, |sum, length| sum.checked_add(length?));
        let Some(length) = length else { return Err(objects) };
        let extents = objects.iter().flat_map(|object| object.view().extents()).collect();
        Ok(Gather { objects, extents, length })
    }

    /// Gives the objects back.
    pub fn into_objects(self) -> Vec<O> {
        self.objects
    }

    /// Bytes of all objects.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether there are no bytes. Such an object is refused when it is bound.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Calls for each part of an object that a range touches: the object, where in it, where in the range, bytes.
    fn parts(&self, offset: u64, length: u64, mut part: impl FnMut(&O, u64, usize, u64)) {
        let (mut start, end) = (0, offset + length);
        for object in &self.objects {
            let size = object.view().length().unwrap_or(0);
            let (from, to) = (offset.max(start), end.min(start + size));
            if from < to {
                part(object, from - start, (from - offset) as usize, to - from);
            }
            start += size;
        }
    }
}

access_by_copies!(Gather<O>, O: DmaObject);

// SAFETY: the objects are kept as they are until the value is dropped, which shows what they show and copies as they do.
unsafe impl<O: DmaObject> DmaObject for Gather<O> {
    fn view(&self) -> View<'_> {
        View::Extents(&self.extents)
    }

    fn permits(&self, direction: Direction) -> bool {
        self.objects.iter().all(|object| object.permits(direction))
    }

    unsafe fn copy_out(&self, offset: u64, to: *mut u8, length: u64) {
        self.parts(offset, length, |object, at, done, size| {
            // SAFETY: the part lies inside the object, and `done..done + size` inside the caller's memory.
            unsafe { object.copy_out(at, to.add(done), size) }
        });
    }

    unsafe fn copy_in(&self, offset: u64, from: *const u8, length: u64) {
        self.parts(offset, length, |object, at, done, size| {
            // SAFETY: as above.
            unsafe { object.copy_in(at, from.add(done), size) }
        });
    }
}

impl<O> fmt::Debug for Gather<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gather").field("extents", &self.extents).finish_non_exhaustive()
    }
}
