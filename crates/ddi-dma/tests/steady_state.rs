//! In the steady state nobody allocates: a handle that has bound an object of a kind once binds the next from storage
//! that it has.

mod toy;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use ddi_dma::{BindFlags, Direction, DmaAttr, DmaHandle, Wait};
use toy::{Memory, PAGE, Toy};

/// The system's allocator, counting what this thread asks for.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's duties are the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Binds, starts, looks at every window, completes and unbinds; tells how often it allocated.
fn allocations(
    handle: DmaHandle<Memory>,
    object: Memory,
    flags: BindFlags,
) -> (u64, DmaHandle<Memory>, Memory) {
    let before = ALLOCATIONS.get();
    let mut flight = handle.bind(object, Direction::Both, flags, Wait::DontWait).unwrap().start();
    while let Some(window) = flight.next_window().unwrap() {
        assert!(window.lists().all(|list| !list.cookies().is_empty()));
    }
    let (handle, object) = flight.complete().unbind();
    (ALLOCATIONS.get() - before, handle, object)
}

#[test]
fn the_second_bind_allocates_nothing() {
    let far = DmaAttr::UNRESTRICTED;
    let near = DmaAttr { addr_hi: 32 * PAGE - 1, sgllen: 2, granular: 512, ..far };
    let cases: [(&str, DmaAttr, &[u64], u64, BindFlags); 5] = [
        ("one page", far, &[20], 0, BindFlags::empty()),
        ("scattered pages", far, &[20, 40, 22, 50, 24], 100, BindFlags::empty()),
        ("lists", near, &[20, 22, 24, 26, 28], 0, BindFlags::empty()),
        ("copied", near, &[40, 42, 44], 0, BindFlags::empty()),
        ("windows, partly copied", near, &[20, 40, 22, 50, 24], 512, BindFlags::PARTIAL),
    ];
    for (name, attr, pages, offset, flags) in cases {
        let toy = Toy::plain();
        let limit = if flags.contains(BindFlags::PARTIAL) { PAGE } else { 64 * PAGE };
        let handle = toy.bus(limit).device("toy").alloc_handle(&attr, Wait::DontWait).unwrap();
        let object = toy.object(pages, offset, pages.len() as u64 * PAGE - offset);
        let (first, handle, object) = allocations(handle, object, flags);
        assert!(first > 0, "{name}: the first bind needs storage");
        let (second, _, _) = allocations(handle, object, flags);
        assert_eq!(second, 0, "{name}");
    }
}
