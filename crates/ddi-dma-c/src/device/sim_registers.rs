//! The registers of simulated devices. Whoever writes one has the device look around.

use std::sync::Arc;

use ddi_dma::PortIo;
use ddi_dma_sim::{AccessWidth, FloppyController, IsaPorts};

use super::model::Model;
use super::runner::Runner;
use super::window::{RegisterWindow, Width};

/// The ports of a floppy disk controller, and the one behind which results are read.
const PORTS: u64 = 8;
const DATA: u64 = 5;

/// The only register set of a simulated device.
pub(super) struct SimRegisters {
    pub(super) runner: Arc<Runner>,
}

impl RegisterWindow for SimRegisters {
    fn load(&self, offset: u64, width: Width) -> u64 {
        self.runner.look();
        match self.runner.model() {
            Model::Disk(disk) => disk.load(offset, access_width(width)),
            Model::Ether(ether) => ether.load(offset, access_width(width)),
            Model::Floppy(floppy, ports) => {
                let value = load_ports(floppy, ports, offset, width);
                if touches_data(offset, width) {
                    // A byte that was taken may let the next one come.
                    self.runner.touch();
                }
                value
            }
        }
    }

    fn store(&self, offset: u64, width: Width, value: u64) {
        match self.runner.model() {
            Model::Disk(disk) => disk.store(offset, access_width(width), value),
            Model::Ether(ether) => ether.store(offset, access_width(width), value),
            Model::Floppy(floppy, ports) => store_ports(floppy, ports, offset, width, value),
        }
        self.runner.touch();
    }

    fn length(&self) -> u64 {
        match self.runner.model() {
            Model::Disk(disk) => disk.register_block_size(),
            Model::Ether(ether) => ether.register_block_size(),
            Model::Floppy(..) => PORTS,
        }
    }
}

fn access_width(width: Width) -> AccessWidth {
    match width {
        Width::Bits8 => AccessWidth::Bits8,
        Width::Bits16 => AccessWidth::Bits16,
        Width::Bits32 => AccessWidth::Bits32,
        Width::Bits64 => AccessWidth::Bits64,
    }
}

/// Reads ports. The bus makes single bytes of what is wider, from the lowest port up.
fn load_ports(floppy: &FloppyController, ports: &IsaPorts, offset: u64, width: Width) -> u64 {
    let Some(first) = first_port(floppy, offset, width) else { return width.ones() };
    (first..)
        .zip(0..width.bytes())
        .fold(0, |value, (port, byte)| value | u64::from(ports.read(port)) << (8 * byte))
}

/// Writes ports.
fn store_ports(floppy: &FloppyController, ports: &IsaPorts, offset: u64, width: Width, value: u64) {
    let Some(first) = first_port(floppy, offset, width) else { return };
    (first..)
        .zip(value.to_le_bytes())
        .take(width.bytes() as usize)
        .for_each(|(port, byte)| ports.write(port, byte));
}

/// The first port of an access that lies inside, at a multiple of its width.
fn first_port(floppy: &FloppyController, offset: u64, width: Width) -> Option<u16> {
    let inside = offset.is_multiple_of(width.bytes()) && offset < PORTS;
    inside.then_some(floppy.base() + offset as u16)
}

fn touches_data(offset: u64, width: Width) -> bool {
    offset <= DATA && DATA - offset < width.bytes()
}
