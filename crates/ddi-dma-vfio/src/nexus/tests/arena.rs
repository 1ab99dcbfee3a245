//! Arenas and private memory: mapped once, bound without a call.

use ddi_dma::{AccessAttr, BindErrorKind, MemoryUse, PrivateMemory, Resource};

use super::allocations::count;
use super::*;
use crate::iommu::fake::PAGE;
use crate::{Arena, ArenaBuffer, ArenaError, FileAccess, FileBuffer, Gather, HostBuffer, VecBuffer};

/// Binds and unbinds an object a thousand times; but for the first time no call to the kernel and no allocation happens.
fn steady<O: DmaObject>(rig: &Rig, handle: DmaHandle<O>, object: O) {
    let mut values = Some((handle, object));
    let mut turn = || {
        let (handle, object) = values.take().unwrap();
        let binding = handle.bind(object, Direction::Both, BindFlags::empty(), Wait::DontWait).unwrap();
        let mut flight = binding.start();
        flight.next_window().unwrap();
        values = Some(flight.complete().unbind());
    };
    turn();
    let calls = rig.iommu.calls();
    let allocations = count(|| (0..1000).for_each(|_| turn()));
    assert_eq!((allocations, rig.iommu.calls()), (0, calls));
}

#[test]
fn private_memory_binds_without_a_call_and_without_an_allocation() {
    let rig = Rig::default();
    let handle = rig.handle::<PrivateMemory>(&DmaAttr::UNRESTRICTED);
    let memory =
        handle.alloc_memory(8192, MemoryUse::Streaming, AccessAttr::default(), Wait::DontWait).unwrap();
    steady(&rig, handle, memory);
    rig.assert_nothing_is_left();
}

#[test]
fn pieces_of_an_arena_bind_without_a_call_and_without_an_allocation() {
    let rig = Rig::default();
    let arena = Arena::new(&rig.bus, 0x4_0000, &DmaAttr::UNRESTRICTED).unwrap();
    steady(&rig, rig.handle::<ArenaBuffer>(&DmaAttr::UNRESTRICTED), arena.take(5000, 512).unwrap());
    let others: Vec<_> = (0..20).map(|n| arena.take(n * 100, 64).unwrap()).collect();
    let calls = rig.iommu.calls();
    let allocations = count(|| {
        for n in 0..1000 {
            drop(arena.take(64 + n, 1 << (n % 12)).unwrap());
        }
    });
    assert_eq!((allocations, rig.iommu.calls()), (0, calls));
    drop((others, arena));
    rig.assert_nothing_is_left();
}

#[test]
fn an_arena_is_mapped_as_long_as_one_of_its_pieces_is_there() {
    let rig = Rig::default();
    let arena = Arena::new(&rig.bus, 0x4000, &DmaAttr::UNRESTRICTED).unwrap();
    let mut first = arena.take(100, 1).unwrap();
    let second = arena.clone().take(100, 1).unwrap();
    drop(arena);
    first.write(0, b"there").unwrap();
    drop(second);
    assert_eq!((first.to_vec()[..5].to_vec(), rig.nexus.usage().maps), (b"there".to_vec(), 1));
    drop(first);
    rig.assert_nothing_is_left();
}

#[test]
fn a_piece_whose_transfer_is_dropped_comes_back_after_a_reset() {
    let rig = Rig::default();
    let arena = Arena::new(&rig.bus, 0x1000, &DmaAttr::UNRESTRICTED).unwrap();
    drop(start(&rig, arena.take(0x800, 1).unwrap(), Direction::FromDevice, BindFlags::empty()));
    assert_eq!((rig.device.quarantined_bytes(), arena.free()), (0x800, 0x800));
    // SAFETY: the device of the model does nothing by itself.
    assert_eq!(unsafe { rig.device.release_quarantine() }, 0x800);
    assert_eq!(arena.free(), 0x1000);
    drop(arena);
    rig.assert_nothing_is_left();
}

