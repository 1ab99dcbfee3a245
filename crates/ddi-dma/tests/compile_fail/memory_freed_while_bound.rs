//! Private memory cannot be freed while it is bound.
use ddi_dma::{BindFlags, Direction, DmaHandle, PrivateMemory, Wait};

fn free(handle: DmaHandle<PrivateMemory>, memory: PrivateMemory) {
    let flight = handle.bind(memory, Direction::Both, BindFlags::empty(), Wait::DontWait).unwrap().start();
    drop(memory);
    drop(flight);
}

fn main() {}
