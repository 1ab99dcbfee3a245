//! Where objects lie for devices, what devices may do there, and when no longer.

use ddi_dma::{AccessAttr, AllocError, MemoryUse, PrivateMemory};

use super::*;
use crate::iommu::Access;
use crate::iommu::fake::{Calls, PAGE};
use crate::memory::pages::HUGE;
use crate::{Gather, HostBuffer};

/// Parts that never lie side by side: a page lies between each two of them.
fn scattered(sizes: &[u64]) -> Gather<HostBuffer> {
    let parts = sizes.iter().map(|size| (HostBuffer::new(*size).unwrap(), HostBuffer::new(1).unwrap()));
    let (parts, _between): (Vec<_>, Vec<_>) = parts.unzip();
    Gather::new(parts).unwrap()
}

#[test]
fn a_scattered_object_is_one_cookie() {
    let rig = Rig::default();
    let object = scattered(&[PAGE, 3 * PAGE, PAGE, 100]);
    let mut flight = rig
        .handle(&ONE_COOKIE)
        .bind(object, Direction::ToDevice, BindFlags::ONE_LIST, Wait::DontWait)
        .unwrap()
        .start();
    flight.next_window().unwrap();
    assert_eq!(cookies(&flight).len(), 1);
    assert_eq!(rig.nexus.usage().mapped_bytes, 6 * PAGE);
    drop(flight);
    rig.assert_nothing_is_left();
}

#[test]
fn neighbours_take_one_map_and_one_unmap_takes_all_away() {
    let rig = Rig::default();
    let flight =
        start(&rig, HostBuffer::with_offset(0x10_0000, 5).unwrap(), Direction::Both, BindFlags::empty());
    assert_eq!(rig.iommu.calls(), Calls { maps: 1, unmaps: 0, infos: 1 });
    assert_eq!(rig.nexus.usage().maps, 1);
    drop(flight);
    let flight = start(&rig, scattered(&[PAGE; 7]), Direction::Both, BindFlags::empty());
    let maps = rig.nexus.usage().maps;
    assert_eq!(rig.iommu.maps().len() as u64, maps);
    assert_eq!(rig.iommu.calls(), Calls { maps: 1 + maps, unmaps: 1, infos: 1 });
    flight.complete().unbind();
    assert_eq!(rig.iommu.calls().unmaps, 2);
    rig.assert_nothing_is_left();
}

#[test]
fn devices_do_what_the_direction_says_and_no_more() {
    let rig = Rig::default();
    for (direction, reads, writes) in [
        (Direction::ToDevice, true, false),
        (Direction::FromDevice, false, true),
        (Direction::Both, true, true),
    ] {
        let mut buffer = HostBuffer::new(100).unwrap();
        buffer.write(0, &[7; 100]).unwrap();
        let mut flight = start(&rig, buffer, direction, BindFlags::empty());
        flight.next_window().unwrap();
        let at = cookies(&flight)[0].address;
        let refused = Err(Fault::Forbidden(at));
        assert_eq!(rig.iommu.device_read(at, &mut [0; 100]), if reads { Ok(()) } else { refused });
        assert_eq!(rig.iommu.device_write(at, &[9; 100]), if writes { Ok(()) } else { refused });
        let (_, buffer) = flight.complete().unbind();
        assert_eq!(buffer.to_vec(), [if writes { 9 } else { 7 }; 100]);
    }
}

#[test]
fn nothing_is_reached_after_an_unbind_or_the_drop_of_a_transfer() {
    let rig = Rig::default();
    let object = || HostBuffer::new(3 * PAGE).unwrap();
    let mut flight = start(&rig, object(), Direction::Both, BindFlags::empty());
    flight.next_window().unwrap();
    let at = cookies(&flight)[0].address;
    assert_eq!(rig.iommu.device_write(at, &[1]), Ok(()));
    let (_, buffer) = flight.complete().unbind();
    assert_eq!(rig.iommu.device_write(at, &[2]), Err(Fault::Unmapped(at)));
    assert_eq!(buffer.to_vec()[0], 1);

    let mut flight = start(&rig, object(), Direction::Both, BindFlags::empty());
    flight.next_window().unwrap();
    let at = cookies(&flight)[0].address;
    drop(flight);
    assert_eq!(rig.iommu.device_write(at, &[2]), Err(Fault::Unmapped(at)));
    assert_eq!(rig.device.quarantined_bytes(), 0);
    rig.assert_nothing_is_left();
}

