//! Memory of the process that stands in for frames: which, and how bytes get there and back.
//!
//! 1. Bytes that stand in are reached through raw pointers alone, in this file and by the [`Lent`](super::Lent) object.
//! 2. They are reached here while `runs` is held: for reading to be read, for writing to be written. So two accesses
//!    of devices never disturb each other, and none runs once `end` has returned.
//! 3. Whoever lent them has promised that they are there until then ([`Lendings::begin`]).

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use ddi_dma::View;

/// The memory of the process that stands in for frames of a machine.
#[derive(Debug)]
pub(super) struct Lendings {
    page_size: u64,
    /// Runs that there are. Who does not know of a frame that is lent may see an old number: it does not matter to it.
    count: AtomicUsize,
    /// By the physical address of the first byte.
    runs: RwLock<BTreeMap<u64, Run>>,
    /// Writes that went to frames while something was lent. Changes only while `runs` is held for writing.
    frame_writes: AtomicU64,
}

/// Whether frames were written while something stood in for some of their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameBytes {
    /// None was: they hold what they held.
    Untouched,
    /// Some were, these or others.
    Written,
}

/// Bytes of one frame.
///
/// # Invariants
///
/// No two runs have an address in common; none is longer than a page. The bytes from `cpu` on are there, and may be
/// read and written from every thread.
#[derive(Debug, Clone, Copy)]
struct Run {
    /// The physical address behind the last byte.
    end: u64,
    cpu: NonNull<u8>,
}

// SAFETY: the bytes may be accessed from every thread (invariant), and a pointer to them is tied to none.
unsafe impl Send for Run {}
// SAFETY: as above; a shared `Run` can be copied, nothing else.
unsafe impl Sync for Run {}

/// Where bytes of an access are.
enum Place {
    /// In a frame: the physical address.
    Frame(u64),
    /// In the process.
    Process(NonNull<u8>),
}

impl Lendings {
    /// Nothing is lent.
    pub(super) fn new(page_size: u64) -> Self {
        Lendings {
            page_size,
            count: AtomicUsize::new(0),
            runs: RwLock::default(),
            frame_writes: AtomicU64::new(0),
        }
    }

    /// Has memory of the process from `start` on stand in for the frames of a view, as many bytes as it has. Tells how
    /// often frames had been written.
    ///
    /// # Safety
    ///
    /// Until [`end`](Self::end) of the same view the bytes may be read and written from every thread. The frames are
    /// the caller's, and an extent of the view lies in one page.
    pub(super) unsafe fn begin(&self, view: View<'_>, start: NonNull<u8>) -> u64 {
        let mut runs = self.write_lock();
        let mut cpu = start;
        for extent in view.extents() {
            // INVARIANT: the caller promises all of it.
            runs.insert(extent.address, Run { end: extent.address + extent.size, cpu });
            // SAFETY: the bytes of all extents follow each other from `start` on.
            cpu = unsafe { cpu.add(extent.size as usize) };
        }
        self.count.store(runs.len(), Ordering::Relaxed);
        self.frame_writes.load(Ordering::Relaxed)
    }

    /// Has frames stand for themselves again, and waits for accesses that run. `before` is what [`begin`](Self::begin)
    /// told.
    pub(super) fn end(&self, view: View<'_>, before: u64) -> FrameBytes {
        let mut runs = self.write_lock();
        for extent in view.extents() {
            runs.remove(&extent.address);
        }
        self.count.store(runs.len(), Ordering::Relaxed);
        if self.frame_writes.load(Ordering::Relaxed) == before {
            FrameBytes::Untouched
        } else {
            FrameBytes::Written
        }
    }

    /// Reads physical memory, all of which is there.
    pub(super) fn read(&self, file: &File, address: u64, to: &mut [u8]) -> io::Result<()> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return file.read_exact_at(to, address);
        }
        let runs = self.read_lock();
        each_piece(&runs, self.page_size, address..address + to.len() as u64, |piece, place| {
            let to = &mut to[piece];
            match place {
                Place::Frame(address) => file.read_exact_at(to, address),
                Place::Process(from) => {
                    // SAFETY: the bytes are there (rules 2 and 3). `copy` allows for `to` to be some of them.
                    unsafe { from.as_ptr().copy_to(to.as_mut_ptr(), to.len()) };
                    Ok(())
                }
            }
        })
    }

    /// Writes physical memory, all of which is there.
    pub(super) fn write(&self, file: &File, address: u64, from: &[u8]) -> io::Result<()> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return file.write_all_at(from, address);
        }
        let runs = self.write_lock();
        each_piece(&runs, self.page_size, address..address + from.len() as u64, |piece, place| {
            let from = &from[piece];
            match place {
                Place::Frame(address) => {
                    self.frame_writes.fetch_add(1, Ordering::Relaxed);
                    file.write_all_at(from, address)
                }
                Place::Process(to) => {
                    // SAFETY: as in `read`.
                    unsafe { to.as_ptr().copy_from(from.as_ptr(), from.len()) };
                    Ok(())
                }
            }
        })
    }

    fn read_lock(&self) -> RwLockReadGuard<'_, BTreeMap<u64, Run>> {
        self.runs.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_lock(&self) -> RwLockWriteGuard<'_, BTreeMap<u64, Run>> {
        self.runs.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Calls `piece` for each part of a range of addresses, in order: where in the range, and where its bytes are.
fn each_piece(
    runs: &BTreeMap<u64, Run>,
    page_size: u64,
    range: Range<u64>,
    mut piece: impl FnMut(Range<usize>, Place) -> io::Result<()>,
) -> io::Result<()> {
    let within = |from: u64, to: u64| (from - range.start) as usize..(to - range.start) as usize;
    let mut at = range.start;
    // A run that starts ahead of the range may reach into it.
    let ahead = range.start.saturating_sub(page_size);
    for (&start, run) in runs.range(ahead..range.end).filter(|(_, run)| run.end > range.start) {
        if at < start {
            piece(within(at, start), Place::Frame(at))?;
            at = start;
        }
        let stop = run.end.min(range.end);
        // SAFETY: `at` is an address of the run, and its bytes are side by side (invariant).
        let cpu = unsafe { run.cpu.add((at - start) as usize) };
        piece(within(at, stop), Place::Process(cpu))?;
        at = stop;
    }
    if at < range.end { piece(within(at, range.end), Place::Frame(at)) } else { Ok(()) }
}
