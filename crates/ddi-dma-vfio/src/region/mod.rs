//! The registers of a device: what its base address registers and its ROM show.

mod mapping;

use std::fmt;
use std::io;
use std::ops::Range;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

use ddi_dma::Registers;

use self::mapping::Mapping;
pub(crate) use self::mapping::Value;
use crate::PciAddress;

/// Which region of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bar {
    /// Base address register 0.
    Bar0,
    /// Base address register 1. Where register 0 has 64 bits, this is its upper half, and no region.
    Bar1,
    /// Base address register 2.
    Bar2,
    /// Base address register 3. Where register 2 has 64 bits, this is its upper half, and no region.
    Bar3,
    /// Base address register 4.
    Bar4,
    /// Base address register 5. Where register 4 has 64 bits, this is its upper half, and no region.
    Bar5,
    /// The expansion ROM, which is only read.
    Rom,
}

impl Bar {
    /// All of them.
    pub const ALL: [Bar; 7] = [Bar::Bar0, Bar::Bar1, Bar::Bar2, Bar::Bar3, Bar::Bar4, Bar::Bar5, Bar::Rom];
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bar::Rom => f.write_str("the expansion ROM"),
            bar => write!(f, "base address register {}", *bar as u8),
        }
    }
}

/// Why a region could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegionError {
    /// The device does not have it.
    #[error("{address} has nothing behind {bar}: see what it has with `lspci -v -s {address}`")]
    Absent {
        /// The device.
        address: PciAddress,
        /// The region.
        bar: Bar,
    },
    /// The kernel does not map it.
    #[error("{address}: bytes {from:#x}..{to:#x} of {bar} could not be mapped: {source}", from = .range.start, to = .range.end)]
    Map {
        /// The device.
        address: PciAddress,
        /// The region.
        bar: Bar,
        /// Which bytes of the region.
        range: Range<u64>,
        /// What the kernel says.
        source: io::Error,
    },
}

/// A region of a device, reached by width. Clones are the same region.
///
/// What the kernel allows to be mapped is reached by one volatile access of the processor; the rest (I/O ports, the tables
/// of MSI-X on older kernels) through the kernel. Values have the machine's byte order, the bus is little-endian.
///
/// What lies behind the region, or at an offset that is no multiple of the width, reads as all ones; what is written there
/// is lost. So is what is asked of a device that has gone.
///
/// Memory that was written before a register is written is there for the device to read, and what is read after a register was
/// read was there no earlier: a driver that writes a descriptor and then rings a doorbell needs no barrier between.
///
/// A region keeps its device open.
///
/// # Examples
///
/// ```no_run
/// use ddi_dma::Registers;
/// use ddi_dma_vfio::{Bar, Container};
///
/// let container = Container::new()?;
/// let edu = container.open("00:04.0".parse()?)?;
/// let registers = edu.region(Bar::Bar0)?;
/// registers.write32(0x04, 0x1234_5678);
/// assert_eq!(registers.read32(0x04), !0x1234_5678);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Region {
    shared: Arc<Shared>,
}

struct Shared {
    /// What is mapped of the region.
    areas: Vec<Area>,
    /// What the region is part of. Its end, behind that of the areas, may close the device.
    file: Arc<dyn AsFd + Send + Sync>,
    /// Where the region starts in the file.
    offset: u64,
    length: u64,
    access: Access,
}

/// A mapped part of a region.
struct Area {
    start: u64,
    mapping: Mapping,
}

/// What may be done with a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    ReadOnly,
    ReadWrite,
}

/// Where a region lies in a file, and which parts of it may be mapped.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) offset: u64,
    pub(crate) length: u64,
    pub(crate) access: Access,
    pub(crate) areas: Vec<Range<u64>>,
}

impl Region {
    /// The region of this layout in a file; the error has the bytes that could not be mapped.
    pub(crate) fn map(
        file: Arc<dyn AsFd + Send + Sync>,
        layout: Layout,
    ) -> Result<Self, (Range<u64>, io::Error)> {
        let Layout { offset, length, access, areas } = layout;
        let mapped = areas.into_iter().filter_map(|range| whole_pages(range, length)).map(|range| {
            let (start, bytes) = (range.start, range.end - range.start);
            let mapping = Mapping::new(file.as_fd(), offset + start, bytes, access);
            mapping.map(|mapping| Area { start, mapping }).map_err(|error| (range, error))
        });
        let areas = mapped.collect::<Result<_, _>>()?;
        Ok(Region { shared: Arc::new(Shared { areas, file, offset, length, access }) })
    }

