//! Cookies are shown while the device owns the object, not before.
use ddi_dma::{Binding, DmaObject};

fn early<O: DmaObject>(mut binding: Binding<O>) {
    let _ = binding.next_window();
}

fn main() {}
