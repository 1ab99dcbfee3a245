//! The first serial port: all that the kernel says.

use core::fmt;

use crate::ports::Port;

/// A register of the first serial port.
const fn register(offset: u16) -> Port {
    // SAFETY: a serial port does no DMA and its interrupts stay off.
    unsafe { Port::new(0x3f8 + offset) }
}

const DATA: Port = register(0);
const INTERRUPTS: Port = register(1);
const FIFO: Port = register(2);
const LINE: Port = register(3);
const MODEM: Port = register(4);
const STATUS: Port = register(5);

/// LINE: eight data bits, no parity, one stop bit.
const EIGHT_N_ONE: u8 = 0x03;
/// LINE: the first two registers hold the divisor of 115,200 baud.
const DIVISOR: u8 = 0x80;
/// STATUS: DATA takes a byte.
const READY: u8 = 0x20;
/// STATUS: the last bit has left.
const EMPTY: u8 = 0x40;

/// Programs the port: 115,200 baud, 8n1, no interrupts.
pub fn init() {
    INTERRUPTS.write(0);
    LINE.write(DIVISOR);
    DATA.write(1);
    INTERRUPTS.write(0);
    LINE.write(EIGHT_N_ONE);
    FIFO.write(0);
    MODEM.write(0x03);
}

/// Waits until all that was printed has left.
pub fn drain() {
    while STATUS.read() & EMPTY == 0 {}
}

/// The port as something to print to.
pub struct Serial;

impl fmt::Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            while STATUS.read() & READY == 0 {}
            DATA.write(byte);
        }
        Ok(())
    }
}

/// Prints to the serial port.
#[macro_export]
macro_rules! print {
    ($($argument:tt)*) => {{
        use core::fmt::Write;
        // The port takes everything.
        let _ = write!($crate::serial::Serial, $($argument)*);
    }};
}

/// Prints a line to the serial port.
#[macro_export]
macro_rules! println {
    () => { $crate::print!("\n") };
    ($($argument:tt)*) => { $crate::print!("{}\n", format_args!($($argument)*)) };
}
