//! What lies in private memory has no padding: its bytes would be somebody's.
use ddi_dma::Ring;
use zerocopy::{Immutable, IntoBytes};

#[derive(IntoBytes, Immutable)]
#[repr(C)]
struct Descriptor {
    owner: u8,
    address: u64,
}

fn fill(ring: &Ring<Descriptor>, descriptor: &Descriptor) {
    let _ = ring.set(0, descriptor);
}

fn main() {}
