//! "Synchronizing Memory Objects": one binding, used again and again with syncs between.
//!
//! The driver reads sectors, changes them and writes them back, with the same resources throughout: where the same
//! object is always used, they are allocated once.

mod common;

use common::{Failure, device_of, program, wait_for};
use ddi_dma::{BindFlags, Bus, BusConfig, Direction, DmaHandle, InFlight, SyncFor, Wait};
use ddi_dma_sim::{Buffer, BufferSpec, Disk, Machine, MachineConfig};

/// Adds one to every byte of `length` bytes of a disk, `bp` at a time, from block 0 on. Returns the buffer and how often
/// it was used.
///
/// # Errors
///
/// The buffer cannot be bound, or a transfer fails.
pub fn increment(machine: &Machine, name: &str, bp: Buffer, length: u64) -> Result<(Buffer, u64), Failure> {
    let disk = machine.device(name)?;
    let bus = Bus::new(machine.nexus(disk.spec().nexus), BusConfig::default());
    let handle: DmaHandle<Buffer> = device_of(&bus, disk).alloc_handle(&disk.spec().attr, Wait::DontWait)?;
    let (size, mut rounds) = (bp.len(), 0);
    // Bytes go both ways: first from the device, then to it.
    let mut binding = handle.bind(bp, Direction::Both, BindFlags::empty(), Wait::DontWait)?;
    for block in (0..length / 512).step_by((size / 512) as usize) {
        let mut flight = binding.start();
        transfer(machine, disk, &mut flight, block, Direction::FromDevice)?;

        // The device has written. Before the CPU reads, what stands in caches and copy buffers comes to the object.
        flight.sync(0..size, SyncFor::Cpu)?;
        // The CPU can now access the transferred data.
        binding = flight.complete();
        let mut bytes = vec![0; size as usize];
        binding.read(0, &mut bytes)?;
        bytes.iter_mut().for_each(|byte| *byte = byte.wrapping_add(1));
        binding.write(0, &bytes)?;

        // The CPU has written. Before the device reads, the same the other way round.
        binding.sync(0..size, SyncFor::Device)?;
        let mut flight = binding.start();
        transfer(machine, disk, &mut flight, block, Direction::ToDevice)?;
        binding = flight.complete();
        rounds += 1;
    }
    // Unbinding would synchronise by itself.
    let (_, bp) = binding.unbind();
    Ok((bp, rounds))
}

/// Has the device move the whole object.
fn transfer(
    machine: &Machine,
    disk: &Disk,
    flight: &mut InFlight<Buffer>,
    block: u64,
    direction: Direction,
) -> Result<(), Failure> {
    for list in flight.window(0)?.lists() {
        program(disk, &list, block + list.offset() / 512, direction);
        wait_for(machine, disk)?;
    }
    Ok(())
}

/// Runs it.
///
/// # Errors
///
/// Something failed.
pub fn main() -> Result<(), Failure> {
    for (name, config) in [("isa-disk", MachineConfig::default()), ("sbus-disk", MachineConfig::sparc())] {
        let machine = Machine::new(config)?;
        let (_, rounds) = increment(&machine, name, machine.buffer(&BufferSpec::new(8192))?, 0x1_0000)?;
        println!("{name}: one binding used for {rounds} rounds");
    }
    Ok(())
}
