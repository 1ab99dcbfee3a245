//! The nexuses of the machine, and the bus as devices see it.

mod copy_memory;
mod fault;
mod iommu;
mod iova;
mod isa;
mod pci;
mod sbus;
mod slot;
mod stream_cache;

use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use ddi_dma::BurstSizes;

pub use fault::{BusFault, DeviceAccess, FaultKind};
pub use isa::IsaNexus;
pub use pci::PciNexus;
pub use sbus::SbusNexus;
pub(crate) use slot::SbusSlot;
pub use stream_cache::StreamCounters;

use crate::memory::{Hole, Memory};

/// A bus as its devices see it: addresses that something answers, or that nothing does.
///
/// Bytes move from the lowest address up. An access that meets an address that nothing answers is a [`BusFault`]; the
/// bytes ahead of that address have moved.
pub trait DeviceBus: fmt::Debug + Send + Sync {
    /// Reads bytes from `address` on, as a device does.
    ///
    /// # Errors
    ///
    /// The [`BusFault`].
    fn read(&self, address: u64, to: &mut [u8]) -> Result<(), BusFault>;

    /// Writes bytes from `address` on, as a device does.
    ///
    /// # Errors
    ///
    /// The [`BusFault`].
    fn write(&self, address: u64, from: &[u8]) -> Result<(), BusFault>;

    /// What devices have done so far.
    fn counters(&self) -> BusCounters;

    /// The bursts that the bus carries.
    fn burst_sizes(&self) -> BurstSizes {
        BurstSizes::all()
    }
}

/// What the devices of a nexus have done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BusCounters {
    /// Bytes that devices read from memory.
    pub bytes_read: u64,
    /// Bytes that devices wrote to memory.
    pub bytes_written: u64,
    /// Accesses that ended in a fault.
    pub faults: u64,
}

/// Counts what passes a bus.
#[derive(Debug, Default)]
struct Meter {
    read: AtomicU64,
    written: AtomicU64,
    faults: AtomicU64,
}

impl Meter {
    /// Counts `moved` bytes of an access.
    fn moved(&self, access: DeviceAccess, moved: u64) {
        match access {
            DeviceAccess::Read => self.read.fetch_add(moved, Ordering::Relaxed),
            DeviceAccess::Write => self.written.fetch_add(moved, Ordering::Relaxed),
        };
    }

    /// Counts a fault.
    fn fault(&self) {
        self.faults.fetch_add(1, Ordering::Relaxed);
    }

    fn counters(&self) -> BusCounters {
        BusCounters {
            bytes_read: self.read.load(Ordering::Relaxed),
            bytes_written: self.written.load(Ordering::Relaxed),
            faults: self.faults.load(Ordering::Relaxed),
        }
    }
}

/// Bytes of a device access.
enum Bytes<'a> {
    /// From memory to here.
    Read(&'a mut [u8]),
    /// From here to memory.
    Write(&'a [u8]),
}

impl Bytes<'_> {
    fn access(&self) -> DeviceAccess {
        match self {
            Bytes::Read(_) => DeviceAccess::Read,
            Bytes::Write(_) => DeviceAccess::Write,
        }
    }

    fn len(&self) -> u64 {
        match self {
            Bytes::Read(to) => to.len() as u64,
            Bytes::Write(from) => from.len() as u64,
        }
    }

    /// A part of the bytes.
    fn piece(&mut self, range: Range<usize>) -> Bytes<'_> {
        match self {
            Bytes::Read(to) => Bytes::Read(&mut to[range]),
            Bytes::Write(from) => Bytes::Write(&from[range]),
        }
    }
}

/// Moves bytes between a device and physical memory, with nothing between them.
fn straight(memory: &Memory, physical: u64, bytes: Bytes<'_>) -> Result<(), Hole> {
    match bytes {
        Bytes::Read(to) => memory.peek(physical, to),
        Bytes::Write(from) => memory.poke(physical, from),
    }
}

/// Moves bytes piece by piece. `translate` says for a bus address where its memory is and how many bytes follow it;
/// `carry` moves a piece to or from there.
fn access(
    meter: &Meter,
    address: u64,
    mut bytes: Bytes<'_>,
    translate: impl Fn(u64) -> Result<(u64, u64), FaultKind>,
    mut carry: impl FnMut(u64, Bytes<'_>) -> Result<(), Hole>,
) -> Result<(), BusFault> {
    let (access, length) = (bytes.access(), bytes.len());
    let mut at = 0u64;
    while at < length {
        let fault = |at: u64, kind| {
            meter.fault();
            meter.moved(access, at);
            BusFault { address: address.wrapping_add(at), start: address, length, access, kind }
        };
        let bus = address.checked_add(at).ok_or_else(|| fault(at, FaultKind::OutOfReach))?;
        let (physical, run) = translate(bus).map_err(|kind| fault(at, kind))?;
        let piece = at as usize..at.saturating_add(run).min(length) as usize;
        let next = piece.end as u64;
        let moved = carry(physical, bytes.piece(piece));
        moved.map_err(|hole| fault(at + (hole.address - physical), FaultKind::NoMemory))?;
        at = next;
    }
    meter.moved(access, length);
    Ok(())
}
