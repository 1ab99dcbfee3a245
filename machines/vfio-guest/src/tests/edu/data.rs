//! Bytes to the device and back.

use std::time::{Duration, Instant};

use ddi_dma::{
    AccessAttr, BindFlags, Direction, DmaAttr, Interrupt, MemoryUse, PrivateMemory, Registers, Wait,
};
use ddi_dma_vfio::{Arena, FileAccess, FileBuffer, Gather, HostBuffer, InterruptKind, VecBuffer};
use edu::{ATTR, BUFFER, Completion, Config, Edu, Engine, Memory, TransferErrorKind, Version};

use super::{Rig, pattern};
use crate::failure::Failure;
use crate::guest::Guest;

pub fn attaches(guest: &Guest) -> Result<(), Failure> {
    let rig = Rig::new(guest)?;
    let edu = rig.driver()?;
    ensure!(edu.identify() == Version { major: 1, minor: 0 }, "{:?}", edu.identify());
    for probe in [0, 1, 0xA5A5_5A5A, u32::MAX] {
        edu.liveness(probe)?;
    }
    ensure!(edu.detach().engine == Engine::Stopped, "it runs");
    // And once more, by another driver.
    rig.driver()?.liveness(7)?;
    Ok(())
}

pub fn factorials(guest: &Guest) -> Result<(), Failure> {
    let rig = Rig::new(guest)?;
    for completion in [Completion::Interrupt, Completion::Polling] {
        let mut edu = rig.attach(InterruptKind::Msi, completion)?;
        for (number, expected) in [(0, 1), (1, 1), (12, 479_001_600), (13, 1_932_053_504), (34, 0)] {
            let factorial = edu.factorial(number)?;
            ensure!(factorial == expected, "{number}! = {factorial}");
        }
    }
    Ok(())
}

/// By messages and by the line: ends of DMAs are told, and not found by looking.
pub fn interrupts(guest: &Guest) -> Result<(), Failure> {
    let rig = Rig::new(guest)?;
    for kind in [InterruptKind::Msi, InterruptKind::IntX] {
        let mut edu = rig.attach(kind, Completion::Interrupt)?;
        let report = go_round(&mut edu, 5000, 0)?;
        ensure!(report.unheard == 0 && report.dmas == 4, "{kind}: {report:?}");
        edu.factorial(5)?;
    }
    Ok(())
}

pub fn polling(guest: &Guest) -> Result<(), Failure> {
    let rig = Rig::new(guest)?;
    let mut edu = rig.attach(InterruptKind::Msi, Completion::Polling)?;
    let started = Instant::now();
    let report = go_round(&mut edu, 5000, 77)?;
    println!("{} DMAs in {:?}", report.dmas, started.elapsed());
    Ok(())
}

/// From one byte on, unaligned, around the buffer's end and around a page's; larger than the buffer is refused.
pub fn sizes(guest: &Guest) -> Result<(), Failure> {
    let rig = Rig::new(guest)?;
    let mut edu = rig.driver()?;
    for (length, offset) in [(1, 0), (2, 4095), (4095, 1), (4097, 4000)] {
        let report = go_round(&mut edu, length, offset)?;
        let (moved, dmas) = (length as u64, 2 * (length as u64).div_ceil(BUFFER));
        ensure!(report.moved == moved && report.dmas == dmas && report.copied == 0, "{length}: {report:?}");
    }
    let Err(refused) = edu.write(1, filled(4095, 0, 1)?, Wait::DontWait) else {
        return Err(Failure::new("a transfer out of range was taken"));
    };
    ensure!(refused.kind() == TransferErrorKind::OutOfRange { at: 1, length: 4095 }, "{refused}");
    // To one place of the buffer, from another one of the same bytes.
    edu.write(1000, filled(2000, 5, 9)?, Wait::DontWait)?;
    let (part, _) = edu.read(1500, filled(1000, 7, 0)?, Wait::DontWait)?;
    ensure!(part.to_vec() == pattern(2000, 9)[500..1500], "a part of the buffer");
    Ok(())
}

