//! A device reaches what it was given, for as long as it was given it, and in the way that was said. Memory shows it: what a
//! device says of its DMA tells nothing.

use std::thread::sleep;

use ddi_dma::{
    AccessAttr, BindFlags, Cookie, Direction, DmaObject, InFlight, MemoryUse, PrivateMemory, Wait,
};
use edu::BUFFER;

use super::data::filled;
use super::wild::Wild;
use super::{AFTERWARDS, Driver, Rig, pattern};
use crate::failure::Failure;
use crate::guest::{Guest, Iommu};
use crate::tests::opened::first_cookie;
use crate::tests::watched::{KEPT, PAGE, Watched};

/// A rig whose device has a pattern in its buffer, none of whose bytes is [`KEPT`].
fn loaded(guest: &Guest) -> Result<(Rig, Wild, Driver), Failure> {
    let rig = Rig::new(guest)?;
    let mut edu = rig.driver()?;
    let mut buffer = filled(BUFFER as usize, 0, 0)?;
    buffer.write(0, &[0xEE; BUFFER as usize])?;
    edu.write(0, buffer, Wait::DontWait)?;
    let wild = Wild(rig.opened.registers()?);
    Ok((rig, wild, edu))
}

/// Binds an object; tells its first cookie.
fn bound<O: DmaObject>(
    rig: &Rig,
    object: O,
    direction: Direction,
    flags: BindFlags,
) -> Result<(InFlight<O>, Cookie), Failure> {
    let flight = rig.handle()?.bind(object, direction, flags, Wait::DontWait)?.start();
    let first = first_cookie(&flight)?;
    Ok((flight, first))
}

pub fn after_unbind(guest: &Guest) -> Result<(), Failure> {
    let (rig, wild, mut edu) = loaded(guest)?;
    let watched = Watched::new(1)?;
    let (flight, cookie) =
        bound(&rig, watched.object(0, BUFFER)?, Direction::FromDevice, BindFlags::empty())?;
    wild.write(cookie.address, 10)?;
    ensure!(watched.changed()? == 10, "while it is bound the device reaches it");
    let (handle, object) = flight.complete().unbind();
    wild.write(cookie.address, BUFFER)?;
    ensure!(watched.changed()? == 10, "a device wrote to an object that was unbound");
    // Neither handle nor device takes harm.
    drop(handle);
    edu.read(0, object, Wait::DontWait)?;
    ensure!(watched.changed()? == BUFFER as usize, "the device works afterwards");
    Ok(())
}

/// The device was told to write, and is about to: the memory is taken away from it.
pub fn after_drop(guest: &Guest) -> Result<(), Failure> {
    let (rig, wild, mut edu) = loaded(guest)?;
    let watched = Watched::new(2)?;
    let object = watched.object(100, BUFFER)?;
    let (flight, cookie) = bound(&rig, object, Direction::FromDevice, BindFlags::empty())?;
    wild.start_write(cookie.address, cookie.size);
    drop(flight);
    sleep(AFTERWARDS);
    wild.wait()?;
    ensure!(watched.changed()? == 0, "a device wrote to an object that was dropped in flight");
    // The same, with nobody dropping anything, arrives: the device was about to.
    let object = watched.object(100, BUFFER)?;
    let (flight, cookie) = bound(&rig, object, Direction::FromDevice, BindFlags::empty())?;
    wild.start_write(cookie.address, cookie.size);
    sleep(AFTERWARDS);
    ensure!(watched.changed()? == BUFFER as usize, "the device does not write where it may");
    drop(flight.complete().unbind());
    edu.read(0, watched.object(0, 10)?, Wait::DontWait)?;
    Ok(())
}

/// Memory that devices reach from its allocation on is out of their reach once it is freed: what then lies at its address is
/// not touched.
pub fn iopb_memory(guest: &Guest) -> Result<(), Failure> {
    let (rig, wild, _edu) = loaded(guest)?;
    let handle = rig.handle::<PrivateMemory>()?;
    let memory = handle.alloc_memory(BUFFER, MemoryUse::Consistent, AccessAttr::default(), Wait::DontWait)?;
    let access = memory.access();
    let flight = handle.bind(memory, Direction::Both, BindFlags::empty(), Wait::DontWait)?.start();
    let cookie = first_cookie(&flight)?;
    wild.write(cookie.address, cookie.size)?;
    let mut bytes = vec![0; BUFFER as usize];
    access.read(0, &mut bytes)?;
    ensure!(bytes.iter().all(|byte| *byte == 0xEE), "the device does not write where it may");
    wild.start_write(cookie.address, cookie.size);
    drop((flight, access));
    ensure!(rig.opened.usage().maps == 0, "it is mapped still: {:?}", rig.opened.usage());
    // Whoever gets the memory next, but not its address on the bus.
    let next = filled(BUFFER as usize, 0, 5)?;
    wild.wait()?;
    ensure!(next.to_vec() == pattern(BUFFER as usize, 5), "a device wrote to memory that was freed");
    Ok(())
}

