//! The controller reaches what it was given, for as long as it was given it, and in the way that was said. Memory shows it: a
//! read to an address that is not mapped ends without an error.

use ddi_dma::{BindFlags, Cookie, Direction, DmaAttr, InFlight, Wait};
use ddi_dma_vfio::FileBuffer;
use nvme_driver::{Nvme, Request};

use super::wild::Wild;
use super::{DISK, Rig, filled, let_it_fetch};
use crate::failure::Failure;
use crate::guest::Guest;
use crate::tests::watched::{KEPT, PAGE, Watched};

/// A rig whose disk starts with 64 KiB of which no byte is [`KEPT`].
fn loaded(guest: &Guest) -> Result<(Rig, Nvme), Failure> {
    let rig = Rig::new(guest)?;
    let mut nvme = rig.driver()?;
    let mut buffer = filled(0x1_0000, 0, 0)?;
    buffer.write(0, &[0xEE; 0x1_0000])?;
    nvme.write(DISK, 0, buffer)?;
    Ok((rig, nvme))
}

fn bound(
    rig: &Rig,
    object: FileBuffer,
    direction: Direction,
) -> Result<(InFlight<FileBuffer>, Cookie), Failure> {
    let handle = rig.device.alloc_handle(&DmaAttr::UNRESTRICTED, Wait::DontWait)?;
    let flight = handle.bind(object, direction, BindFlags::empty(), Wait::DontWait)?.start();
    let first = flight.current_window().and_then(|window| window.cookies().first().copied());
    Ok((flight, first.ok_or_else(|| Failure::new("no cookie"))?))
}

/// Has the controller write to any address.
fn write_wildly(rig: &Rig, nvme: &mut Nvme, address: u64, size: u64) -> Result<(), Failure> {
    match nvme.read(DISK, 0, Wild::new(rig.bus.addresses(), address, size)) {
        Ok((_, report)) => println!("{size} bytes to {address:#x}: {report:?}"),
        // Whether it tells or not.
        Err(error) => println!("{size} bytes to {address:#x}: {error}"),
    }
    Ok(())
}

/// The controller works, and reaches the file where it may.
fn works(nvme: &mut Nvme, watched: &Watched) -> Result<(), Failure> {
    let before = watched.changed()?;
    nvme.read(DISK, 0, watched.object(PAGE, 512)?)?;
    ensure!(watched.changed()? == before.max(512), "the controller does not work afterwards");
    Ok(())
}

pub fn after_unbind(guest: &Guest) -> Result<(), Failure> {
    let (rig, mut nvme) = loaded(guest)?;
    let watched = Watched::new(4)?;
    let (flight, cookie) = bound(&rig, watched.object(0, 4 * PAGE)?, Direction::FromDevice)?;
    write_wildly(&rig, &mut nvme, cookie.address + PAGE, 512)?;
    ensure!(watched.changed()? == 512, "while it is bound the device reaches it: this test can fail");
    drop(flight.complete().unbind());
    write_wildly(&rig, &mut nvme, cookie.address, 4 * PAGE)?;
    ensure!(watched.changed()? == 512, "a controller wrote to an object that was unbound");
    works(&mut nvme, &watched)
}

/// An object that is dropped in flight is taken away from the device; one whose driver is dropped with it, too.
pub fn after_drop(guest: &Guest) -> Result<(), Failure> {
    let (rig, mut nvme) = loaded(guest)?;
    let watched = Watched::new(4)?;
    let (flight, cookie) = bound(&rig, watched.object(0, 4 * PAGE)?, Direction::FromDevice)?;
    drop(flight);
    write_wildly(&rig, &mut nvme, cookie.address, 4 * PAGE)?;
    ensure!(watched.changed()? == 0, "a controller wrote to an object that was dropped in flight");
    works(&mut nvme, &watched)?;

    // A driver that is dropped with a request in flight resets the controller. What it had moved by then is there; nothing
    // comes later.
    let token = nvme.submit(&Request::read(DISK, 0), watched.object(0, 4 * PAGE)?, Wait::DontWait)?;
    let_it_fetch();
    drop(nvme);
    let changed = watched.changed()?;
    let Ok(outcome) = token.take() else { return Err(Failure::new("the request is still in flight")) };
    println!("{changed} bytes had arrived: {:?}", outcome.as_ref().map(|(_, report)| report));
    drop(outcome);
    watched.restore()?;
    std::thread::sleep(std::time::Duration::from_millis(100));
    ensure!(watched.changed()? == 0, "a controller wrote after its driver was dropped");
    rig.check_empty()
}

pub fn direction(guest: &Guest) -> Result<(), Failure> {
    let (rig, mut nvme) = loaded(guest)?;
    let watched = Watched::new(2)?;
    let (flight, cookie) = bound(&rig, watched.object(0, 2 * PAGE)?, Direction::ToDevice)?;
    write_wildly(&rig, &mut nvme, cookie.address, 2 * PAGE)?;
    ensure!(watched.changed()? == 0, "a controller wrote to an object that it may read");
    drop(flight.complete().unbind());
    works(&mut nvme, &watched)
}

/// With ISOLATE the pages at the ends of an object are not mapped.
pub fn isolate(guest: &Guest) -> Result<(), Failure> {
    let (rig, mut nvme) = loaded(guest)?;
    for (flags, safe) in [(BindFlags::ISOLATE, true), (BindFlags::empty(), false)] {
        let watched = Watched::new(4)?;
        let (from, length) = (PAGE - 96, 2 * PAGE);
        let handle = rig.device.alloc_handle(&DmaAttr::UNRESTRICTED, Wait::DontWait)?;
        let object = watched.object(from, length)?;
        let flight = handle.bind(object, Direction::FromDevice, flags, Wait::DontWait)?.start();
        let window = flight.current_window().ok_or_else(|| Failure::new("no window"))?;
        let pages = |cookie: &Cookie| cookie.address / PAGE..=(cookie.address + cookie.size - 1) / PAGE;
        let mut pages: Vec<u64> = window.cookies().iter().flat_map(pages).collect();
        pages.dedup();
        for page in pages {
            write_wildly(&rig, &mut nvme, page * PAGE, PAGE)?;
        }
        drop(flight.complete().unbind());
        let bytes = watched.bytes()?;
        let outside = (0..).zip(&bytes).filter(|(at, _)| !(from..from + length).contains(at));
        let changed = outside.filter(|(_, byte)| **byte != KEPT).count();
        println!("{flags:?}: {changed} bytes outside changed");
        ensure!((changed == 0) == safe, "{flags:?}: {changed} bytes outside the object changed");
    }
    // And the driver reads so, whatever lies beside it.
    let watched = Watched::new(4)?;
    let request = Request::read(DISK, 0).with_flags(BindFlags::ISOLATE);
    let token = nvme.submit(&request, watched.object(PAGE - 96, 2 * PAGE)?, Wait::DontWait)?;
    let (_, report) = nvme.wait(token)?;
    println!("{report:?}");
    ensure!(watched.changed()? == 2 * PAGE as usize, "{} bytes changed", watched.changed()?);
    Ok(())
}
