//! Buffers are bound for a channel of an ISA machine's DMA engine.

use alloc::sync::Arc;
use alloc::vec::Vec;

use bare_metal_contents::pattern;
use ddi_dma::{
    AccessAttr, BindErrorKind, BindFlags, Bus, BusConfig, Direction, DmaAttr, DmaHandle, MemoryUse, Wait,
};

use super::transfer::{CHANNEL, read_all, write_all};
use super::{Failure, Test};
use crate::ensure;
use crate::memory::{Buffer, FRAME_WINDOW, RunRequest, SIXTEEN_MIB, free_within, take_run, translate};
use crate::nexus::IsaNexus;
use crate::platform::Resting;

pub(super) const TESTS: &[Test] = &[
    ("heap-buffer-to-device", heap_buffer_to_device),
    ("heap-buffer-from-device", heap_buffer_from_device),
    ("contiguous-above-16-mib", contiguous_above_16_mib),
    ("reachable-is-not-copied", reachable_is_not_copied),
    ("copy-run-limit", copy_run_limit),
    ("memory-shortage", memory_shortage),
    ("copy-runs-come-back", copy_runs_come_back),
    ("private-memory", private_memory),
];

/// The bus, with so many bytes for copying.
fn bus(copy_buffer_limit: u64) -> Bus {
    let config = BusConfig { copy_buffer_limit, ..BusConfig::default() };
    Bus::with_platform(Arc::new(IsaNexus), config, Arc::new(Resting))
}

/// A handle of a device that uses a channel.
fn handle(bus: &Bus) -> Result<DmaHandle<Buffer>, Failure> {
    Ok(bus.device("channel").alloc_handle(&CHANNEL, Wait::DontWait)?)
}

/// What a device reads is what the buffer holds, all of it from copies below 16 MiB.
fn heap_buffer_to_device() -> Result<(), Failure> {
    for (length, offset) in [(1, 0xfff), (512, 0x123), (0x1_0000, 0), (200_001, 0x801)] {
        let bus = bus(1 << 20);
        let mut buffer = Buffer::on_heap(length, offset);
        buffer.fill(1);
        let bound = handle(&bus)?.bind(buffer, Direction::ToDevice, BindFlags::empty(), Wait::DontWait)?;
        let mut flight = bound.start();
        let read = read_all(&mut flight)?;
        let expected: Vec<u8> = pattern(1).take(length).collect();
        ensure!(read == expected, "{length} bytes from {offset:#x}: the device read other bytes");
        drop(flight.complete());
        let copied = bus.stats().bytes_copied;
        ensure!(copied == length as u64, "{copied} of {length} bytes were copied");
    }
    Ok(())
}

/// What a device writes is what the buffer holds in the end, and no byte beside it.
fn heap_buffer_from_device() -> Result<(), Failure> {
    for (length, offset) in [(1, 0xfff), (512, 0x123), (0x1_0000, 0), (200_001, 0x801)] {
        let bus = bus(1 << 20);
        let buffer = Buffer::on_heap(length, offset);
        let bound = handle(&bus)?.bind(buffer, Direction::FromDevice, BindFlags::empty(), Wait::DontWait)?;
        let mut flight = bound.start();
        write_all(&mut flight, pattern(2))?;
        let (_, mut buffer) = flight.complete().unbind();
        let difference = buffer.first_difference(2);
        ensure!(difference.is_none(), "{length} bytes from {offset:#x}: byte {difference:?} differs");
    }
    Ok(())
}

/// Contiguity does not help: what is above 16 MiB is copied.
fn contiguous_above_16_mib() -> Result<(), Failure> {
    let bus = bus(1 << 20);
    let above = (0x100..0x400).find_map(|unit| Buffer::at(unit * 0x1_0000 + 0x800, 0x3000).ok());
    let mut buffer = above.ok_or_else(|| Failure::new("there are no four free frames in a row"))?;
    buffer.fill(3);
    let bound = handle(&bus)?.bind(buffer, Direction::Both, BindFlags::empty(), Wait::DontWait)?;
    let mut flight = bound.start();
    let read = read_all(&mut flight)?;
    ensure!(read.iter().copied().eq(pattern(3).take(0x3000)), "the device read other bytes");
    drop(flight.complete());
    // Into the copy run, and out of it again.
    let copied = bus.stats().bytes_copied;
    ensure!(copied == 2 * 0x3000, "{copied} bytes were copied");
    Ok(())
}

/// A buffer below 16 MiB is used where it lies, cut where it crosses a boundary of 64 KiB.
fn reachable_is_not_copied() -> Result<(), Failure> {
    let bus = bus(1 << 20);
    let place = 0x23_8000;
    let mut buffer = Buffer::at(place, 0x2_0000)?;
    buffer.fill(4);
    let bound = handle(&bus)?.bind(buffer, Direction::ToDevice, BindFlags::empty(), Wait::DontWait)?;
    let mut flight = bound.start();
    let read = read_all(&mut flight)?;
    ensure!(read.iter().copied().eq(pattern(4).take(0x2_0000)), "the device read other bytes");
    let window = flight.window(0)?;
    let starts: Vec<u64> = window.cookies().iter().map(|cookie| cookie.address).collect();
    ensure!(starts == [place, 0x24_0000, 0x25_0000], "cookies at {starts:x?}");
    ensure!(bus.stats().bytes_copied == 0, "{} bytes were copied", bus.stats().bytes_copied);
    Ok(())
}

