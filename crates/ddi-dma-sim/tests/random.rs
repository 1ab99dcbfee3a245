//! Transfers picked at random: devices, machines, objects and budgets.

mod common;

use common::{Case, round_trip};
use ddi_dma::{BindFlags, BusConfig};
use ddi_dma_sim::{
    BufferSpec, DEVICES, Fragmentation, Iommu, Machine, MachineConfig, PageSize, Physical, Placement,
    SbusConfig, StreamingCache,
};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn bytes_arrive_and_nothing_else_changes(
        seed: u64,
        device in 0..DEVICES.len(),
        page_size in prop_oneof![Just(PageSize::Kib4), Just(PageSize::Kib8)],
        iommu in prop_oneof![Just(Iommu::Off), Just(Iommu::on()), Just(Iommu::On { space: 0x1000..=0x20_0000 })],
        length in prop_oneof![1u64..2000, 1u64..300_000, (1u64..400).prop_map(|n| n * 512)],
        offset in prop_oneof![Just(0), 0u64..4096, (0u64..8).prop_map(|n| n * 512)],
        fragmentation in prop_oneof![
            Just(Fragmentation::Contiguous), Just(Fragmentation::Scattered), Just(Fragmentation::Mixed)
        ],
        placement in prop_oneof![
            Just(Placement::ANYWHERE), Just(Placement::BELOW_16M), Just(Placement::ABOVE_16M),
            Just(Placement::BELOW_4G), Just(Placement::ABOVE_4G)
        ],
        dvma_pages in prop_oneof![Just(2040u64), 0u64..20],
        cache in prop_oneof![Just(StreamingCache::Off), Just(StreamingCache::On)],
        physical in prop_oneof![Just(Physical::Refused), Just(Physical::Honoured)],
        copy_pages in 1u64..20,
        block in 1u64..1000,
    ) {
        // Eight pages at least, so that there is room for a window and what of it is copied.
        let sbus = SbusConfig { dvma: 0xFF00_0000..=0xFF00_FFFF + dvma_pages * 8192, cache, physical, ..SbusConfig::default() };
        let config = MachineConfig { seed, page_size, iommu, sbus, ..MachineConfig::default() };
        let machine = Machine::new(config).expect("a sound machine");
        let spec = BufferSpec { length, offset, fragmentation, placement };
        let config = BusConfig { copy_buffer_limit: copy_pages * page_size.bytes(), ..BusConfig::default() };
        let device = DEVICES[device].name;
        round_trip(&machine, &Case { device, spec, config, flags: BindFlags::PARTIAL, block, seed });
    }
}
