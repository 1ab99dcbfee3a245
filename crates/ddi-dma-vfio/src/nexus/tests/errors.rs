//! What the kernel refuses, objects that are nothing, and an IOMMU that goes away: nothing is left behind.

use ddi_dma::{AccessAttr, Extent, MapRequest, MemoryUse, Nexus, PrivateMemory, Redzone, Resource, View};

use super::*;
use crate::iommu::IommuError;
use crate::iommu::fake::PAGE;
use crate::{Arena, ArenaError, HostBuffer, NexusError};

/// An object that takes five maps: pages in an order in which none follows another.
struct Shuffled {
    _pages: HostBuffer,
    extents: Vec<Extent>,
}

impl Shuffled {
    fn new() -> Shuffled {
        let pages = HostBuffer::new(10 * PAGE).unwrap();
        let start = pages.view().extents().next().unwrap().address;
        let extents = (0..5).map(|n| Extent { address: start + (8 - 2 * n) * PAGE, size: PAGE }).collect();
        Shuffled { _pages: pages, extents }
    }
}

// SAFETY: the pages are kept; their bytes are not copied here.
unsafe impl DmaObject for Shuffled {
    fn view(&self) -> View<'_> {
        View::Extents(&self.extents)
    }

    unsafe fn copy_out(&self, _: u64, _: *mut u8, _: u64) {
        unreachable!("nothing is copied")
    }

    unsafe fn copy_in(&self, _: u64, _: *const u8, _: u64) {
        unreachable!("nothing is copied")
    }
}

fn refused(rig: &Rig) -> Resource {
    let handle = rig.handle(&DmaAttr::UNRESTRICTED);
    match handle.bind(Shuffled::new(), Direction::Both, BindFlags::empty(), Wait::DontWait) {
        Err(error) => match error.kind().shortage() {
            Some(shortage) => shortage.resource,
            None => panic!("{error}"),
        },
        Ok(_) => panic!("it was bound"),
    }
}

#[test]
fn a_refusal_half_way_leaves_nothing() {
    let errors = [
        (IommuError::Maps, Resource::IommuMaps),
        (IommuError::Memory, Resource::Memory),
        (IommuError::Fault, Resource::Memory),
        (IommuError::Other(5), Resource::Memory),
    ];
    for (error, resource) in errors {
        for after in 0..5 {
            let rig = Rig::default();
            rig.iommu.refuse(after, error);
            assert_eq!(refused(&rig), resource, "{error} after {after}");
            rig.assert_nothing_is_left();
            assert_eq!(rig.iommu.calls().unmaps, u64::from(after > 0));
            drop(start(&rig, Shuffled::new(), Direction::Both, BindFlags::empty()));
            rig.assert_nothing_is_left();
        }
    }
}

#[test]
fn allocations_that_are_refused_leave_nothing() {
    let rig = Rig::default();
    let handle = rig.handle::<PrivateMemory>(&DmaAttr::UNRESTRICTED);
    for error in [IommuError::Maps, IommuError::Memory, IommuError::Fault] {
        rig.iommu.refuse(0, error);
        handle.alloc_memory(1, MemoryUse::Consistent, AccessAttr::default(), Wait::DontWait).unwrap_err();
        rig.iommu.refuse(0, error);
        assert!(matches!(Arena::new(&rig.bus, 1, &ONE_COOKIE), Err(ArenaError::NoResources(_))));
        rig.assert_nothing_is_left();
    }
}

#[test]
fn addresses_that_somebody_else_has_are_left_to_it() {
    let rig = Rig::new(Limits { ranges: vec![0..=0xFFFF], ..Limits::default() });
    rig.iommu.refuse(2, IommuError::Exists);
    let mut flight = start(&rig, Shuffled::new(), Direction::Both, BindFlags::empty());
    flight.next_window().unwrap();
    assert_eq!(cookies(&flight)[0].address, 0x1_0000 - 10 * PAGE);
    drop(flight);
    rig.assert_nothing_is_left();
    let mut flight = start(&rig, Shuffled::new(), Direction::Both, BindFlags::empty());
    flight.next_window().unwrap();
    assert_eq!(cookies(&flight)[0].address, 0x1_0000 - 10 * PAGE);
}

#[test]
fn addresses_that_are_no_longer_allowed_are_not_tried_again() {
    let rig = Rig::new(Limits { ranges: vec![0..=0xFFFF], ..Limits::default() });
    // As another device joins the container.
    rig.iommu.limit(|limits| limits.ranges = vec![0..=0x7FFF]);
    let mut flight = start(&rig, Shuffled::new(), Direction::Both, BindFlags::empty());
    flight.next_window().unwrap();
    assert_eq!(cookies(&flight)[0].address, 0x8000 - 5 * PAGE);
    assert_eq!(rig.iommu.calls().infos, 2);
    drop(flight);
    rig.assert_nothing_is_left();
    rig.iommu.limit(|limits| limits.ranges = vec![]);
    rig.nexus.refresh().unwrap();
    assert_eq!(refused(&rig), Resource::MapSpace);
}

#[test]
fn an_iommu_that_is_gone_with_its_maps_is_no_accident() {
    let rig = Rig::default();
    let flight = start(&rig, Shuffled::new(), Direction::Both, BindFlags::empty());
    let arena = Arena::new(&rig.bus, 100, &ONE_COOKIE).unwrap();
    rig.iommu.vanish();
    drop((flight, arena));
    assert_eq!(refused(&rig), Resource::MapSpace);
    rig.assert_nothing_is_left();
    assert!(rig.nexus.refresh().is_err());
    assert!(matches!(VfioNexus::new(rig.iommu.clone()), Err(NexusError::Info(_))));
}

#[test]
fn addresses_that_no_process_has_are_refused() {
    let rig = Rig::default();
    let wrong = [(u64::MAX - 5, 3), (u64::MAX, 10), (0x1000, u64::MAX), (0, 0)];
    for (address, size) in wrong {
        let extents = [Extent { address, size }, Extent { address, size }];
        let request = MapRequest {
            view: View::Extents(&extents),
            attr: &DmaAttr::UNRESTRICTED,
            direction: Direction::Both,
            redzone: Redzone::Yes,
        };
        assert_eq!(rig.nexus.map(&request, &mut Vec::new()).unwrap_err().resource, Resource::Memory);
    }
    rig.assert_nothing_is_left();
}

#[test]
fn an_iommu_without_addresses_makes_no_nexus() {
    let ranges = vec![0..=0xFFF, 0x8000..=0x8FFE];
    let none = VfioNexus::new(FakeIommu::new(Limits { ranges, ..Limits::default() }));
    assert!(matches!(none, Err(NexusError::NoAddresses)));
}
