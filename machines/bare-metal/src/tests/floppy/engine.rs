//! What the engine tells of a transfer, and what it refuses. Where the models differ, each does what is known of it.

use core::time::Duration;

use bare_metal_contents::{original, pattern};
use ddi_dma::dmae::{BufProcess, Command, DmaeError, Request, Step, ThirdParty};
use ddi_dma::{BindFlags, Cookie, Direction, PortIo, Wait};
use isa_floppy::{Floppy, Order};

use super::controller::{Controller, Read, Sides};
use super::{CYLINDER, Failure, SECTOR, System, TRACK, Test, attach};
use crate::ensure;
use crate::interrupts::{Irq, wait};
use crate::memory::Buffer;
use crate::model::Model;

pub(in crate::tests) const TESTS: &[Test] = &[
    ("engine-early-end", early_end),
    ("engine-masked", masked),
    ("engine-verify", verify),
    ("engine-decrement", decrement),
    ("engine-autoinitialise", autoinitialise),
    ("engine-untouched-64-kib", untouched_64_kib),
    ("engine-finished-64-kib", finished_64_kib),
    ("engine-wrong-direction", wrong_direction),
    ("engine-refuses-cookies", refuses_cookies),
];

/// The channel of the floppy controller.
const CHANNEL: u8 = 2;

/// Where the buffers of these tests lie: within the engine's reach, far from a boundary.
const PLACE: u64 = 0x28_0000;

/// What the buffers hold before a transfer.
const SEED: u64 = 0xbef;

const FROM_DEVICE: Request = Request::new(Command::FromDevice);

/// A command that ends ahead of terminal count: `remaining` tells how much did not come.
fn early_end() -> Result<(), Failure> {
    let system = System::new();
    let _floppy = at_cylinder(&system, 20)?;
    let mut transfer = carry(&system, (TRACK + 2) * SECTOR)?;
    transfer.program(&FROM_DEVICE, 0)?;
    let track = Read { cylinder: 20, first: 1, last: TRACK as u8, sides: Sides::First };
    Controller(&system.ports).read(&track)?;
    let remaining = transfer.remaining()?;
    transfer.stop();
    let stopped = transfer.remaining()?;
    let mut buffer = land(transfer);
    let (came, behind) = buffer.bytes().split_at(TRACK * SECTOR);
    ensure!(came.iter().copied().eq(original(20 * CYLINDER).take(came.len())), "the track is another one");
    match Model::detect() {
        // It ends where the track ends.
        Model::Qemu => {
            ensure!(remaining == 2 * SECTOR as u64, "{remaining} bytes remain");
            ensure!(unchanged(behind, TRACK * SECTOR), "bytes came that are said to remain");
        }
        // It goes on with the next cylinder until terminal count.
        Model::Bochs => {
            ensure!(remaining == 0, "{remaining} bytes remain");
            let next = original(21 * CYLINDER).take(behind.len());
            ensure!(behind.iter().copied().eq(next), "what follows is not of the next cylinder");
        }
    }
    ensure!(stopped == remaining, "{remaining} bytes remained, and {stopped} when it was stopped");
    Ok(())
}

/// A masked channel makes no progress, until it is enabled.
fn masked() -> Result<(), Failure> {
    let system = System::new();
    let mut floppy = attach(&system)?;
    let length = 2 * SECTOR as u64;
    let buffer = Buffer::at(PLACE, length as usize)?;
    let order = Order::read(22 * CYLINDER as u64);
    let mut transfer = floppy.prepare(&order, buffer, Wait::DontWait)?;
    let mut loaded = transfer.load(&mut floppy)?.ok_or_else(|| Failure::new("nothing to do"))?;
    loaded.engine().disable();
    let mut issued = loaded.issue()?;
    // A sector passes the head every 11 ms.
    ensure!(wait(Irq::Floppy, Duration::from_millis(300)).is_err(), "a masked channel let the command end");
    let remaining = issued.engine().remaining()?;
    ensure!(remaining == length, "a masked channel has {remaining} of {length} bytes to go");
    issued.engine().enable()?;
    issued.settle()?;
    let (mut buffer, report) = transfer.end();
    let expected = original(22 * CYLINDER).take(length as usize);
    ensure!(report.moved == length, "{report:?}");
    ensure!(buffer.bytes().iter().copied().eq(expected), "other bytes came");
    Ok(())
}

