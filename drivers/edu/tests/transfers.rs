//! Objects of all sizes to the device and back, with an IOMMU and without, through windows.

mod common;

use common::{COMPLETIONS, Rig, completing, pattern};
use ddi_dma::{AccessAttr, BindFlags, BusConfig, DmaHandle, MemoryUse, PrivateMemory, Wait};
use ddi_dma_sim::{BufferSpec, Fragmentation, Iommu, Placement};
use edu::{ATTR, BUFFER, Config};

const PAGE: u64 = 4096;

#[test]
fn the_attributes_are_sound_and_no_list_is_the_whole_buffer() {
    assert_eq!(ATTR.validate(), Ok(()));
    assert_eq!((ATTR.maxxfer, ATTR.sgllen, ATTR.addr_hi), (4095, 1, (1 << 28) - 1));
}

#[test]
fn to_the_buffer_and_from_it() {
    for (completion, iommu) in COMPLETIONS.into_iter().zip([Iommu::on(), Iommu::Off]) {
        let mut rig = Rig::with(iommu, BusConfig::default(), completing(completion));
        for (at, length) in [(0, 1), (4094, 1), (7, 13), (0, 4095), (1, 4094), (2048, 512)] {
            let bytes = pattern(length, at);
            rig.model.fill_buffer(&[0xEE; 4096]);
            let spec = BufferSpec::new(length).offset(PAGE - 5);
            let (object, report) =
                rig.edu.write(at, rig.filled(&spec, &bytes), Wait::DontWait).expect("written");
            assert_eq!((report.length, report.moved), (length, length));
            assert!(object.to_vec() == bytes);
            let there = rig.model.buffer();
            let (before, rest) = there.split_at(at as usize);
            let (inside, behind) = rest.split_at(length as usize);
            assert!(inside == bytes && before.iter().chain(behind).all(|byte| *byte == 0xEE));

            let (object, report) = rig
                .edu
                .read(at, rig.filled(&spec, &vec![0x77; length as usize]), Wait::DontWait)
                .expect("read");
            assert_eq!((report.length, report.moved), (length, length));
            assert!(object.to_vec() == bytes, "{length} bytes at {at}");
        }
        rig.model.assert_alive();
        rig.assert_all_is_free();
    }
}

#[test]
fn all_sizes_go_round() {
    for iommu in [Iommu::on(), Iommu::Off] {
        for completion in COMPLETIONS {
            let mut rig = Rig::with(iommu.clone(), BusConfig::default(), completing(completion));
            let sizes = [1, 2, 511, 4094, 4095, 4096, 4097, 8190, 8191, 65_536, 100_001, 1 << 20];
            for (seed, length) in (0..).zip(sizes) {
                let bytes = pattern(length, seed);
                let from = rig.filled(&BufferSpec::new(length).offset(seed * 333), &bytes);
                let mixed = BufferSpec::new(length).fragmentation(Fragmentation::Mixed);
                let into = rig.filled(&mixed.offset(PAGE - 1 - seed), &vec![0x77; length as usize]);
                let (from, into, report) = rig.edu.round_trip(from, into, Wait::DontWait).expect("round");
                assert!(from.to_vec() == bytes && into.to_vec() == bytes, "{length} bytes");
                assert_eq!((report.length, report.moved), (length, length));
                if iommu != Iommu::Off {
                    // One range of bus addresses each: no more transfers than it takes, and nothing is copied.
                    assert_eq!((report.dmas, report.copied), (2 * length.div_ceil(BUFFER), 0));
                }
            }
            assert_eq!(rig.model.longest(), BUFFER);
            rig.model.assert_alive();
            rig.assert_all_is_free();
        }
    }
}

/// 28 bits without an IOMMU: what lies above 256 MiB is copied, and what lies below is not.
#[test]
fn what_the_engine_does_not_reach_is_copied() {
    let mut rig = Rig::new(Iommu::Off);
    let length = 50_000;
    let low = BufferSpec::new(length).placement(Placement { lo: 0, hi: ATTR.addr_hi });
    let high = BufferSpec::new(length).placement(Placement { lo: ATTR.addr_hi + 1, hi: u64::MAX });
    for (from, into, copied) in
        [(low, low, 0), (low, high, length), (high, low, length), (high, high, 2 * length)]
    {
        let bytes = pattern(length, copied);
        let objects = (rig.filled(&from, &bytes), rig.filled(&into, &vec![0; length as usize]));
        let (_, into, report) = rig.edu.round_trip(objects.0, objects.1, Wait::DontWait).expect("round");
        assert!(into.to_vec() == bytes);
        assert_eq!(report.copied, copied);
    }
    rig.model.assert_alive();
}

