//! A driver is killed amid a stream of commands, at no moment in particular.

use std::collections::VecDeque;
use std::fs::{self, OpenOptions};
use std::io::{Write, stdout};
use std::thread::sleep;
use std::time::Duration;

use ddi_dma::Wait;
use ddi_dma_vfio::{FileAccess, FileBuffer, HostBuffer};
use nvme_driver::{Config, Nvme, Request, Token};
use vfio_guest_contents::{BLOCK, DISK_BLOCKS, block};

use super::{AFTERWARDS, Other};
use crate::failure::Failure;
use crate::guest::Guest;
use crate::runner::Role;
use crate::tests::opened::Opened;

/// The file that the driver reads into: its memory outlives the driver.
const MEMORY: &str = "/tmp/memory-of-a-busy-driver";

/// Bytes of a request, and how many are in flight.
const REQUEST: u64 = 0x1_0000;
const IN_FLIGHT: u64 = 16;

/// A driver that reads other blocks into the same memory all the time.
pub const READER: Role = Role::new("reader-to-be-killed", |guest, _| {
    let opened = Opened::new(guest.nvme)?;
    let mut nvme = opened.nvme(Config::default())?;
    let file = OpenOptions::new().read(true).write(true).open(MEMORY)?;
    let mut in_flight = VecDeque::new();
    for slot in 0..IN_FLIGHT {
        let part = FileBuffer::new(&file, slot * REQUEST, REQUEST, FileAccess::ReadWrite)?;
        in_flight.push_back(read(&mut nvme, slot, part)?);
    }
    println!("it reads");
    stdout().flush()?;
    let mut number = IN_FLIGHT;
    while let Some(first) = in_flight.pop_front() {
        let (part, _) = nvme.wait(first)?;
        in_flight.push_back(read(&mut nvme, number, part)?);
        number += 1;
    }
    Ok(())
});

/// Begins the request of this number, whose blocks are not those of the one before in the same memory.
fn read(nvme: &mut Nvme, number: u64, part: FileBuffer) -> Result<Token<FileBuffer>, Failure> {
    let blocks = REQUEST / BLOCK as u64;
    let request = Request::read(1, number * blocks % (DISK_BLOCKS - blocks));
    Ok(nvme.submit(&request, part, Wait::DontWait)?)
}

/// Whenever the driver is killed, from then on its memory does not change.
pub fn amid_commands(guest: &Guest) -> Result<(), Failure> {
    for after in [1, 5, 12, 20, 33] {
        fs::write(MEMORY, vec![0; (IN_FLIGHT * REQUEST) as usize])?;
        let reader = Other::start(READER, &[])?;
        sleep(Duration::from_millis(after));
        let while_alive = fs::read(MEMORY)?;
        reader.kill()?;
        let at_its_end = fs::read(MEMORY)?;
        sleep(AFTERWARDS);
        let later = fs::read(MEMORY)?;
        let changed = at_its_end.iter().zip(&later).filter(|(before, after)| before != after).count();
        ensure!(changed == 0, "{changed} bytes changed behind the driver's end, {after} ms after its start");
        let worked = while_alive.iter().any(|byte| *byte != 0);
        ensure!(worked, "nothing was read within {after} ms");
    }
    // The controller is none the worse.
    let opened = Opened::new(guest.nvme)?;
    let mut nvme = opened.nvme(Config::default())?;
    let (read, _) = nvme.read(1, 7, HostBuffer::new(BLOCK as u64)?)?;
    ensure!(read.to_vec() == block(7), "block 7 is read wrong");
    Ok(nvme.shutdown()?)
}
