//! A driver is killed while its device works. The memory is that of a file, so that the test can look at it whatever became of
//! the process that had it mapped.

use std::fs::{self, OpenOptions};
use std::io::{Write, stdout};
use std::thread::{park, sleep};

use ddi_dma::{BindFlags, Direction, Registers, Wait};
use ddi_dma_vfio::{FileAccess, FileBuffer, HostBuffer, InterruptKind};
use edu::{ATTR, BUFFER, Config, Edu};

use super::{AFTERWARDS, Other};
use crate::failure::Failure;
use crate::guest::Guest;
use crate::runner::Role;
use crate::tests::opened::{Opened, first_cookie};

/// The file, in memory as all of the guest's.
const MEMORY: &str = "/tmp/memory-of-a-killed-driver";

/// What it holds.
const KEPT: u8 = 0x77;

/// What the device has in its buffer.
const SENT: u8 = 0xee;

/// A driver that tells its device to fill the file's first bytes, says at which address, and goes no further.
pub const DRIVER: Role = Role::new("driver-to-be-killed", |guest, _| {
    let opened = Opened::new(guest.edu)?;
    let device = opened.bus.device("edu");
    let interrupt = opened.interrupt(InterruptKind::Msi)?;
    let mut edu = Edu::attach(&device, opened.registers()?, interrupt, Config::default())?;
    let mut full = HostBuffer::new(BUFFER)?;
    full.write(0, &[SENT; BUFFER as usize])?;
    edu.write(0, full, Wait::DontWait)?;
    let registers = edu.detach().registers;

    let file = OpenOptions::new().read(true).write(true).open(MEMORY)?;
    let object = FileBuffer::new(&file, 0, BUFFER, FileAccess::ReadWrite)?;
    let handle = device.alloc_handle(&ATTR, Wait::DontWait)?;
    let flight = handle.bind(object, Direction::FromDevice, BindFlags::empty(), Wait::DontWait)?.start();
    let cookie = first_cookie(&flight)?;
    start_write(&registers, cookie.address);
    println!("{}", cookie.address);
    stdout().flush()?;
    loop {
        park();
    }
});

/// The device was told to write, and is about to.
pub fn dma_in_flight(_: &Guest) -> Result<(), Failure> {
    fs::write(MEMORY, [KEPT; 4096])?;
    Other::start(DRIVER, &[])?.kill()?;
    sleep(AFTERWARDS);
    ensure!(changed()? == 0, "a device wrote {} bytes for a process that is dead", changed()?);
    // The same arrives where nobody is killed.
    let alive = Other::start(DRIVER, &[])?;
    sleep(AFTERWARDS);
    ensure!(changed()? == BUFFER as usize, "the device wrote {} bytes of {BUFFER}", changed()?);
    alive.kill()
}

/// The next process has the device, and has it write where the dead one's memory was.
pub fn told_again(guest: &Guest) -> Result<(), Failure> {
    fs::write(MEMORY, [KEPT; 4096])?;
    let driver = Other::start(DRIVER, &[])?;
    let address = driver.said.parse()?;
    driver.kill()?;
    let opened = Opened::new(guest.edu)?;
    // What the dead driver started has ended, and the engine takes orders.
    sleep(AFTERWARDS);
    start_write(&opened.registers()?, address);
    sleep(AFTERWARDS);
    ensure!(changed()? == 0, "{} bytes of a dead process were written", changed()?);
    // The device is none the worse: its buffer has what the dead driver put there.
    let device = opened.bus.device("edu");
    let interrupt = opened.interrupt(InterruptKind::Msi)?;
    let mut edu = Edu::attach(&device, opened.registers()?, interrupt, Config::default())?;
    let (read, _) = edu.read(0, HostBuffer::new(BUFFER)?, Wait::DontWait)?;
    ensure!(read.to_vec() == [SENT; BUFFER as usize], "the device's buffer has changed");
    Ok(())
}

/// Starts a DMA, by the registers, of all that the device's buffer has.
fn start_write(registers: &impl Registers, address: u64) {
    const IN_DEVICE: u64 = 0x4_0000;
    const RUN_TO_MEMORY: u64 = 3;
    for (register, value) in [(0x80, IN_DEVICE), (0x88, address), (0x90, BUFFER), (0x98, RUN_TO_MEMORY)] {
        registers.write64(register, value);
    }
}

/// How many bytes of the file are not what they were.
fn changed() -> Result<usize, Failure> {
    Ok(fs::read(MEMORY)?.iter().filter(|byte| **byte != KEPT).count())
}
