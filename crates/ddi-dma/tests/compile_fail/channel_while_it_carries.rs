//! A channel that carries an object is programmed with that object's cookies alone.
use ddi_dma::{Channel, DmaObject, InFlight};

fn mixed<O: DmaObject>(mut channel: Channel, flight: InFlight<O>) {
    let transfer = channel.carry(flight);
    channel.first_party();
    drop(transfer);
}

fn main() {}
