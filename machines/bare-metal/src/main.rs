//! A kernel that runs ddi-dma on machine models that nobody here wrote: QEMU and Bochs.
#![no_std]
#![no_main]

mod boot;
mod cpu;
mod exit;
mod memory;
mod model;
mod ports;
mod serial;

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
    exit::exit(Outcome::Success)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    println!("{info}");
    exit::exit(Outcome::Panic)
}
