//! What a DMA engine can do: the attribute structure of the DDI (`ddi_dma_attr(9S)`).
//!
//! A driver states its engine's limits once. [`DmaAttr::validate`] refuses a structure that no engine can have,
//! in every build, and [`DmaAttr::merge`] adds the limits of the nexus: the system restricts, it never relaxes.

use bitflags::bitflags;

bitflags! {
    /// The burst sizes that an engine supports (`dma_attr_burstsizes`): bit *n* stands for a burst of 2^n bytes.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct BurstSizes: u32 {
        /// One byte.
        const B1 = 1 << 0;
        /// Two bytes.
        const B2 = 1 << 1;
        /// Four bytes.
        const B4 = 1 << 2;
        /// Eight bytes.
        const B8 = 1 << 3;
        /// 16 bytes.
        const B16 = 1 << 4;
        /// 32 bytes.
        const B32 = 1 << 5;
        /// 64 bytes.
        const B64 = 1 << 6;
        /// Larger bursts are named by their bit alone.
        const _ = !0;
    }

    /// Bus-specific flags (`dma_attr_flags`).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct AttrFlags: u32 {
        /// Cookies carry physical rather than virtual I/O addresses (`DDI_DMA_FORCE_PHYSICAL`). A nexus that has
        /// only virtual addresses refuses the attributes.
        const FORCE_PHYSICAL = 0x100;
        /// The driver handles bus errors itself (`DDI_DMA_FLAGERR`).
        const FLAGERR = 0x200;
        /// The engine tolerates relaxed ordering of its accesses (`DDI_DMA_RELAXED_ORDERING`).
        const RELAXED_ORDERING = 0x400;
    }
}

/// The limits of a DMA engine (`ddi_dma_attr_t`), all twelve members.
///
/// Addresses are bus addresses; sizes are bytes.
///
/// # Examples
///
/// The ISA engine of *Writing Device Drivers*, chapter "Direct Memory Access":
///
/// ```
/// use ddi_dma::{BurstSizes, DmaAttr};
///
/// let isa = DmaAttr {
///     addr_hi: 0x00FF_FFFF,   // the first 16 MiB
///     count_max: 0xFFFF,      // a 16-bit counter
///     burstsizes: BurstSizes::B1 | BurstSizes::B2 | BurstSizes::B4,
///     maxxfer: 0xFFFF_FFFF,
///     seg: 0x000F_FFFF,       // no transfer crosses a 1 MiB boundary
///     sgllen: 17,
///     granular: 512,          // sectors
///     ..DmaAttr::UNRESTRICTED
/// };
/// assert!(isa.validate().is_ok());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DmaAttr {
    /// Version of this structure: [`DmaAttr::VERSION_0`] (`DMA_ATTR_V0`).
    pub version: u32,
    /// Lowest bus address that the engine can access.
    pub addr_lo: u64,
    /// Highest bus address that the engine can access, inclusive.
    pub addr_hi: u64,
    /// Largest count of one cookie, minus one; one less than a power of two.
    pub count_max: u64,
    /// Every cookie starts at a multiple of this power of two.
    pub align: u64,
    /// Burst sizes that the engine supports.
    pub burstsizes: BurstSizes,
    /// No cookie is smaller than this power of two.
    pub minxfer: u32,
    /// Most bytes that the engine takes in one request (one list).
    pub maxxfer: u64,
    /// No cookie crosses a multiple of `seg + 1`; one less than a power of two.
    pub seg: u64,
    /// Most cookies that the engine takes in one request; [`DmaAttr::UNLIMITED`] where it does not matter.
    pub sgllen: u32,
    /// Every list but an object's last is a multiple of this many bytes.
    pub granular: u32,
    /// Bus-specific flags.
    pub flags: AttrFlags,
}

