//! A look at the object ends before the device gets it.
use ddi_dma::{Binding, DmaObject};

fn keep<O: DmaObject>(binding: Binding<O>) {
    let object = binding.object();
    let flight = binding.start();
    object.view();
    drop(flight);
}

fn main() {}
