//! Private memory has one owner: a second could bind it again. An access may be cloned.
use ddi_dma::{Access, PrivateMemory};

fn share(memory: &PrivateMemory, access: &Access) -> (PrivateMemory, Access) {
    (memory.clone(), access.clone())
}

fn main() {}
