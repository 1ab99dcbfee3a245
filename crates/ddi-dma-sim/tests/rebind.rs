//! A handle that binds many objects, some of them again and again, gives what a fresh handle gives.

use ddi_dma::{
    AccessAttr, BindFlags, Bus, BusConfig, Cookie, Direction, DmaAttr, DmaHandle, DmaObject, MemoryPart,
    MemoryUse, PrivateMemory, Wait,
};
use ddi_dma_sim::{ISA_SG_DISK_ATTR, Iommu, Machine, MachineConfig, NexusKind, PCI_DISK_ATTR};
use proptest::prelude::*;

/// The cookies of an object, window after window; without addresses where something is copied, since those are the copy
/// run's.
fn cookies<O: DmaObject>(handle: DmaHandle<O>, object: O) -> (DmaHandle<O>, Vec<Cookie>) {
    let bound = handle.bind(object, Direction::Both, BindFlags::PARTIAL, Wait::DontWait);
    let mut flight = bound.expect("there is enough of everything").start();
    let mut cookies = Vec::new();
    while let Some(window) = flight.next_window().expect("it stays mapped") {
        let seen = |cookie: &Cookie| Cookie {
            address: if window.copied_bytes() > 0 { 0 } else { cookie.address },
            size: cookie.size,
        };
        cookies.extend(window.cookies().iter().map(seen));
    }
    (flight.complete().unbind().0, cookies)
}

/// Parts of private memory, bound by one handle in this order, and each by a handle of its own.
fn compare(kind: NexusKind, iommu: Iommu, attr: &DmaAttr, parts: &[(u64, u64)]) {
    let machine = Machine::new(MachineConfig { iommu, ..MachineConfig::default() }).expect("a machine");
    let device = Bus::new(machine.nexus(kind), BusConfig::default()).device("disk");
    let alloc = || device.alloc_handle::<MemoryPart>(attr, Wait::DontWait).expect("the attributes are good");
    let memory: PrivateMemory = alloc()
        .alloc_memory(0x8000, MemoryUse::Streaming, AccessAttr::default(), Wait::DontWait)
        .expect("there is memory");
    let mut handle = alloc();
    for &(offset, length) in parts {
        let part = |length| memory.part(offset, length).expect("it is inside");
        let (again, found) = cookies(handle, part(length));
        assert_eq!(found, cookies(alloc(), part(length)).1, "{length} bytes at {offset:#x}");
        handle = again;
    }
}

proptest! {
    #[test]
    fn what_was_bound_before_changes_nothing(
        // Few places and sizes, so that some come again at once, and some start or end alike.
        parts in prop::collection::vec((0u64..4, 1u64..4), 1..40),
        unit in prop::sample::select(vec![1u64, 512, 0x1000]),
        align in prop::sample::select(vec![1u64, 64]),
    ) {
        let parts: Vec<_> = parts.iter().map(|(at, size)| (at * unit, size * unit)).collect();
        for (kind, iommu, attr) in [
            (NexusKind::Isa, Iommu::Off, ISA_SG_DISK_ATTR),
            (NexusKind::Pci, Iommu::Off, PCI_DISK_ATTR),
            (NexusKind::Pci, Iommu::on(), PCI_DISK_ATTR),
            (NexusKind::Sbus, Iommu::Off, PCI_DISK_ATTR),
        ] {
            // An engine that wants alignment has some of them copied.
            compare(kind, iommu, &DmaAttr { align, ..attr }, &parts);
        }
    }
}