/// A copy buffer of three pages slides over 1 MiB that the engine does not reach.
#[test]
fn a_small_copy_buffer_slides() {
    let config = BusConfig { copy_buffer_limit: 3 * PAGE, ..BusConfig::default() };
    let mut rig = Rig::with(Iommu::Off, config, Config::default());
    let length = 1 << 20;
    let low = BufferSpec::new(length).placement(Placement { lo: 0, hi: ATTR.addr_hi });
    let high = BufferSpec::new(length).placement(Placement::ABOVE_4G).offset(77);
    for (from, into) in [(low, high), (high, low)] {
        let bytes = pattern(length, into.offset);
        let objects = (rig.filled(&from, &bytes), rig.filled(&into, &vec![0; length as usize]));
        let (from, into, report) = rig.edu.round_trip(objects.0, objects.1, Wait::DontWait).expect("round");
        assert!(into.to_vec() == bytes && from.to_vec() == bytes);
        assert!(report.windows > 80, "{report:?}");
        assert_eq!((report.moved, report.copied), (length, length));
    }
    rig.model.assert_alive();
    // Both objects want the copy buffer, and there is one: an error that says so, and gives both back.
    let (from, into) = (rig.filled(&high, &pattern(length, 1)), rig.scattered(length, 2));
    let error = rig.edu.round_trip(from, into, Wait::DontWait).expect_err("not for both");
    assert!(error.to_string().contains("copy buffer"), "{error}");
    let (Some(from), Some(into)) = error.given_back else { panic!("both come back") };
    assert!(from.to_vec() == pattern(length, 1) && into.to_vec() == pattern(length, 2));
    drop((from, into));
    rig.assert_all_is_free();
}

/// Map space of 15 pages: what one object takes of it the other lacks, and is told so.
#[test]
fn a_small_map_space_is_named() {
    let mut rig = Rig::with(Iommu::On { space: 0..=0xFFFF }, BusConfig::default(), Config::default());
    let (from, into) = (rig.scattered(1 << 20, 1), rig.scattered(1 << 20, 3));
    let error = rig.edu.round_trip(from, into, Wait::DontWait).expect_err("not for both");
    assert!(error.to_string().contains("map space"), "{error}");
    let (Some(from), Some(into)) = error.given_back else { panic!("both come back") };
    drop((from, into));
    let (from, into) = (rig.scattered(28_672, 1), rig.scattered(28_672, 3));
    let (_, into, _) = rig.edu.round_trip(from, into, Wait::DontWait).expect("seven pages each");
    assert!(into.to_vec() == pattern(28_672, 1));
    drop(into);
    rig.model.assert_alive();
    rig.assert_all_is_free();
}

#[test]
fn iopb_memory_goes_as_it_lies() {
    for iommu in [Iommu::on(), Iommu::Off] {
        let mut rig = Rig::new(iommu);
        let handle: DmaHandle<PrivateMemory> =
            rig.device.alloc_handle(&ATTR, Wait::DontWait).expect("a handle");
        let memory = || {
            handle
                .alloc_memory(4095, MemoryUse::Consistent, AccessAttr::default(), Wait::DontWait)
                .expect("memory")
        };
        let (from, into) = (memory(), memory());
        let (sees_from, sees_into) = (from.access(), into.access());
        sees_from.write(0, &pattern(4095, 9)).expect("inside");
        let (_, _, report) = rig.edu.round_trip(from, into, Wait::DontWait).expect("round");
        assert_eq!((report.copied, report.windows), (0, 2));
        let mut back = vec![0; 4095];
        sees_into.read(0, &mut back).expect("inside");
        assert!(back == pattern(4095, 9));
        rig.model.assert_alive();
    }
}

#[test]
fn isolated_objects_go_round() {
    let flags = BindFlags::PARTIAL | BindFlags::ISOLATE | BindFlags::REDZONE;
    let config = Config { flags, ..Config::default() };
    let mut rig = Rig::with(Iommu::on(), BusConfig::default(), config);
    for length in [1, 100, 4096, 30_000] {
        let spec = BufferSpec::new(length).offset(123);
        let bytes = pattern(length, length);
        let (from, into) = (rig.filled(&spec, &bytes), rig.filled(&spec, &vec![0; length as usize]));
        let (from, into, report) = rig.edu.round_trip(from, into, Wait::DontWait).expect("round");
        assert!(from.to_vec() == bytes && into.to_vec() == bytes);
        assert!(report.copied > 0);
    }
    rig.model.assert_alive();
}
