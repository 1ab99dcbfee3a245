//! The floppy driver and the DMA engine of the framework, against the models' floppy controller and 8237s.

pub(super) mod buffers;
pub(super) mod controller;
pub(super) mod engine;
pub(super) mod read;
pub(super) mod write;

use alloc::sync::Arc;
use core::time::Duration;

use bare_metal_contents::original;
use ddi_dma::Wait;
use isa_floppy::{Config, Floppy, Report};

use super::system::System;
use super::{Failure, Test};
use crate::board::FloppyBoard;
use crate::ensure;
use crate::memory::Buffer;

/// Bytes of a sector.
const SECTOR: usize = bare_metal_contents::SECTOR;
/// Sectors of a track.
const TRACK: usize = 18;
/// Sectors of a cylinder.
const CYLINDER: usize = 2 * TRACK;

/// The driver, attached. The models' motor needs no time.
pub(super) fn attach(system: &System) -> Result<Floppy, Failure> {
    let config = Config { spin_up: Duration::ZERO, ..Config::default() };
    Ok(Floppy::attach(config, system.ports.clone(), Arc::new(FloppyBoard), &system.dmae, &system.bus)?)
}

/// Reads into a buffer that was filled before, with a driver of its own, and checks that every byte came.
fn read_checked(system: &System, sector: usize, mut buffer: Buffer) -> Result<(Buffer, Report), Failure> {
    let mut floppy = attach(system)?;
    buffer.fill(0x0dd);
    let (mut buffer, report) = floppy.read(sector as u64, buffer, Wait::DontWait)?;
    let wrong = buffer.bytes().iter().zip(original(sector)).position(|(read, there)| *read != there);
    ensure!(wrong.is_none(), "from sector {sector}: byte {wrong:?} differs");
    ensure!(report.moved == report.length && report.retries == 0, "{report:?}");
    Ok((buffer, report))
}
