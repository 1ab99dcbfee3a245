//! Opening, and how it ends.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use ddi_dma::{BindFlags, Bus, BusConfig, Direction, DmaAttr, Interrupt, Raised, Registers, Wait};
use ddi_dma_vfio::{Bar, BusMaster, Container, HostBuffer, InterruptKind, OpenError, PciAddress};
use rustix::process::{Gid, Uid};

use super::{Edu, edu, enable, is_enabled, only};
use crate::failure::Failure;
use crate::guest::Guest;

/// Two devices of two groups in one container, each with its interrupt.
pub fn several(guest: &Guest) -> Result<(), Failure> {
    let container = Container::new()?;
    let edu = container.open(guest.edu)?;
    let nvme = container.open(guest.nvme)?;
    let edu_registers = edu.region(Bar::Bar0)?;
    let nvme_registers = nvme.region(Bar::Bar0)?;
    let _of_nvme = nvme.interrupts(InterruptKind::MsiX, 2)?;
    let of_edu = only(edu.interrupts(InterruptKind::IntX, 1)?)?;
    ensure!(edu_registers.read32(edu::IDENTIFICATION) == 0x0100_00ed, "edu");
    ensure!(nvme_registers.read32(8) >> 16 == 1, "nvme");
    // One goes; the other does not notice.
    drop((nvme, nvme_registers));
    edu_registers.write32(edu::RAISE, 1);
    of_edu.wait(Duration::from_secs(5))?;
    edu_registers.write32(edu::ACKNOWLEDGE, 1);
    println!("{container:?}");
    Ok(())
}

