//! Bytes of objects of all kinds, both ways, by bind and cookies.

use ddi_dma::{AccessAttr, BindFlags, Direction, DmaAttr, DmaObject, MemoryUse, PrivateMemory, Wait};

use super::*;
use crate::{Arena, FileAccess, FileBuffer, Gather, HostBuffer, VecBuffer};

/// Sends an object's bytes to the device and back, and gives it back with other bytes.
fn there_and_back<O: DmaObject>(rig: &Rig, attr: &DmaAttr, object: O, flags: BindFlags) -> O {
    let length = object.view().length().unwrap();
    let bytes = |object: &O| {
        let mut bytes = vec![0; length as usize];
        // SAFETY: all bytes of the object, which no device has.
        unsafe { object.copy_out(0, bytes.as_mut_ptr(), length) };
        bytes
    };
    let before = bytes(&object);
    let mut flight =
        rig.handle(attr).bind(object, Direction::ToDevice, flags, Wait::DontWait).unwrap().start();
    assert!(device_reads(rig, &mut flight).unwrap() == before);
    let (handle, object) = flight.complete().unbind();
    assert!(bytes(&object) == before);
    let after = pattern(length, 0x55);
    let mut flight = handle.bind(object, Direction::FromDevice, flags, Wait::DontWait).unwrap().start();
    device_writes(rig, &mut flight, &after).unwrap();
    let (_, object) = flight.complete().unbind();
    assert!(bytes(&object) == after);
    object
}

const SIZES: [u64; 11] = [1, 2, 511, 4095, 4096, 4097, 0x1_0000, 0x12_3457, 0x20_0000, 0x20_0001, 16 << 20];

#[test]
fn memory_of_its_own_of_1_byte_to_16_mib() {
    let rig = Rig::default();
    for size in SIZES {
        for mut buffer in [
            HostBuffer::new(size).unwrap(),
            HostBuffer::with_offset(size, 1).unwrap(),
            HostBuffer::with_offset(size, 4093).unwrap(),
            HostBuffer::huge(size).unwrap(),
        ] {
            buffer.write(0, &pattern(size, size)).unwrap();
            there_and_back(&rig, &ONE_COOKIE, buffer, BindFlags::empty());
        }
        rig.assert_nothing_is_left();
    }
}

#[test]
fn vectors_wherever_they_lie() {
    let rig = Rig::default();
    for size in SIZES {
        let buffer = VecBuffer::new(pattern(size, size));
        let buffer = there_and_back(&rig, &ONE_COOKIE, buffer, BindFlags::empty());
        assert!(buffer.into_vec() == pattern(size, 0x55));
    }
    rig.assert_nothing_is_left();
}

#[test]
fn files_and_what_is_written_is_in_the_file() {
    let rig = Rig::default();
    for size in SIZES {
        let file = memory_file(&pattern(size + 5000, size));
        let buffer = FileBuffer::new(&file, 4999, size, FileAccess::ReadWrite).unwrap();
        let buffer = there_and_back(&rig, &ONE_COOKIE, buffer, BindFlags::empty());
        drop(buffer);
        let again = FileBuffer::new(&file, 0, size + 5000, FileAccess::ReadOnly).unwrap().to_vec();
        let untouched = pattern(size + 5000, size);
        assert!(again[4999..][..size as usize] == pattern(size, 0x55));
        assert!(
            again[..4999] == untouched[..4999]
                && again[size as usize + 4999..] == untouched[size as usize + 4999..]
        );
    }
    rig.assert_nothing_is_left();
}

#[test]
fn a_file_goes_both_ways_where_the_kernel_lends_its_pages() {
    let rig = Rig::default();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&pattern(9000, 1)).unwrap();
    let buffer = FileBuffer::new(&file, 100, 8000, FileAccess::ReadWrite).unwrap();
    let lends = buffer.permits(Direction::FromDevice);
    let handle = rig.handle(&DmaAttr::UNRESTRICTED);
    match handle.bind(buffer, Direction::FromDevice, BindFlags::empty(), Wait::Sleep) {
        Ok(_) => assert!(lends),
        Err(error) => {
            let refused = ddi_dma::BindErrorKind::Direction { direction: Direction::FromDevice };
            assert_eq!((lends, error.kind()), (false, refused));
        }
    }
}

