//! Memory: physical frames, the kernel's page tables, and what is allocated from them.
//!
//! | virtual addresses | what |
//! |---|---|
//! | 0..1 GiB | physical memory, each byte at its own address: the kernel's image, page tables |
//! | [`HEAP_WINDOW`] on | the heap: neighbouring pages lie in frames above 16 MiB that are no neighbours |
//! | [`FRAME_WINDOW`] + physical | contiguous frames that somebody took |
//!
//! So no buffer has a virtual address that is also its physical one, and what a test gets right it gets right by
//! translating.

mod buffer;
mod frames;
mod heap;
mod master;
mod page_tables;
mod size;

pub use buffer::Buffer;
pub use frames::{FrameRun, RunRequest};
pub use master::SoftwareMaster;
pub use page_tables::translate;

use spin::Mutex;

use frames::Frames;
use page_tables::PageTables;

/// Bytes of a page, and of a frame.
pub const PAGE: u64 = 4096;

/// What an ISA bus does not reach begins here.
pub const SIXTEEN_MIB: u64 = 16 << 20;

/// Where the heap's pages are.
pub const HEAP_WINDOW: u64 = 0xffff_9000_0000_0000;

/// Where contiguous frames are, each at its physical address from here.
pub const FRAME_WINDOW: u64 = 0xffff_a000_0000_0000;

/// Bytes of the heap.
pub const HEAP_SIZE: u64 = 16 << 20;

/// Physical memory that is mapped to itself. More than that is left alone.
const IDENTITY: u64 = 1 << 30;

static FRAMES: Mutex<Frames> = Mutex::new(Frames::empty());
static PAGE_TABLES: Mutex<PageTables> = Mutex::new(PageTables::of_the_boot_code());

/// Finds the machine's memory and makes the heap.
///
/// # Safety
///
/// Called once, before anything is allocated.
pub unsafe fn init() {
    let end = size::physical().min(IDENTITY);
    let mut frames = FRAMES.lock();
    frames.release(FrameRun { start: image_end(), size: end - image_end() });
    let mut tables = PAGE_TABLES.lock();
    for page in 0..HEAP_SIZE / PAGE {
        let frame = frames.take_scattered(SIXTEEN_MIB).expect("the machine has memory for the heap");
        tables.map(HEAP_WINDOW + page * PAGE, frame, &mut frames);
    }
    // SAFETY: the window was just mapped to frames that nobody else has, and is never unmapped; called once (the caller's
    // promise).
    unsafe { heap::init(HEAP_WINDOW as usize as *mut u8, HEAP_SIZE as usize) }
}

/// Takes contiguous frames and maps them; `None` where there are none like that.
pub fn take_run(request: &RunRequest) -> Option<MappedRun> {
    let mut frames = FRAMES.lock();
    let run = frames.take_run(request)?;
    Some(MappedRun::new(run, &mut frames))
}

/// Free bytes within a range of physical addresses: in all, and in the largest run.
pub fn free_within(lo: u64, hi: u64) -> (u64, u64) {
    FRAMES.lock().free_within(lo, hi)
}

/// Contiguous frames, mapped in the frame window. Dropping it unmaps and releases them.
///
/// # Invariants
///
/// The frames are taken and belong to this value; their pages are mapped.
#[derive(Debug)]
pub struct MappedRun(FrameRun);

impl MappedRun {
    fn new(run: FrameRun, frames: &mut Frames) -> Self {
        let mut tables = PAGE_TABLES.lock();
        for frame in run.frames() {
            tables.map(FRAME_WINDOW + frame, frame, frames);
        }
        MappedRun(run)
    }

    /// The frames.
    pub fn frames(&self) -> FrameRun {
        self.0
    }

    /// Where the processor finds the first byte.
    pub fn start(&self) -> *mut u8 {
        (FRAME_WINDOW + self.0.start) as usize as *mut u8
    }

    /// Keeps the frames mapped and taken, until [`reclaim`](Self::reclaim).
    pub fn leak(self) -> FrameRun {
        let run = self.0;
        core::mem::forget(self);
        run
    }

    /// Takes over what was leaked.
    ///
    /// # Safety
    ///
    /// The run came from [`leak`](Self::leak) and was not reclaimed since.
    pub unsafe fn reclaim(run: FrameRun) -> Self {
        MappedRun(run)
    }
}

impl Drop for MappedRun {
    fn drop(&mut self) {
        let mut frames = FRAMES.lock();
        let mut tables = PAGE_TABLES.lock();
        for frame in self.0.frames() {
            tables.unmap(FRAME_WINDOW + frame);
        }
        frames.release(self.0);
    }
}

/// The first frame behind the kernel's image.
fn image_end() -> u64 {
    unsafe extern "C" {
        static bss_end: u8;
    }
    (&raw const bss_end as u64).next_multiple_of(PAGE)
}
