//! The drive: a head on a stepper, and the disk below it.

use super::disk::{FloppyDisk, Place, WriteProtection};

/// The innermost cylinder that the head reaches, behind the last one of any disk.
const STOP: u8 = 82;

/// A drive, as its lines show it.
#[derive(Debug)]
pub(super) struct Drive {
    disk: Option<FloppyDisk>,
    change: ChangeLine,
    cylinder: u8,
    /// Sectors that have come by.
    turned: usize,
}

/// The line that tells that the disk was taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChangeLine {
    Active,
    Inactive,
}

/// Which way the head steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StepWay {
    /// Towards the rim: cylinder 0.
    Out,
    /// Towards the hub.
    In,
}

impl Drive {
    /// A drive just switched on: nobody has moved its head yet, nor asked whether the disk is another one.
    pub(super) fn new(disk: FloppyDisk, cylinder: u8) -> Self {
        Drive { disk: Some(disk), change: ChangeLine::Active, cylinder, turned: 0 }
    }

    /// Puts a disk in where there is none.
    pub(super) fn insert(&mut self, disk: FloppyDisk) {
        self.disk = Some(disk);
    }

    /// Takes the disk out.
    pub(super) fn eject(&mut self) -> Option<FloppyDisk> {
        self.change = ChangeLine::Active;
        self.disk.take()
    }

    pub(super) fn disk(&self) -> Option<&FloppyDisk> {
        self.disk.as_ref()
    }

    pub(super) fn disk_mut(&mut self) -> Option<&mut FloppyDisk> {
        self.disk.as_mut()
    }

    /// The disk, where it may be written.
    pub(super) fn writable_disk(&mut self) -> Option<&mut FloppyDisk> {
        self.disk.as_mut().filter(|disk| disk.protection() == WriteProtection::Off)
    }

    pub(super) fn change(&self) -> ChangeLine {
        self.change
    }

    /// What is under a head.
    pub(super) fn place(&self, head: u8) -> Place {
        Place { cylinder: self.cylinder, head }
    }

    /// Sectors that have come by, of which one more does.
    pub(super) fn turn(&mut self) -> usize {
        self.turned = self.turned.wrapping_add(1);
        self.turned
    }

    /// The sensor at the rim.
    pub(super) fn at_track_0(&self) -> bool {
        self.cylinder == 0
    }

    /// The sensor of the tab. It sees through the hole of a protected disk, and as well where there is none.
    pub(super) fn protected(&self) -> bool {
        self.disk().is_none_or(|disk| disk.protection() == WriteProtection::On)
    }

    /// Takes a step pulse. With a disk in the drive it says that somebody has noticed the change.
    pub(super) fn pulse(&mut self, way: StepWay) {
        self.cylinder = match way {
            StepWay::Out => self.cylinder.saturating_sub(1),
            StepWay::In => (self.cylinder + 1).min(STOP),
        };
        if self.disk.is_some() {
            self.change = ChangeLine::Inactive;
        }
    }
}
