//! Drivers that write the engine's registers themselves and forget a boundary. Bochs notices, QEMU does not.

use ddi_dma::PortIo;

use super::Failure;
use super::floppy::{
    self,
    controller::{Controller, Read, Sides},
};
use super::sound::card::{Card, Mode};
use super::system::System;
use crate::memory::Buffer;
use crate::ports::Ports;

/// Bytes of the transfers, half of them on each side of a boundary.
const LENGTH: u64 = 0x400;

/// A channel by its registers.
struct Channel {
    line: u8,
    mask: u16,
    mode: u16,
    clear_flip_flop: u16,
    address: u16,
    count: u16,
    page: u16,
    /// Bytes of its unit.
    unit: u64,
}

const BYTES: Channel = Channel {
    line: 2,
    mask: 0x0a,
    mode: 0x0b,
    clear_flip_flop: 0x0c,
    address: 0x04,
    count: 0x05,
    page: 0x81,
    unit: 1,
};

const WORDS: Channel = Channel {
    line: 1,
    mask: 0xd4,
    mode: 0xd6,
    clear_flip_flop: 0xd8,
    address: 0xc4,
    count: 0xc6,
    page: 0x8b,
    unit: 2,
};

/// Single cycles, from the device.
const FROM_DEVICE: u8 = 0x44;
/// Single cycles, to the device.
const TO_DEVICE: u8 = 0x48;

/// Two sectors into a buffer with a boundary of 64 KiB between them.
pub(super) fn boundary() -> Result<(), Failure> {
    // From one boundary to behind the next: wherever a counter goes on, it is in here.
    let buffer = Buffer::at(0x27_0000, 0x1_0000 + LENGTH as usize)?;
    let system = System::new();
    let mut driver = floppy::attach(&system)?;
    driver.recalibrate()?;
    program(&BYTES, FROM_DEVICE, 0x28_0000 - LENGTH / 2);
    Controller(&system.ports).read(&Read { cylinder: 0, first: 1, last: 2, sides: Sides::First })?;
    stop_and_tell(&BYTES, buffer)
}

/// Samples from a buffer with a boundary of 128 KiB in its middle.
pub(super) fn boundary_of_words() -> Result<(), Failure> {
    let buffer = Buffer::at(0x28_0000, 0x2_0000 + LENGTH as usize)?;
    let system = System::new();
    let card = Card::reset(&system)?;
    program(&WORDS, TO_DEVICE, 0x2a_0000 - LENGTH / 2);
    card.play(Mode::Once, (LENGTH / 2) as usize)?;
    card.wait((LENGTH / 2) as usize)?;
    stop_and_tell(&WORDS, buffer)
}

/// Has a channel move [`LENGTH`] bytes from an address on, whatever lies in between.
fn program(channel: &Channel, mode: u8, address: u64) {
    // SAFETY: the callers give the engine memory of a buffer that they hold until the channel is masked.
    let ports = unsafe { Ports::new() };
    let reach = 0x1_0000 * channel.unit;
    let pair = |register: u16, value: u64| {
        ports.write(channel.clear_flip_flop, 0);
        (value as u16).to_le_bytes().iter().for_each(|byte| ports.write(register, *byte));
    };
    ports.write(channel.mask, 0x04 | channel.line);
    ports.write(channel.mode, mode | channel.line);
    pair(channel.address, address % reach / channel.unit);
    pair(channel.count, LENGTH / channel.unit - 1);
    ports.write(channel.page, (address / reach * channel.unit) as u8);
    ports.write(channel.mask, channel.line);
}

/// Masks a channel, and says that nobody noticed.
fn stop_and_tell(channel: &Channel, buffer: Buffer) -> Result<(), Failure> {
    // SAFETY: a channel that is masked reaches no memory.
    unsafe { Ports::new() }.write(channel.mask, 0x04 | channel.line);
    drop(buffer);
    Err(Failure::new("the model lets a transfer cross a boundary"))
}
