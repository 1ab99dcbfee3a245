//! A bound object belongs to its binding: nobody else can free it.
use ddi_dma::{BindFlags, Direction, DmaHandle, DmaObject, Wait};

fn free<O: DmaObject>(handle: DmaHandle<O>, object: O) {
    let binding = handle.bind(object, Direction::FromDevice, BindFlags::empty(), Wait::DontWait);
    drop(object);
    drop(binding);
}

fn main() {}
