//! The system's DMA engine: two cascaded 8237As on an ISA bus.

mod ports;

pub use ports::PortIo;
