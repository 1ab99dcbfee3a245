//! Short of what the kernel allows a process: shortages like any other, told with the limit to raise.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ddi_dma::{Attempt, BindFlags, Callback, Direction, DmaAttr, DmaHandle, InFlight, Resource, Wait};
use ddi_dma_vfio::HostBuffer;
use rustix::process::{Resource as Limit, Rlimit, setrlimit};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

use super::opened::{Held, Opened};
use crate::failure::Failure;
use crate::guest::Guest;
use crate::runner::Test;

pub const TESTS: &[Test] = &[
    Test::new("limits-locked-memory", locked_memory),
    Test::new("limits-locked-memory-by-windows", windows),
    Test::new("limits-maps", maps),
];

/// What the tests may lock.
const LOCKED: u64 = 1 << 20;

/// Takes the right to lock more than that.
fn limit_locked_memory() -> Result<(), Failure> {
    setrlimit(Limit::Memlock, Rlimit { current: Some(LOCKED), maximum: Some(LOCKED) })?;
    let mut mine = capabilities(None)?;
    mine.effective.remove(CapabilitySet::IPC_LOCK);
    mine.permitted.remove(CapabilitySet::IPC_LOCK);
    Ok(set_capabilities(None, mine)?)
}

fn handle(opened: &Opened) -> Result<DmaHandle<HostBuffer>, Failure> {
    Ok(opened.bus.device("edu").alloc_handle(&DmaAttr::UNRESTRICTED, Wait::DontWait)?)
}

/// Binds an object of so many bytes as a whole; tells what is short.
fn bind(
    opened: &Opened,
    length: u64,
    wait: Wait<'_>,
) -> Result<Result<InFlight<HostBuffer>, Resource>, Failure> {
    let flags = BindFlags::empty();
    let error = match handle(opened)?.bind(HostBuffer::new(length)?, Direction::Both, flags, wait) {
        Ok(binding) => return Ok(Ok(binding.start())),
        Err(error) => error,
    };
    let Some(shortage) = error.kind().shortage() else {
        return Err(error.into());
    };
    println!("{shortage}");
    Ok(Err(shortage.resource))
}

/// What does not fit is refused by name; who waits is called when there is room.
fn locked_memory(guest: &Guest) -> Result<(), Failure> {
    limit_locked_memory()?;
    let opened = Opened::new(guest.edu)?;
    let before = Held::now()?;
    let refused = bind(&opened, 4 * LOCKED, Wait::DontWait)?.err();
    ensure!(refused == Some(Resource::LockedMemory), "{refused:?} is short");

    let most = LOCKED / 4 * 3;
    let first =
        bind(&opened, most, Wait::DontWait)?.map_err(|short| Failure::new(format!("{short} is short")))?;
    ensure!(Held::now()?.locked >= most >> 10, "locked: {:?}", Held::now()?);
    let calls = Arc::new(AtomicU32::new(0));
    let counted = calls.clone();
    let callback = Callback::new(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        Attempt::Done
    });
    let refused = bind(&opened, most, Wait::Callback(&callback))?.err();
    ensure!(refused == Some(Resource::LockedMemory), "{refused:?} is short");
    ensure!(calls.load(Ordering::Relaxed) == 0, "called while nothing is free");
    drop(first.complete().unbind());
    ensure!(calls.load(Ordering::Relaxed) == 1, "called {} times", calls.load(Ordering::Relaxed));
    let second = bind(&opened, most, Wait::DontWait)?;
    ensure!(second.is_ok(), "there is room, and yet: {second:?}");
    drop(second);
    ensure!(Held::now()?.locked == before.locked, "{before:?} before, {:?} after", Held::now()?);
    Ok(())
}

/// An object that is larger than what may be locked is mapped window by window.
fn windows(guest: &Guest) -> Result<(), Failure> {
    limit_locked_memory()?;
    let opened = Opened::new(guest.edu)?;
    let length = 8 * LOCKED;
    let object = HostBuffer::new(length)?;
    let binding = handle(&opened)?.bind(object, Direction::Both, BindFlags::PARTIAL, Wait::DontWait)?;
    let mut flight = binding.start();
    let (mut windows, mut mapped) = (0, 0);
    while let Some(window) = flight.next_window()? {
        windows += 1;
        mapped += window.cookies().iter().map(|cookie| cookie.size).sum::<u64>();
        ensure!(Held::now()?.locked <= LOCKED >> 10, "{:?}", Held::now()?);
    }
    println!("{length:#x} bytes in {windows} windows under a limit of {LOCKED:#x}");
    ensure!(mapped == length && windows >= 8, "{mapped:#x} bytes in {windows} windows");
    drop(flight.complete().unbind());
    ensure!(opened.usage().maps == 0, "{:?}", opened.usage());
    Ok(())
}

/// As many maps as the kernel allows, and the parameter that allows more is named.
fn maps(guest: &Guest) -> Result<(), Failure> {
    const PARAMETER: &str = "/sys/module/vfio_iommu_type1/parameters/dma_entry_limit";
    const MOST: usize = 6;
    let usual = fs::read_to_string(PARAMETER)?;
    // A container has the limit of when it was opened.
    fs::write(PARAMETER, MOST.to_string())?;
    let opened = Opened::new(guest.edu);
    fs::write(PARAMETER, usual)?;
    let opened = opened?;
    let mut flights = Vec::new();
    let short = loop {
        match bind(&opened, 4096, Wait::DontWait)? {
            Ok(flight) => flights.push(flight),
            Err(resource) => break resource,
        }
        ensure!(flights.len() <= MOST, "{} maps of {MOST}", flights.len());
    };
    ensure!(short == Resource::IommuMaps, "{short} is short");
    ensure!(flights.len() == MOST, "{} maps of {MOST}", flights.len());
    drop(flights.pop());
    ensure!(bind(&opened, 4096, Wait::DontWait)?.is_ok(), "a map is free");
    Ok(())
}
