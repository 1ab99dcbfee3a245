//! Time of one bind + unbind with a reused handle, and of copying through the copy buffer against plain memcpy.
//!
//! `cargo bench -p ddi-dma`. Instructions are counted by `cargo xtask counts`.

mod plain;

use std::cell::RefCell;
use std::hint::black_box;

use ddi_dma::{DmaAttr, DmaHandle, DmaObject, Extent, Wait};
use divan::Bencher;
use divan::counter::BytesCount;
use plain::{PAGE, PageBytes, Pages, Run, bus, transfer};

fn main() {
    divan::main();
}

/// A 32-bit engine with a list as long as it takes.
const FAR: DmaAttr =
    DmaAttr { addr_hi: 0xFFFF_FFFF, seg: 0xFFFF_FFFF, count_max: 0xFF_FFFF, ..DmaAttr::UNRESTRICTED };
/// An engine that reaches none of the objects here.
const NEAR: DmaAttr = DmaAttr { addr_hi: 0xFF_FFFF, ..FAR };

/// Binds and unbinds the object over and over.
fn transfers<O: DmaObject>(bencher: Bencher<'_, '_>, attr: &DmaAttr, object: O, bytes: u64) {
    let handle: DmaHandle<O> = match bus().device("plain").alloc_handle(attr, Wait::DontWait) {
        Ok(handle) => handle,
        Err(error) => panic!("{error}"),
    };
    let state = RefCell::new(Some((handle, object)));
    bencher.counter(BytesCount::new(bytes)).bench_local(|| {
        let Some((handle, object)) = state.borrow_mut().take() else { return };
        *state.borrow_mut() = Some(transfer(handle, object));
    });
}

#[divan::bench(args = [1, 16, 256])]
fn scattered_pages(bencher: Bencher<'_, '_>, pages: u64) {
    transfers(bencher, &FAR, Pages::scattered(pages, 0x100_0000), pages * PAGE);
}

#[divan::bench]
fn one_extent_of_1_mib(bencher: Bencher<'_, '_>) {
    transfers(bencher, &FAR, Run([Extent { address: 0x100_0000, size: 1 << 20 }]), 1 << 20);
}

/// All 64 KiB go through the copy buffer, one way.
#[divan::bench(sample_size = 64)]
fn copied_64_kib(bencher: Bencher<'_, '_>) {
    transfers(bencher, &NEAR, Pages::scattered(16, 0x4000_0000), 16 * PAGE);
}

/// What the processor takes to copy as much.
#[divan::bench(sample_size = 64)]
fn memcpy_64_kib(bencher: Bencher<'_, '_>) {
    let (from, mut to) = (vec![PageBytes::ZERO; 16], vec![PageBytes::ZERO; 16]);
    bencher.counter(BytesCount::new(65536u64)).bench_local(|| {
        to.copy_from_slice(black_box(&from));
        black_box(&mut to);
    });
}