/// What is wrong with an attribute structure: the member and its value.
///
/// The DDI answers `DDI_DMA_BADATTR` and leaves the driver to guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttrError {
    /// The version is not one that this framework knows.
    #[error("version {version} is unknown: set it to 0 (DMA_ATTR_V0)")]
    Version {
        /// The version given.
        version: u32,
    },
    /// The address range is empty.
    #[error("addr_lo {addr_lo:#x} is above addr_hi {addr_hi:#x}: both are inclusive, so lo <= hi")]
    Range {
        /// The low end.
        addr_lo: u64,
        /// The high end.
        addr_hi: u64,
    },
    /// The member is used as a bit mask and is not one less than a power of two.
    #[error("{member} {value:#x} is not one less than a power of two: it is used as a bit mask")]
    NotAMask {
        /// Name of the member.
        member: &'static str,
        /// Its value.
        value: u64,
    },
    /// The member must be a power of two.
    #[error("{member} {value:#x} is not a power of two")]
    NotAPowerOfTwo {
        /// Name of the member.
        member: &'static str,
        /// Its value.
        value: u64,
    },
    /// The member must be at least one.
    #[error("{member} is 0: it must be at least 1")]
    Zero {
        /// Name of the member.
        member: &'static str,
    },
    /// No request could hold one granule.
    #[error("maxxfer {maxxfer:#x} is smaller than granular {granular:#x}: no request could hold one granule")]
    MaxxferBelowGranular {
        /// Most bytes of a request.
        maxxfer: u64,
        /// The granule.
        granular: u32,
    },
    /// A cookie as small as minxfer is already more than another member allows.
    #[error("minxfer {minxfer:#x} is more than {member} allows ({most:#x} bytes): no cookie is possible")]
    MinxferAbove {
        /// The smallest cookie.
        minxfer: u32,
        /// The member that limits it.
        member: &'static str,
        /// The largest cookie that this member allows, in bytes.
        most: u64,
    },
    /// No aligned cookie of minxfer bytes fits into the address range.
    #[error(
        "no cookie fits: {addr_lo:#x}..={addr_hi:#x} has no multiple of align {align:#x} with minxfer {minxfer:#x} bytes behind it"
    )]
    NoRoom {
        /// The low end.
        addr_lo: u64,
        /// The high end.
        addr_hi: u64,
        /// The alignment.
        align: u64,
        /// The smallest cookie.
        minxfer: u32,
    },
    /// The nexus has only virtual I/O addresses.
    #[error(
        "flags has FORCE_PHYSICAL, and this nexus has only virtual addresses: clear the flag and try again"
    )]
    ForcePhysical,
    /// The granules of engine and nexus have no common multiple in 32 bits.
    #[error(
        "granular {device:#x} of the device and {nexus:#x} of the nexus have no common multiple below 2^32"
    )]
    Granules {
        /// The device's granule.
        device: u32,
        /// The nexus' granule.
        nexus: u32,
    },
}

impl DmaAttr {
    /// The only version (`DMA_ATTR_V0`).
    pub const VERSION_0: u32 = 0;

    /// A `sgllen` without limit. The C structure says it with a negative number.
    pub const UNLIMITED: u32 = u32::MAX;

    /// An engine without any limit: the base that a driver restricts.
    pub const UNRESTRICTED: DmaAttr = DmaAttr {
        version: Self::VERSION_0,
        addr_lo: 0,
        addr_hi: u64::MAX,
        count_max: u64::MAX,
        align: 1,
        burstsizes: BurstSizes::all(),
        minxfer: 1,
        maxxfer: u64::MAX,
        seg: u64::MAX,
        sgllen: Self::UNLIMITED,
        granular: 1,
        flags: AttrFlags::empty(),
    };

    /// Checks that some engine could have these attributes.
    ///
    /// # Errors
    ///
    /// The first [`AttrError`] in the order of the members.
    pub fn validate(&self) -> Result<(), AttrError> {
        self.violations().next().map_or(Ok(()), Err)
    }