/// What cannot be opened says why.
pub fn refusals(guest: &Guest) -> Result<(), Failure> {
    let container = Container::new()?;
    let nowhere = PciAddress::new(0, 0, 0x1d, 7).unwrap_or(guest.edu);
    refused(&container, nowhere, |error| matches!(error, OpenError::NoSuchDevice { .. }))?;
    refused(&container, guest.free_edu, |error| {
        matches!(error, OpenError::OtherDriver { driver: None, .. })
    })?;
    let held = container.open(guest.edu)?;
    refused(&container, guest.edu, |error| matches!(error, OpenError::InUse { .. }))?;
    let other = Container::new()?;
    refused(&other, guest.edu, |error| matches!(error, OpenError::GroupInUse { .. }))?;
    drop(held);
    // The group stays with its container.
    refused(&other, guest.edu, |error| matches!(error, OpenError::GroupInUse { .. }))?;
    drop(container);
    drop(other.open(guest.edu)?);
    // A user without rights. This process is this test's own.
    rustix::thread::set_thread_res_gid(nobody_group(), nobody_group(), nobody_group())?;
    rustix::thread::set_thread_res_uid(nobody(), nobody(), nobody())?;
    match Container::new() {
        Ok(container) => {
            refused(&container, guest.nvme, |error| matches!(error, OpenError::GroupPermission { .. }))
        }
        Err(error @ OpenError::Container { .. }) => {
            println!("{error}");
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

fn nobody() -> Uid {
    Uid::from_raw(65_534)
}

fn nobody_group() -> Gid {
    Gid::from_raw(65_534)
}

fn refused(
    container: &Container,
    address: PciAddress,
    as_expected: fn(&OpenError) -> bool,
) -> Result<(), Failure> {
    match container.open(address) {
        Err(error) if as_expected(&error) => {
            println!("{error}");
            Ok(())
        }
        other => Err(Failure::new(format!("{address}: {other:?}"))),
    }
}

/// What a driver holds, dropped in every order: also the device ahead of what is bound for it, and the bus ahead of both.
/// Afterwards a new container gets the device, which is quiet.
pub fn any_order(guest: &Guest) -> Result<(), Failure> {
    let started = Instant::now();
    let orders = orders(&[0, 1, 2, 3, 4]);
    for order in &orders {
        let container = Container::new()?;
        let device = container.open(guest.edu)?;
        device.set_bus_master(BusMaster::On)?;
        let registers = device.region(Bar::Bar0)?;
        let interrupt = only(device.interrupts(InterruptKind::Msi, 1)?)?;
        let nexus = container.nexus()?;
        let left = Arc::downgrade(&nexus);
        let bus = Bus::new(nexus, BusConfig::default());
        let handle = bus.device("edu").alloc_handle(&DmaAttr::UNRESTRICTED, Wait::DontWait)?;
        let buffer = HostBuffer::new(5000)?;
        let binding = handle.bind(buffer, Direction::Both, BindFlags::empty(), Wait::DontWait)?;
        let parts: [Box<dyn Send>; 5] = [
            Box::new(container),
            Box::new(device),
            Box::new((registers, interrupt)),
            Box::new(bus),
            Box::new(binding.start()),
        ];
        let mut parts = parts.map(Some);
        for part in order {
            parts[*part] = None;
        }
        ensure!(left.strong_count() == 0, "{order:?}: the nexus is left");
        is_quiet(guest).map_err(|failure| Failure::new(format!("{order:?}: {failure}")))?;
    }
    println!(
        "{} orders, each opened and closed in {:?}",
        orders.len(),
        started.elapsed() / orders.len() as u32
    );
    Ok(())
}

/// All orders of some numbers.
fn orders(numbers: &[usize]) -> Vec<Vec<usize>> {
    if numbers.is_empty() {
        return vec![Vec::new()];
    }
    let starting_with = |first: &usize| {
        let rest: Vec<_> = numbers.iter().copied().filter(|number| number != first).collect();
        let first = *first;
        orders(&rest).into_iter().map(move |order| [vec![first], order].concat())
    };
    numbers.iter().flat_map(starting_with).collect()
}

/// A new container gets the device, which may not do DMA, and does not interrupt.
fn is_quiet(guest: &Guest) -> Result<(), Failure> {
    let edu = Edu::open(guest)?;
    ensure!(edu.device.bus_master()? == BusMaster::Off, "it may do DMA");
    let interrupt = edu.interrupt(InterruptKind::IntX)?;
    ensure!(interrupt.take() == Raised::No, "it interrupts");
    Ok(())
}

/// A thread that panics with everything in its hands.
pub fn panic(guest: &Guest) -> Result<(), Failure> {
    let container = Container::new()?;
    let device = container.open(guest.edu)?;
    let registers = device.region(Bar::Bar0)?;
    let watch = registers.clone();
    let thread = thread::spawn(move || {
        let _held = (device.interrupts(InterruptKind::Msi, 1), registers);
        let _: Result<(), _> = device.set_bus_master(BusMaster::On);
        panic!("a driver that panics");
    });
    ensure!(thread.join().is_err(), "it did not panic");
    ensure!(watch.read32(edu::IDENTIFICATION) == 0x0100_00ed, "the region that is left does not answer");
    drop(watch);
    drop(container);
    is_quiet(guest)
}

/// A device that was dropped is opened anew in the same container: quiet, and reset where it can be.
pub fn anew(guest: &Guest) -> Result<(), Failure> {
    let container = Container::new()?;
    for round in 0..3 {
        let nvme = container.open(guest.nvme)?;
        ensure!(nvme.bus_master()? == BusMaster::Off, "round {round}: it may do DMA");
        let registers = nvme.region(Bar::Bar0)?;
        ensure!(!is_enabled(&registers), "round {round}: the controller still runs");
        enable(&registers, 0x1000)?;
        nvme.set_bus_master(BusMaster::On)?;
        let interrupts = nvme.interrupts(InterruptKind::MsiX, 3)?;
        drop(nvme);
        // Its parts keep it open.
        ensure!(
            matches!(container.open(guest.nvme), Err(OpenError::InUse { .. })),
            "round {round}: open twice"
        );
        drop(interrupts);
        ensure!(is_enabled(&registers), "round {round}: the region ended");
    }
    Ok(())
}
