//! The bytes of a transfer in flight cannot be written.
use ddi_dma::{DmaObject, InFlight};

fn poke<O: DmaObject>(mut flight: InFlight<O>) {
    flight.write(0, &[1, 2, 3]);
}

fn main() {}
