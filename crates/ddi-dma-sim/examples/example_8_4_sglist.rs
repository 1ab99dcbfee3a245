//! Example 8-4: programming a scatter/gather list from cookies, where the object has more cookies than the list has
//! entries.
//!
//! The framework hands the cookies out in lists of at most `sgllen`. The driver gives the engine one list, and the
//! next from its interrupt routine.

mod common;

use std::sync::Arc;

use common::{Failure, device_of, outcome};
use ddi_dma::{BindFlags, Bus, BusConfig, Direction, DmaHandle, InFlight, Wait};
use ddi_dma_sim::{
    Buffer, BufferSpec, Disk, EntryKind, Interrupt, Machine, MachineConfig, Placement, Register, csr,
};

/// `struct xxstate`: one transfer to the disk, and how far it has come.
pub struct XxState {
    disk: Arc<Disk>,
    flight: InFlight<Buffer>,
    /// First block of the object on the disk.
    block: u64,
    next_list: usize,
    told: Told,
    error: Option<Failure>,
}

/// What the engine was given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    /// Cookies in all.
    pub cookies: usize,
    /// Lists: requests to the device.
    pub lists: usize,
    /// Most cookies of one list.
    pub longest: usize,
}

impl XxState {
    /// Binds a buffer and starts the first list (`xxstart`).
    ///
    /// # Errors
    ///
    /// The device is unknown, or the buffer cannot be bound.
    pub fn xxstart(machine: &Machine, name: &str, bp: Buffer, block: u64) -> Result<XxState, Failure> {
        let disk = Arc::clone(machine.device(name)?);
        let bus = Bus::new(machine.nexus(disk.spec().nexus), BusConfig::default());
        let handle: DmaHandle<Buffer> =
            device_of(&bus, &disk).alloc_handle(&disk.spec().attr, Wait::DontWait)?;
        let flight = handle.bind(bp, Direction::ToDevice, BindFlags::empty(), Wait::DontWait)?.start();
        let mut xsp = XxState { disk, flight, block, next_list: 0, told: Told::default(), error: None };
        xsp.program_sglist()?;
        Ok(xsp)
    }

    /// Stores the next list's cookies, if there is one, into the scatter/gather list, and starts the engine.
    fn program_sglist(&mut self) -> Result<(), Failure> {
        // Without PARTIAL there is one window, which holds the whole object.
        let Some(list) = self.flight.window(0)?.list(self.next_list) else { return Ok(()) };
        let disk = &self.disk;
        // The list's bytes follow those of the list before.
        disk.put(Register::Block, self.block + list.offset() / 512);
        for (entry, cookie) in (0..).zip(list.cookies()) {
            // The address as it is: a driver does not compute with it.
            disk.put(Register::Address(entry), cookie.address);
            // This device's registers hold the count minus one.
            disk.put(Register::Size(entry), cookie.size - 1);
        }
        // A device without a list has one pair of registers, and the framework gives it one cookie a list.
        if let EntryKind::List(_) = disk.spec().engine.entries {
            disk.put(Register::Entries, list.cookies().len() as u64);
        }
        disk.put(Register::Csr, csr::ENABLE_INTERRUPTS | csr::START_TRANSFER);
        self.next_list += 1;
        self.told.lists += 1;
        self.told.cookies += list.cookies().len();
        self.told.longest = self.told.longest.max(list.cookies().len());
        Ok(())
    }

    /// Serves the interrupt: checks how the list went, and goes on with the next.
    pub fn xxintr(&mut self) -> Interrupt {
        let status = self.disk.get(Register::Csr);
        if status & csr::INTERRUPTING == 0 {
            return Interrupt::Unclaimed;
        }
        self.disk.put(Register::Csr, csr::CLEAR_INTERRUPT);
        let _ = self.disk.get(Register::Csr); // for store buffers
        match outcome(&self.disk, status) {
            Ok(()) => self.error = self.program_sglist().err(),
            Err(error) => self.error = Some(error.into()),
        }
        Interrupt::Claimed
    }

    /// Ends the transfer, when the device raises no more interrupts: the buffer, and what the engine was given.
    ///
    /// # Errors
    ///
    /// A list failed.
    pub fn finish(self) -> Result<(Buffer, Told), Failure> {
        let (_, bp) = self.flight.complete().unbind();
        self.error.map_or(Ok((bp, self.told)), Err)
    }
}

/// Writes a buffer to a disk, list after list.
///
/// # Errors
///
/// The transfer fails.
pub fn write(machine: &Machine, name: &str, bp: Buffer, block: u64) -> Result<(Buffer, Told), Failure> {
    let mut xsp = XxState::xxstart(machine, name, bp, block)?;
    while machine.run() > 0 && xsp.xxintr() == Interrupt::Claimed {}
    xsp.finish()
}

/// Runs it.
///
/// # Errors
///
/// Something failed.
pub fn main() -> Result<(), Failure> {
    let machine = Machine::new(MachineConfig::default())?;
    // 100 pages, each elsewhere, all within the engine's reach: 100 cookies for a list of 17.
    let buffer = machine.buffer(&BufferSpec::new(100 * 4096).placement(Placement::BELOW_16M))?;
    let (_, told) = write(&machine, "isa-sg-disk", buffer, 0)?;
    println!("isa-sg-disk: {} cookies in {} lists of at most {}", told.cookies, told.lists, told.longest);
    Ok(())
}
