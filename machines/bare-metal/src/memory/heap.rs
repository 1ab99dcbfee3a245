//! The heap: pages of the heap window, whose frames lie all over the memory above 16 MiB.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{self, NonNull};

use linked_list_allocator::Heap;
use spin::Mutex;

use crate::exit::{Outcome, exit};
use crate::println;

/// The allocator of the kernel. Interrupt handlers do not allocate, so its lock is never contended.
struct KernelHeap(Mutex<Heap>);

#[global_allocator]
static HEAP: KernelHeap = KernelHeap(Mutex::new(Heap::empty()));

/// Gives memory to the heap.
///
/// # Safety
///
/// Called once; the memory is mapped for reading and writing for good, and nobody else uses it.
pub(super) unsafe fn init(start: *mut u8, size: usize) {
    // SAFETY: the caller's promise.
    unsafe { HEAP.0.lock().init(start, size) }
}

// SAFETY: the heap gives out parts of its memory that do not overlap, as the layout asks.
unsafe impl GlobalAlloc for KernelHeap {
    /// Allocates, or ends the run: a test that exhausts the heap has failed, and must not be taken for one that panicked.
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Ok(block) = self.0.lock().allocate_first_fit(layout) else {
            println!("the heap does not have {} bytes", layout.size());
            exit(Outcome::OutOfMemory)
        };
        block.as_ptr()
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if let Some(block) = NonNull::new(block) {
            // SAFETY: the block came from `alloc` with this layout (the caller's promise).
            unsafe { self.0.lock().deallocate(block, layout) }
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is passed on; `alloc` returns so many bytes or not at all.
        unsafe {
            let block = self.alloc(layout);
            ptr::write_bytes(block, 0, layout.size());
            block
        }
    }
}
