//! Memory of a simulated process: brought in when touched, and moved about unless it is locked.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ddi_dma::{AddressSpace, LockError, LockLimit, PageArray, UmemFlags};

use crate::file::MappedFile;
use crate::frame::{Frame, physical};
use crate::machine::Machine;
use crate::memory::{Memory, MemoryError};

/// What a process may do with a part of its memory, and so what devices may do for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protection {
    /// Nothing (`PROT_NONE`).
    None,
    /// Read it.
    ReadOnly,
    /// Read and write it.
    ReadWrite,
}

impl Protection {
    /// Whether it permits all of `access`.
    fn permits(self, access: UmemFlags) -> bool {
        match self {
            Protection::None => false,
            Protection::ReadOnly => !access.contains(UmemFlags::WRITE),
            Protection::ReadWrite => true,
        }
    }
}

/// The memory of a process of a simulated machine.
///
/// A mapping has no frames at first: a page gets one when the process touches it or somebody locks it. A page that is
/// not locked may move to another frame ([`churn`](Self::churn)) or out of memory ([`swap_out`](Self::swap_out)) at any
/// time; who has noted its physical address then has that of somebody else's memory. The first page is never mapped.
///
/// # Examples
///
/// ```
/// use ddi_dma_sim::{Machine, MachineConfig, Protection, UserSpace};
///
/// let machine = Machine::new(MachineConfig::default())?;
/// let process = UserSpace::new(&machine, 1 << 20);
/// let address = process.map(10_000, Protection::ReadWrite)?;
/// assert_eq!(process.frame_at(address), None); // nobody has touched it
/// process.write(address, b"hello")?;
///
/// let before = process.frame_at(address);
/// assert_eq!(process.churn()?, 1);
/// assert_ne!(process.frame_at(address), before);
/// let mut there = [0; 5];
/// process.read(address, &mut there)?;
/// assert_eq!(&there, b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct UserSpace {
    memory: Arc<Memory>,
    limit: LockLimit,
    state: Mutex<State>,
}

/// # Invariants
///
/// - `pages` and `areas` are keyed by address; every page lies in an area that is not of a file.
/// - `locks` counts, by physical address, the locks of frames that `pages` or `orphans` hold, or a file that `files`
///   holds; none counts 0.
#[derive(Default)]
struct State {
    areas: BTreeMap<u64, Area>,
    pages: BTreeMap<u64, Page>,
    locks: BTreeMap<u64, Locks>,
    /// Behind the last mapping ever made.
    top: u64,
}

/// A mapping: pages of one kind, side by side.
struct Area {
    end: u64,
    protection: Protection,
    file: Option<Arc<MappedFile>>,
}

/// A page that has been touched.
enum Page {
    Resident(Frame),
    Swapped(Vec<u8>),
}

/// Locks of a frame, and what keeps the frame where its mapping is gone.
struct Locks {
    count: u64,
    keeper: Keeper,
}

/// What keeps a locked frame from being used for something else.
enum Keeper {
    /// The page, which stays resident.
    Page,
    /// A frame whose page the process has unmapped.
    Orphan { _frame: Frame },
    /// The file whose page it is.
    File { _file: Arc<MappedFile> },
}

impl UserSpace {
    /// Makes the memory of a process, empty, of which [`umem_lock`](ddi_dma::umem_lock) may lock `limit` bytes.
    pub fn new(machine: &Machine, limit: u64) -> Arc<Self> {
        let memory = machine.shared_memory();
        Arc::new(UserSpace { memory, limit: LockLimit::new(limit), state: Mutex::default() })
    }

    /// Maps so many bytes, rounded up to pages, full of zeros; an unmapped page lies on either side.
    ///
    /// # Errors
    ///
    /// [`MemoryError::Shape`] where the process has no room for them, or there are none.
    pub fn map(&self, length: u64, protection: Protection) -> Result<u64, MemoryError> {
        self.insert(length, protection, None)
    }

    /// Maps a file, all of it: the process and everybody else who has the file see the same bytes (`MAP_SHARED`).
    ///
    /// # Errors
    ///
    /// [`MemoryError::Shape`] as for [`map`](Self::map).
    pub fn map_file(&self, file: &Arc<MappedFile>, protection: Protection) -> Result<u64, MemoryError> {
        let length = file.pages().len() as u64 * self.memory.page_size();
        self.insert(length, protection, Some(Arc::clone(file)))
    }

