//! Physical memory: sparse, in frames, and seen by the CPU through mappings of its own making.

mod buffer;
mod frame_list;
mod frames;
mod lendings;
mod lent;
mod mapping;
mod shared;

use std::fs::File;
use std::io;
use std::ops::{Range, RangeInclusive};
use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{FallocateFlags, MemfdFlags};

use crate::config::{ConfigError, MachineConfig};
pub use buffer::{Buffer, BufferSpec, Fragmentation, Placement};
pub(crate) use frames::RunRequest;
use frames::{Frames, Purpose};
use lendings::Lendings;
pub use lent::Lent;
pub(crate) use mapping::FileRun;
pub(crate) use mapping::Mapping;
pub use shared::{BufferPart, SharedBuffer};

/// The physical memory of a machine: one sparse file, at whose offsets the physical addresses lie, but for memory of
/// the process that was lent to it ([`Machine::lend`](crate::Machine::lend)).
#[derive(Debug)]
pub struct Memory {
    file: File,
    page_size: u64,
    ranges: Vec<Range<u64>>,
    frames: Mutex<Frames>,
    lendings: Lendings,
}

/// An address that no memory answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("physical address {address:#x} has no memory behind it")]
pub struct Hole {
    /// The first such address.
    pub address: u64,
}

/// Why a buffer could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// The buffer has no bytes, or does not start in its first page, or its end has no address.
    #[error(
        "a buffer of {length} bytes at offset {offset:#x} into its first page is refused: it has at least one byte and starts inside the page of {page_size:#x}"
    )]
    Shape {
        /// Bytes asked for.
        length: u64,
        /// Offset asked for.
        offset: u64,
        /// Page size.
        page_size: u64,
    },
    /// There are not enough free frames where the buffer may lie.
    #[error(
        "{asked} bytes of memory were asked for in {placement}, and {free} are free there, the largest run {largest}, of which the machine's limit allows {allowed}: free buffers, or place it elsewhere"
    )]
    Frames {
        /// Bytes asked for.
        asked: u64,
        /// Where.
        placement: Placement,
        /// Bytes free there.
        free: u64,
        /// Bytes of the largest free run there.
        largest: u64,
        /// Bytes that the machine's limit on frames still allows.
        allowed: u64,
    },
    /// The host did not map the frames.
    #[error(
        "the host did not map {mappings} separate runs of frames (each takes one of vm.max_map_count): use smaller or less scattered buffers"
    )]
    Map {
        /// Mappings needed.
        mappings: usize,
        /// Why.
        source: io::Error,
    },
    /// Bytes outside the buffer.
    #[error("bytes {offset:#x}..{end:#x} are not inside the buffer of {length:#x}")]
    Range {
        /// First byte.
        offset: u64,
        /// Behind the last byte.
        end: u64,
        /// Bytes of the buffer.
        length: u64,
    },
    /// The memory of the process has no bytes, or more than there can be behind its address.
    #[error(
        "{length} bytes at {start:#x} of the process cannot be lent: lend at least one byte, and none behind the end of the address space"
    )]
    Lend {
        /// Address of the first byte.
        start: usize,
        /// Bytes.
        length: u64,
    },
}

impl Memory {
    /// Builds the memory that a configuration describes.
    pub(crate) fn new(config: &MachineConfig) -> Result<Self, ConfigError> {
        let page_size = config.page_size.bytes();
        let host = rustix::param::page_size() as u64;
        if !page_size.is_multiple_of(host) {
            return Err(ConfigError::HostPage { host, page_size });
        }
        check_ranges(&config.memory, page_size)?;
        let top = config.memory.last().ok_or(ConfigError::NoMemory)?.end;
        let create = || -> io::Result<File> {
            let file = File::from(rustix::fs::memfd_create("ddi-dma-sim memory", MemfdFlags::CLOEXEC)?);
            file.set_len(top)?;
            Ok(file)
        };
        let file = create().map_err(|source| ConfigError::Host { what: "machine's memory", source })?;
        let regions = regions(&config.memory, config.dma_pool.next_multiple_of(page_size));
        let frames = Frames::new(page_size, &regions, config.frame_limit.unwrap_or(u64::MAX), config.seed);
        let (ranges, frames) = (config.memory.clone(), Mutex::new(frames));
        Ok(Memory { file, page_size, ranges, frames, lendings: Lendings::new(page_size) })
    }

    /// Bytes of a page.
    pub fn page_size(&self) -> u64 {
        self.page_size
    }

    /// The addresses that have memory behind them.
    pub fn ranges(&self) -> &[Range<u64>] {
        &self.ranges
    }

    /// Bytes in use by buffers and copy buffers.
    pub fn used(&self) -> u64 {
        self.frames().used()
    }

    /// Bytes free for buffers in a place, and of these the longest run.
    pub fn free(&self, placement: Placement) -> (u64, u64) {
        let free = self.frames().free_general(&placement.range());
        (free.total, free.largest)
    }

