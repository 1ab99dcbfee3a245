//! The bytes of a transfer in flight cannot be read.
use ddi_dma::{DmaObject, InFlight};

fn peek<O: DmaObject>(flight: InFlight<O>) {
    let mut bytes = [0; 4];
    flight.read(0, &mut bytes);
}

fn main() {}
