//! ISOLATE: a device that runs wild reaches no byte that is not the object's.

mod common;

use std::sync::Arc;

use common::{Case, machine, pattern, round_trip};
use ddi_dma::{
    AccessAttr, BindErrorKind, BindFlags, Bus, BusConfig, Direction, IsolateError, MemoryUse, Wait,
    plan::{CopyReason, Note},
};
use ddi_dma_sim::{
    Buffer, BufferSpec, DeviceBus, Fragmentation, Iommu, Machine, MachineConfig, NexusKind, PCI_DISK_ATTR,
    PCI64_DISK_ATTR, PageSize, SBUS_DISK_ATTR, SbusConfig,
};
use proptest::prelude::*;

/// What lies beside the object in its pages.
const BESIDE: u8 = 0xB5;

fn guarded(machine: &Machine, spec: &BufferSpec) -> Buffer {
    let mut buffer = machine.buffer(spec).expect("memory");
    let page = machine.memory().page_size();
    for address in buffer.pages() {
        machine.memory().poke(*address, &vec![BESIDE; page as usize]).expect("memory");
    }
    buffer.write(0, &pattern(spec.length, 1)).expect("inside");
    buffer
}

fn device_bus(machine: &Machine, kind: NexusKind) -> Arc<dyn DeviceBus> {
    match kind {
        NexusKind::Sbus => machine.sbus().clone(),
        _ => machine.pci().clone(),
    }
}

/// The bytes of the object's pages that are not the object's.
fn beside(machine: &Machine, buffer: &Buffer, spec: &BufferSpec) -> Vec<u8> {
    let page = machine.memory().page_size();
    let mut all = vec![0; buffer.pages().len() * page as usize];
    for (address, bytes) in buffer.pages().iter().zip(all.chunks_mut(page as usize)) {
        machine.memory().peek(*address, bytes).expect("memory");
    }
    let (from, to) = (spec.offset as usize, (spec.offset + spec.length) as usize);
    [&all[..from], &all[to..]].concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// The device writes to every page that it was given a byte of, from the page's first byte to its last.
    #[test]
    fn a_wild_device_reaches_the_object_alone(
        seed: u64, length in 1u64..40_000, offset in 0u64..4096, sbus: bool, partial: bool,
        scattered: bool, sparse: bool,
    ) {
        let fragmentation = if scattered { Fragmentation::Scattered } else { Fragmentation::Mixed };
        let (kind, attr) = if sbus {
            (NexusKind::Sbus, SBUS_DISK_ATTR)
        } else {
            (NexusKind::Pci, PCI_DISK_ATTR)
        };
        let attr = ddi_dma::DmaAttr { granular: 1, ..attr };
        let dvma = if sparse { 0xFF00_0000..=0xFF00_FFFF } else { 0xFF00_0000..=0xFFFF_FFFF };
        let machine = Machine::new(MachineConfig {
            seed,
            iommu: Iommu::On { space: dvma.clone() },
            sbus: SbusConfig { dvma, ..SbusConfig::default() },
            ..MachineConfig::default()
        }).expect("a sound machine");
        let spec = BufferSpec::new(length).offset(offset).fragmentation(fragmentation);
        let buffer = guarded(&machine, &spec);
        let bus = Bus::new(machine.nexus(kind), BusConfig::default());
        let handle = bus.device("wild").alloc_handle(&attr, Wait::DontWait).expect("a handle");
        let flags = if partial { BindFlags::ISOLATE | BindFlags::PARTIAL } else { BindFlags::ISOLATE };
        let binding = match handle.bind(buffer, Direction::FromDevice, flags, Wait::DontWait) {
            Ok(binding) => binding,
            // An object that no window holds: it is not what is tested here.
            Err(error) => {
                prop_assert!(sparse && !partial, "{}", error.kind());
                return Ok(());
            }
        };
        let device = device_bus(&machine, kind);
        let expected = pattern(length, 2);
        let mut flight = binding.start();
        while let Some(window) = flight.next_window().expect("a window") {
            let page = machine.memory().page_size();
            for cookie in window.cookies() {
                let (first, last) = (cookie.address / page, (cookie.address + cookie.size - 1) / page);
                for wild in first..=last {
                    let _ = device.write(wild * page, &vec![0xEE; page as usize]);
                }
            }
            let mut at = window.offset();
            for cookie in window.cookies() {
                let bytes = &expected[at as usize..(at + cookie.size) as usize];
                device.write(cookie.address, bytes).expect("what it was given");
                at += cookie.size;
            }
        }
        let (_handle, buffer) = flight.complete().unbind();
        prop_assert!(buffer.to_vec() == expected, "the object is what the device wrote last");
        let beside = beside(&machine, &buffer, &spec);
        prop_assert!(beside.iter().all(|byte| *byte == BESIDE), "not one byte outside the object");
    }
}