    /// All that is wrong, member by member; [`validate`](Self::validate) stops at the first.
    pub fn violations(&self) -> impl Iterator<Item = AttrError> {
        let of_members = [
            (self.version != Self::VERSION_0).then_some(AttrError::Version { version: self.version }),
            (self.addr_lo > self.addr_hi)
                .then_some(AttrError::Range { addr_lo: self.addr_lo, addr_hi: self.addr_hi }),
            not_a_mask("count_max", self.count_max),
            not_a_power("align", self.align),
            not_a_power("minxfer", self.minxfer.into()),
            zero("maxxfer", self.maxxfer),
            not_a_mask("seg", self.seg),
            zero("sgllen", self.sgllen.into()),
            zero("granular", self.granular.into()),
        ];
        let alone_sound = of_members.iter().all(Option::is_none);
        let together = if alone_sound { self.conflicts() } else { [None; 5] };
        of_members.into_iter().chain(together).flatten()
    }

    /// The contradictions between members that are sound on their own.
    fn conflicts(&self) -> [Option<AttrError>; 5] {
        let minxfer = self.minxfer;
        let above = |member, most: u64| {
            (u64::from(minxfer) > most).then_some(AttrError::MinxferAbove { minxfer, member, most })
        };
        let no_granule = self.maxxfer < u64::from(self.granular);
        let limits = [
            no_granule.then_some(AttrError::MaxxferBelowGranular {
                maxxfer: self.maxxfer,
                granular: self.granular,
            }),
            above("count_max", self.count_max.saturating_add(1)),
            above("seg", self.seg.saturating_add(1)),
            if no_granule {
                None
            } else {
                above("maxxfer", self.maxxfer - self.maxxfer % u64::from(self.granular))
            },
        ];
        let sound = limits.iter().all(Option::is_none);
        let no_room = (sound && !self.has_room()).then_some(AttrError::NoRoom {
            addr_lo: self.addr_lo,
            addr_hi: self.addr_hi,
            align: self.align,
            minxfer,
        });
        let [a, b, c, d] = limits;
        [a, b, c, d, no_room]
    }

    /// Whether one cookie of minxfer bytes fits the range, the alignment and the boundary.
    fn has_room(&self) -> bool {
        let min = u64::from(self.minxfer);
        // An address that is a multiple of both never crosses a boundary, as minxfer <= seg + 1.
        [self.align, self.align.max(min)].into_iter().any(|step| {
            let Some(start) = self.addr_lo.checked_next_multiple_of(step) else { return false };
            let Some(last) = start.checked_add(min - 1) else { return false };
            last <= self.addr_hi && (start ^ last) & !self.seg == 0
        })
    }

    /// Adds the limits of a nexus to those of a device. Neither side's restriction is ever removed.
    ///
    /// # Errors
    ///
    /// [`AttrError`] where either structure is unsound, or where no engine on this nexus could meet both.
    pub fn merge(&self, nexus: &DmaAttr) -> Result<DmaAttr, AttrError> {
        self.validate()?;
        nexus.validate()?;
        let merged = DmaAttr {
            version: self.version,
            addr_lo: self.addr_lo.max(nexus.addr_lo),
            addr_hi: self.addr_hi.min(nexus.addr_hi),
            count_max: self.count_max.min(nexus.count_max),
            align: self.align.max(nexus.align),
            burstsizes: self.burstsizes & nexus.burstsizes,
            minxfer: self.minxfer.max(nexus.minxfer),
            maxxfer: self.maxxfer.min(nexus.maxxfer),
            seg: self.seg.min(nexus.seg),
            sgllen: self.sgllen.min(nexus.sgllen),
            granular: common_multiple(self.granular, nexus.granular)?,
            flags: self.flags,
        };
        merged.validate()?;
        Ok(merged)
    }
}

fn not_a_mask(member: &'static str, value: u64) -> Option<AttrError> {
    (value & value.wrapping_add(1) != 0).then_some(AttrError::NotAMask { member, value })
}

fn not_a_power(member: &'static str, value: u64) -> Option<AttrError> {
    (!value.is_power_of_two()).then_some(AttrError::NotAPowerOfTwo { member, value })
}

fn zero(member: &'static str, value: u64) -> Option<AttrError> {
    (value == 0).then_some(AttrError::Zero { member })
}

fn common_multiple(device: u32, nexus: u32) -> Result<u32, AttrError> {
    let (mut a, mut b) = (device, nexus);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    (device / a).checked_mul(nexus).ok_or(AttrError::Granules { device, nexus })
}
