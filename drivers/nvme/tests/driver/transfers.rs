//! Data both ways, however it lies.

use std::sync::Arc;

use ddi_dma::{
    AccessAttr, AddressSpace, BindFlags, DmaAttr, DmaHandle, DmaObject, Iovec, IovecList, MemoryUse,
    PrivateMemory, UmemFlags, Wait,
};
use ddi_dma_sim::{Iommu, Protection, UserSpace};
use nvme_driver::{Config, Pointers, Request, SglSupport};

use crate::bench::{Bench, Notice, Space, iommus, pattern, quick};
use crate::model::Spec;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// Lengths from one block to 16 MiB, and offsets into a page: aligned to blocks, to dwords, and to nothing.
const LENGTHS: [u64; 10] =
    [512, 1024, 4096, 4608, 8192, 9 * KIB + 512, 64 * KIB, 513 * KIB, 2 * MIB + 512, 16 * MIB];
const OFFSETS: [u64; 6] = [0, 512, 4, 100, 4092, 1];

/// Writes and reads through the driver, and compares with the medium.
fn both_ways(bench: &Bench, config: Config) {
    let mut nvme = bench.attach(config);
    // Bytes that no command can name where they lie are copied, and windows of short map space are not cut to fit the
    // copy buffer.
    let (small_space, sgl) = (bench.space() == Space::Small, nvme.controller().sgl == SglSupport::Any);
    let names = |length: u64, offset: u64| offset.is_multiple_of(4) || sgl || !small_space || length <= MIB;
    // Large buffers take their time, so they do not lie everywhere.
    let lies = |length: u64, offset: u64| length <= MIB || [0, 100, 1].contains(&offset);
    let cases = LENGTHS.iter().flat_map(|length| OFFSETS.map(|offset| (*length, offset)));
    let cases = cases.filter(|(length, offset)| names(*length, *offset) && lies(*length, *offset));
    for (number, (length, offset)) in cases.enumerate() {
        let lba = number as u64 % 7;
        let (buffer, bytes) = bench.filled(length, offset, number as u64);
        let (buffer, report) = nvme.write(1, lba, buffer).unwrap();
        assert_eq!((report.length, report.moved), (length, length));
        bench.model.medium(1, |medium| {
            assert!(
                medium.from(lba)[..length as usize] == bytes,
                "{length} bytes at {offset} did not arrive"
            );
        });
        drop(buffer);
        let (buffer, _) = nvme.read(1, lba, bench.buffer(length, offset)).unwrap();
        assert!(buffer.to_vec() == bytes, "{length} bytes at {offset} did not come back");
    }
    nvme.shutdown().unwrap();
}

#[test]
fn sizes_and_offsets_with_prps() {
    for iommu in iommus() {
        let bench = Bench::new(iommu, Spec::default());
        both_ways(&bench, Config { pointers: Pointers::Prp, ..Config::default() });
        assert!(bench.model.seen().prp_lists > 0);
        assert_eq!(bench.model.seen().sgls, 0);
        bench.check();
    }
}

#[test]
fn sizes_and_offsets_with_sgls() {
    for iommu in iommus() {
        let bench = Bench::new(iommu, Spec { sgl: 1, ..Spec::default() });
        both_ways(&bench, Config { pointers: Pointers::Sgl, ..Config::default() });
        assert!(bench.model.seen().sgls > 0);
        bench.check();
    }
}

#[test]
fn prps_where_they_do_and_sgls_where_they_must() {
    for iommu in iommus() {
        let bench = Bench::new(iommu, Spec { sgl: 1, ..Spec::default() });
        both_ways(&bench, Config::default());
        let seen = bench.model.seen();
        assert!(seen.prp_lists > 0 && seen.sgls > 0, "{seen:?}");
        bench.check();
    }
}

#[test]
fn pages_of_8_kib_a_stride_and_no_limit() {
    let spec = Spec { page_exponent: 1, stride_exponent: 2, most_transfer_exponent: 0, ..Spec::default() };
    for iommu in iommus() {
        let bench = Bench::new(iommu, spec.clone());
        both_ways(&bench, Config { most_bytes: u64::MAX, ..Config::default() });
        bench.check();
    }
}

#[test]
fn scattered_whole_pages_are_one_command_without_copies() {
    let bench = Bench::new(Iommu::Off, Spec::default());
    let mut nvme = bench.attach(Config::default());
    let (buffer, _) = bench.filled(512 * KIB, 0, 1);
    let (_, report) = nvme.write(1, 0, buffer).unwrap();
    assert_eq!((report.commands, report.windows, report.copied), (1, 1, 0));
    // One that starts inside a page, at a multiple of four, too.
    let (buffer, _) = bench.filled(512 * KIB, 100, 1);
    let (_, report) = nvme.write(1, 0, buffer).unwrap();
    assert_eq!((report.commands, report.copied), (1, 0));
    drop(nvme);
    bench.check();
}

#[test]
fn larger_objects_take_as_many_commands_as_they_must() {
    let bench = Bench::new(Iommu::on(), Spec { most_transfer_exponent: 5, ..Spec::default() });
    let mut nvme = bench.attach(Config::default());
    assert_eq!(nvme.most_bytes(), 128 * KIB);
    let (buffer, _) = bench.filled(16 * MIB, 0, 1);
    let (_, report) = nvme.write(1, 0, buffer).unwrap();
    assert_eq!((report.commands, report.windows), (128, 1));
    drop(nvme);
    bench.check();
}