    /// Reads physical memory, past every nexus: what a debugger sees.
    ///
    /// # Errors
    ///
    /// [`Hole`] where a byte has no memory behind it; what lies ahead of it has been read.
    pub fn peek(&self, address: u64, bytes: &mut [u8]) -> Result<(), Hole> {
        let answered = self.answered(address, bytes.len() as u64);
        let (there, gone) = bytes.split_at_mut(answered as usize);
        let read = self.lendings.read(&self.file, address, there);
        if gone.is_empty() && read.is_ok() {
            Ok(())
        } else {
            Err(Hole { address: address.wrapping_add(answered) })
        }
    }

    /// Writes physical memory, past every nexus: what a debugger does.
    ///
    /// # Errors
    ///
    /// [`Hole`] where a byte has no memory behind it; what lies ahead of it has been written.
    pub fn poke(&self, address: u64, bytes: &[u8]) -> Result<(), Hole> {
        let answered = self.answered(address, bytes.len() as u64);
        let (there, gone) = bytes.split_at(answered as usize);
        let written = self.lendings.write(&self.file, address, there);
        if gone.is_empty() && written.is_ok() {
            Ok(())
        } else {
            Err(Hole { address: address.wrapping_add(answered) })
        }
    }

    /// Checks that all bytes have memory behind them.
    pub(crate) fn check(&self, address: u64, length: u64) -> Result<(), Hole> {
        let answered = self.answered(address, length);
        if answered == length { Ok(()) } else { Err(Hole { address: address.wrapping_add(answered) }) }
    }

    /// How many of `length` bytes from `address` have memory behind them before the first that has none.
    fn answered(&self, address: u64, length: u64) -> u64 {
        let mut at = address;
        let end = address.saturating_add(length);
        for range in &self.ranges {
            if range.contains(&at) {
                at = range.end.min(end);
            }
        }
        at - address
    }

    /// Takes one frame from a random place.
    pub(crate) fn take_frame(&self) -> Result<u64, MemoryError> {
        let everywhere = Placement::ANYWHERE;
        let mut frames = self.frames();
        let found = frames.scatter(&everywhere.range(), 1, None);
        found.map(|(frame, _)| frame).ok_or_else(|| {
            let free = frames.free_general(&everywhere.range());
            let (asked, allowed) = (self.page_size, frames.allowed());
            let (free, largest) = (free.total, free.largest);
            MemoryError::Frames { asked, placement: everywhere, free, largest, allowed }
        })
    }

    /// Takes contiguous frames for a copy buffer.
    pub(crate) fn take_pool_run(&self, request: &RunRequest) -> Option<u64> {
        self.frames().pool_run(request)
    }

    /// What copy buffers could still have within an address range: bytes in all, and of the largest run.
    pub(crate) fn free_for_pool(&self, range: RangeInclusive<u64>) -> (u64, u64) {
        let frames = self.frames();
        let free = frames.free_any(&range);
        (free.total.min(frames.allowed()), free.largest.min(frames.allowed()))
    }

    /// Maps runs of frames side by side for the CPU.
    pub(crate) fn map(&self, runs: &[FileRun]) -> io::Result<Mapping> {
        Mapping::new(self.file.as_fd(), runs)
    }

    /// Gives frames back. Their bytes are gone: whoever gets them next finds zeros.
    pub(crate) fn release(&self, run: FileRun) {
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        let punched = rustix::fs::fallocate(&self.file, flags, run.start, run.size);
        debug_assert!(punched.is_ok(), "giving memory back to the host failed: {punched:?}");
        self.release_blank(run);
    }

    /// Gives frames back that hold zeros.
    fn release_blank(&self, run: FileRun) {
        self.frames().release(run.start, run.size / self.page_size);
    }

    fn frames(&self) -> MutexGuard<'_, Frames> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check_ranges(ranges: &[Range<u64>], page_size: u64) -> Result<(), ConfigError> {
    let mut behind = 0;
    for range in ranges {
        let sound = range.start >= behind
            && range.start < range.end
            && range.end <= 1 << 62
            && range.start % page_size == 0
            && range.end % page_size == 0;
        if !sound {
            return Err(ConfigError::Memory { start: range.start, end: range.end, page_size });
        }
        behind = range.end;
    }
    Ok(())
}

/// Cuts the pool off the top of the last range that starts below 16 MiB.
fn regions(ranges: &[Range<u64>], pool: u64) -> Vec<(Range<u64>, Purpose)> {
    const ISA_END: u64 = 1 << 24;
    let mut regions = Vec::new();
    let host = ranges.iter().rposition(|range| range.start < ISA_END);
    for (index, range) in ranges.iter().enumerate() {
        if host != Some(index) {
            regions.push((range.clone(), Purpose::General));
            continue;
        }
        let end = range.end.min(ISA_END);
        let start = end.saturating_sub(pool).max(range.start);
        let parts = [
            (range.start..start, Purpose::General),
            (start..end, Purpose::DmaPool),
            (end..range.end, Purpose::General),
        ];
        regions.extend(parts.into_iter().filter(|(part, _)| !part.is_empty()));
    }
    regions
}
