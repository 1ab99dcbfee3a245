//! Port I/O, as far as the engine needs it.

/// The I/O ports of a machine, a byte at a time.
///
/// A port that leads nowhere reads as 0xff, and what is written to it is lost.
///
/// Both functions are safe to call, so whoever makes a value that reaches real hardware answers for what is done with it:
/// its constructor is the place for `unsafe`.
pub trait PortIo: Send + Sync + 'static {
    /// Reads a port.
    fn read(&self, port: u16) -> u8;

    /// Writes a port.
    fn write(&self, port: u16, value: u8);
}
