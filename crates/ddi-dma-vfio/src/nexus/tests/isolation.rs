//! ISOLATE: a device that does what it likes reaches no byte beside the object.

use ddi_dma::{BindErrorKind, Extent, IsolateError, View};

use super::*;
use crate::iommu::Access;
use crate::iommu::fake::PAGE;
use crate::{Arena, Gather, HostBuffer};

/// A part of a buffer, the rest of which is somebody else's.
#[derive(Debug)]
struct Part {
    whole: HostBuffer,
    from: u64,
    extent: Extent,
}

impl Part {
    fn new(mut whole: HostBuffer, from: u64, length: u64) -> Part {
        whole.write(0, &vec![0xA5; whole.len() as usize]).unwrap();
        whole.write(from, &vec![0x11; length as usize]).unwrap();
        let start = whole.view().extents().next().unwrap().address;
        Part { whole, from, extent: Extent { address: start + from, size: length } }
    }
}

// SAFETY: the bytes are those of a buffer that is kept.
unsafe impl DmaObject for Part {
    fn view(&self) -> View<'_> {
        View::Extents(std::slice::from_ref(&self.extent))
    }

    unsafe fn copy_out(&self, offset: u64, to: *mut u8, length: u64) {
        // SAFETY: the caller's range, moved.
        unsafe { self.whole.copy_out(self.from + offset, to, length) }
    }

    unsafe fn copy_in(&self, offset: u64, from: *const u8, length: u64) {
        // SAFETY: the caller's range, moved.
        unsafe { self.whole.copy_in(self.from + offset, from, length) }
    }
}

/// The device reads and writes all that it reaches; returns what it read.
fn rampage(rig: &Rig) -> Vec<u8> {
    let mut read = Vec::new();
    for (iova, map) in rig.iommu.maps() {
        let mut bytes = vec![0; map.size as usize];
        if map.access != Access::Write {
            rig.iommu.device_read(iova, &mut bytes).unwrap();
            read.extend(bytes.iter());
        }
        if map.access != Access::Read {
            bytes.fill(0xEE);
            rig.iommu.device_write(iova, &bytes).unwrap();
        }
    }
    read
}

#[test]
fn not_one_byte_beside_the_object_is_read_or_written() {
    let rig = Rig::default();
    for (from, length) in
        [(0, 4096), (1, 4095), (100, 1), (4095, 2), (77, 9000), (4096, 8192), (4000, 0x1_0000)]
    {
        for direction in [Direction::ToDevice, Direction::FromDevice, Direction::Both] {
            let part = Part::new(HostBuffer::new(0x1_4000).unwrap(), from, length);
            let mut flight = start(&rig, part, direction, BindFlags::ISOLATE);
            flight.next_window().unwrap();
            let read = rampage(&rig);
            assert!(!read.contains(&0xA5), "{length} bytes from {from} {direction:?}");
            let (_, part) = flight.complete().unbind();
            let bytes = part.whole.to_vec();
            let (before, rest) = bytes.split_at(from as usize);
            let (object, behind) = rest.split_at(length as usize);
            assert!(before.iter().chain(behind).all(|byte| *byte == 0xA5), "{length} bytes from {from}");
            let expected = if direction.device_writes() { 0xEE } else { 0x11 };
            assert!(object.iter().all(|byte| *byte == expected));
        }
    }
    rig.assert_nothing_is_left();
}

#[test]
fn without_it_whole_pages_are_reached() {
    let rig = Rig::default();
    let part = Part::new(HostBuffer::new(PAGE).unwrap(), 100, 100);
    let flight = start(&rig, part, Direction::Both, BindFlags::empty());
    assert!(rampage(&rig).contains(&0xA5));
    drop(flight);
}

#[test]
fn scattered_parts_are_isolated_one_by_one() {
    let rig = Rig::default();
    let shapes = [(10, 20), (0, 8192), (4090, 0x3000), (1, 4096)];
    let parts = shapes.map(|(from, length)| Part::new(HostBuffer::new(0x5000).unwrap(), from, length));
    let object = Gather::new(parts.into()).unwrap();
    let mut flight = start(&rig, object, Direction::Both, BindFlags::ISOLATE);
    flight.next_window().unwrap();
    assert!(!rampage(&rig).contains(&0xA5));
    let (_, object) = flight.complete().unbind();
    for (part, (from, length)) in object.into_objects().iter().zip(shapes) {
        let bytes = part.whole.to_vec();
        let beside = bytes.iter().filter(|byte| **byte == 0xA5).count();
        assert_eq!(beside, 0x5000 - length as usize, "{length} bytes from {from}");
    }
    rig.assert_nothing_is_left();
}

#[test]
fn pieces_of_an_arena_cannot_be_isolated() {
    let rig = Rig::default();
    let arena = Arena::new(&rig.bus, PAGE, &DmaAttr::UNRESTRICTED).unwrap();
    let handle = rig.handle(&DmaAttr::UNRESTRICTED);
    let piece = arena.take(64, 64).unwrap();
    let refused = handle.bind(piece, Direction::Both, BindFlags::ISOLATE, Wait::DontWait).unwrap_err();
    assert_eq!(refused.kind(), BindErrorKind::Isolate(IsolateError::MappedAlready));
}