    /// Changes what the process may do with a mapping that starts at `address`; whether there is one. Locks stay.
    pub fn protect(&self, address: u64, protection: Protection) -> bool {
        let mut state = self.state();
        let area = state.areas.get_mut(&address);
        area.map(|area| area.protection = protection).is_some()
    }

    /// Unmaps the mapping that starts at `address`; whether there was one.
    ///
    /// Frames that are locked stay allocated until they are unlocked, as no process owns them any more.
    pub fn unmap(&self, address: u64) -> bool {
        let mut state = self.state();
        let Some(area) = state.areas.remove(&address) else { return false };
        let behind = state.pages.split_off(&area.end);
        let gone = state.pages.split_off(&address);
        state.pages.extend(behind);
        for page in gone.into_values() {
            let Page::Resident(frame) = page else { continue };
            if let Some(locks) = state.locks.get_mut(&frame.address()) {
                locks.keeper = Keeper::Orphan { _frame: frame };
            }
        }
        true
    }

    /// Reads as the process does.
    ///
    /// # Errors
    ///
    /// [`LockError`] for the first page that it may not read; what lies ahead of it has been read.
    pub fn read(&self, address: u64, to: &mut [u8]) -> Result<(), LockError> {
        let mut state = self.state();
        let mut done = 0;
        for (page, into, size) in self.pieces(address, to.len() as u64) {
            let part = &mut to[done..done + size];
            self.frame(&mut state, page, UmemFlags::READ, |frame| frame.read(into, part))?;
            done += size;
        }
        Ok(())
    }

    /// Writes as the process does.
    ///
    /// # Errors
    ///
    /// [`LockError`] for the first page that it may not write; what lies ahead of it has been written.
    pub fn write(&self, address: u64, from: &[u8]) -> Result<(), LockError> {
        let mut state = self.state();
        let mut done = 0;
        for (page, into, size) in self.pieces(address, from.len() as u64) {
            let part = &from[done..done + size];
            self.frame(&mut state, page, UmemFlags::WRITE, |frame| frame.write(into, part))?;
            done += size;
        }
        Ok(())
    }

    /// Moves every page that is not locked and not a file's to another frame. Tells how many moved.
    ///
    /// # Errors
    ///
    /// [`MemoryError`] where frames ran out; some pages have moved then.
    pub fn churn(&self) -> Result<usize, MemoryError> {
        let state = &mut *self.state();
        let mut moved = 0;
        for page in state.pages.values_mut() {
            let Page::Resident(frame) = page else { continue };
            if !state.locks.contains_key(&frame.address()) {
                let other = Frame::new(&self.memory)?;
                other.write(0, &frame.to_vec());
                // The old frame goes back: whoever gets it next finds zeros in it, and so does a device.
                *page = Page::Resident(other);
                moved += 1;
            }
        }
        Ok(moved)
    }

    /// Takes every page that is not locked and not a file's out of memory. Tells how many went.
    pub fn swap_out(&self) -> usize {
        let state = &mut *self.state();
        let mut gone = 0;
        for page in state.pages.values_mut() {
            let Page::Resident(frame) = page else { continue };
            if !state.locks.contains_key(&frame.address()) {
                *page = Page::Swapped(frame.to_vec());
                gone += 1;
            }
        }
        gone
    }

    /// The physical address of the page at `address`, if it is in memory: what a debugger sees.
    pub fn frame_at(&self, address: u64) -> Option<u64> {
        let page = address - address % self.memory.page_size();
        let state = self.state();
        if let Some((&start, Area { end, file: Some(file), .. })) = state.areas.range(..=page).next_back() {
            let index = (page - start) / self.memory.page_size();
            return file.pages().get(index as usize).copied().filter(|_| page < *end);
        }
        match state.pages.get(&page)? {
            Page::Resident(frame) => Some(frame.address()),
            Page::Swapped(_) => None,
        }
    }

    /// Frames that are locked, each counted once.
    pub fn locked_pages(&self) -> usize {
        self.state().locks.len()
    }

    fn insert(
        &self,
        length: u64,
        protection: Protection,
        file: Option<Arc<MappedFile>>,
    ) -> Result<u64, MemoryError> {
        let page_size = self.memory.page_size();
        let mut state = self.state();
        let start = state.top + page_size;
        let end = length.checked_next_multiple_of(page_size).and_then(|length| start.checked_add(length));
        // The address space of a process has 47 bits.
        let end = end.filter(|end| length > 0 && *end < 1 << 47);
        let end = end.ok_or(MemoryError::Shape { length, offset: 0, page_size })?;
        state.areas.insert(start, Area { end, protection, file });
        state.top = end;
        Ok(start)
    }