#[test]
fn a_file_for_reading_goes_to_the_device_alone() {
    let rig = Rig::default();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&pattern(9000, 1)).unwrap();
    let buffer = || FileBuffer::new(&file, 100, 8000, FileAccess::ReadOnly).unwrap();
    let mut flight = start(&rig, buffer(), Direction::ToDevice, BindFlags::empty());
    assert!(device_reads(&rig, &mut flight).unwrap() == pattern(9000, 1)[100..8100]);
    drop(flight);
    let handle = rig.handle(&DmaAttr::UNRESTRICTED);
    assert!(handle.bind(buffer(), Direction::FromDevice, BindFlags::empty(), Wait::DontWait).is_err());
    rig.assert_nothing_is_left();
}

#[test]
fn scattered_objects() {
    let rig = Rig::default();
    let sizes = [1u64, 4096, 3, 8192, 4095, 1, 70_000, 512];
    for flags in [BindFlags::empty(), BindFlags::REDZONE, BindFlags::ISOLATE] {
        let parts: Vec<HostBuffer> = sizes
            .into_iter()
            .enumerate()
            .map(|(n, size)| {
                let mut part = HostBuffer::with_offset(size, 97 * n as u64).unwrap();
                part.write(0, &pattern(size, n as u64)).unwrap();
                part
            })
            .collect();
        let object = Gather::new(parts).unwrap();
        there_and_back(&rig, &ONE_COOKIE, object, flags);
        rig.assert_nothing_is_left();
    }
}

#[test]
fn private_memory_and_pieces_of_an_arena() {
    let rig = Rig::default();
    let arena = Arena::new(&rig.bus, 32 << 20, &ONE_COOKIE).unwrap();
    for size in SIZES {
        let handle = rig.handle::<PrivateMemory>(&ONE_COOKIE);
        let memory =
            handle.alloc_memory(size, MemoryUse::Streaming, AccessAttr::default(), Wait::DontWait).unwrap();
        memory.access().write(0, &pattern(size, size)).unwrap();
        there_and_back(&rig, &ONE_COOKIE, memory, BindFlags::empty());
        let mut piece = arena.take(size, 1).unwrap();
        piece.write(0, &pattern(size, size)).unwrap();
        there_and_back(&rig, &ONE_COOKIE, piece, BindFlags::empty());
    }
    drop(arena);
    rig.assert_nothing_is_left();
}

#[test]
fn engines_of_all_kinds_take_what_they_are_given() {
    let rig = Rig::default();
    let engines = [
        DmaAttr { addr_hi: 0xFF_FFFF, seg: 0xFFFF, count_max: 0xFFFF, sgllen: 1, ..DmaAttr::UNRESTRICTED },
        DmaAttr { addr_hi: 0x0FFF_FFFF, sgllen: 1, maxxfer: 4096, ..DmaAttr::UNRESTRICTED },
        DmaAttr { align: 0x1_0000, granular: 512, sgllen: 3, ..DmaAttr::UNRESTRICTED },
        DmaAttr { addr_lo: 0x4000_0000, addr_hi: 0x4FFF_FFFF, align: 4, minxfer: 4, ..DmaAttr::UNRESTRICTED },
    ];
    for attr in engines {
        for offset in [0, 0x203] {
            let mut buffer = HostBuffer::with_offset(0x4_2000, offset).unwrap();
            buffer.write(0, &pattern(0x4_2000, offset)).unwrap();
            there_and_back(&rig, &attr, buffer, BindFlags::empty());
        }
        rig.assert_nothing_is_left();
    }
}
