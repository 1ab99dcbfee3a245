//! A ring that the engine goes round by itself: one half is filled while the other is played.

use alloc::vec::Vec;
use core::time::Duration;

use bare_metal_contents::Played;
use ddi_dma::dmae::{BufProcess, Command, Request};
use ddi_dma::{AccessAttr, BindFlags, Direction, MemoryUse, SyncFor, Wait};

use super::card::{Card, Mode};
use super::{CHANNEL, Failure, SAMPLE, bytes};
use crate::ensure;
use crate::interrupts::{Irq, wait};
use crate::model::Model;
use crate::tests::system::System;

pub(super) const RING: &str = "sound-ring";

/// Samples of half the ring.
const HALF: usize = 0x1800;
/// Bytes of it.
const HALF_BYTES: u64 = (HALF * SAMPLE) as u64;

/// More time than half the ring takes.
const BLOCK: Duration = Duration::from_millis(250);

/// Both halves are filled anew at interrupts until all was played; then the card ends the ring, and the engine is stopped.
pub(super) fn ring() -> Result<(), Failure> {
    let played = Played::by(RING).next().ok_or_else(|| Failure::new("nobody knows what it plays"))?;
    let halves = played.samples / HALF;
    let content = |half: usize| -> Vec<u8> { bytes(played.samples().skip(half * HALF).take(HALF)).collect() };
    let told = match Model::detect() {
        // As on a real card, the block that is played is the last one.
        Model::Qemu => halves - 1,
        // The card ends at once.
        Model::Bochs => halves,
    };

    let system = System::new();
    let channel = system.dmae.alloc(CHANNEL, Wait::DontWait)?;
    let handle = system.bus.device("sound").alloc_handle(&channel.attributes(), Wait::DontWait)?;
    let (usage, attr) = (MemoryUse::Consistent, AccessAttr::default());
    let memory = handle.alloc_memory(2 * HALF_BYTES, usage, attr, Wait::DontWait)?;
    ensure!(memory.real_length() == 2 * HALF_BYTES, "{:#x} bytes", memory.real_length());
    let access = memory.access();
    access.write(0, &content(0))?;
    access.write(HALF_BYTES, &content(1))?;
    let flags = BindFlags::CONSISTENT;
    let flight = handle.bind(memory, Direction::ToDevice, flags, Wait::DontWait)?.start();
    let mut transfer = channel.carry(flight);
    transfer.next_window()?;
    transfer.program(&Request { bufprocess: BufProcess::Auto, ..Request::new(Command::ToDevice) }, 0)?;

    let card = Card::reset(&system)?;
    card.play(Mode::Ring, HALF)?;
    for done in 1..=told {
        card.wait(HALF)?;
        let remaining = transfer.remaining()?;
        // What is played now is the other half.
        let half = if done % 2 == 1 { 1..=HALF_BYTES } else { HALF_BYTES + 1..=2 * HALF_BYTES };
        ensure!(half.contains(&remaining), "{remaining:#x} bytes remain behind half {done}");
        if done + 1 < halves {
            let offset = (done as u64 + 1) % 2 * HALF_BYTES;
            access.write(offset, &content(done + 1))?;
            transfer.sync(offset..offset + HALF_BYTES, SyncFor::Device)?;
        }
    }
    card.end_ring()?;
    card.wait(HALF)?;
    transfer.stop();
    let stopped = transfer.remaining()?;
    let silent = wait(Irq::Sound, BLOCK).is_err();
    ensure!(silent && transfer.remaining()? == stopped, "the card goes on when it was stopped");
    drop(transfer.complete());
    card.be_heard();
    Ok(())
}
