//! Buffers are played once, list by list.

use bare_metal_contents::Played;
use ddi_dma::dmae::{Command, Request};
use ddi_dma::{BindFlags, Direction, Wait};

use super::card::{Card, Mode};
use super::{CHANNEL, Failure, SAMPLE, bytes};
use crate::ensure;
use crate::memory::Buffer;
use crate::model::Model;
use crate::tests::system::System;

pub(super) const FROM_ABOVE: &str = "sound-from-above-16-mib";
pub(super) const ACROSS: &str = "sound-across-128-kib";

/// A buffer on the heap lies above 16 MiB: all of it is copied.
pub(super) fn from_above_16_mib() -> Result<(), Failure> {
    let copied = play(FROM_ABOVE, |length| Ok(Buffer::on_heap(length, 0)))?;
    let length = Played::by(FROM_ABOVE).map(|played| (played.samples * SAMPLE) as u64).sum();
    ensure!(copied == length, "{copied} of {length} bytes were copied");
    Ok(())
}

/// A buffer that crosses a boundary of 128 KiB is cut there, and nothing is copied. One of 64 KiB cuts nothing.
pub(super) fn across_128_kib() -> Result<(), Failure> {
    let before: usize = Played::by(ACROSS).take(1).map(|played| played.samples * SAMPLE).sum();
    let copied = play(ACROSS, |length| Ok(Buffer::at(0x2a_0000 - before as u64, length)?))?;
    ensure!(copied == 0, "{copied} bytes were copied");
    Ok(())
}

/// Plays what the test of this name is known to play, a list at each command, from a buffer of this kind. Tells how many
/// bytes were copied.
fn play(test: &str, buffer: impl Fn(usize) -> Result<Buffer, Failure>) -> Result<u64, Failure> {
    let system = System::new();
    let length = Played::by(test).map(|played| played.samples * SAMPLE).sum();
    let mut object = buffer(length)?;
    let all = Played::by(test).flat_map(|played| bytes(played.samples()));
    object.bytes().iter_mut().zip(all).for_each(|(byte, value)| *byte = value);

    let channel = system.dmae.alloc(CHANNEL, Wait::DontWait)?;
    let handle = system.bus.device("sound").alloc_handle(&channel.attributes(), Wait::DontWait)?;
    let flight = handle.bind(object, Direction::ToDevice, BindFlags::empty(), Wait::DontWait)?.start();
    let mut transfer = channel.carry(flight);
    let card = Card::reset(&system)?;
    let lists = transfer.next_window()?.map_or(0, |window| window.list_count());
    ensure!(lists == Played::by(test).count(), "{lists} lists");
    for (list, played) in Played::by(test).enumerate() {
        let size = (played.samples * SAMPLE) as u64;
        transfer.program(&Request::new(Command::ToDevice), list)?;
        let ahead = transfer.remaining()?;
        ensure!(ahead == size, "list {list} has {ahead} bytes, not {size}");
        card.play(Mode::Once, played.samples)?;
        card.wait(played.samples)?;
        let remaining = transfer.remaining()?;
        let expected = match Model::detect() {
            Model::Bochs => 0,
            // Its card sets the counter back itself, and no terminal count is told.
            Model::Qemu => size,
        };
        ensure!(remaining == expected, "{remaining} of {size} bytes of list {list} remain");
    }
    let (_, binding) = transfer.complete();
    drop(binding);
    card.be_heard();
    Ok(system.bus.stats().bytes_copied)
}