    /// The pages that a range touches: the address of each, where in it, and how many bytes.
    fn pieces(&self, address: u64, length: u64) -> impl Iterator<Item = (u64, u64, usize)> + use<> {
        let page_size = self.memory.page_size();
        let mut done = 0;
        std::iter::from_fn(move || {
            let at = address.wrapping_add(done);
            let into = at % page_size;
            let size = (page_size - into).min(length - done);
            done += size;
            (size > 0).then_some((at - into, into, size as usize))
        })
    }

    /// Brings a page in for an access, and does something with its frame.
    fn frame<T>(
        &self,
        state: &mut State,
        page: u64,
        needed: UmemFlags,
        access: impl FnOnce(&Frame) -> T,
    ) -> Result<T, LockError> {
        let area = state.areas.range(..=page).next_back().filter(|(_, area)| page < area.end);
        let (&start, area) = area.ok_or(LockError::Fault { address: page })?;
        if !area.protection.permits(needed) {
            return Err(LockError::Access { address: page, needed });
        }
        if let Some(file) = &area.file {
            let frame = file.frame((page - start) / self.memory.page_size());
            return frame.map(access).ok_or(LockError::Fault { address: page });
        }
        if !matches!(state.pages.get(&page), Some(Page::Resident(_))) {
            let frame = Frame::new(&self.memory).map_err(|_| LockError::NoMemory { address: page })?;
            if let Some(Page::Swapped(bytes)) = state.pages.get(&page) {
                frame.write(0, bytes);
            }
            state.pages.insert(page, Page::Resident(frame));
        }
        match state.pages.get(&page) {
            Some(Page::Resident(frame)) => Ok(access(frame)),
            _ => Err(LockError::NoMemory { address: page }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Locks a frame that is resident once more.
    fn lock(&mut self, page: u64, frame: u64) {
        let file = self.areas.range(..=page).next_back().and_then(|(_, area)| area.file.clone());
        let keeper = file.map_or(Keeper::Page, |file| Keeper::File { _file: file });
        self.locks.entry(frame).or_insert(Locks { count: 0, keeper }).count += 1;
    }

    /// Takes a lock of a frame back.
    fn unlock(&mut self, frame: u64) {
        let Some(locks) = self.locks.get_mut(&frame) else { return };
        locks.count -= 1;
        if locks.count == 0 {
            self.locks.remove(&frame);
        }
    }
}

// SAFETY: a frame that has locks is neither moved nor swapped out, and `Keeper` holds it when its mapping goes; no
// reference to frames exists, since all copies go through the host's kernel, which defines concurrent ones; a lock of
// the host's is held for a bounded time, and no interrupt of the simulated machine runs meanwhile.
unsafe impl AddressSpace for UserSpace {
    fn page_size(&self) -> u64 {
        self.memory.page_size()
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
        let state = &mut *self.state();
        let first = pages.len();
        for index in 0..count {
            let page = address.wrapping_add(index.wrapping_mul(self.memory.page_size()));
            match self.frame(state, page, access, Frame::address) {
                Ok(frame) => {
                    state.lock(page, frame);
                    pages.push(frame);
                }
                Err(error) => {
                    pages.drain(first..).for_each(|frame| state.unlock(frame));
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    unsafe fn unlock(&self, pages: &[u64], _access: UmemFlags) {
        let mut state = self.state();
        pages.iter().for_each(|frame| state.unlock(*frame));
    }

    unsafe fn copy_out(&self, from: u64, to: *mut u8, length: u64) {
        // SAFETY: the caller promises the same.
        unsafe { physical::copy_out(&self.memory, from, to, length) }
    }

    unsafe fn copy_in(&self, to: u64, from: *const u8, length: u64) {
        // SAFETY: the caller promises the same.
        unsafe { physical::copy_in(&self.memory, to, from, length) }
    }
}

impl fmt::Debug for UserSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("UserSpace")
            .field("mappings", &state.areas.len())
            .field("pages", &state.pages.len())
            .field("locked", &state.locks.len())
            .finish_non_exhaustive()
    }
}
