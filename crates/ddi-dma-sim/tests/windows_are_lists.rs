//! Each window is one list where a driver asks for that, on every nexus, and every byte arrives.

mod common;

use common::{Case, machine, round_trip};
use ddi_dma::{BindFlags, BusConfig};
use ddi_dma_sim::{
    BufferSpec, DEVICES, Fragmentation, Iommu, Machine, MachineConfig, PageSize, Report, SbusConfig,
};

const ONE: BindFlags = BindFlags::PARTIAL.union(BindFlags::ONE_LIST);

fn moved(machine: &Machine, device: &str, spec: BufferSpec, config: BusConfig, flags: BindFlags) -> Report {
    let (written, read) = round_trip(machine, &Case { device, spec, config, flags, block: 5, seed: 9 });
    if flags == ONE {
        assert_eq!((written.windows, read.windows), (written.lists, read.lists), "{device}");
    }
    written
}

/// The windows are the lists that there would be without: nothing slides.
#[test]
fn lists_are_windows_of_every_device() {
    for (page_size, iommu) in [(PageSize::Kib4, Iommu::Off), (PageSize::Kib8, Iommu::on())] {
        for device in &DEVICES {
            for (length, fragmentation) in [
                (1, Fragmentation::Scattered),
                (300_001, Fragmentation::Scattered),
                (1 << 20, Fragmentation::Mixed),
            ] {
                let spec = BufferSpec::new(length).fragmentation(fragmentation).offset(77);
                // The same machine twice: the buffers lie at the same places.
                let report = |flags| {
                    let machine = machine(21, page_size, iommu.clone());
                    moved(&machine, device.name, spec, BusConfig::default(), flags)
                };
                let (many, one) = (report(BindFlags::PARTIAL), report(ONE));
                assert_eq!(one.windows, one.lists, "{}", device.name);
                assert_eq!(
                    (one.lists, one.cookies, one.copied),
                    (many.lists, many.cookies, many.copied),
                    "{}",
                    device.name
                );
            }
        }
    }
}

#[test]
fn a_narrow_dvma_window_slides_list_by_list() {
    const PAGE: u64 = 8192;
    let dvma = 0xFF00_0000..=0xFF00_FFFF;
    let sbus = SbusConfig { dvma, ..SbusConfig::default() };
    let machine = Machine::new(MachineConfig { seed: 22, sbus, ..MachineConfig::sparc() }).expect("sound");
    for (length, offset, pages) in
        [(40 * PAGE, 0, 8), (40 * PAGE + 1, 0, 8), (333_333, 77, 7), (PAGE, 8191, 8)]
    {
        let spec = BufferSpec::new(length).offset(offset);
        let report = moved(&machine, "sbus-disk", spec, BusConfig::default(), ONE);
        let windows = length.div_ceil(pages * PAGE) as usize;
        assert_eq!((report.windows, report.lists, report.cookies), (windows, windows, windows), "{length}");
        assert_eq!(report.copied, 0, "{length}");
    }
    // With less to copy into, windows are smaller, so that each could be copied.
    let config = BusConfig { copy_buffer_limit: 2 * PAGE, ..BusConfig::default() };
    let report = moved(&machine, "sbus-disk", BufferSpec::new(40 * PAGE), config, ONE);
    assert_eq!((report.windows, report.lists, report.copied), (20, 20, 0));
}

#[test]
fn an_iommu_with_little_map_space_slides_list_by_list() {
    let iommu = Iommu::On { space: 0x10_0000..=0x11_FFFF };
    let machine = machine(23, PageSize::Kib4, iommu);
    for device in ["pci-disk", "latch-disk", "pci64-disk"] {
        for (length, offset, windows) in [(1 << 20, 0, 8), ((1 << 20) + 1, 0, 9), (500_000, 100, 4)] {
            let spec = BufferSpec::new(length).offset(offset);
            let report = moved(&machine, device, spec, BusConfig::default(), ONE);
            assert_eq!((report.windows, report.lists, report.copied), (windows, windows, 0), "{device}");
        }
    }
}
