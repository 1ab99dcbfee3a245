//! A kernel that runs ddi-dma on machine models that nobody here wrote: QEMU and Bochs.
//!
//! `cargo xtask bare-metal` builds it, starts it on both and judges how it ends. It boots ([`boot`]), makes a memory in
//! which no buffer lies where a careless driver would expect it ([`memory`]), listens to interrupts ([`interrupts`]), puts
//! an ISA bus under the framework ([`nexus`]) and runs what its command line asks for ([`tests`]):
//!
//! - nothing: all tests;
//! - `test=NAME`: one test; `test=START*`: those whose names start like that;
//! - `variant=NAME`: something that is broken on purpose and must be noticed.
//!
//! What it says on the serial port is one line a test, `ok NAME` or `FAILED NAME: why`, and last `exit: CODE (name)`; see
//! [`exit::Outcome`] for the codes.
//!
//! `unsafe` stands where the machine is touched: `boot`, `cpu`, `ports`, `interrupts`, `memory`, `nexus`. Elsewhere it is a
//! promise, of one line: whoever names a [`ports::Port`] answers for it, and so does a test for what it does with all
//! ports or with a device made of software.
#![no_std]
#![no_main]

extern crate alloc;

mod board;
mod boot;
mod command;
mod cpu;
mod exit;
mod interrupts;
mod memory;
mod model;
mod nexus;
mod platform;
mod ports;
mod serial;
mod tests;
mod watchdog;

use core::panic::PanicInfo;

use boot::StartInfo;
use exit::Outcome;
use model::Model;

/// Where the boot code hands over.
extern "C" fn kernel_main(start_info: u32) -> ! {
    serial::init();
    // SAFETY: the boot code passes on what the loader gave it.
    let command_line = unsafe { StartInfo::at(start_info) }.map_or("", StartInfo::command_line);
    println!("bare metal: {}, command {command_line:?}", Model::detect());
    // SAFETY: called once each, in this order; nothing was allocated before.
    unsafe {
        memory::init();
        interrupts::init();
    }
    exit::exit(tests::run(command_line))
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    println!("{info}");
    exit::exit(Outcome::Panic)
}