#[test]
fn map_space_that_holds_a_part_slides() {
    // 4 MiB of addresses, less what the queues take.
    let bench = Bench::new(Iommu::On { space: 0..=0x3F_FFFF }, Spec::default());
    let mut nvme = bench.attach(Config::default());
    let (buffer, bytes) = bench.filled(16 * MIB, 0, 5);
    let (buffer, report) = nvme.write(1, 0, buffer).unwrap();
    assert!(report.windows >= 5, "{report:?}");
    assert!(bench.model.medium(1, |medium| medium.from(0)[..bytes.len()] == bytes));
    drop((buffer, nvme));
    bench.check();
}

/// Ranges of a process: pieces of any length that start anywhere.
#[test]
fn pieces_that_no_prp_can_name() {
    for (iommu, sgl) in iommus().into_iter().flat_map(|iommu| [(iommu.clone(), 0), (iommu, 1)]) {
        let bench = Bench::new(iommu, Spec { sgl, ..Spec::default() });
        let mut nvme = bench.attach(Config::default());
        let process = UserSpace::new(&bench.machine, MIB);
        let memory = process.map(2 * MIB, Protection::ReadWrite).unwrap();
        let pieces =
            [(0x1001, 511), (0x9000, 3), (0x2FFE, 5000), (0x40000, 300_000), (0xA0010, 38), (0xB0000, 112)];
        let iovecs = pieces.map(|(at, length)| Iovec { base: memory + at, length });
        let length: u64 = pieces.iter().map(|(_, length)| length).sum();
        assert!(length.is_multiple_of(512), "{length}");
        let bytes = pattern(length, 11);
        let mut at = 0;
        for iovec in &iovecs {
            process.write(iovec.base, &bytes[at..at + iovec.length as usize]).unwrap();
            at += iovec.length as usize;
        }
        let space: Arc<dyn AddressSpace> = process.clone();
        let list = IovecList::lock(&space, &iovecs, UmemFlags::READ | UmemFlags::WRITE).unwrap();
        let (list, report) = nvme.write(1, 9, list).unwrap();
        assert_eq!(report.moved, length);
        assert_eq!(report.copied == 0, sgl == 1, "{report:?}");
        assert!(bench.model.medium(1, |medium| medium.from(9)[..bytes.len()] == bytes));
        for iovec in &iovecs {
            process.write(iovec.base, &vec![0xEE; iovec.length as usize]).unwrap();
        }
        let (list, _) = nvme.read(1, 9, list).unwrap();
        drop(list);
        let mut at = 0;
        for iovec in &iovecs {
            let mut there = vec![0; iovec.length as usize];
            process.read(iovec.base, &mut there).unwrap();
            assert!(there == bytes[at..at + there.len()], "iovec {iovec:x?}");
            at += there.len();
        }
        drop((nvme, space, process));
        bench.check();
    }
}

#[test]
fn isolated_objects_keep_their_neighbours() {
    for (sgl, iommu) in [(0, Iommu::on()), (1, Iommu::on()), (0, Iommu::On { space: 0..=0x3F_FFFF })] {
        let bench = Bench::new(iommu, Spec { sgl, ..Spec::default() });
        let mut nvme = bench.attach(Config::default());
        for (length, offset) in [(512, 40), (8192, 512), (100 * KIB, 1000), (MIB, 3)] {
            let (buffer, bytes) = bench.filled(length, offset, length);
            let request = Request::write(1, 3).with_flags(BindFlags::ISOLATE);
            let token = nvme.submit(&request, buffer, Wait::DontWait).unwrap();
            let (buffer, report) = nvme.wait(token).unwrap();
            assert!(report.copied > 0);
            drop(buffer);
            assert!(bench.model.medium(1, |medium| medium.from(3)[..bytes.len()] == bytes));
            let request = Request::read(1, 3).with_flags(BindFlags::ISOLATE);
            let token = nvme.submit(&request, bench.buffer(length, offset), Wait::DontWait).unwrap();
            assert!(nvme.wait(token).unwrap().0.to_vec() == bytes);
        }
        drop(nvme);
        bench.check();
    }
}

#[test]
fn private_memory_goes_as_it_is() {
    for iommu in iommus() {
        let bench = Bench::new(iommu, Spec::default());
        let mut nvme = bench.attach(Config::default());
        let handle: DmaHandle<PrivateMemory> =
            bench.device.alloc_handle(&DmaAttr::UNRESTRICTED, Wait::DontWait).unwrap();
        let memory = handle
            .alloc_memory(128 * KIB, MemoryUse::Streaming, AccessAttr::default(), Wait::DontWait)
            .unwrap();
        let (access, bytes) = (memory.access(), pattern(128 * KIB, 8));
        access.write(0, &bytes).unwrap();
        assert_eq!(memory.view().length(), Some(128 * KIB));
        let (memory, report) = nvme.write(1, 100, memory).unwrap();
        assert_eq!((report.copied, report.commands), (0, 1));
        assert!(bench.model.medium(1, |medium| medium.from(100)[..bytes.len()] == bytes));
        drop((memory, access, handle, nvme));
        bench.check();
    }
}

#[test]
fn namespaces_with_larger_blocks() {
    for notice in [Notice::TwoInterrupts, Notice::OneInterrupt, Notice::Polling] {
        let bench = Bench::new(Iommu::Off, Spec::default());
        let mut nvme = bench.try_attach(quick(), notice).unwrap();
        let (buffer, bytes) = bench.filled(20 * KIB, 8, 1);
        let (_, report) = nvme.write(3, 2043, buffer).unwrap();
        assert_eq!(report.moved, 20 * KIB);
        assert!(bench.model.medium(3, |medium| medium.from(2043)[..bytes.len()] == bytes));
        drop(nvme);
        bench.check();
    }
}
