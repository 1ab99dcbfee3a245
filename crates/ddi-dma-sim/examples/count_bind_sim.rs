//! What one bind + unbind on a simulated machine costs in instructions: run under callgrind by `cargo xtask counts`, which
//! compares it with the same in C (`crates/ddi-dma-c/tests/c/count_bind.c`).
//!
//! `count_bind_sim ROUNDS` binds a page, starts, looks at the cookies, completes and unbinds so many times. Two runs that
//! differ in their rounds alone differ in what these rounds cost.

use std::error::Error;
use std::hint::black_box;

use ddi_dma::{BindFlags, Bus, BusConfig, Direction, Wait};
use ddi_dma_sim::{BufferSpec, Machine, MachineConfig, PCI64_DISK_ATTR};

fn main() -> Result<(), Box<dyn Error>> {
    let rounds: u64 = std::env::args().nth(1).map_or(Ok(1), |rounds| rounds.parse())?;
    let machine = Machine::new(MachineConfig::default())?;
    let nexus = machine.nexus(machine.device("pci64-disk")?.spec().nexus);
    let device = Bus::new(nexus, BusConfig::default()).device("pci64-disk");
    let mut handle = device.alloc_handle(&PCI64_DISK_ATTR, Wait::Sleep)?;
    let mut page = machine.buffer(&BufferSpec::new(4096))?;
    for _ in 0..rounds {
        let bound = handle.bind(black_box(page), Direction::ToDevice, BindFlags::empty(), Wait::DontWait);
        let mut flight = bound.map_err(|error| error.kind())?.start();
        black_box(flight.window(0)?.cookies());
        (handle, page) = flight.complete().unbind();
    }
    Ok(())
}