pub fn direction(guest: &Guest) -> Result<(), Failure> {
    let (rig, wild, mut edu) = loaded(guest)?;
    let watched = Watched::new(1)?;
    let (flight, cookie) = bound(&rig, watched.object(0, 100)?, Direction::ToDevice, BindFlags::empty())?;
    wild.write(cookie.address, 100)?;
    ensure!(watched.changed()? == 0, "a device wrote to an object that it may read");
    wild.read(cookie.address, 100)?;
    drop(flight.complete().unbind());
    let (read, _) = edu.read(0, filled(200, 0, 1)?, Wait::DontWait)?;
    let expected = [[KEPT; 100], [0xEE; 100]].concat();
    ensure!(read.to_vec() == expected, "and what it may it can");

    let secret = filled(100, 0, 4)?;
    let (flight, cookie) = bound(&rig, secret, Direction::FromDevice, BindFlags::empty())?;
    wild.read(cookie.address, 100)?;
    drop(flight.complete().unbind());
    let (read, _) = edu.read(0, filled(100, 0, 1)?, Wait::DontWait)?;
    match guest.iommu {
        // Kernels between "iommu/vt-d: Remove WO permissions on second-level paging entries" (2021) and "Restore WO
        // permissions" (2025) permit reading whatever they map.
        Iommu::Intel => println!("read what it may write: {}", read.to_vec() == pattern(100, 4)),
        _ => ensure!(read.to_vec() != pattern(100, 4), "a device read an object that it may write"),
    }
    Ok(())
}

/// The device writes to all of every page that it was given a byte of.
pub fn isolate(guest: &Guest) -> Result<(), Failure> {
    let (rig, wild, _edu) = loaded(guest)?;
    let watched = Watched::new(3)?;
    for (flags, safe) in [(BindFlags::ISOLATE, true), (BindFlags::empty(), false)] {
        let (from, length) = (PAGE - 96, PAGE + 200);
        let handle = rig.handle()?;
        let flight =
            handle.bind(watched.object(from, length)?, Direction::FromDevice, flags, Wait::DontWait)?;
        let flight = flight.start();
        let window = flight.current_window().ok_or_else(|| Failure::new("no window"))?;
        let mut pages: Vec<u64> = window
            .cookies()
            .iter()
            .flat_map(|cookie| cookie.address / PAGE..=(cookie.address + cookie.size - 1) / PAGE)
            .collect();
        pages.dedup();
        for page in pages {
            wild.write(page * PAGE, BUFFER)?;
            wild.write(page * PAGE + BUFFER, 1)?;
        }
        drop(flight.complete().unbind());
        let bytes = watched.bytes()?;
        let (inside, outside): (Vec<_>, Vec<_>) =
            (0..).zip(&bytes).partition(|(at, _)| (from..from + length).contains(at));
        let changed = |bytes: &[(u64, &u8)]| bytes.iter().filter(|(_, byte)| **byte != KEPT).count();
        println!("{flags:?}: {} bytes inside changed, {} outside", changed(&inside), changed(&outside));
        ensure!(changed(&inside) == length as usize, "it is given the object");
        if safe {
            ensure!(changed(&outside) == 0, "with ISOLATE the device reaches nothing else");
        } else {
            ensure!(changed(&outside) > 0, "without it the device reaches whole pages: this test can fail");
        }
    }
    Ok(())
}

/// The page behind an object with a REDZONE is nobody's, however many are bound beside it.
pub fn redzone(guest: &Guest) -> Result<(), Failure> {
    let (rig, wild, mut edu) = loaded(guest)?;
    let watched = Watched::new(24)?;
    let mut flights = Vec::new();
    let mut cookies = Vec::new();
    for number in 0..12 {
        let flags = if number % 3 == 1 { BindFlags::REDZONE } else { BindFlags::empty() };
        let object = watched.object(2 * number * PAGE, PAGE)?;
        let (flight, cookie) = bound(&rig, object, Direction::Both, flags)?;
        cookies.push((flags, cookie.address));
        flights.push(flight);
    }
    for (flags, address) in &cookies {
        if flags.contains(BindFlags::REDZONE) {
            wild.write(address + PAGE, BUFFER)?;
            ensure!(watched.changed()? == 0, "a device ran on behind {address:#x}, and met something");
        }
    }
    let (_, behind) = cookies[1];
    wild.write(behind + PAGE - 10, 20)?;
    println!("{} of 20 bytes across the end arrived", watched.changed()?);
    ensure!(watched.changed()? <= 10, "a device ran on across the end, and met something");
    // It reads nothing there either.
    wild.read(behind + PAGE, 100)?;
    let (read, _) = edu.read(0, filled(100, 0, 1)?, Wait::DontWait)?;
    ensure!(!read.to_vec().contains(&KEPT), "a device read behind the end");
    flights.into_iter().for_each(|flight| drop(flight.complete().unbind()));
    Ok(())
}
