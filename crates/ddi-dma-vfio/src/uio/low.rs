//! Keeping virtual addresses of this process apart from physical ones.
//!
//! Objects of a process show virtual addresses, and devices without an IOMMU use physical ones: taken for each other, they
//! let a device overwrite whatever lies there. So the process gives up all virtual addresses that could be physical
//! ones, and the nexus says that its devices reach no higher: what a process' objects show is then always out of
//! reach, and goes through the copy buffer.

use std::ffi::c_void;
use std::io;
use std::sync::{Mutex, PoisonError};

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};

/// Virtual addresses below this are given up. They stay so until the process ends.
static GIVEN_UP: Mutex<u64> = Mutex::new(0);

/// The lowest addresses, at which the kernel lets nobody map memory.
const LOWEST: u64 = 0x1_0000;

/// The process has memory of its own where the machine has.
#[derive(Debug, thiserror::Error)]
#[error(
    "this process has memory below {end:#x}, where its virtual addresses could be taken for physical ones ({source}): build the program position-independent (-C relocation-model=pie), without a sanitizer"
)]
pub struct LowMemoryError {
    /// Behind the highest physical address.
    pub end: u64,
    /// What the kernel answered.
    pub source: io::Error,
}

/// Gives up the virtual addresses below `end`: nothing is there, and nothing ever will be.
pub(super) fn give_up_below(end: u64) -> Result<(), LowMemoryError> {
    let mut given_up = GIVEN_UP.lock().unwrap_or_else(PoisonError::into_inner);
    let page = rustix::param::page_size() as u64;
    let error = |source| LowMemoryError { end, source };
    let end = end.checked_next_multiple_of(page).ok_or_else(|| error(io::ErrorKind::OutOfMemory.into()))?;
    let start = (*given_up).max(LOWEST);
    if end <= start {
        return Ok(());
    }
    let (address, length) = (start as *mut c_void, (end - start) as usize);
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::FIXED_NOREPLACE;
    // SAFETY: the kernel replaces nothing, and nobody uses what was not mapped.
    let placed = unsafe { mmap_anonymous(address, length, ProtFlags::empty(), flags) }
        .map_err(|errno| error(errno.into()))?;
    if placed != address {
        // A kernel before 4.17 takes the address for a hint.
        return Err(error(io::ErrorKind::AddrInUse.into()));
    }
    *given_up = end;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_ever_mapped_there() {
        give_up_below(0x2000_0000).unwrap();
        give_up_below(0x1000_0000).unwrap();
        give_up_below(0x4000_0001).unwrap();
        let hint = 0x2000_0000 as *mut c_void;
        // SAFETY: a new mapping, wherever it is put.
        let placed = unsafe { mmap_anonymous(hint, 4096, ProtFlags::READ, MapFlags::PRIVATE) }.unwrap();
        assert!(placed as u64 > 0x4000_0000, "{placed:?}");
    }

    #[test]
    fn memory_that_is_there_already_is_told() {
        let local = 1u8;
        let error = give_up_below(&raw const local as u64).unwrap_err();
        assert!(error.to_string().contains("position-independent"), "{error}");
    }
}
