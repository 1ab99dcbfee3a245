//! Private memory cannot be referenced: the device may write it at any time.
use ddi_dma::{Access, Ring};

fn entry(ring: &Ring<[u8; 16]>) -> &[u8; 16] {
    ring.get(0).as_ref().unwrap()
}

fn byte(access: &Access) -> &mut [u8] {
    &mut access[0..16]
}

fn main() {}
