//! What the nexus needs of the kernel: maps from I/O addresses to memory of the process.

mod type1;

#[cfg(test)]
pub(crate) mod fake;

use std::io;
use std::ops::RangeInclusive;

use ddi_dma::Direction;

pub use type1::Type1;

/// What a map lets devices do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Read memory.
    Read,
    /// Write memory.
    Write,
    /// Both.
    Both,
}

impl From<Direction> for Access {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::ToDevice => Access::Read,
            Direction::FromDevice => Access::Write,
            Direction::Both => Access::Both,
        }
    }
}

/// What an IOMMU can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IommuInfo {
    /// I/O addresses that may be mapped.
    pub ranges: Vec<RangeInclusive<u64>>,
    /// Page sizes: bit n is set where pages of 2^n bytes can be mapped.
    pub page_sizes: u64,
    /// Maps that can be made beside those that there are; `None` where the kernel does not tell.
    pub most_maps: Option<u64>,
}

/// How much memory the process may lock, as maps do with theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockedMemory {
    /// Bytes that it may lock; `None` where there is no limit (`RLIMIT_MEMLOCK`, `CAP_IPC_LOCK`).
    pub limit: Option<u64>,
    /// Bytes that it has locked.
    pub used: u64,
}

impl LockedMemory {
    /// Bytes that it may lock besides; `None` where there is no limit.
    pub fn free(&self) -> Option<u64> {
        self.limit.map(|limit| limit.saturating_sub(self.used))
    }
}

/// Why the kernel refused a map, or to take one away. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IommuError {
    /// The process has as many maps as it may (`ENOSPC`).
    #[error("no more maps: raise the parameter dma_entry_limit of the module vfio_iommu_type1")]
    Maps,
    /// The process may lock no more memory, or the kernel has none (`ENOMEM`).
    #[error("the memory could not be locked: raise the limit (ulimit -l), or free memory")]
    Memory,
    /// Some of the I/O addresses are mapped already (`EEXIST`).
    #[error("some of the I/O addresses are mapped already")]
    Exists,
    /// The range is not made of whole pages, is not allowed, or cuts through a map (`EINVAL`).
    #[error("the I/O addresses are not whole pages, not allowed, or a part of a map")]
    Invalid,
    /// The process cannot access the memory as the device is to, or the memory is that of a file that the kernel does not
    /// lend to devices (`EFAULT`).
    #[error(
        "the process cannot access the memory as the device is to (or it is that of a file on a file system whose \
         pages the kernel does not lend to devices)"
    )]
    Fault,
    /// Anything else.
    #[error("the kernel refused: {}", io::Error::from_raw_os_error(*.0))]
    Other(i32),
}

impl IommuError {
    /// The cause that an error number of a map or unmap stands for.
    fn from_errno(errno: i32) -> Self {
        match rustix::io::Errno::from_raw_os_error(errno) {
            rustix::io::Errno::NOSPC => IommuError::Maps,
            rustix::io::Errno::NOMEM => IommuError::Memory,
            rustix::io::Errno::EXIST => IommuError::Exists,
            rustix::io::Errno::INVAL => IommuError::Invalid,
            rustix::io::Errno::FAULT => IommuError::Fault,
            _ => IommuError::Other(errno),
        }
    }
}

/// An IOMMU of which the process may fill the page tables.
///
/// # Implementation safety
///
/// - Devices reach nothing but what was mapped, as it was mapped.
/// - When [`unmap`](Self::unmap) returns `Ok`, no device reaches anything by these addresses. When it fails and
///   [`info`](Self::info) fails, too, the IOMMU is gone with all maps.
/// - A refused [`map`](Self::map) has mapped nothing.
pub unsafe trait Iommu: Send + Sync + 'static {
    /// Tells what it can do.
    ///
    /// # Errors
    ///
    /// Those of the kernel: for instance where no device is left behind it.
    fn info(&self) -> io::Result<IommuInfo>;

    /// Lets devices reach memory of the process by I/O addresses. All three numbers are multiples of the page size.
    ///
    /// # Errors
    ///
    /// [`IommuError`], with nothing mapped.
    ///
    /// # Safety
    ///
    /// Until it is unmapped, the memory stays the process' and is used for nothing that a device must not disturb: where
    /// it may write, nobody holds a reference into it.
    unsafe fn map(&self, iova: u64, address: u64, size: u64, access: Access) -> Result<(), IommuError>;

    /// Takes all maps within a range away; returns how many bytes were mapped there. The range cuts through no map.
    ///
    /// # Errors
    ///
    /// [`IommuError`], with all maps in place.
    fn unmap(&self, iova: u64, size: u64) -> Result<u64, IommuError>;

    /// Tells how much memory the process may lock.
    fn locked_memory(&self) -> LockedMemory;
}
