//! Where sectors lie: by number, and by cylinder, head and sector.

/// Bytes of a sector.
pub const SECTOR: u64 = 512;

/// How a disk is formatted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Geometry {
    /// Tracks of a side: at least 1.
    pub cylinders: u8,
    /// Sides: 1 or 2.
    pub heads: u8,
    /// Sectors of a track: at least 1.
    pub sectors: u8,
    /// How fast bits pass the head.
    pub rate: DataRate,
    /// Bytes between sectors that the controller passes over.
    pub gap: u8,
}

/// How fast bits pass the head, as the configuration control register has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DataRate {
    /// 500 kbit/s: high density.
    Kbps500 = 0,
    /// 300 kbit/s: double density in a drive for 1.2 MB.
    Kbps300 = 1,
    /// 250 kbit/s: double density.
    Kbps250 = 2,
    /// 1 Mbit/s: extra density.
    Mbps1 = 3,
}

impl DataRate {
    /// What the configuration control register takes.
    pub(crate) const fn register(self) -> u8 {
        self as u8
    }

    /// Thousands of bits a second.
    pub(crate) const fn kbps(self) -> u32 {
        match self {
            DataRate::Kbps500 => 500,
            DataRate::Kbps300 => 300,
            DataRate::Kbps250 => 250,
            DataRate::Mbps1 => 1000,
        }
    }
}

/// Where a sector is. It prints as cylinder/head/sector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Chs {
    /// Cylinder, from 0.
    pub cylinder: u8,
    /// Head, from 0.
    pub head: u8,
    /// Sector, from 1.
    pub sector: u8,
}

impl core::fmt::Display for Chs {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}/{}/{}", self.cylinder, self.head, self.sector)
    }
}

impl Geometry {
    /// A 3.5-inch disk of 1.44 MB.
    pub const MB_1_44: Self =
        Geometry { cylinders: 80, heads: 2, sectors: 18, rate: DataRate::Kbps500, gap: 0x1B };

    /// A 3.5-inch disk of 720 KB.
    pub const KB_720: Self =
        Geometry { cylinders: 80, heads: 2, sectors: 9, rate: DataRate::Kbps250, gap: 0x2A };

    /// A 5.25-inch disk of 1.2 MB.
    pub const MB_1_2: Self =
        Geometry { cylinders: 80, heads: 2, sectors: 15, rate: DataRate::Kbps500, gap: 0x1B };

    /// Sectors of a disk.
    pub const fn capacity(&self) -> u64 {
        self.cylinders as u64 * self.cylinder_sectors()
    }

    /// Bytes of a disk.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(isa_floppy::Geometry::MB_1_44.bytes(), 1_474_560);
    /// ```
    pub const fn bytes(&self) -> u64 {
        self.capacity() * SECTOR
    }

    /// Where the sector of a number is; the number behind the last one lies on the cylinder behind the last one.
    ///
    /// `None` where there is no such sector.
    ///
    /// # Examples
    ///
    /// ```
    /// use isa_floppy::{Chs, Geometry};
    ///
    /// let last = Geometry::MB_1_44.locate(2879);
    /// assert_eq!(last, Some(Chs { cylinder: 79, head: 1, sector: 18 }));
    /// assert_eq!(Geometry::MB_1_44.locate(2881), None);
    /// ```
    pub const fn locate(&self, lba: u64) -> Option<Chs> {
        if lba > self.capacity() {
            return None;
        }
        let (cylinder, on_cylinder) = (lba / self.cylinder_sectors(), lba % self.cylinder_sectors());
        let (head, on_track) = (on_cylinder / self.sectors as u64, on_cylinder % self.sectors as u64);
        Some(Chs { cylinder: cylinder as u8, head: head as u8, sector: on_track as u8 + 1 })
    }

    /// Sectors from this one to the end of its cylinder: the most that a command moves.
    pub(crate) const fn left_on_cylinder(&self, lba: u64) -> u64 {
        self.cylinder_sectors() - lba % self.cylinder_sectors()
    }

    /// Whether a disk can be like this: none of the numbers is 0, and there are at most two sides and 255 cylinders
    /// with one to spare, which the controller names behind the last.
    pub(crate) const fn is_sound(&self) -> bool {
        self.cylinders > 0
            && self.cylinders < u8::MAX
            && self.sectors > 0
            && (self.heads == 1 || self.heads == 2)
    }

    const fn cylinder_sectors(&self) -> u64 {
        self.heads as u64 * self.sectors as u64
    }
}
