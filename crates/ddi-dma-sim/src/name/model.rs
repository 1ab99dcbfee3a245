//! The devices that names can name, of whatever kind.

use crate::disk::{DEVICES, DeviceSpec, NexusKind};
use crate::ether::{ETHERS, EtherSpec};
use crate::floppy::{FLOPPIES, FloppySpec};

/// A device that simulated machines have, of whatever kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// Moves sectors: one of [`DEVICES`].
    Disk(&'static DeviceSpec),
    /// Moves frames, out and back in through a loopback: one of [`ETHERS`].
    Ether(&'static EtherSpec),
    /// Moves sectors by the system's DMA engine, to a disk of one size: one of [`FLOPPIES`].
    Floppy(&'static FloppySpec),
}

impl Model {
    /// All of them: disks, network devices, floppy drives.
    pub fn all() -> impl Iterator<Item = Model> {
        let (disks, ethers) = (DEVICES.iter().map(Model::Disk), ETHERS.iter().map(Model::Ether));
        disks.chain(ethers).chain(FLOPPIES.iter().map(Model::Floppy))
    }

    /// The device of this name.
    ///
    /// # Examples
    ///
    /// ```
    /// use ddi_dma_sim::{Model, NexusKind};
    ///
    /// assert_eq!(Model::find("floppy").map(Model::nexus), Some(NexusKind::Isa));
    /// assert_eq!(Model::find("tape"), None);
    /// ```
    pub fn find(name: &str) -> Option<Model> {
        Model::all().find(|model| model.name() == name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Model::Disk(spec) => spec.name,
            Model::Ether(spec) => spec.name,
            Model::Floppy(spec) => spec.name,
        }
    }

    /// What it is, in a line.
    pub fn description(self) -> &'static str {
        match self {
            Model::Disk(spec) => spec.description,
            Model::Ether(spec) => spec.description,
            Model::Floppy(spec) => spec.description,
        }
    }

    /// The bus that it sits on.
    pub fn nexus(self) -> NexusKind {
        match self {
            Model::Disk(spec) => spec.nexus,
            Model::Ether(spec) => spec.nexus,
            Model::Floppy(_) => NexusKind::Isa,
        }
    }
}
