//! "In general, the driver should perform the following steps for first-party DMA": all eight of them.
//!
//! The device is a bus master on an ISA bus. It asks for the bus by a channel of the system's DMA engine, and drives it
//! itself once the engine lets it through. Each step is a comment with its number; the object is memory of a process.

mod common;

use std::sync::Arc;

use common::{Failure, program, wait_for};
use ddi_dma::{
    AddressSpace, BindFlags, Bus, BusConfig, Direction, Dmae, SyncFor, UmemCookie, UmemFlags, Wait, umem_lock,
};
use ddi_dma_sim::{ISA_MASTER, Machine, MachineConfig, NexusKind, Protection, UserSpace};

/// Moves `length` bytes at an address of a process, both whole pages, to or from the disk, from `block` on.
///
/// # Errors
///
/// The process has no such memory, the object cannot be bound, or the device reports an error.
pub fn transfer(
    machine: &Machine,
    dmae: &Dmae,
    space: &Arc<dyn AddressSpace>,
    (address, length): (u64, u64),
    block: u64,
    direction: Direction,
) -> Result<(), Failure> {
    let disk = machine.device(ISA_MASTER.name)?;
    let wired = disk.spec().channel.ok_or("the device asks for the bus by no channel")?;
    let bus = Bus::new(machine.nexus(NexusKind::Isa), BusConfig::default());

    // Step 1: allocate a DMA channel. Whoever else has it is waited for.
    let mut channel = dmae.alloc(wired.number(), Wait::Sleep)?;

    // Step 2: configure the channel with ddi_dmae_1stparty: the engine lets the device drive the bus.
    channel.first_party();

    // Step 3: ensure the DMA object is locked in memory.
    let object: UmemCookie = umem_lock(space, address, length, UmemFlags::needed(direction))?;

    // Step 4: allocate DMA resources for the object. The limits are those of the device, which has the engine.
    let handle = bus.device(ISA_MASTER.name).alloc_handle(&ISA_MASTER.attr, Wait::Sleep)?;
    let mut flight = handle.bind(object, direction, BindFlags::PARTIAL, Wait::Sleep)?.start();
    while let Some(window) = flight.next_window()? {
        for list in window.lists() {
            // Step 5: program the DMA engine on the device and start it. When the transfer is complete, continue the
            // bus-master operation.
            program(disk, &list, block + list.offset() / 512, direction);
            wait_for(machine, disk)?;
        }
        // Step 6: perform any required object synchronisations.
        if direction.device_writes() {
            flight.sync(.., SyncFor::Cpu)?;
        }
    }

    // Step 7: release the DMA resources.
    let (handle, object) = flight.complete().unbind();
    drop((handle, object));

    // Step 8: deallocate the DMA channel. It is masked, and goes to whoever waits for it.
    drop(channel);
    Ok(())
}

/// Runs it.
///
/// # Errors
///
/// Something failed.
pub fn main() -> Result<(), Failure> {
    let machine = Machine::new(MachineConfig::default())?;
    let dmae = Dmae::new(machine.ports());
    let process = UserSpace::new(&machine, 1 << 30);
    let length = 100 * machine.memory().page_size();
    let address = process.map(length, Protection::ReadWrite)?;
    let space: Arc<dyn AddressSpace> = process.clone();
    transfer(&machine, &dmae, &space, (address, length), 0, Direction::ToDevice)?;
    println!("isa-master: {length} bytes of a process in eight steps, by a channel in cascade mode");
    Ok(())
}