#[test]
fn private_memory_is_taken_away_with_a_transfer_that_is_dropped() {
    let rig = Rig::default();
    let handle = rig.handle::<PrivateMemory>(&DmaAttr::UNRESTRICTED);
    let memory =
        handle.alloc_memory(100, MemoryUse::Consistent, AccessAttr::default(), Wait::DontWait).unwrap();
    let mut flight =
        handle.bind(memory, Direction::Both, BindFlags::CONSISTENT, Wait::DontWait).unwrap().start();
    flight.next_window().unwrap();
    let at = cookies(&flight)[0].address;
    assert_eq!(rig.iommu.device_write(at, &[1]), Ok(()));
    drop(flight);
    assert_eq!(rig.iommu.device_write(at, &[1]), Err(Fault::Unmapped(at)));
    rig.assert_nothing_is_left();
}

#[test]
fn the_page_behind_a_redzone_is_never_mapped() {
    let ranges = vec![0..=0x1_0000 - 1];
    let rig = Rig::new(Limits { ranges, ..Limits::default() });
    let mut guarded = Vec::new();
    for size in [1, 2 * PAGE] {
        let mut flight = start(&rig, HostBuffer::new(size).unwrap(), Direction::Both, BindFlags::REDZONE);
        flight.next_window().unwrap();
        let cookie = cookies(&flight)[0];
        guarded.push((flight, (cookie.address + cookie.size).next_multiple_of(PAGE)));
    }
    // All other pages are taken.
    let handle = || rig.handle::<HostBuffer>(&DmaAttr::UNRESTRICTED);
    let mut others = Vec::new();
    while let Ok(binding) =
        handle().bind(HostBuffer::new(1).unwrap(), Direction::Both, BindFlags::empty(), Wait::DontWait)
    {
        others.push(binding);
    }
    assert_eq!(others.len(), 15 - 2 - 3);
    for (_, behind) in &guarded {
        assert_eq!(rig.iommu.device_read(*behind, &mut [0]), Err(Fault::Unmapped(*behind)));
        assert_eq!(rig.iommu.device_write(*behind, &[0]), Err(Fault::Unmapped(*behind)));
    }
    assert_eq!(rig.nexus.usage().iova_bytes, 15 * PAGE);
    drop((guarded, others));
    rig.assert_nothing_is_left();
}

#[test]
fn addresses_keep_reach_alignment_and_boundaries() {
    let rig = Rig::default();
    let engines = [
        DmaAttr { addr_hi: 0x0FFF_FFFF, align: 0x10_0000, ..DmaAttr::UNRESTRICTED },
        DmaAttr { addr_lo: 0x2345_6789, addr_hi: 0x2FFF_FFFF, seg: 0xF_FFFF, ..DmaAttr::UNRESTRICTED },
        DmaAttr { addr_hi: 0xFFFF_FFFF, align: 0x1000_0000, ..DmaAttr::UNRESTRICTED },
    ];
    let mut flights = Vec::new();
    for attr in engines.iter().cycle().take(12) {
        let object = HostBuffer::new(0xC_0000).unwrap();
        let binding = rig.handle(attr).bind(object, Direction::Both, BindFlags::ONE_LIST, Wait::DontWait);
        let mut flight = binding.unwrap().start();
        flight.next_window().unwrap();
        let all = cookies(&flight);
        assert_eq!(all.len(), 1, "{attr:?}");
        let Cookie { address, size } = all[0];
        assert!(address.is_multiple_of(attr.align) && address > 0);
        assert!(attr.addr_lo <= address && address + size - 1 <= attr.addr_hi);
        assert_eq!(address & !attr.seg, (address + size - 1) & !attr.seg);
        flights.push(flight);
    }
    drop(flights);
    rig.assert_nothing_is_left();
}

