//! Where the controller is, and what its drive is like.

use core::time::Duration;

use crate::geometry::Geometry;

/// What the driver is told about controller and drive.
///
/// # Examples
///
/// The second drive of the controller that PCs have, with disks of 720 KB:
///
/// ```
/// use isa_floppy::{Config, Drive, Geometry};
///
/// let config = Config { drive: Drive::B, geometry: Geometry::KB_720, ..Config::default() };
/// assert_eq!((config.base, config.channel), (0x3F0, 2));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// The first of the controller's eight ports.
    pub base: u16,
    /// The channel of the system's engine that it is wired to.
    pub channel: u8,
    /// Which of its drives.
    pub drive: Drive,
    /// How the drive's disks are formatted.
    pub geometry: Geometry,
    /// How long its motor takes to reach its speed.
    pub spin_up: Duration,
}

impl Default for Config {
    /// The first drive of the controller that PCs have, with disks of 1.44 MB, and half a second for its motor.
    fn default() -> Self {
        Config {
            base: 0x3F0,
            channel: 2,
            drive: Drive::A,
            geometry: Geometry::MB_1_44,
            spin_up: Duration::from_millis(500),
        }
    }
}

/// A drive, by the plug of the cable that it is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Drive {
    /// Drive 0.
    A,
    /// Drive 1.
    B,
    /// Drive 2.
    C,
    /// Drive 3.
    D,
}

impl Drive {
    /// Its number.
    pub const fn number(self) -> u8 {
        match self {
            Drive::A => 0,
            Drive::B => 1,
            Drive::C => 2,
            Drive::D => 3,
        }
    }

    /// What the bus calls it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Drive::A => "fd0",
            Drive::B => "fd1",
            Drive::C => "fd2",
            Drive::D => "fd3",
        }
    }
}
