//! What the other tests build on: where memory lies.

use alloc::vec::Vec;

use super::{Failure, Test};
use crate::ensure;
use crate::memory::{Buffer, FRAME_WINDOW, PAGE, RunRequest, SIXTEEN_MIB, free_within, take_run, translate};

pub(super) const TESTS: &[Test] = &[
    ("heap-above-16-mib", heap_above_16_mib),
    ("heap-scattered", heap_scattered),
    ("translate", translate_agrees),
    ("runs-as-requested", runs_as_requested),
    ("runs-come-back", runs_come_back),
];

/// Every page of whatever is allocated lies above 16 MiB, and not at its virtual address.
fn heap_above_16_mib() -> Result<(), Failure> {
    let blocks: Vec<Vec<u8>> = (0..64).map(|kib| alloc::vec![0; 1024 * (kib + 1)]).collect();
    for block in &blocks {
        let address = block.as_ptr() as u64;
        for page in (address / PAGE..=(address + block.len() as u64 - 1) / PAGE).map(|page| page * PAGE) {
            let frame = translate(page).ok_or_else(|| Failure::new("a page of the heap is not mapped"))?;
            ensure!(frame >= SIXTEEN_MIB, "page {page:#x} lies at {frame:#x}");
            ensure!(frame != page, "page {page:#x} lies at its own address");
        }
    }
    Ok(())
}

/// No two neighbouring pages lie in neighbouring frames.
fn heap_scattered() -> Result<(), Failure> {
    let buffer = Buffer::on_heap(2 << 20, 0);
    for pair in buffer.frames().windows(2) {
        ensure!(pair[0].abs_diff(pair[1]) > PAGE, "neighbours at {:#x} and {:#x}", pair[0], pair[1]);
    }
    Ok(())
}

/// The walk finds what was mapped, and nothing where nothing is mapped.
fn translate_agrees() -> Result<(), Failure> {
    let place = 0x23_8123;
    let found = |address: u64| translate(address).unwrap_or(0);
    let buffer = Buffer::at(place, 0x1_8000)?;
    let start = buffer.virtual_address();
    for offset in [0, 1, 0xedc, 0xedd, 0x1_7fff] {
        ensure!(found(start + offset) == place + offset, "byte {offset:#x} at {:#x}", found(start + offset));
    }
    drop(buffer);
    ensure!(translate(start).is_none(), "what was given back is still mapped");
    ensure!(translate(FRAME_WINDOW - 1).is_none(), "something is mapped in front of the window");
    let here = translate_agrees as fn() -> Result<(), Failure> as usize as u64;
    ensure!(found(here) == here, "the kernel's image is not where it was loaded");
    Ok(())
}

/// A run of frames honours size, alignment, boundary and range.
fn runs_as_requested() -> Result<(), Failure> {
    let (lo, hi) = (0x20_0000, SIXTEEN_MIB - 1);
    // The lowest frames of the range are taken, so that the next run does not start at a round address by chance.
    let _first = Buffer::at(lo, 0x5000)?;
    for (size, align, seg) in [
        (0x1000, 1, u64::MAX),
        (0x1_0000, 1, 0xffff),
        (0xf000, 1, 0xffff),
        (0x2_0000, 1, 0xffff),
        (0x3000, 0x4000, 0x3fff),
        (0x2_0000, 0x1_0000, 0x1_ffff),
        (0x10_0000, 1, 0xff_ffff),
    ] {
        let request = RunRequest { size, lo, hi, align, seg };
        let run = take_run(&request).ok_or_else(|| Failure::new("the run cannot be had"))?;
        let (start, last) = (run.frames().start, run.frames().start + run.frames().size - 1);
        ensure!(run.frames().size == size, "{request:x?} got {run:x?}");
        ensure!(start >= lo && last <= hi && start % align == 0, "{request:x?} got {run:x?}");
        ensure!(start & !seg == last & !seg || start & seg == 0, "{request:x?} got {run:x?}");
    }
    let too_high = RunRequest { size: 0x2000, lo: hi - 0xfff, hi, align: 1, seg: u64::MAX };
    ensure!(take_run(&too_high).is_none(), "a run of two frames where there is room for one");
    Ok(())
}

/// What is dropped can be had again.
fn runs_come_back() -> Result<(), Failure> {
    let before = free_within(0, SIXTEEN_MIB - 1);
    let request = RunRequest { size: before.1, lo: 0, hi: SIXTEEN_MIB - 1, align: 1, seg: u64::MAX };
    let run = take_run(&request).ok_or_else(|| Failure::new("the largest run cannot be had"))?;
    let without = free_within(0, SIXTEEN_MIB - 1);
    ensure!(without.0 == before.0 - before.1, "{without:?} free, {before:?} before");
    drop(run);
    let after = free_within(0, SIXTEEN_MIB - 1);
    ensure!(after == before, "{after:?} free, {before:?} before");
    Ok(())
}
