//! Block I/O and the memory that it is about: `buf(9S)`, `physio(9F)`, `uio(9S)` and locked memory.

mod bio;
mod clone;
mod copy;
mod disksort;
mod kernel_memory;
mod live;
mod pages;
mod physio;
mod pieces;
mod process;
mod raw;
mod uio;
mod umem;

pub(crate) use pieces::{Pieces, pieces_of};
