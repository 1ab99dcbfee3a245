//! The end of the guest.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

use rustix::system::RebootCommand;
use vfio_guest_contents::Outcome;

/// The I/O port of QEMU's isa-debug-exit.
const DEBUG_PORT: u64 = 0xf4;

/// Says how the guest ends, and ends it.
pub fn end(outcome: Outcome) -> ! {
    println!("exit: {} ({})", outcome.code(), outcome.name());
    let ended = turn_off(outcome.code());
    // Only a machine without the debug port comes here.
    println!("the machine goes on after its end: {ended:?}");
    std::process::exit(i32::from(outcome.code()))
}

fn turn_off(code: u8) -> io::Result<()> {
    io::stdout().flush()?;
    // The serial port is slower than the end.
    rustix::termios::tcdrain(io::stdout())?;
    OpenOptions::new().write(true).open("/dev/port")?.write_at(&[code], DEBUG_PORT)?;
    Ok(rustix::system::reboot(RebootCommand::PowerOff)?)
}
