//! Cookies end when the CPU takes the object back.
use ddi_dma::{DmaObject, InFlight};

fn stale<O: DmaObject>(mut flight: InFlight<O>) {
    let window = flight.window(0).unwrap();
    let binding = flight.complete();
    println!("{:?}", window.cookies());
    drop(binding);
}

fn main() {}
