//! What is read and written.

use std::time::Instant;

use ddi_dma::Registers;
use ddi_dma_vfio::{Bar, BusMaster, ConfigError, Container, PciIds, RegionError, ResetError};

use super::{Edu, edu, enable, is_enabled};
use crate::failure::Failure;
use crate::guest::Guest;

/// What an NVMe controller has in its registers: what it can do, and which version it is.
const CAPABILITIES: u64 = 0x00;
const VERSION: u64 = 0x08;

/// Configuration space: the command word, and what follows it.
const COMMAND: u16 = 0x04;
const MASTER: u16 = 1 << 2;
const MSI: u8 = 0x05;
const MSIX: u8 = 0x11;

pub fn ids(guest: &Guest) -> Result<(), Failure> {
    let container = Container::new()?;
    let PciIds { vendor, device, .. } = container.open(guest.edu)?.ids()?;
    ensure!((vendor, device) == (0x1234, 0x11e8), "edu is {vendor:04x}:{device:04x}");
    let nvme = container.open(guest.nvme)?;
    let PciIds { vendor, device, class, subsystem_vendor, .. } = nvme.ids()?;
    ensure!((vendor, device) == (0x1b36, 0x0010), "nvme is {vendor:04x}:{device:04x}");
    ensure!(
        class == 0x01_0802 && subsystem_vendor == 0x1af4,
        "nvme: class {class:06x}, {subsystem_vendor:04x}"
    );
    ensure!(nvme.address() == guest.nvme, "{}", nvme.address());
    Ok(())
}

pub fn edu(guest: &Guest) -> Result<(), Failure> {
    let edu = Edu::open(guest)?;
    let registers = &edu.registers;
    ensure!(registers.length() == 0x10_0000, "{registers:?}");
    ensure!(format!("{registers:?}").contains("mapped: [(0, 1048576)]"), "not mapped: {registers:?}");
    let identification = registers.read32(edu::IDENTIFICATION);
    ensure!(identification == 0x0100_00ed, "identification {identification:#x}");
    for value in [0, 1, 0x1234_5678, !0] {
        registers.write32(edu::LIVENESS, value);
        let answer = registers.read32(edu::LIVENESS);
        ensure!(answer == !value, "{value:#x} became {answer:#x}");
    }
    registers.write64(edu::DMA_SOURCE, 0x0123_4567_89ab_cdef);
    let wide = registers.read64(edu::DMA_SOURCE);
    ensure!(wide == 0x0123_4567_89ab_cdef, "64 bits came back as {wide:#x}");
    // Behind the end, and across a register.
    for offset in [0x10_0000, 0x10_0000 - 2, 2, u64::MAX, u64::MAX - 3] {
        registers.write32(offset, 0x5555_5555);
        let nobody = registers.read32(offset);
        ensure!(nobody == !0, "{nobody:#x} at {offset:#x}");
    }
    ensure!(registers.read32(edu::LIVENESS) == 0, "it was written by another offset");
    for bar in [Bar::Bar1, Bar::Bar5, Bar::Rom] {
        match edu.device.region(bar) {
            Err(RegionError::Absent { bar: absent, .. }) if absent == bar => {}
            other => return Err(Failure::new(format!("{bar}: {other:?}"))),
        }
    }
    Ok(())
}

pub fn nvme(guest: &Guest) -> Result<(), Failure> {
    let nvme = Container::new()?.open(guest.nvme)?;
    let registers = nvme.region(Bar::Bar0)?;
    println!("{registers:?}");
    let (low, high) = (registers.read32(CAPABILITIES), registers.read32(CAPABILITIES + 4));
    let both = registers.read64(CAPABILITIES);
    ensure!(both == u64::from(high) << 32 | u64::from(low), "{both:#x} is not {high:#x}, {low:#x}");
    ensure!(both != 0 && both != u64::MAX, "capabilities {both:#x}");
    let version = registers.read32(VERSION);
    ensure!(version >> 16 == 1, "version {version:#x}");
    // The rest of the region is reached as well, mapped or through the kernel.
    ensure!(registers.length() >= 0x2000, "{registers:?}");
    let last = registers.read32(registers.length() - 4);
    println!("version {version:#x}, the last word is {last:#x}");
    Ok(())
}

pub fn config(guest: &Guest) -> Result<(), Failure> {
    let container = Container::new()?;
    let edu = container.open(guest.edu)?;
    ensure!(edu.bus_master()? == BusMaster::Off, "it may do DMA before its driver says so");
    for (master, bit) in [(BusMaster::On, MASTER), (BusMaster::Off, 0), (BusMaster::On, MASTER)] {
        edu.set_bus_master(master)?;
        let command = edu.config_read16(COMMAND)?;
        ensure!(command & MASTER == bit && command & 2 != 0, "{master:?}: command {command:#x}");
        ensure!(edu.bus_master()? == master, "{master:?}");
    }
    let (word, bytes) = (edu.config_read32(0)?, [0, 1, 2, 3].map(|at| edu.config_read8(at)));
    for (at, byte) in bytes.into_iter().enumerate() {
        ensure!(byte? == word.to_le_bytes()[at], "byte {at} of {word:#x}");
    }
    ensure!(edu.capability(MSI)?.is_some() && edu.capability(MSIX)?.is_none(), "edu's capabilities");
    ensure!(container.open(guest.nvme)?.capability(MSIX)?.is_some(), "nvme's capabilities");
    ensure!(
        matches!(edu.config_write16(COMMAND, 0), Err(ConfigError::TurnsMemoryOff { .. })),
        "memory is off"
    );
    ensure!(matches!(edu.config_read32(2), Err(ConfigError::Place { .. })), "misaligned");
    ensure!(matches!(edu.config_read32(4096), Err(ConfigError::Place { .. })), "behind the end");
    // The interrupt line is nobody's but the driver's.
    edu.config_write8(0x3c, 0x5a)?;
    ensure!(edu.config_read8(0x3c)? == 0x5a, "the interrupt line was not kept");
    Ok(())
}

pub fn reset(guest: &Guest) -> Result<(), Failure> {
    let container = Container::new()?;
    let nvme = container.open(guest.nvme)?;
    let registers = nvme.region(Bar::Bar0)?;
    nvme.set_bus_master(BusMaster::On)?;
    enable(&registers, 0x1000)?;
    let started = Instant::now();
    nvme.reset()?;
    println!("reset in {:?}", started.elapsed());
    ensure!(!is_enabled(&registers), "the controller runs after the reset");
    ensure!(nvme.bus_master()? == BusMaster::On, "the reset changed configuration space");
    match container.open(guest.edu)?.reset() {
        Err(ResetError::None { .. }) => Ok(()),
        other => Err(Failure::new(format!("edu has no reset: {other:?}"))),
    }
}

/// How long a register takes, mapped, and configuration space through the kernel.
pub fn speed(guest: &Guest) -> Result<(), Failure> {
    const TIMES: u32 = 20_000;
    let edu = Edu::open(guest)?;
    let started = Instant::now();
    for _ in 0..TIMES {
        edu.registers.read32(edu::LIVENESS);
    }
    let mapped = started.elapsed() / TIMES;
    let started = Instant::now();
    for _ in 0..TIMES {
        edu.device.config_read32(0)?;
    }
    let through_the_kernel = started.elapsed() / TIMES;
    println!("a mapped register is read in {mapped:?}, configuration space in {through_the_kernel:?}");
    ensure!(mapped < through_the_kernel, "the mapping is slower than the kernel");
    Ok(())
}
