//! The simulated devices, as far as they are alike.

use std::io;
use std::sync::Arc;

use ddi_dma::DmaAttr;
use ddi_dma_sim::{Disk, Ether, FloppyController, FloppyInjection, Injection, IsaPorts, NexusKind, Stepped};

/// A device of a simulated machine.
#[derive(Clone)]
pub(super) enum Model {
    Disk(Arc<Disk>),
    Ether(Arc<Ether>),
    /// The floppy disk controller, which is reached by ports.
    Floppy(Arc<FloppyController>, Arc<IsaPorts>),
}

/// What a test wants to go wrong with the next transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mishap {
    /// The device stops after so many bytes, without an error.
    ShortTransfer { after: u64 },
    /// The medium fails after so many bytes.
    MediumError { after: u64 },
    /// It does not interrupt.
    LostInterrupt,
}

impl Model {
    /// The bus that the device is on.
    pub(super) fn nexus(&self) -> NexusKind {
        match self {
            Model::Disk(disk) => disk.spec().nexus,
            Model::Ether(ether) => ether.spec().nexus,
            Model::Floppy(..) => NexusKind::Isa,
        }
    }

    /// What the model's own driver states about the engine; `None` where the system's engine moves the bytes.
    pub(super) fn attr(&self) -> Option<&'static DmaAttr> {
        match self {
            Model::Disk(disk) => Some(&disk.spec().attr),
            Model::Ether(ether) => Some(&ether.spec().attr),
            Model::Floppy(..) => None,
        }
    }

    /// Lets the device run.
    pub(super) fn step(&self) -> Stepped {
        match self {
            Model::Disk(disk) => disk.step(),
            Model::Ether(ether) => ether.step(),
            Model::Floppy(floppy, _) => floppy.step(),
        }
    }

    /// Whether the device raises its interrupt line.
    pub(super) fn interrupting(&self) -> bool {
        match self {
            Model::Disk(disk) => disk.interrupting(),
            Model::Ether(ether) => ether.interrupting(),
            Model::Floppy(floppy, _) => floppy.interrupting(),
        }
    }

    /// Reads the medium past the engine.
    pub(super) fn read_medium(&self, offset: u64, to: &mut [u8]) -> io::Result<()> {
        match self {
            Model::Disk(disk) => disk.read_medium(offset, to),
            Model::Ether(_) => Err(no_medium()),
            Model::Floppy(floppy, _) => floppy.read_medium(offset, to),
        }
    }

    /// Writes the medium past the engine.
    pub(super) fn write_medium(&self, offset: u64, from: &[u8]) -> io::Result<()> {
        match self {
            Model::Disk(disk) => disk.write_medium(offset, from),
            Model::Ether(_) => Err(no_medium()),
            Model::Floppy(floppy, _) => floppy.write_medium(offset, from),
        }
    }

    /// Has the next transfer meet a mishap.
    pub(super) fn inject(&self, mishap: Mishap) -> io::Result<()> {
        match (self, mishap) {
            (Model::Disk(disk), Mishap::ShortTransfer { after }) => {
                disk.inject(Injection::ShortTransfer { after });
            }
            (Model::Disk(disk), Mishap::MediumError { after }) => {
                disk.inject(Injection::MediumError { after });
            }
            (Model::Disk(disk), Mishap::LostInterrupt) => disk.inject(Injection::LostInterrupt),
            (Model::Floppy(floppy, _), Mishap::ShortTransfer { after }) => {
                floppy.inject(FloppyInjection::ShortTransfer { after })?;
            }
            (Model::Floppy(floppy, _), Mishap::LostInterrupt) => {
                floppy.inject(FloppyInjection::LostInterrupt)?;
            }
            (Model::Floppy(..) | Model::Ether(_), _) => {
                let message = "this device does not meet such a mishap: disks meet all, the floppy short transfers and lost interrupts";
                return Err(io::Error::new(io::ErrorKind::Unsupported, message));
            }
        }
        Ok(())
    }
}

fn no_medium() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "the device has no medium: a disk or the floppy has one")
}