/// Pages from anywhere are one range of addresses for the device, and no piece is shorter than its buffer. Where the parts
/// do not end with a page, the pieces do, and the bytes arrive all the same.
pub fn scattered(guest: &Guest) -> Result<(), Failure> {
    const PAGES: usize = 4;
    let rig = Rig::new(guest)?;
    let mut edu = rig.driver()?;
    let expected = pattern(PAGES * 4096, 8);
    let gather = |parts| Gather::new(parts).map_err(|_| Failure::new("they are mapped beforehand"));
    let mut pages = Vec::new();
    for bytes in expected.chunks(4096) {
        let mut page = HostBuffer::new(4096)?;
        page.write(0, bytes)?;
        // Two that lie side by side would be one part.
        pages.extend([page, HostBuffer::new(4096)?]);
    }
    let (even, between): (Vec<_>, Vec<_>) = (0..).zip(pages).partition(|(number, _)| number % 2 == 0);
    let even = gather(even.into_iter().map(|(_, page)| page).collect())?;
    let mut odd = Vec::new();
    for length in [1, 4095, 77, PAGES * 4096 - 4173] {
        odd.push(HostBuffer::with_offset(length as u64, 4000)?);
    }
    let (_even, odd, report) = edu.round_trip(even, gather(odd)?, Wait::DontWait)?;
    println!("{report:?}");
    ensure!(odd.to_vec() == expected, "it came back wrong");
    drop(between);
    Ok(())
}

/// 64 KiB, unaligned: no piece is shorter than the buffer, and each is told by an interrupt.
pub fn large(guest: &Guest) -> Result<(), Failure> {
    let rig = Rig::new(guest)?;
    let mut edu = rig.driver()?;
    let started = Instant::now();
    let report = go_round(&mut edu, 0x1_0000, 2222)?;
    println!("{} DMAs in {:?}", report.dmas, started.elapsed());
    ensure!(report.dmas == 2 * 0x1_0000_u64.div_ceil(BUFFER), "{report:?}");
    ensure!(report.copied == 0 && report.unheard <= 1, "{report:?}");
    Ok(())
}

/// From a vector to a file, from there to IOPB memory, to an arena, and back to a vector.
pub fn kinds(guest: &Guest) -> Result<(), Failure> {
    const LENGTH: usize = 4001;
    let rig = Rig::new(guest)?;
    let mut edu = rig.driver()?;
    let expected = pattern(LENGTH, 3);
    let path = std::env::temp_dir().join("edu-object");
    std::fs::write(&path, vec![0x77; 3 * 4096])?;
    let file = std::fs::OpenOptions::new().read(true).write(true).open(&path)?;

    let vector = VecBuffer::new(expected.clone());
    let in_file = FileBuffer::new(&file, 1234, LENGTH as u64, FileAccess::ReadWrite)?;
    let (_, in_file, _) = edu.round_trip(vector, in_file, Wait::DontWait)?;
    let there = std::fs::read(&path)?;
    ensure!(there[1234..][..LENGTH] == expected, "what the device wrote is in the file");
    let outside = there[..1234].iter().chain(&there[1234 + LENGTH..]);
    ensure!(outside.copied().all(|byte| byte == 0x77), "and nothing else is");

    let handle = rig.handle::<PrivateMemory>()?;
    let memory =
        || handle.alloc_memory(LENGTH as u64, MemoryUse::Consistent, AccessAttr::default(), Wait::DontWait);
    let arena = Arena::new(&rig.opened.bus, 0x1_0000, &ATTR)?;
    let buffer = arena.take(LENGTH as u64, 64)?;
    let (private, maps) = (memory()?, rig.opened.usage().maps);
    let access = private.access();
    let (_in_file, private, _) = edu.round_trip(in_file, private, Wait::DontWait)?;
    let mut bytes = vec![0; LENGTH];
    access.read(0, &mut bytes)?;
    ensure!(bytes == expected, "IOPB memory");
    let (_private, buffer, report) = edu.round_trip(private, buffer, Wait::DontWait)?;
    ensure!(buffer.to_vec() == expected && report.copied == 0, "arena: {report:?}");
    ensure!(rig.opened.usage().maps == maps, "what is mapped beforehand is not mapped again");
    let vector = VecBuffer::new(vec![0; LENGTH]);
    let (_, vector, _) = edu.round_trip(buffer, vector, Wait::DontWait)?;
    ensure!(vector.into_vec() == expected, "vector");
    Ok(())
}

