//! The kernel's page tables: four levels, which the boot code began.
//!
//! Rules of this file:
//! 1. Every table lies in memory that is mapped to itself, in a frame that serves as nothing else.
//! 2. Entries are read and written only under the lock around the one `PageTables`.
//! 3. Nothing below 1 GiB is changed: the kernel runs there.

use core::arch::asm;

use super::frames::Frames;
use super::{IDENTITY, PAGE, PAGE_TABLES, SIXTEEN_MIB};

/// The entry is valid.
const PRESENT: u64 = 1 << 0;
/// Writing is allowed.
const WRITABLE: u64 = 1 << 1;
/// The entry of the second level maps 2 MiB itself.
const LARGE: u64 = 1 << 7;
/// The address in an entry.
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// The page tables in use.
pub(super) struct PageTables(());

/// Finds where a virtual address lies in physical memory, by walking the page tables; `None` where nothing is mapped.
pub fn translate(address: u64) -> Option<u64> {
    PAGE_TABLES.lock().translate(address)
}

impl PageTables {
    /// The tables that the boot code made. There must be one such value.
    pub(super) const fn of_the_boot_code() -> Self {
        PageTables(())
    }

    /// Maps a page to a frame; tables that are missing are made.
    ///
    /// # Panics
    ///
    /// Where no frame is left for a table, or something is mapped there.
    pub(super) fn map(&mut self, page: u64, frame: u64, frames: &mut Frames) {
        assert!(page >= IDENTITY, "{page:#x} belongs to the kernel's image");
        let mut table = root();
        for level in (2..=4).rev() {
            let slot = slot(table, page, level);
            let mut entry = read(slot);
            if entry & PRESENT == 0 {
                entry = new_table(frames) | PRESENT | WRITABLE;
                write(slot, entry);
            }
            table = entry & ADDRESS;
        }
        let slot = slot(table, page, 1);
        assert!(read(slot) & PRESENT == 0, "{page:#x} is mapped");
        write(slot, frame | PRESENT | WRITABLE);
    }

    /// Takes a page's mapping away.
    pub(super) fn unmap(&mut self, page: u64) {
        assert!(page >= IDENTITY, "{page:#x} belongs to the kernel's image");
        let mut table = root();
        for level in (2..=4).rev() {
            table = read(slot(table, page, level)) & ADDRESS;
        }
        write(slot(table, page, 1), 0);
        // SAFETY: forgetting a translation changes no memory.
        unsafe { asm!("invlpg [{}]", in(reg) page, options(nostack, preserves_flags)) }
    }

    fn translate(&self, address: u64) -> Option<u64> {
        let mut table = root();
        for level in (1..=4).rev() {
            let entry = read(slot(table, address, level));
            if entry & PRESENT == 0 {
                return None;
            }
            if level == 1 || entry & LARGE != 0 {
                let size = PAGE << (9 * (level - 1));
                return Some(entry & ADDRESS & !(size - 1) | address & (size - 1));
            }
            table = entry & ADDRESS;
        }
        None
    }
}

/// The table of the fourth level.
fn root() -> u64 {
    let root: u64;
    // SAFETY: reading the register changes nothing.
    unsafe { asm!("mov {}, cr3", out(reg) root, options(nomem, nostack, preserves_flags)) }
    root & ADDRESS
}

/// An entry of a table.
///
/// # Invariants
///
/// The pointer is that of an entry of a table in use.
#[derive(Clone, Copy)]
struct Slot(*mut u64);

/// The entry of `table`, which is one of this level, that an address goes through.
fn slot(table: u64, address: u64, level: u32) -> Slot {
    let index = address >> (12 + 9 * (level - 1)) & 0x1ff;
    // INVARIANT: `table` is the root or what an entry of the level above holds.
    Slot((table + index * 8) as usize as *mut u64)
}

fn read(slot: Slot) -> u64 {
    // SAFETY: the slot is an entry of a table (invariant of Slot), which rule 1 says can be reached; rule 2.
    unsafe { slot.0.read_volatile() }
}

fn write(slot: Slot, entry: u64) {
    // SAFETY: as above; the callers change nothing that is in use (rule 3).
    unsafe { slot.0.write_volatile(entry) }
}

/// Takes a frame for a table and clears it.
fn new_table(frames: &mut Frames) -> u64 {
    // Memory that an ISA bus reaches is too precious.
    let frame = frames.take_scattered(SIXTEEN_MIB).expect("memory for a page table");
    // SAFETY: nobody else has the frame, and all frames are mapped to themselves.
    unsafe { (frame as usize as *mut u8).write_bytes(0, PAGE as usize) }
    frame
}
