//! A transfer is completed before it is unbound.
use ddi_dma::{DmaObject, InFlight};

fn early<O: DmaObject>(flight: InFlight<O>) {
    flight.unbind();
}

fn main() {}
