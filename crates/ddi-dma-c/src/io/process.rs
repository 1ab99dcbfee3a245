//! The memory of this process as an address space: what may be locked, and what is there.
//!
//! Where memory lies physically is for the nexus to find out when it is bound, so its pages go by their addresses here.
//! Locking makes sure that they are there and permit what is going to be done; that they stay is the duty of the
//! program, which unmaps nothing that it has locked.

use std::ptr;
use std::sync::{Arc, LazyLock};

use ddi_dma::{AddressSpace, LockError, LockLimit, UmemFlags};
use rustix::io::Errno;
use rustix::mm::{Advice, madvise};
use rustix::process::{Resource, getrlimit};

use super::pages::PAGE_SIZE;
use super::raw::pointer;

/// The address space of this process.
pub(super) static SPACE: LazyLock<Arc<dyn AddressSpace>> = LazyLock::new(|| {
    // Without a limit of the process there is none here.
    let limit = getrlimit(Resource::Memlock).current.unwrap_or(u64::MAX);
    Arc::new(Process { limit: LockLimit::new(limit) })
});

struct Process {
    limit: LockLimit,
}

/// Finds out whether the bytes from `address` on are there, and permit `access`, and brings them in.
pub(super) fn check(address: usize, length: usize, access: UmemFlags) -> Result<(), LockError> {
    if length == 0 {
        return Ok(());
    }
    let start = address - address % PAGE_SIZE;
    let count = address.checked_add(length).map(|end| (end - start).div_ceil(PAGE_SIZE));
    let count = count.ok_or(LockError::Fault { address: u64::MAX })?;
    bring_in(start, count, access)
}

fn bring_in(start: usize, count: usize, access: UmemFlags) -> Result<(), LockError> {
    let fault = LockError::Fault { address: start as u64 };
    let length =
        count.checked_mul(PAGE_SIZE).filter(|length| start.checked_add(*length).is_some()).ok_or(fault)?;
    let advice = match access.contains(UmemFlags::WRITE) {
        true => Advice::LinuxPopulateWrite,
        false => Advice::LinuxPopulateRead,
    };
    // SAFETY: bringing pages in changes no byte of them, and where nothing is mapped the kernel refuses.
    let refused = match unsafe { madvise(pointer(start).cast(), length, advice) } {
        Ok(()) => return Ok(()),
        Err(refused) => refused,
    };
    first_hole(start, start + length, access)?;
    match refused {
        // Behind the end of a mapped file, or a page that broke.
        Errno::FAULT | Errno::HWPOISON => Err(fault),
        Errno::NOMEM => Err(LockError::NoMemory { address: start as u64 }),
        // Memory of devices is there already; so is all memory where the kernel does not know the request.
        _ => Ok(()),
    }
}

/// Finds the first page of a range that is not there, or does not permit `access`.
fn first_hole(start: usize, end: usize, access: UmemFlags) -> Result<(), LockError> {
    // Where the list of mappings cannot be had, nothing is known of any of them.
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let mut at = start;
    for mapping in maps.lines().filter_map(Mapping::parse).skip_while(|mapping| mapping.end <= start) {
        if at >= end || mapping.start > at {
            break;
        }
        if !mapping.permits.contains(access) {
            return Err(LockError::Access { address: at as u64, needed: access });
        }
        at = mapping.end;
    }
    if at < end { Err(LockError::Fault { address: at as u64 }) } else { Ok(()) }
}

/// A line of `/proc/self/maps`.
struct Mapping {
    start: usize,
    end: usize,
    permits: UmemFlags,
}

impl Mapping {
    fn parse(line: &str) -> Option<Mapping> {
        let mut words = line.split_ascii_whitespace();
        let (start, end) = words.next()?.split_once('-')?;
        let permissions = words.next()?;
        let mut permits = UmemFlags::empty();
        permits.set(UmemFlags::READ, permissions.contains('r'));
        permits.set(UmemFlags::WRITE, permissions.contains('w'));
        let number = |text| usize::from_str_radix(text, 16).ok();
        Some(Mapping { start: number(start)?, end: number(end)?, permits })
    }
}

// SAFETY: the page size is a constant; locked pages stay where they are because the program keeps them mapped (contract
// of `ddi_umem_lock` and `physio`), go by their addresses, and are reached by raw copies alone, which touch exactly the
// bytes named.
unsafe impl AddressSpace for Process {
    fn page_size(&self) -> u64 {
        PAGE_SIZE as u64
    }

    fn lock_limit(&self) -> &LockLimit {
        &self.limit
    }

    fn lock(
        &self,
        address: u64,
        count: u64,
        access: UmemFlags,
        pages: &mut Vec<u64>,
    ) -> Result<(), LockError> {
        if count > 0 {
            // Addresses of a process are as wide as `usize`.
            bring_in(address as usize, count as usize, access)?;
        }
        pages.extend((0..count).map(|page| address + page * PAGE_SIZE as u64));
        Ok(())
    }

    unsafe fn unlock(&self, _pages: &[u64], _access: UmemFlags) {
        // Nothing holds them but the program.
    }

    unsafe fn copy_out(&self, from: u64, to: *mut u8, length: u64) {
        // SAFETY: the caller promises locked bytes, which are there, and as many at `to`.
        unsafe { ptr::copy_nonoverlapping(pointer(from as usize).cast(), to, length as usize) }
    }

    unsafe fn copy_in(&self, to: u64, from: *const u8, length: u64) {
        // SAFETY: as in `copy_out`.
        unsafe { ptr::copy_nonoverlapping(from, pointer(to as usize).cast(), length as usize) }
    }
}
