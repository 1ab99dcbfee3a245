//! Memory-mapped registers.
//!
//! Rules:
//! 1. A mapping is `length` bytes at `start`, shared with a file, from `new` to `drop`.
//! 2. It is reached by volatile access alone, inside its length, at multiples of the width; no reference to it exists.
//! 3. It is written only where it was mapped for writing.

use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::{NonNull, null_mut};

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use super::Access;

/// # Invariants
///
/// Rule 1 of the module. `start` is that of a page.
pub(super) struct Mapping {
    start: NonNull<u8>,
    length: usize,
    access: Access,
}

// SAFETY: the mapping belongs to no thread.
unsafe impl Send for Mapping {}
// SAFETY: it is reached by volatile access alone, which a device answers in whatever order it comes.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps bytes of a file.
    pub(super) fn new(file: BorrowedFd<'_>, offset: u64, length: u64, access: Access) -> io::Result<Self> {
        let length = usize::try_from(length).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let protection = match access {
            Access::ReadOnly => ProtFlags::READ,
            Access::ReadWrite => ProtFlags::READ | ProtFlags::WRITE,
        };
        // SAFETY: without an address and without FIXED, a new mapping displaces none that exists.
        let start = unsafe { mmap(null_mut(), length, protection, MapFlags::SHARED, file, offset) }?;
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        // INVARIANT: the mapping was made just now, of whole pages, and `drop` alone takes it away.
        Ok(Mapping { start, length, access })
    }

    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// Reads a value; `None` where there is none.
    #[inline]
    pub(super) fn read<T: Value>(&self, offset: usize) -> Option<T> {
        let place = self.place::<T>(offset)?;
        // SAFETY: rule 2: the place is inside the mapping and aligned; any bits are a value of the type.
        Some(T::swap_bus(unsafe { place.read_volatile() }))
    }

    /// Writes a value; it is lost where there is no place for it.
    #[inline]
    pub(super) fn write<T: Value>(&self, offset: usize, value: T) {
        if let (Some(place), Access::ReadWrite) = (self.place::<T>(offset), self.access) {
            // SAFETY: rules 2 and 3: the place is inside the mapping, aligned, and mapped for writing.
            unsafe { place.write_volatile(value.swap_bus()) }
        }
    }

    /// The place of a value that lies inside, at a multiple of its width.
    #[inline]
    fn place<T: Value>(&self, offset: usize) -> Option<NonNull<T>> {
        let inside = offset.checked_add(size_of::<T>()).is_some_and(|end| end <= self.length);
        if !inside || !offset.is_multiple_of(size_of::<T>()) {
            return None;
        }
        // SAFETY: the offset is inside the mapping.
        Some(unsafe { self.start.add(offset) }.cast())
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: rule 1: the mapping is this value's own. It ends here, and with it the last who could reach it.
        let ended = unsafe { munmap(self.start.as_ptr().cast(), self.length) };
        debug_assert!(ended.is_ok(), "{:p} was not mapped: {ended:?}", self.start);
    }
}

/// What registers hold: numbers, little-endian on the bus.
pub(crate) trait Value: sealed::Integer {
    /// What is read where nobody answers.
    const ONES: Self;

    /// Turns the bus' byte order into the machine's, and back.
    fn swap_bus(self) -> Self;

    /// The number of these bytes, of which there are as many as it has.
    fn from_bus(bytes: &[u8]) -> Self;

    /// Its bytes, and zeroes behind them.
    fn to_bus(self) -> [u8; 8];
}

mod sealed {
    /// Numbers without signs, of which all bits are values.
    pub trait Integer: Copy {}
}

macro_rules! values {
    ($($number:ty)*) => {$(
        impl sealed::Integer for $number {}

        impl Value for $number {
            const ONES: Self = <$number>::MAX;

            #[inline]
            fn swap_bus(self) -> Self {
                self.to_le()
            }

            fn from_bus(bytes: &[u8]) -> Self {
                bytes.iter().rev().fold(0, |number: u64, byte| number << 8 | u64::from(*byte)) as $number
            }

            fn to_bus(self) -> [u8; 8] {
                u64::from(self).to_le_bytes()
            }
        }
    )*};
}

values!(u8 u16 u32 u64);
