//! A bound object cannot be replaced by another, whose memory the device does not have.
use ddi_dma::{Binding, DmaObject};

fn swap<O: DmaObject>(mut binding: Binding<O>, mut other: O) {
    std::mem::swap(binding.object_mut(), &mut other);
}

fn main() {}
