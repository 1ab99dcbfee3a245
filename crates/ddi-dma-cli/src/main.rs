//! The program `ddi-dma`.

fn main() {}
