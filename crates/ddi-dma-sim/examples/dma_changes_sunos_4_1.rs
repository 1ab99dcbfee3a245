//! "DMA Changes": the sequence of SunOS 4.1, over this framework: `mb_mapalloc`, `MBI_ADDR`, `mb_mapfree`.
//!
//! What a driver of that time got was one address for the whole buffer. The engine here is therefore described so that
//! the buffer goes in one cookie or not at all.

mod common;

use common::{Failure, device_of, wait_for};
use ddi_dma::{
    BindErrorKind, BindFlags, Bus, BusConfig, Device, Direction, DmaAttr, DmaHandle, InFlight, Wait,
};
use ddi_dma_sim::{Buffer, BufferSpec, Disk, EntryKind, Machine, MachineConfig, Register, csr};

/// The main bus of a driver (`struct mb_hd`): its device, and what its engine can do.
pub struct MbHd {
    device: Device,
    attr: DmaAttr,
}

/// A mapped buffer: what was an integer, the cookie.
pub struct MbCookie {
    flight: InFlight<Buffer>,
    address: u64,
}

/// Maps a buffer into DMA space (`mb_mapalloc`). `wait` is what the function that was passed there was for.
///
/// # Errors
///
/// Space is short, or the engine does not take so much in one piece. The buffer comes back.
pub fn mb_mapalloc(
    hd: &MbHd,
    bp: Buffer,
    direction: Direction,
    wait: Wait<'_>,
) -> Result<MbCookie, (Failure, Buffer)> {
    // One cookie, and nothing smaller than the buffer: what lies apart becomes contiguous on the way.
    let Ok(whole) = u32::try_from(bp.len()) else { return Err(("the buffer is too large".into(), bp)) };
    let attr = DmaAttr { sgllen: 1, granular: whole, ..hd.attr };
    let handle: DmaHandle<Buffer> = match hd.device.alloc_handle(&attr, wait) {
        Ok(handle) => handle,
        Err(error) => return Err((error.into(), bp)),
    };
    let binding = handle.bind(bp, direction, BindFlags::ONE_LIST, wait).map_err(|error| {
        let kind: BindErrorKind = error.kind();
        (kind.into(), error.into_parts().1)
    })?;
    let mut flight = binding.start();
    let address = match flight.window(0).map(|window| window.cookies().first().copied()) {
        Ok(Some(cookie)) => cookie.address,
        _ => return Err(("the buffer has no cookie".into(), flight.complete().unbind().1)),
    };
    Ok(MbCookie { flight, address })
}

/// Retrieves the address from a cookie (`MBI_ADDR`).
pub fn mbi_addr(cookie: &MbCookie) -> u64 {
    cookie.address
}

/// Frees a mapping when DMA is complete (`mb_mapfree`).
pub fn mb_mapfree(cookie: MbCookie) -> Buffer {
    cookie.flight.complete().unbind().1
}

/// Moves a buffer to or from the start of a disk.
///
/// # Errors
///
/// The buffer cannot be mapped, or the transfer fails.
pub fn move_buffer(
    machine: &Machine,
    name: &str,
    bp: Buffer,
    direction: Direction,
) -> Result<Buffer, Failure> {
    let disk = machine.device(name)?;
    let bus = Bus::new(machine.nexus(disk.spec().nexus), BusConfig::default());
    let hd = MbHd { device: device_of(&bus, disk), attr: disk.spec().attr };
    let count = bp.len();

    // 1. mb_mapalloc: map the buffer into DMA space.
    let cookie = mb_mapalloc(&hd, bp, direction, Wait::DontWait).map_err(|(error, _)| error)?;

    // 2. MBI_ADDR: retrieve the address from the returned cookie.
    let address = mbi_addr(&cookie);

    // 3. Program the device and start the DMA.
    start(disk, address, count, direction);
    wait_for(machine, disk)?;

    // 4. mb_mapfree: free the mapping when DMA is complete; in the interrupt routine.
    Ok(mb_mapfree(cookie))
}

/// One address and one count.
fn start(disk: &Disk, address: u64, count: u64, direction: Direction) {
    disk.put(Register::Block, 0);
    disk.put(Register::Address(0), address);
    disk.put(Register::Size(0), count - 1);
    if let EntryKind::List(_) = disk.spec().engine.entries {
        disk.put(Register::Entries, 1);
    }
    let way = if direction == Direction::FromDevice { csr::TO_MEMORY } else { 0 };
    disk.put(Register::Csr, csr::ENABLE_INTERRUPTS | csr::START_TRANSFER | way);
}

/// Runs it.
///
/// # Errors
///
/// Something failed.
pub fn main() -> Result<(), Failure> {
    let machine = Machine::new(MachineConfig::sparc())?;
    let buffer = machine.buffer(&BufferSpec::new(0x1_0000))?;
    let buffer = move_buffer(&machine, "sbus-disk", buffer, Direction::ToDevice)?;
    println!("sbus-disk: {} bytes written with one address", buffer.len());
    Ok(())
}
