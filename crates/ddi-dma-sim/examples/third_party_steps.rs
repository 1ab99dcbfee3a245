//! "In general, the driver should perform these steps for third-party DMA": all nine of them.
//!
//! The device is a sound card that plays 16-bit samples and has no engine: a channel of the system's DMA engine brings
//! them. Each step is a comment with its number; the object is memory of a process.

mod common;

use std::sync::Arc;

use common::Failure;
use ddi_dma::dmae::{Command, Request};
use ddi_dma::{
    AddressSpace, BindFlags, Bus, BusConfig, Direction, Dmae, PortIo, SyncFor, UmemFlags, Wait, umem_lock,
};
use ddi_dma_sim::{Machine, MachineConfig, NexusKind, Protection, SOUND_BASE, SoundStop, UserSpace};

/// The channel that the card is wired to after power-up.
const CHANNEL: u8 = 5;

/// Plays `length` bytes of samples at an address of a process, both whole pages. Returns the samples that were played.
///
/// # Errors
///
/// The process has no such memory, or the object cannot be bound.
pub fn play(
    machine: &Machine,
    dmae: &Dmae,
    space: &Arc<dyn AddressSpace>,
    (address, length): (u64, u64),
) -> Result<usize, Failure> {
    let ports = machine.ports();
    let bus = Bus::new(machine.nexus(NexusKind::Isa), BusConfig::default());

    // Step 1: allocate a DMA channel. Whoever else has it is waited for.
    let channel = dmae.alloc(CHANNEL, Wait::Sleep)?;

    // Step 2: retrieve the system's DMA engine attributes with ddi_dmae_getattr. They are those of this channel: words,
    // 128 KiB at the most, no boundary of 128 KiB crossed, below 16 MiB.
    let attributes = channel.attributes();

    // Step 3: lock the DMA object in memory.
    let object = umem_lock(space, address, length, UmemFlags::needed(Direction::ToDevice))?;

    // Step 4: allocate DMA resources for the object.
    let handle = bus.device("sound").alloc_handle(&attributes, Wait::Sleep)?;
    let flight = handle.bind(object, Direction::ToDevice, BindFlags::PARTIAL, Wait::Sleep)?.start();

    // From here to step 7 channel and object are one: the channel is given no cookie but the object's.
    let mut transfer = channel.carry(flight);
    let mut played = 0;
    while let Some(window) = transfer.next_window()? {
        let lengths: Vec<u64> = window.lists().map(|list| list.length()).collect();
        for (list, length) in lengths.into_iter().enumerate() {
            // Step 5: program the system DMA engine to perform the transfer with ddi_dmae_prog. Then the device is told.
            transfer.program(&Request::new(Command::ToDevice), list)?;
            start_playing(&*ports, length / 2);
            while machine.sound().step(usize::MAX).stop != SoundStop::BlockEnd {
                std::thread::yield_now();
            }
            let _acknowledged = ports.read(SOUND_BASE + 0xF);
            played += ((length - transfer.remaining()?) / 2) as usize;
        }
        // Step 6: perform any required object synchronisations. Moving to the next window does it: this one is for who
        // changes samples of this window and plays it again.
        transfer.sync(.., SyncFor::Device)?;
    }

    // Step 7: stop the DMA engine with ddi_dmae_stop. Completing the transfer does it too.
    transfer.stop();
    let (channel, binding) = transfer.complete();

    // Step 8: release the DMA resources.
    let (handle, object) = binding.unbind();
    drop((handle, object));

    // Step 9: deallocate the DMA channel. It goes to whoever waits for it.
    drop(channel);
    Ok(played)
}

/// Has the card play so many signed mono samples: a block, whose end raises the interrupt.
fn start_playing(ports: &dyn PortIo, samples: u64) {
    let [low, high] = (samples.saturating_sub(1) as u16).to_le_bytes();
    for byte in [0xB0, 0x10, low, high] {
        ports.write(SOUND_BASE + 0xC, byte);
    }
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
    let length = 25 * machine.memory().page_size();
    let address = process.map(length, Protection::ReadWrite)?;
    let space: Arc<dyn AddressSpace> = process.clone();
    let played = play(&machine, &dmae, &space, (address, length))?;
    println!("sound: {played} samples of a process in nine steps, by channel {CHANNEL}");
    Ok(())
}