/// Verify mode counts, and moves nothing.
fn verify() -> Result<(), Failure> {
    let system = System::new();
    let _floppy = at_cylinder(&system, 23)?;
    let mut transfer = carry(&system, 2 * SECTOR)?;
    transfer.program(&Request::new(Command::Verify), 0)?;
    Controller(&system.ports).read(&one_sector(23, 1))?;
    let remaining = transfer.remaining()?;
    let mut buffer = land(transfer);
    let expected = match Model::detect() {
        Model::Qemu => 0,
        // The device is told of the end with the first byte of the last 512.
        Model::Bochs => 511,
    };
    ensure!(remaining == expected, "{remaining} bytes remain");
    ensure!(buffer.first_difference(SEED).is_none(), "verify mode wrote to memory");
    Ok(())
}

/// Decrement mode fills a cookie from its last byte down; QEMU misses it by one byte, and leaves the bytes in their order.
fn decrement() -> Result<(), Failure> {
    let system = System::new();
    let _floppy = at_cylinder(&system, 24)?;
    let mut transfer = carry(&system, 3 * SECTOR)?;
    // The part in the middle: what misses it does no harm.
    let request = Request { step: Step::Decrement, ..FROM_DEVICE };
    transfer.program_part(&request, 0, SECTOR as u64..2 * SECTOR as u64)?;
    Controller(&system.ports).read(&one_sector(24, 1))?;
    let remaining = transfer.remaining()?;
    let mut buffer = land(transfer);
    let mut sector: alloc::vec::Vec<u8> = original(24 * CYLINDER).take(SECTOR).collect();
    let start = match Model::detect() {
        Model::Bochs => {
            sector.reverse();
            SECTOR
        }
        Model::Qemu => SECTOR - 1,
    };
    let bytes = buffer.bytes();
    ensure!(remaining == 0, "{remaining} bytes remain");
    ensure!(bytes[start..start + SECTOR] == sector, "the sector is not where it should be");
    let around = unchanged(&bytes[..start], 0) && unchanged(&bytes[start + SECTOR..], start + SECTOR);
    ensure!(around, "bytes beside it changed");
    Ok(())
}

/// A channel that initialises itself is a ring again at terminal count: it takes the next command as it is.
fn autoinitialise() -> Result<(), Failure> {
    let system = System::new();
    let _floppy = at_cylinder(&system, 25)?;
    let mut transfer = carry(&system, SECTOR)?;
    transfer.program(&Request { bufprocess: BufProcess::Auto, ..FROM_DEVICE }, 0)?;
    for sector in 1..=3 {
        Controller(&system.ports).read(&one_sector(25, sector))?;
        let count = count_register(&system);
        let expected = match Model::detect() {
            Model::Qemu => 0xffff,
            // Loaded again.
            Model::Bochs => SECTOR as u16 - 1,
        };
        ensure!(count == expected, "the count register reads {count:#x}");
        let remaining = transfer.remaining()?;
        ensure!(remaining == SECTOR as u64, "{remaining} bytes of the round remain");
    }
    let mut buffer = land(transfer);
    let third = original(25 * CYLINDER + 2).take(SECTOR);
    ensure!(buffer.bytes().iter().copied().eq(third), "the last sector is not in the ring");
    Ok(())
}

/// 64 KiB that the device did not ask for: the count register reads 0xffff, and all of it remains.
fn untouched_64_kib() -> Result<(), Failure> {
    let system = System::new();
    let mut transfer = carry(&system, 0x1_0000)?;
    transfer.program(&FROM_DEVICE, 0)?;
    let (count, remaining) = (count_register(&system), transfer.remaining()?);
    ensure!((count, remaining) == (0xffff, 0x1_0000), "{remaining:#x} bytes remain, count {count:#x}");
    transfer.stop();
    let stopped = transfer.remaining()?;
    ensure!(stopped == 0x1_0000, "{stopped:#x} bytes remain when it was stopped");
    Ok(())
}

/// What has come, all of it: the count register reads 0xffff as ahead of 64 KiB, and nothing remains, also when the
/// channel was stopped before anybody asked.
fn finished_64_kib() -> Result<(), Failure> {
    let system = System::new();
    let _floppy = at_cylinder(&system, 26)?;
    let (length, last) = match Model::detect() {
        // No track has 64 sectors: here that is as far as one command goes on each side of the disk.
        Model::Qemu => (0x1_0000, 64),
        // A command goes on to terminal count. The length has 16 bits, in which 64 KiB are nothing.
        Model::Bochs => (0x1_0000 - SECTOR, TRACK as u8),
    };
    for asked in [Asked::AtTheEnd, Asked::BehindTheStop] {
        let mut transfer = carry(&system, length)?;
        transfer.program(&FROM_DEVICE, 0)?;
        let many = Read { cylinder: 26, first: 1, last, sides: Sides::Both };
        Controller(&system.ports).read(&many)?;
        let count = count_register(&system);
        if asked == Asked::BehindTheStop {
            transfer.stop();
        }
        let remaining = transfer.remaining()?;
        ensure!((count, remaining) == (0xffff, 0), "{asked:?}: {remaining:#x} remain, count {count:#x}");
        let mut buffer = land(transfer);
        let wrong =
            buffer.bytes().iter().zip(original(26 * CYLINDER)).position(|(came, there)| came != &there);
        ensure!(wrong.is_none(), "{asked:?}: byte {wrong:?} differs");
    }
    Ok(())
}

