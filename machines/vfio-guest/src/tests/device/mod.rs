//! The device side of VFIO: regions, configuration space, interrupts, reset, and how all of it ends.

mod interrupts;
mod registers;
mod teardown;

use std::time::{Duration, Instant};

use ddi_dma::Registers;
use ddi_dma_vfio::{Bar, Container, EventInterrupt, InterruptKind, Region, VfioDevice};

use crate::failure::Failure;
use crate::guest::Guest;
use crate::runner::Test;

pub const TESTS: &[Test] = &[
    Test::new("device-ids", registers::ids),
    Test::new("device-regions-of-edu", registers::edu),
    Test::new("device-regions-of-nvme", registers::nvme),
    Test::new("device-config-space", registers::config),
    Test::new("device-reset", registers::reset),
    Test::new("device-register-speed", registers::speed),
    Test::new("device-msi", interrupts::msi),
    Test::new("device-intx", interrupts::intx),
    Test::new("device-msix", interrupts::msix),
    Test::new("device-msix-vectors", interrupts::vectors),
    Test::new("device-async", interrupts::tasks),
    Test::new("device-silence", interrupts::silence),
    Test::new("device-several-in-one-container", teardown::several),
    Test::new("device-refusals", teardown::refusals),
    Test::new("device-teardown-in-any-order", teardown::any_order),
    Test::new("device-teardown-by-a-panic", teardown::panic),
    Test::new("device-opened-anew", teardown::anew),
];

/// Offsets of edu's registers.
mod edu {
    pub const IDENTIFICATION: u64 = 0x00;
    pub const LIVENESS: u64 = 0x04;
    pub const FACTORIAL: u64 = 0x08;
    pub const INTERRUPTS: u64 = 0x24;
    pub const RAISE: u64 = 0x60;
    pub const ACKNOWLEDGE: u64 = 0x64;
    pub const DMA_SOURCE: u64 = 0x80;
}

/// The educational device and its registers.
struct Edu {
    device: VfioDevice,
    registers: Region,
}

impl Edu {
    fn open(guest: &Guest) -> Result<Self, Failure> {
        let device = Container::new()?.open(guest.edu)?;
        let registers = device.region(Bar::Bar0)?;
        Ok(Edu { device, registers })
    }

    fn interrupt(&self, kind: InterruptKind) -> Result<EventInterrupt, Failure> {
        only(self.device.interrupts(kind, 1)?)
    }

    /// Has the device interrupt.
    fn raise(&self, bits: u32) {
        self.registers.write32(edu::RAISE, bits);
    }

    /// Has it not interrupt any more, and tells why it did.
    fn quiet(&self) -> u32 {
        let why = self.registers.read32(edu::INTERRUPTS);
        self.registers.write32(edu::ACKNOWLEDGE, why);
        why
    }
}

/// Has the NVMe controller run, with admin queues of 32 entries, a page each, one behind the other from here on. It does no
/// DMA before somebody writes to a doorbell.
fn enable(nvme: &Region, queues: u64) -> Result<(), Failure> {
    let (admin_sizes, submissions, completions, configuration) = (0x24, 0x28, 0x30, 0x14);
    nvme.write32(admin_sizes, 0x001f_001f);
    nvme.write64(submissions, queues);
    nvme.write64(completions, queues + 0x1000);
    nvme.write32(configuration, 0x0046_0001);
    let started = Instant::now();
    while !is_enabled(nvme) {
        ensure!(started.elapsed() < Duration::from_secs(5), "the controller does not start");
    }
    Ok(())
}

/// Whether the NVMe controller runs.
fn is_enabled(nvme: &Region) -> bool {
    nvme.read32(0x1c) & 1 != 0
}

fn only(mut interrupts: Vec<EventInterrupt>) -> Result<EventInterrupt, Failure> {
    match interrupts.pop() {
        Some(interrupt) if interrupts.is_empty() => Ok(interrupt),
        _ => Err(Failure::new("not one interrupt")),
    }
}
