//! Example 9-3: private memory as an intermediate buffer.
//!
//! The manual's listing allocates an IOPB, as example 8-3 does. This is the other use that its section names: a device
//! with alignment requirements, and data that does not meet them. It is copied into memory that does, which the driver
//! allocates and binds once.

mod common;

use common::{Failure, device_of, wait_for};
use ddi_dma::{
    AccessAttr, BindFlags, Bus, BusConfig, Direction, DmaAttr, MemoryUse, PrivateMemory, SyncFor, Wait,
};
use ddi_dma_sim::{Disk, EntryKind, Machine, MachineConfig, Register, csr};

/// What writing through private memory took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// Bytes that were allocated, padding included.
    pub real_length: u64,
    /// Bus address of the memory.
    pub address: u64,
    /// How often it was used.
    pub rounds: u64,
    /// Bytes that the framework copied.
    pub copied: u64,
}

/// Writes bytes that lie anywhere to the start of a disk, through `length` bytes of private memory.
///
/// # Errors
///
/// There is no such memory, or a transfer fails.
pub fn write_through(machine: &Machine, name: &str, bytes: &[u8], length: u64) -> Result<Told, Failure> {
    let disk = machine.device(name)?;
    let bus = Bus::new(machine.nexus(disk.spec().nexus), BusConfig::default());
    // An engine that starts at multiples of 1 KiB only and knows one address.
    let attr = DmaAttr { align: 1024, sgllen: 1, ..disk.spec().attr };
    let handle = device_of(&bus, disk).alloc_handle::<PrivateMemory>(&attr, Wait::Sleep)?;

    // ddi_dma_mem_alloc. STREAMING: the device moves it in order, in blocks. The length may be rounded up.
    let memory = handle.alloc_memory(length, MemoryUse::Streaming, AccessAttr::default(), Wait::Sleep)?;
    let (real_length, access) = (memory.real_length(), memory.access());
    // ddi_dma_addr_bind_handle, of the real length. Should it fail, the error has the memory and frees it.
    let mut binding = handle.bind(memory, Direction::ToDevice, BindFlags::STREAMING, Wait::Sleep)?;
    let mut told = Told { real_length, address: 0, rounds: 0, copied: 0 };

    // Whole sectors a round.
    let room = real_length - real_length % 512;
    for piece in bytes.chunks(usize::try_from(room)?) {
        access.write(0, piece)?;
        binding.sync(.., SyncFor::Device)?;
        let mut flight = binding.start();
        let cookie = flight.window(0)?.cookies().first().copied().ok_or("memory without a cookie")?;
        // The last piece needs the front of the memory only.
        start(disk, told.rounds * room / 512, cookie.address, piece.len() as u64);
        wait_for(machine, disk)?;
        told.address = cookie.address;
        told.rounds += 1;
        binding = flight.complete();
    }

    let (_handle, memory) = binding.unbind();
    // ddi_dma_mem_free: when memory and access are gone.
    drop((memory, access));
    told.copied = bus.stats().bytes_copied;
    Ok(told)
}

/// Writes `count` bytes to the disk.
fn start(disk: &Disk, block: u64, address: u64, count: u64) {
    disk.put(Register::Block, block);
    disk.put(Register::Address(0), address);
    disk.put(Register::Size(0), count - 1);
    if let EntryKind::List(_) = disk.spec().engine.entries {
        disk.put(Register::Entries, 1);
    }
    disk.put(Register::Csr, csr::ENABLE_INTERRUPTS | csr::START_TRANSFER);
}

/// Runs it.
///
/// # Errors
///
/// Something failed.
pub fn main() -> Result<(), Failure> {
    let machine = Machine::new(MachineConfig::default())?;
    let Told { real_length, address, rounds, .. } =
        write_through(&machine, "isa-disk", &[0x5A; 100_000], 10_000)?;
    println!("isa-disk: {real_length} bytes of private memory at {address:#x}, used {rounds} times");
    Ok(())
}
