//! What the listings share: the device's side of a driver, which has little to do with DMA.
#![allow(dead_code, reason = "each listing uses a part of it")]

pub mod controller;

use std::error::Error;
use std::fmt;

use ddi_dma::plan::List;
use ddi_dma::{Bus, Device, Direction, DmaObject, View};
use ddi_dma_sim::{Disk, EntryKind, ErrorCode, Machine, Register, csr};

/// What can go wrong in a listing.
pub type Failure = Box<dyn Error>;

/// How a request failed.
#[derive(Debug)]
pub struct RequestError(pub String);

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for RequestError {}

/// The device of a disk, on a bus.
pub fn device_of(bus: &Bus, disk: &Disk) -> Device {
    bus.device(disk.spec().name)
}

/// Bytes of an object.
pub fn length_of(object: &impl DmaObject) -> u64 {
    View::length(&object.view()).unwrap_or(0)
}

/// Programs the engine with one list, and starts it: bytes go between the list's cookies and the disk, from `block` on.
///
/// Example 8-4 shows the same step by step.
pub fn program(disk: &Disk, list: &List<'_>, block: u64, direction: Direction) {
    disk.put(Register::Block, block);
    for (entry, cookie) in (0..).zip(list.cookies()) {
        disk.put(Register::Address(entry), cookie.address);
        disk.put(Register::Size(entry), cookie.size - 1); // the register holds the count minus one
    }
    if let EntryKind::List(_) = disk.spec().engine.entries {
        disk.put(Register::Entries, list.cookies().len() as u64);
    }
    let way = if direction == Direction::FromDevice { csr::TO_MEMORY } else { 0 };
    disk.put(Register::Csr, csr::ENABLE_INTERRUPTS | csr::START_TRANSFER | way);
}

/// Lets the machine run until the device has done its request: what `cv_wait` is in a driver that sleeps.
///
/// A listing that passes an error on drops its transfer in flight. The framework then takes the memory away from the
/// device, or keeps it from use.
///
/// # Errors
///
/// The request failed, moved too little, or raised no interrupt.
pub fn wait_for(machine: &Machine, disk: &Disk) -> Result<(), RequestError> {
    machine.run();
    let silent = || Err(RequestError(format!("{}: no interrupt came", disk.spec().name)));
    acknowledge(disk).unwrap_or_else(silent)
}

/// Lowers the device's interrupt and tells how its request went; `None` where it raised none.
///
/// Example 8-5 shows the same step by step.
pub fn acknowledge(disk: &Disk) -> Option<Result<(), RequestError>> {
    let status = disk.get(Register::Csr);
    if status & csr::INTERRUPTING == 0 {
        return None;
    }
    disk.put(Register::Csr, csr::CLEAR_INTERRUPT);
    let _ = disk.get(Register::Csr); // for store buffers: the read comes back when the write has arrived
    Some(outcome(disk, status))
}

/// How the request went whose end showed this status.
///
/// # Errors
///
/// The request failed, or moved too little.
pub fn outcome(disk: &Disk, status: u64) -> Result<(), RequestError> {
    let (device, residue) = (disk.spec().name, disk.get(Register::Residue));
    if status & csr::ERROR != 0 {
        let code = ErrorCode::from_register(disk.get(Register::Error));
        return Err(RequestError(format!("{device}: the request failed: {code:?}")));
    }
    if residue > 0 {
        return Err(RequestError(format!("{device}: {residue} bytes were not moved")));
    }
    Ok(())
}
