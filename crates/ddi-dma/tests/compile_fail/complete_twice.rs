//! A transfer completes once.
use ddi_dma::{DmaObject, InFlight};

fn twice<O: DmaObject>(flight: InFlight<O>) {
    let one = flight.complete();
    let two = flight.complete();
}

fn main() {}