    /// Reads 8 bits.
    pub fn read8(&self, offset: u64) -> u8 {
        self.read(offset)
    }

    /// Reads 16 bits.
    pub fn read16(&self, offset: u64) -> u16 {
        self.read(offset)
    }

    /// Writes 8 bits.
    pub fn write8(&self, offset: u64, value: u8) {
        self.write(offset, value);
    }

    /// Writes 16 bits.
    pub fn write16(&self, offset: u64, value: u16) {
        self.write(offset, value);
    }

    #[inline]
    fn read<T: Value>(&self, offset: u64) -> T {
        let shared = &*self.shared;
        if !shared.holds::<T>(offset) {
            return T::ONES;
        }
        let value = match shared.mapped(offset) {
            Some((mapping, at)) => mapping.read(at).unwrap_or(T::ONES),
            None => read_file(&*shared.file, shared.offset + offset).unwrap_or(T::ONES),
        };
        // What the program reads next is read after the register.
        fence(Ordering::Acquire);
        value
    }

    #[inline]
    fn write<T: Value>(&self, offset: u64, value: T) {
        let shared = &*self.shared;
        if !shared.holds::<T>(offset) || shared.access == Access::ReadOnly {
            return;
        }
        // What the program wrote before is written before the register.
        fence(Ordering::Release);
        match shared.mapped(offset) {
            Some((mapping, at)) => mapping.write(at, value),
            None => {
                // Nobody answers on a bus whose device has gone: see the type.
                let _ = write_file(&*shared.file, shared.offset + offset, value);
            }
        }
    }
}

impl Shared {
    /// Whether a value lies inside, at a multiple of its width.
    #[inline]
    fn holds<T: Value>(&self, offset: u64) -> bool {
        let width = size_of::<T>() as u64;
        offset.is_multiple_of(width) && offset.checked_add(width).is_some_and(|end| end <= self.length)
    }

    /// The mapping that holds this byte, and where. Areas are whole pages, so they hold or miss a value as a whole.
    #[inline]
    fn mapped(&self, offset: u64) -> Option<(&Mapping, usize)> {
        self.areas.iter().find_map(|area| {
            let at = offset.checked_sub(area.start)?;
            let at = usize::try_from(at).ok()?;
            (at < area.mapping.length()).then_some((&area.mapping, at))
        })
    }
}

/// The whole pages of an area that lie inside its region; `None` where there are none.
fn whole_pages(area: Range<u64>, length: u64) -> Option<Range<u64>> {
    let page = rustix::param::page_size() as u64;
    let start = area.start.checked_next_multiple_of(page)?;
    let end = area.end.min(length) / page * page;
    (start < end).then_some(start..end)
}

/// Reads a value through the kernel, in one piece.
pub(crate) fn read_file<T: Value>(file: &(impl AsFd + ?Sized), offset: u64) -> io::Result<T> {
    let mut bytes = [0; 8];
    let bytes = &mut bytes[..size_of::<T>()];
    match rustix::io::retry_on_intr(|| rustix::io::pread(file, &mut *bytes, offset))? {
        length if length == bytes.len() => Ok(T::from_bus(bytes)),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Writes a value through the kernel, in one piece.
pub(crate) fn write_file<T: Value>(file: &(impl AsFd + ?Sized), offset: u64, value: T) -> io::Result<()> {
    let bytes = &value.to_bus()[..size_of::<T>()];
    match rustix::io::retry_on_intr(|| rustix::io::pwrite(file, bytes, offset))? {
        length if length == bytes.len() => Ok(()),
        _ => Err(io::ErrorKind::WriteZero.into()),
    }
}

impl Registers for Region {
    fn length(&self) -> u64 {
        self.shared.length
    }

    fn read32(&self, offset: u64) -> u32 {
        self.read(offset)
    }

    fn write32(&self, offset: u64, value: u32) {
        self.write(offset, value);
    }

    fn read64(&self, offset: u64) -> u64 {
        self.read(offset)
    }

    fn write64(&self, offset: u64, value: u64) {
        self.write(offset, value);
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let areas: Vec<_> =
            self.shared.areas.iter().map(|area| (area.start, area.mapping.length())).collect();
        f.debug_struct("Region")
            .field("length", &self.shared.length)
            .field("access", &self.shared.access)
            .field("mapped", &areas)
            .finish()
    }
}

#[cfg(test)]
mod tests;