/// When what remained was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    AtTheEnd,
    BehindTheStop,
}

/// A request against the binding is refused, and no port is written.
fn wrong_direction() -> Result<(), Failure> {
    let system = System::new();
    let mut transfer = carry(&system, SECTOR)?;
    let before = system.ports.writes();
    let refused = transfer.program(&Request::new(Command::ToDevice), 0);
    let expected = DmaeError::Direction { command: Command::ToDevice, direction: Direction::FromDevice };
    ensure!(refused == Err(expected), "{refused:?}");
    ensure!(system.ports.writes() == before, "ports were written");
    Ok(())
}

/// A cookie that a channel does not reach in one piece is refused, and no port is written.
fn refuses_cookies() -> Result<(), Failure> {
    let system = System::new();
    let across_64_kib = Cookie { address: PLACE - 0x200, size: 0x400 };
    let across_128_kib = Cookie { address: 0x2a_0000 - 0x200, size: 0x400 };
    let across_16_mib = Cookie { address: 0xff_ff00, size: 0x200 };
    for (number, cookie, boundary) in [
        (CHANNEL, across_64_kib, Some(0x1_0000)),
        (5, across_128_kib, Some(0x2_0000)),
        (CHANNEL, across_16_mib, None),
        (5, across_16_mib, None),
        (CHANNEL, Cookie { address: 0x100_0000, size: 0x200 }, None),
        (5, Cookie { address: 0x100_0000, size: 0x200 }, None),
    ] {
        let Cookie { address, size } = cookie;
        let expected = match boundary {
            Some(boundary) => DmaeError::Boundary { address, size, channel: number, boundary },
            None => DmaeError::Reach { address, size, last: 0xff_ffff },
        };
        let mut channel = system.dmae.alloc(number, Wait::DontWait)?;
        let before = system.ports.writes();
        // SAFETY: no device asks for anything, so that nothing is transferred, even if it is not refused.
        let refused = unsafe { channel.program(&FROM_DEVICE, &cookie) };
        ensure!(refused == Err(expected), "channel {number}, {cookie:x?}: {refused:?}");
        ensure!(system.ports.writes() == before, "channel {number}, {cookie:x?}: ports were written");
    }
    Ok(())
}

/// The driver, its head at a cylinder.
fn at_cylinder(system: &System, cylinder: u8) -> Result<Floppy, Failure> {
    let mut floppy = attach(system)?;
    floppy.motor_on();
    floppy.recalibrate()?;
    floppy.seek(cylinder)?;
    Ok(floppy)
}

/// A buffer in flight, filled, from the device, with the floppy controller's channel.
fn carry(system: &System, length: usize) -> Result<ThirdParty<Buffer>, Failure> {
    let channel = system.dmae.alloc(CHANNEL, Wait::DontWait)?;
    let handle = system.bus.device("raw").alloc_handle(&channel.attributes(), Wait::DontWait)?;
    let mut buffer = Buffer::at(PLACE, length)?;
    buffer.fill(SEED);
    let flags = BindFlags::empty();
    let flight = handle.bind(buffer, Direction::FromDevice, flags, Wait::DontWait)?.start();
    let mut transfer = channel.carry(flight);
    let lists = transfer.next_window()?.map_or(0, |window| window.list_count());
    ensure!(lists == 1, "{length:#x} bytes in {lists} lists");
    Ok(transfer)
}

/// The end of a transfer.
fn land(transfer: ThirdParty<Buffer>) -> Buffer {
    let (_, binding) = transfer.complete();
    binding.unbind().1
}

/// One sector of the first side.
fn one_sector(cylinder: u8, sector: u8) -> Read {
    Read { cylinder, first: sector, last: TRACK as u8, sides: Sides::First }
}

/// Whether bytes that lie so far in a buffer are as it was filled.
fn unchanged(bytes: &[u8], offset: usize) -> bool {
    bytes.iter().copied().eq(pattern(SEED).skip(offset).take(bytes.len()))
}

/// The count register of the channel.
fn count_register(system: &System) -> u16 {
    const COUNT: u16 = 0x05;
    const CLEAR_FLIP_FLOP: u16 = 0x0c;
    system.ports.write(CLEAR_FLIP_FLOP, 0);
    u16::from_le_bytes([system.ports.read(COUNT), system.ports.read(COUNT)])
}
