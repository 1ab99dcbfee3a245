//! I/O ports: one by one for the kernel, all of them for a DMA engine.

use core::arch::asm;

use ddi_dma::PortIo;

/// One I/O port.
#[derive(Debug, Clone, Copy)]
pub struct Port(u16);

impl Port {
    /// Names a port.
    ///
    /// # Safety
    ///
    /// No value written to the port, and no read of it, makes a device write to memory or the machine break Rust's rules
    /// in another way; or whoever holds the `Port` sees to that.
    pub const unsafe fn new(address: u16) -> Self {
        Port(address)
    }

    /// Reads a byte.
    pub fn read(self) -> u8 {
        // SAFETY: whoever made the port answers for what is done with it.
        unsafe { read(self.0) }
    }

    /// Writes a byte.
    pub fn write(self, value: u8) {
        // SAFETY: as above.
        unsafe { write(self.0, value) }
    }

    /// Writes a word of 16 bits.
    pub fn write_word(self, value: u16) {
        // SAFETY: as above; the instruction touches neither memory nor flags.
        unsafe { asm!("out dx, ax", in("dx") self.0, in("ax") value, options(nostack, preserves_flags)) }
    }
}

/// All I/O ports of the machine, for the DMA engine and the drivers of the tests.
#[derive(Debug)]
pub struct Ports(());

impl Ports {
    /// Opens all ports.
    ///
    /// # Safety
    ///
    /// Whatever is done through the value and through what is made of it: the DMA controllers are given no addresses but
    /// those of cookies of transfers in flight; neither the interrupt controllers nor the timer are touched.
    pub unsafe fn new() -> Self {
        Ports(())
    }
}

impl PortIo for Ports {
    fn read(&self, port: u16) -> u8 {
        // SAFETY: whoever made the value answers for what is done with it.
        unsafe { read(port) }
    }

    fn write(&self, port: u16, value: u8) {
        // SAFETY: as above.
        unsafe { write(port, value) }
    }
}

/// Reads a port. The compiler takes it for an access to memory, so that a driver's writes to a buffer are not moved
/// behind the write that starts the transfer.
///
/// # Safety
///
/// What the port leads to allows it.
unsafe fn read(port: u16) -> u8 {
    let value;
    // SAFETY: the caller's promise; the instruction touches neither the stack nor flags.
    unsafe { asm!("in al, dx", in("dx") port, out("al") value, options(nostack, preserves_flags)) }
    value
}

/// Writes a port.
///
/// # Safety
///
/// What the port leads to allows it.
unsafe fn write(port: u16, value: u8) {
    // SAFETY: the caller's promise; the instruction touches neither the stack nor flags.
    unsafe { asm!("out dx, al", in("dx") port, in("al") value, options(nostack, preserves_flags)) }
}
