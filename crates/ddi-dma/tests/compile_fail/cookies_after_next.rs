//! Cookies end with their window.
use ddi_dma::{DmaObject, InFlight};

fn stale<O: DmaObject>(mut flight: InFlight<O>) {
    let cookies = flight.window(0).unwrap().cookies();
    flight.next_window().unwrap();
    println!("{cookies:?}");
}

fn main() {}