#[test]
fn an_object_crosses_a_boundary_where_it_must() {
    let rig = Rig::new(Limits { ranges: vec![0x8000..=0x1_7FFF], ..Limits::default() });
    let attr = DmaAttr { seg: 0xFFFF, ..DmaAttr::UNRESTRICTED };
    let object = HostBuffer::new(0xC000).unwrap();
    let binding = rig.handle(&attr).bind(object, Direction::Both, BindFlags::empty(), Wait::DontWait);
    let mut flight = binding.unwrap().start();
    flight.next_window().unwrap();
    let sizes: Vec<u64> = cookies(&flight).iter().map(|cookie| cookie.size).collect();
    assert_eq!(sizes, [0x4000, 0x8000]);
}

#[test]
fn huge_pages_lie_at_multiples_of_their_size() {
    let rig = Rig::default();
    let odd = start(&rig, HostBuffer::new(1).unwrap(), Direction::Both, BindFlags::empty());
    let huge = start(&rig, HostBuffer::huge(2 * HUGE).unwrap(), Direction::FromDevice, BindFlags::empty());
    let maps = rig.iommu.maps();
    let (iova, map) = maps.iter().find(|(_, map)| map.size >= HUGE).unwrap();
    assert_eq!((iova % HUGE, map.address % HUGE, map.access), (0, 0, Access::Write));
    drop((odd, huge));
}

#[test]
fn high_addresses_are_taken_only_where_they_must_be() {
    let ranges = vec![0..=0xFEDF_FFFF, 0x100_0000_0000..=u64::MAX];
    let rig = Rig::new(Limits { ranges, ..Limits::default() });
    let mut flight = start(&rig, HostBuffer::new(1).unwrap(), Direction::Both, BindFlags::empty());
    flight.next_window().unwrap();
    assert_eq!(cookies(&flight)[0].address, 0xFEE0_0000 - PAGE);
    let attr = DmaAttr { addr_lo: 1 << 39, ..DmaAttr::UNRESTRICTED };
    let high = rig.handle(&attr).bind(
        HostBuffer::new(1).unwrap(),
        Direction::Both,
        BindFlags::empty(),
        Wait::DontWait,
    );
    let mut high = high.unwrap().start();
    high.next_window().unwrap();
    assert_eq!(cookies(&high)[0].address, (1 << 63) - PAGE);
    drop((flight, high));
    rig.assert_nothing_is_left();
}

#[test]
fn an_engine_that_reaches_nothing_of_it_gets_no_handle() {
    let ranges = vec![0x8000_0000..=0xFFFF_FFFF];
    let rig = Rig::new(Limits { ranges, ..Limits::default() });
    let attr = DmaAttr { addr_hi: 0x0FFF_FFFF, ..DmaAttr::UNRESTRICTED };
    let refused = rig.device.alloc_handle::<HostBuffer>(&attr, Wait::DontWait);
    assert!(matches!(refused, Err(AllocError::BadAttr(_))));
}

#[test]
fn the_copy_buffer_is_mapped_once_and_kept() {
    let rig = Rig::default();
    // An engine that needs every byte at a multiple of 64 KiB: all is copied.
    let attr = DmaAttr { align: 0x1_0000, ..DmaAttr::UNRESTRICTED };
    let mut handle = rig.handle(&attr);
    let mut object = HostBuffer::with_offset(5000, 8).unwrap();
    let mut counts = Vec::new();
    for _ in 0..3 {
        let binding = handle.bind(object, Direction::ToDevice, BindFlags::ISOLATE, Wait::DontWait).unwrap();
        (handle, object) = binding.unbind();
        counts.push(rig.iommu.calls().maps);
    }
    assert_eq!(counts, [1, 1, 1]);
    drop(handle);
    rig.assert_nothing_is_left();
}