/// However much is mapped, all of it lies where 28 bits reach; what another engine reaches lies elsewhere.
pub fn bits(guest: &Guest) -> Result<(), Failure> {
    let rig = Rig::new(guest)?;
    let mut flights = Vec::new();
    for number in 0..64 {
        let object = HostBuffer::with_offset(0x1_0000 + number, number)?;
        let flight = rig.handle()?.bind(object, Direction::Both, BindFlags::empty(), Wait::DontWait)?.start();
        let window = flight.current_window().ok_or_else(|| Failure::new("no window"))?;
        for cookie in window.cookies() {
            let end = cookie.address + cookie.size;
            ensure!(end <= 1 << 28 && cookie.size <= BUFFER, "{cookie:x?}");
        }
        flights.push(flight);
    }
    let wide = rig.device.alloc_handle(&DmaAttr::UNRESTRICTED, Wait::DontWait)?;
    let object = HostBuffer::new(4096)?;
    let flight = wide.bind(object, Direction::Both, BindFlags::empty(), Wait::DontWait)?.start();
    let window = flight.current_window().ok_or_else(|| Failure::new("no window"))?;
    ensure!(window.cookies()[0].address >= 1 << 28, "28 bits are no limit here: {:x?}", window.cookies());
    drop(flight.complete().unbind());
    flights.into_iter().for_each(|flight| drop(flight.complete().unbind()));
    Ok(())
}

/// A driver without patience: its objects are gone, and it says where; the device works on once it has finished.
pub fn time_outs(guest: &Guest) -> Result<(), Failure> {
    let rig = Rig::new(guest)?;
    let mut edu = rig.driver()?;
    let patient = edu.config();
    let impatient = Config { timeout: Duration::ZERO, ..patient };
    let arena = Arena::new(&rig.opened.bus, 4096, &ATTR)?;

    edu.set_config(impatient);
    let Err(error) = edu.read(0, filled(100, 0, 1)?, Wait::DontWait) else {
        return Err(Failure::new("a DMA ended at once"));
    };
    println!("{error}");
    let abandoned = matches!(error.kind(), TransferErrorKind::Abandoned { memory: Memory::Revoked, .. });
    ensure!(abandoned && error.given_back.is_none() && edu.engine() == Engine::Running, "{error}");
    let Err(error) = edu.read(0, filled(100, 0, 1)?, Wait::DontWait) else {
        return Err(Failure::new("a running engine was started"));
    };
    ensure!(error.given_back.is_some(), "what was never started is given back: {error}");

    edu.set_config(patient);
    let mut edu = rig.settled(edu)?;
    edu.read(0, filled(100, 0, 1)?, Wait::DontWait)?;

    edu.set_config(impatient);
    let Err(error) = edu.read(0, arena.take(100, 64)?, Wait::DontWait) else {
        return Err(Failure::new("a DMA ended at once"));
    };
    println!("{error}");
    let kept =
        matches!(error.kind(), TransferErrorKind::Abandoned { memory: Memory::Quarantined { .. }, .. });
    ensure!(kept, "memory that stays mapped is not free: {error}");
    edu.set_config(patient);
    ensure!(edu.detach().engine == Engine::Stopped, "the engine runs on");
    // SAFETY: it is.
    let released = unsafe { rig.device.release_quarantine() };
    ensure!(released == 100 && arena.free() == 4096, "{released} bytes, {} free", arena.free());
    Ok(())
}

/// Behind all of it no map and no byte is left.
pub fn nothing_is_left(guest: &Guest) -> Result<(), Failure> {
    let rig = Rig::new(guest)?;
    let mut edu = rig.driver()?;
    let before = rig.opened.usage();
    go_round(&mut edu, 3000, 100)?;
    let refused = edu.write(4095, filled(1, 0, 0)?, Wait::DontWait);
    ensure!(refused.is_err(), "it is out of range");
    drop((refused, edu));
    let after = rig.opened.usage();
    println!("{after:?}");
    ensure!((after.maps, after.mapped_bytes, after.iova_bytes) == (0, 0, 0), "{after:?}");
    ensure!(after == before, "{before:?} before, {after:?} after");
    Ok(())
}

/// Moves an object to the device and back into another one, and compares.
fn go_round<R: Registers, I: Interrupt>(
    edu: &mut Edu<R, I>,
    length: usize,
    offset: u64,
) -> Result<edu::Report, Failure> {
    let from = filled(length, offset, 1)?;
    let into = filled(length, (offset + 1) % 4096, 2)?;
    let (from, into, report) = edu.round_trip(from, into, Wait::DontWait)?;
    ensure!(from.to_vec() == pattern(length, 1), "{length} bytes: the source changed");
    ensure!(into.to_vec() == pattern(length, 1), "{length} bytes came back wrong");
    Ok(report)
}

/// A buffer of its own, full of a pattern.
pub fn filled(length: usize, offset: u64, seed: u64) -> Result<HostBuffer, Failure> {
    let mut buffer = HostBuffer::with_offset(length as u64, offset)?;
    buffer.write(0, &pattern(length, seed))?;
    Ok(buffer)
}
