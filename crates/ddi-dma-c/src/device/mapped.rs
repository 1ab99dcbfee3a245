//! A part of a register set, and the addresses that C has for it.

use std::ffi::c_void;
use std::io;
use std::ptr;
use std::sync::Arc;

use rustix::mm::{MapFlags, ProtFlags};

use super::window::{RegisterWindow, Width};

/// A part of a register set with addresses that nothing lies behind: who goes there without the access functions
/// faults at once, instead of meeting something else.
pub(super) struct Mapped {
    window: Arc<dyn RegisterWindow>,
    start: u64,
    length: u64,
    addresses: Reservation,
}

/// Addresses that nobody else gets, and that cannot be accessed.
struct Reservation {
    start: *mut c_void,
    length: usize,
}

// SAFETY: the pointer is a number to all but the drop, and nothing is read or written through it.
unsafe impl Send for Reservation {}
// SAFETY: as above.
unsafe impl Sync for Reservation {}

impl Mapped {
    /// Maps the registers from `start` on, which lie inside the set.
    ///
    /// # Errors
    ///
    /// Those of the system, which has no addresses left.
    pub(super) fn new(window: Arc<dyn RegisterWindow>, start: u64, length: u64) -> io::Result<Self> {
        let into_page = start % rustix::param::page_size() as u64;
        let bytes = usize::try_from(into_page.saturating_add(length))
            .map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        let addresses = Reservation::new(bytes.max(1))?;
        Ok(Mapped { window, start, length, addresses })
    }

    /// The address of its first register. It lies in its page as the register does in the set.
    pub(super) fn base(&self) -> usize {
        self.addresses.start.addr() + (self.start % rustix::param::page_size() as u64) as usize
    }

    /// Where an access lies in the set, if it lies in this part.
    fn place(&self, offset: u64, width: Width) -> Option<u64> {
        let inside = offset.checked_add(width.bytes()).is_some_and(|end| end <= self.length);
        inside.then(|| self.start + offset)
    }
}

impl RegisterWindow for Mapped {
    fn load(&self, offset: u64, width: Width) -> u64 {
        self.place(offset, width).map_or(width.ones(), |place| self.window.load(place, width))
    }

    fn store(&self, offset: u64, width: Width, value: u64) {
        if let Some(place) = self.place(offset, width) {
            self.window.store(place, width, value);
        }
    }

    fn length(&self) -> u64 {
        self.length
    }
}

impl Reservation {
    fn new(length: usize) -> io::Result<Self> {
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: a new mapping where the system has room, so nobody's memory changes.
        let start =
            unsafe { rustix::mm::mmap_anonymous(ptr::null_mut(), length, ProtFlags::empty(), flags) }?;
        Ok(Reservation { start, length })
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // SAFETY: `new` mapped so many bytes there, and nobody can have a reference to what cannot be accessed. It does
        // not fail for what was mapped.
        let _ = unsafe { rustix::mm::munmap(self.start, self.length) };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::Mapped;
    use crate::device::window::{RegisterWindow, Width};

    /// A set that remembers where it was accessed.
    #[derive(Default)]
    struct Remembers(Mutex<Vec<(u64, u64)>>);

    impl RegisterWindow for Remembers {
        fn load(&self, offset: u64, width: Width) -> u64 {
            self.0.lock().unwrap().push((offset, width.bytes()));
            0x55
        }

        fn store(&self, offset: u64, _: Width, value: u64) {
            self.0.lock().unwrap().push((offset, value));
        }

        fn length(&self) -> u64 {
            0x3000
        }
    }

    #[test]
    fn a_part_starts_at_its_offset_and_ends_at_its_length() {
        let set = Arc::new(Remembers::default());
        let part = Mapped::new(set.clone(), 0x1010, 0x20).unwrap();
        assert_eq!((part.length(), part.base() % 4096), (0x20, 0x10));
        assert_eq!(part.load(0x1C, Width::Bits32), 0x55);
        part.store(0, Width::Bits64, 7);
        assert_eq!(part.load(0x1C, Width::Bits64), u64::MAX);
        assert_eq!(part.load(u64::MAX, Width::Bits16), 0xFFFF);
        part.store(0x20, Width::Bits8, 1);
        assert_eq!(*set.0.lock().unwrap(), [(0x102C, 4), (0x1010, 7)]);
    }
}