#[test]
fn pieces_come_back_and_are_aligned_for_the_device() {
    let rig = Rig::default();
    let arena = Arena::new(&rig.bus, 0x1_0000, &ONE_COOKIE).unwrap();
    assert_eq!(arena.free(), 0x1_0000);
    for align in [0, 1, 64, 512, 4096, 3000] {
        let piece = arena.take(100, align).unwrap();
        let Cookie { address, .. } = {
            let mut flight = rig
                .handle(&ONE_COOKIE)
                .bind(piece, Direction::Both, BindFlags::ONE_LIST, Wait::DontWait)
                .unwrap()
                .start();
            flight.next_window().unwrap();
            let all = cookies(&flight);
            flight.complete().unbind();
            all[0]
        };
        assert!(address.is_multiple_of(align.next_power_of_two()));
    }
    assert_eq!(arena.free(), 0x1_0000);
    let shortage = arena.take(0x1_0001, 1).unwrap_err();
    assert_eq!((shortage.resource, shortage.free, shortage.largest), (Resource::Memory, 0x1_0000, 0x1_0000));
    assert!(arena.take(u64::MAX, u64::MAX).is_err());
    let all = arena.take(0x1_0000, 1).unwrap();
    assert!(arena.take(1, 1).is_err());
    drop(all);
    arena.take(1, 1).unwrap();
}

#[test]
fn an_arena_of_a_callers_memory() {
    let rig = Rig::default();
    let vector = VecBuffer::new(vec![1; 10_000]);
    let file = FileBuffer::new(&memory_file(&[2; 10_000]), 77, 9000, FileAccess::ReadWrite).unwrap();
    let pages = || HostBuffer::new(2 * PAGE).unwrap();
    let list = Gather::new(vec![pages(), pages(), pages()]).unwrap();
    let arenas = [
        Arena::with_memory(&rig.bus, vector, &ONE_COOKIE).unwrap(),
        Arena::with_memory(&rig.bus, file, &ONE_COOKIE).unwrap(),
        Arena::with_memory(&rig.bus, list, &ONE_COOKIE).unwrap(),
    ];
    for arena in &arenas {
        let mut piece = arena.take(8000, 1).unwrap();
        piece.write(0, &pattern(8000, 9)).unwrap();
        let mut flight = start(&rig, piece, Direction::Both, BindFlags::empty());
        assert!(device_reads(&rig, &mut flight).unwrap() == pattern(8000, 9));
        let (_, piece) = flight.complete().unbind();
        let mut flight = start(&rig, piece, Direction::Both, BindFlags::empty());
        device_writes(&rig, &mut flight, &pattern(8000, 10)).unwrap();
        assert!(flight.complete().unbind().1.to_vec() == pattern(8000, 10));
    }
    drop(arenas);
    rig.assert_nothing_is_left();
}

#[test]
fn memory_that_makes_no_arena_is_refused() {
    let rig = Rig::default();
    let unfit = |memory| Arena::with_memory(&rig.bus, memory, &ONE_COOKIE);
    let parts = [1, 5].map(|offset| HostBuffer::with_offset(100, offset).unwrap());
    assert!(matches!(unfit(Gather::new(parts.into()).unwrap()), Err(ArenaError::Unfit)));
    let empty = Arena::with_memory(&rig.bus, VecBuffer::new(Vec::new()), &ONE_COOKIE);
    assert!(matches!(empty, Err(ArenaError::Unfit)));
    let file = FileBuffer::new(&memory_file(&[2; 100]), 0, 100, FileAccess::ReadOnly).unwrap();
    assert!(matches!(Arena::with_memory(&rig.bus, file, &ONE_COOKIE), Err(ArenaError::Unfit)));
    let piece = Arena::new(&rig.bus, 100, &ONE_COOKIE).unwrap().take(10, 1).unwrap();
    assert!(matches!(Arena::with_memory(&rig.bus, piece, &ONE_COOKIE), Err(ArenaError::Unfit)));
    assert!(matches!(Arena::new(&rig.bus, 0, &ONE_COOKIE), Err(ArenaError::Memory(_))));
    rig.assert_nothing_is_left();
}

#[test]
fn a_piece_binds_on_its_own_bus_alone() {
    let (rig, other) = (Rig::default(), Rig::default());
    let piece = Arena::new(&rig.bus, 100, &ONE_COOKIE).unwrap().take(10, 1).unwrap();
    let refused = other.handle(&ONE_COOKIE).bind(piece, Direction::Both, BindFlags::empty(), Wait::DontWait);
    assert_eq!(refused.unwrap_err().kind(), BindErrorKind::ForeignMemory);
}