/// Without the flag the device reaches what lies beside the object: the test above can fail.
#[test]
fn without_the_flag_whole_pages_are_reached() {
    let machine = machine(5, PageSize::Kib4, Iommu::on());
    let spec = BufferSpec::new(100).offset(50);
    let buffer = guarded(&machine, &spec);
    let bus = Bus::new(machine.nexus(NexusKind::Pci), BusConfig::default());
    let handle = bus.device("wild").alloc_handle(&PCI64_DISK_ATTR, Wait::DontWait).expect("a handle");
    let binding =
        handle.bind(buffer, Direction::FromDevice, BindFlags::empty(), Wait::DontWait).expect("bound");
    let flight = binding.start();
    let address = flight.current_window().expect("a window").cookies()[0].address;
    machine.pci().write(address - 1, &[0xEE]).expect("it reaches the page");
    let (_handle, buffer) = flight.complete().unbind();
    assert_eq!(beside(&machine, &buffer, &spec)[49], 0xEE);
}

/// The copy run of an isolated object holds nothing of an earlier one.
#[test]
fn the_copy_run_tells_nothing_of_earlier_objects() {
    let machine = machine(6, PageSize::Kib4, Iommu::on());
    let bus = Bus::new(machine.nexus(NexusKind::Pci), BusConfig::default());
    let attr = ddi_dma::DmaAttr { granular: 1, ..PCI64_DISK_ATTR };
    let handle = bus.device("wild").alloc_handle(&attr, Wait::DontWait).expect("a handle");
    let secret = guarded(&machine, &BufferSpec::new(3000));
    let flight =
        handle.bind(secret, Direction::ToDevice, BindFlags::ISOLATE, Wait::DontWait).expect("bound").start();
    let (handle, _secret) = flight.complete().unbind();
    let other = guarded(&machine, &BufferSpec::new(10));
    let flight =
        handle.bind(other, Direction::ToDevice, BindFlags::ISOLATE, Wait::DontWait).expect("bound").start();
    let cookie = flight.current_window().expect("a window").cookies()[0];
    let mut seen = vec![0xFF; 4096];
    machine.pci().read(cookie.address / 4096 * 4096, &mut seen).expect("its page");
    let from = (cookie.address % 4096) as usize;
    assert_eq!(seen[from..from + 10], pattern(10, 1));
    seen[from..from + 10].fill(0);
    assert!(seen.iter().all(|byte| *byte == 0));
}

#[test]
fn isolation_is_explained_and_refused_where_it_cannot_be() {
    let machine = machine(7, PageSize::Kib4, Iommu::on());
    let pci = Bus::new(machine.nexus(NexusKind::Pci), BusConfig::default());
    let attr = ddi_dma::DmaAttr { granular: 1, ..PCI64_DISK_ATTR };
    let handle = pci.device("disk").alloc_handle(&attr, Wait::DontWait).expect("a handle");
    let buffer = machine.buffer(&BufferSpec::new(3 * 4096).offset(100)).expect("memory");
    let binding =
        handle.bind(buffer, Direction::ToDevice, BindFlags::ISOLATE, Wait::DontWait).expect("bound");
    let copied: Vec<(u64, u64)> = binding
        .explain()
        .notes
        .iter()
        .filter_map(|note| match note {
            Note::Copied { offset, length, reason: CopyReason::Isolated } => Some((*offset, *length)),
            _ => None,
        })
        .collect();
    assert_eq!(copied, [(0, 3996), (3996 + 2 * 4096, 100)]);
    let (_handle, buffer) = binding.unbind();

    let isa = Bus::new(machine.nexus(NexusKind::Isa), BusConfig::default());
    let handle = isa.device("disk").alloc_handle(&attr, Wait::DontWait).expect("a handle");
    let refused =
        handle.bind(buffer, Direction::ToDevice, BindFlags::ISOLATE, Wait::DontWait).expect_err("no IOMMU");
    assert_eq!(refused.kind(), BindErrorKind::Isolate(IsolateError::NoIommu));
    assert!(refused.kind().to_string().contains("without the flag"), "{}", refused.kind());

    // Private memory has its pages to itself.
    let handle = pci.device("disk").alloc_handle(&attr, Wait::DontWait).expect("a handle");
    let memory = handle
        .alloc_memory(100, MemoryUse::Consistent, AccessAttr::default(), Wait::DontWait)
        .expect("memory");
    assert!(handle.bind(memory, Direction::Both, BindFlags::ISOLATE, Wait::DontWait).is_ok());
}

#[test]
fn isolated_objects_reach_every_device_behind_an_iommu() {
    for device in ["pci-disk", "latch-disk", "pci64-disk", "sbus-disk"] {
        let machine = machine(8, PageSize::Kib8, Iommu::on());
        for (length, offset) in [(1, 0), (511, 8191), (8192, 0), (100_000, 77), (1 << 20, 4096)] {
            let spec = BufferSpec::new(length).offset(offset).fragmentation(Fragmentation::Scattered);
            let (config, flags) = (BusConfig::default(), BindFlags::ISOLATE | BindFlags::PARTIAL);
            round_trip(&machine, &Case { device, spec, config, flags, block: 3, seed: length });
        }
    }
}
