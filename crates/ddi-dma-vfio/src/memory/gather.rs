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
    /// Where each object's bytes start.
    starts: Vec<u64>,
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
        let (mut starts, mut length) = (Vec::with_capacity(objects.len()), 0u64);
        for object in &objects {
            starts.push(length);
            let bytes = object.view().length().filter(|_| object.addresses() == Addresses::Machine);
            match bytes.and_then(|bytes| length.checked_add(bytes)) {
                Some(end) => length = end,
                None => return Err(objects),
            }
        }
        let extents = objects.iter().flat_map(|object| object.view().extents()).collect();
        Ok(Gather { objects, starts, extents, length })
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
        let end = offset + length;
        let first = self.starts.partition_point(|start| *start <= offset).saturating_sub(1);
        let ends = self.starts.iter().skip(first + 1).copied().chain([self.length]);
        for ((object, &start), behind) in self.objects.iter().zip(&self.starts).skip(first).zip(ends) {
            if start >= end {
                break;
            }
            let (from, to) = (offset.max(start), end.min(behind));
            if from < to {
                part(object, from - start, (from - offset) as usize, to - from);
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::VecBuffer;

    #[test]
    fn every_range_is_found_in_its_parts() {
        let parts = [&b""[..], b"a", b"bcd", b"", b"", b"efghi", b"j", b""];
        let mut object =
            Gather::new(parts.iter().map(|part| VecBuffer::new(part.to_vec())).collect()).unwrap();
        assert_eq!((object.len(), object.to_vec()), (10, b"abcdefghij".to_vec()));
        for (from, to) in (0..=10).flat_map(|from| (from..=10).map(move |to| (from, to))) {
            let mut bytes = vec![0; to - from];
            object.read(from as u64, &mut bytes).unwrap();
            assert_eq!(bytes, b"abcdefghij"[from..to]);
        }
        object.write(3, b"DEFGHIJ").unwrap();
        assert_eq!(object.to_vec(), b"abcDEFGHIJ");
        assert!(object.write(4, b"DEFGHIJ").is_err());
        let objects = object.into_objects();
        assert_eq!(objects[2].to_vec(), b"bcD");
    }

    #[test]
    fn nothing_is_an_object_without_bytes() {
        let object = Gather::<VecBuffer>::new(Vec::new()).unwrap();
        assert!(object.is_empty() && object.to_vec().is_empty());
    }
}
