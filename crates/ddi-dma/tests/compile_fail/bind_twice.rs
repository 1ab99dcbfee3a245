//! A handle holds one object at a time.
use ddi_dma::{BindFlags, Direction, DmaHandle, DmaObject, Wait};

fn twice<O: DmaObject>(handle: DmaHandle<O>, first: O, second: O) {
    let one = handle.bind(first, Direction::ToDevice, BindFlags::empty(), Wait::DontWait);
    let two = handle.bind(second, Direction::ToDevice, BindFlags::empty(), Wait::DontWait);
}

fn main() {}
