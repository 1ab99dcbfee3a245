//! The object of a transfer in flight cannot be reached.
use ddi_dma::{DmaObject, InFlight};

fn reach<O: DmaObject>(flight: &InFlight<O>) -> &O {
    flight.object()
}

fn main() {}
