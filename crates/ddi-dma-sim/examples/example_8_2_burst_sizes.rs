//! Example 8-2: which burst to program: one that the device has and the bus carries.
//!
//! The driver states the device's bursts in its attributes. The bus may have fewer, so it asks what is left.

mod common;

use common::{Failure, device_of, program, wait_for};
use ddi_dma::{BindFlags, BurstSizes, Bus, BusConfig, Direction, DmaHandle, Wait};
use ddi_dma_sim::{Buffer, BufferSpec, Machine, MachineConfig, Register};

/// What this driver likes, the best first.
const BEST_BURST_SIZES: [BurstSizes; 4] = [BurstSizes::B32, BurstSizes::B4, BurstSizes::B2, BurstSizes::B1];

/// Writes a buffer to the start of a disk. Returns the buffer and the bytes of a burst.
///
/// Where the device has no burst register, what is written to it is lost.
///
/// # Errors
///
/// No burst suits both, or the transfer fails.
pub fn write_in_bursts(machine: &Machine, name: &str, buffer: Buffer) -> Result<(Buffer, u32), Failure> {
    let disk = machine.device(name)?;
    let bus = Bus::new(machine.nexus(disk.spec().nexus), BusConfig::default());
    let handle: DmaHandle<Buffer> = device_of(&bus, disk).alloc_handle(&disk.spec().attr, Wait::DontWait)?;
    let binding = handle.bind(buffer, Direction::ToDevice, BindFlags::empty(), Wait::DontWait)?;

    // Check which bit is set, and choose one burst size to program the engine with.
    let allowed = binding.burst_sizes();
    let best = BEST_BURST_SIZES.into_iter().find(|burst| allowed.contains(*burst));
    let Some(burst) = best else {
        return Err(format!("{name}: none of the bursts {allowed:?} suits").into());
    };
    let bytes = burst.bits(); // bit n stands for 2^n bytes, and so is that number
    disk.put(Register::Burst, bytes.into());

    let mut flight = binding.start();
    for list in flight.window(0)?.lists() {
        program(disk, &list, list.offset() / 512, Direction::ToDevice);
        wait_for(machine, disk)?;
    }
    let (_, buffer) = flight.complete().unbind();
    Ok((buffer, bytes))
}

/// Runs it.
///
/// # Errors
///
/// Something failed.
pub fn main() -> Result<(), Failure> {
    let machine = Machine::new(MachineConfig::sparc())?;
    let buffer = machine.buffer(&BufferSpec::new(100_000))?;
    let (buffer, bytes) = write_in_bursts(&machine, "sbus-disk", buffer)?;
    println!("sbus-disk: {} bytes written in bursts of {bytes}", buffer.len());
    Ok(())
}