/// An object that needs more copy buffer than there is goes window by window, where its driver allows that.
fn copy_run_limit() -> Result<(), Failure> {
    let (limit, length) = (0x8000, 0x1_4321);
    let bus = bus(limit);
    let mut buffer = Buffer::on_heap(length, 0x777);
    buffer.fill(5);
    let refused = handle(&bus)?.bind(buffer, Direction::ToDevice, BindFlags::empty(), Wait::DontWait);
    let Err(error) = refused else { return Err(Failure::new("bound beyond the limit")) };
    ensure!(matches!(error.kind(), BindErrorKind::TooBig(_)), "{error}");
    let (handle, buffer) = error.into_parts();
    let mut flight = handle.bind(buffer, Direction::ToDevice, BindFlags::PARTIAL, Wait::DontWait)?.start();
    let windows = flight.window_count();
    ensure!(windows >= length / limit as usize, "{length:#x} bytes in {windows} windows");
    let read = read_all(&mut flight)?;
    ensure!(read.iter().copied().eq(pattern(5).take(length)), "the device read other bytes");
    ensure!(bus.stats().copy_buffer_taken <= limit, "{} taken", bus.stats().copy_buffer_taken);
    Ok(())
}

/// Where there is no memory below 16 MiB, the error tells how much there was, and the buffer comes back unharmed.
fn memory_shortage() -> Result<(), Failure> {
    let all = (0, SIXTEEN_MIB - 1);
    let mut taken = Vec::new();
    while free_within(all.0, all.1).1 > 0 {
        let size = free_within(all.0, all.1).1;
        taken.extend(take_run(&RunRequest { size, lo: all.0, hi: all.1, align: 1, seg: u64::MAX }));
    }
    let bus = bus(1 << 20);
    let mut buffer = Buffer::on_heap(SIXTEEN_MIB as usize / 64, 0);
    buffer.fill(6);
    let refused = handle(&bus)?.bind(buffer, Direction::ToDevice, BindFlags::empty(), Wait::DontWait);
    let Err(error) = refused else { return Err(Failure::new("copied into memory that there is not")) };
    let Some(shortage) = error.kind().shortage() else { return Err(error.into()) };
    let (_, mut buffer) = error.into_parts();
    ensure!(shortage.asked == SIXTEEN_MIB / 64, "{shortage}");
    ensure!((shortage.free, shortage.largest) == free_within(all.0, all.1), "{shortage}");
    ensure!(buffer.first_difference(6).is_none(), "the buffer came back with other bytes");
    Ok(())
}

/// Handles that are dropped leave the memory below 16 MiB as they found it.
fn copy_runs_come_back() -> Result<(), Failure> {
    let before = free_within(0, SIXTEEN_MIB - 1);
    for _ in 0..10 {
        let bus = bus(1 << 20);
        let buffer = Buffer::on_heap(0x1_8000, 0x10);
        let bound = handle(&bus)?.bind(buffer, Direction::Both, BindFlags::empty(), Wait::DontWait)?;
        let free = free_within(0, SIXTEEN_MIB - 1);
        ensure!(free.0 < before.0, "a bind that copies took no memory");
        drop(bound);
    }
    let after = free_within(0, SIXTEEN_MIB - 1);
    ensure!(after == before, "{after:?} free, {before:?} before");
    Ok(())
}

/// Private memory lies where the attributes say, and processor and page tables agree on where.
fn private_memory() -> Result<(), Failure> {
    let attr = DmaAttr { addr_lo: 0x40_0000, align: 0x1_0000, ..CHANNEL };
    let handle: DmaHandle<ddi_dma::PrivateMemory> =
        bus(1 << 20).device("ring").alloc_handle(&attr, Wait::DontWait)?;
    let memory = handle.alloc_memory(0x9000, MemoryUse::Consistent, AccessAttr::default(), Wait::DontWait)?;
    let access = memory.access();
    access.write(0x8ff8, b"the end.")?;
    let flight = handle.bind(memory, Direction::Both, BindFlags::CONSISTENT, Wait::DontWait)?.start();
    let window = flight.current_window().ok_or_else(|| Failure::new("no window"))?;
    let &[cookie] = window.cookies() else { return Err(Failure::new("more than one cookie")) };
    ensure!(cookie.address % attr.align == 0 && cookie.address >= attr.addr_lo, "{cookie:x?}");
    ensure!(cookie.address + cookie.size <= SIXTEEN_MIB && cookie.size >= 0x9000, "{cookie:x?}");
    let there = translate(FRAME_WINDOW + cookie.address);
    ensure!(there == Some(cookie.address), "{cookie:x?} is mapped to {there:x?}");
    drop(flight.complete());
    Ok(())
}
