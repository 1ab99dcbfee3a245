//! The floppy drives that a machine has, and the disks that fit them.

/// How the tracks and sectors of a disk lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FloppyGeometry {
    /// Tracks of a side, from the rim.
    pub cylinders: u8,
    /// Sides.
    pub heads: u8,
    /// Sectors of a track, the first being number 1.
    pub sectors: u8,
    /// How fast the bits pass the head.
    pub rate: DataRate,
}

/// How fast bits pass the head, as the lowest bits of the configuration control register say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DataRate {
    /// 500 kbit/s: high density.
    Kbps500 = 0,
    /// 300 kbit/s: double density in a drive of 360 turns a minute.
    Kbps300 = 1,
    /// 250 kbit/s: double density. What the controller wakes up with.
    Kbps250 = 2,
    /// 1 Mbit/s: extra density.
    Mbps1 = 3,
}

impl DataRate {
    /// The rate of a register's two lowest bits.
    pub(super) fn of_register(value: u8) -> Self {
        match value & 3 {
            0 => DataRate::Kbps500,
            1 => DataRate::Kbps300,
            2 => DataRate::Kbps250,
            _ => DataRate::Mbps1,
        }
    }
}

impl FloppyGeometry {
    /// A 3.5-inch disk of 1.44 MB.
    pub const MB_1_44: Self =
        FloppyGeometry { cylinders: 80, heads: 2, sectors: 18, rate: DataRate::Kbps500 };

    /// A 3.5-inch disk of 720 KB.
    pub const KB_720: Self = FloppyGeometry { cylinders: 80, heads: 2, sectors: 9, rate: DataRate::Kbps250 };

    /// Bytes of the disk.
    pub const fn size(&self) -> u64 {
        self.cylinders as u64 * self.heads as u64 * self.sectors as u64 * crate::SECTOR
    }
}

/// A floppy drive with its controller, as the table has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FloppySpec {
    /// Its name.
    pub name: &'static str,
    /// What it is, in a line.
    pub description: &'static str,
    /// The disk that lies in it at first.
    pub geometry: FloppyGeometry,
}

/// Every floppy drive of a machine.
///
/// # Examples
///
/// ```
/// use ddi_dma_sim::{FLOPPIES, Machine, MachineConfig};
///
/// let machine = Machine::new(MachineConfig::default())?;
/// assert_eq!(machine.floppy().spec(), &FLOPPIES[0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub static FLOPPIES: [FloppySpec; 1] = [FloppySpec {
    name: "floppy",
    description: "ISA, 1.44 MB drive of an 82077AA, third-party DMA on channel 2",
    geometry: FloppyGeometry::MB_1_44,
}];
