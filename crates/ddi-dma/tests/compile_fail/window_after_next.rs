//! A window ends when the next becomes current.
use ddi_dma::{DmaObject, InFlight};

fn stale<O: DmaObject>(mut flight: InFlight<O>) {
    let first = flight.next_window();
    let second = flight.next_window();
    drop((first, second));
}

fn main() {}
