//! What lies in private memory has no pointers: the device could write them.
use ddi_dma::Ring;

struct Descriptor {
    buffer: *const u8,
}

fn next(ring: &Ring<Descriptor>) {
    let _ = ring.get(0);
}

fn main() {}
