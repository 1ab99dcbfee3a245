//! Type 1 (version 2) of VFIO: the page tables of a container. The file that holds the unsafe code of the kernel's interface.
//!
//! 1. Each ioctl is given the structure that its number stands for, with its real size in `argsz`.
//! 2. The kernel writes no more than `argsz` bytes.
//!
//! These are ioctls of our own, since `vfio-ioctls` maps without permissions and does not show the capabilities.

use std::io;
use std::mem::size_of;
use std::ops::RangeInclusive;
use std::os::fd::{AsRawFd, RawFd};

use rustix::process::{Resource, getrlimit};
use vfio_bindings::bindings::vfio::{
    VFIO_DMA_MAP_FLAG_READ, VFIO_DMA_MAP_FLAG_WRITE, VFIO_IOMMU_INFO_CAPS, VFIO_IOMMU_INFO_PGSIZES,
    VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, vfio_iommu_type1_dma_map,
    vfio_iommu_type1_dma_unmap, vfio_iommu_type1_info,
};
use vmm_sys_util::ioctl::{ioctl_with_mut_ptr, ioctl_with_mut_ref, ioctl_with_ref};

use super::{Access, Iommu, IommuError, IommuInfo, LockedMemory};

/// `_IO(VFIO_TYPE, VFIO_BASE + n)`, which knows neither sizes nor directions.
const GET_INFO: std::os::raw::c_ulong = 0x3B70;
const MAP_DMA: std::os::raw::c_ulong = 0x3B71;
const UNMAP_DMA: std::os::raw::c_ulong = 0x3B72;

/// Bytes of information that are believed: some thousands of ranges.
const MOST_INFO: usize = 0x1_0000;

/// Bit of `CapEff` that lifts the limit of locked memory (`CAP_IPC_LOCK`).
const IPC_LOCK: u32 = 14;

/// The IOMMU of a VFIO container, of type 1, version 2.
///
/// # Examples
///
/// ```no_run
/// use ddi_dma_vfio::{Iommu, Type1};
/// # fn container() -> std::fs::File { unreachable!() }
///
/// let iommu = Type1::new(container()); // with a group in it, and the type set
/// for range in iommu.info()?.ranges {
///     println!("{range:#x?}");
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Type1 {
    container: Box<dyn Container>,
}

/// Whatever keeps a container open.
trait Container: Send + Sync {
    fn fd(&self) -> Fd;
}

impl<T: AsRawFd + Send + Sync> Container for T {
    fn fd(&self) -> Fd {
        Fd(self.as_raw_fd())
    }
}

/// A file descriptor as the ioctl functions take it.
struct Fd(RawFd);

impl AsRawFd for Fd {
    fn as_raw_fd(&self) -> RawFd {
        self.0
    }
}

impl Type1 {
    /// Takes a container, of which the type is set: `container` keeps it open, and whatever else is to stay as long as
    /// there are maps.
    pub fn new(container: impl AsRawFd + Send + Sync + 'static) -> Self {
        Type1 { container: Box::new(container) }
    }

    /// Reads the information and its capabilities, as bytes.
    fn read_info(&self) -> io::Result<Vec<u8>> {
        let mut size = size_of::<vfio_iommu_type1_info>();
        loop {
            let mut bytes = vec![0u8; size];
            bytes[..4].copy_from_slice(&(size as u32).to_ne_bytes());
            // SAFETY: there are `size` bytes, as `argsz`, the first 32 bits, says (rules 1 and 2). The kernel copies them,
            // whatever they are aligned to.
            if unsafe { ioctl_with_mut_ptr(&self.container.fd(), GET_INFO, bytes.as_mut_ptr()) } < 0 {
                return Err(io::Error::last_os_error());
            }
            let needed = word32(&bytes, 0).map_or(0, |needed| needed as usize);
            if needed <= size || needed > MOST_INFO {
                return Ok(bytes);
            }
            size = needed;
        }
    }
}

// SAFETY: the kernel's type 1 driver does what the trait asks: it pins what it maps, undoes a map that fails half-way, and
// flushes the IOMMU's caches before an unmap returns; an IOMMU that has lost its last group has no maps.
unsafe impl Iommu for Type1 {
    fn info(&self) -> io::Result<IommuInfo> {
        parse_info(&self.read_info()?).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                "the kernel's information about the IOMMU makes no sense",
            )
        })
    }

    unsafe fn map(&self, iova: u64, address: u64, size: u64, access: Access) -> Result<(), IommuError> {
        let flags = match access {
            Access::Read => VFIO_DMA_MAP_FLAG_READ,
            Access::Write => VFIO_DMA_MAP_FLAG_WRITE,
            Access::Both => VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
        };
        let argsz = size_of::<vfio_iommu_type1_dma_map>() as u32;
        let map = vfio_iommu_type1_dma_map { argsz, flags, vaddr: address, iova, size };
        // SAFETY: rule 1; the caller vouches for the memory.
        match unsafe { ioctl_with_ref(&self.container.fd(), MAP_DMA, &map) } {
            0.. => Ok(()),
            _ => Err(last_error()),
        }
    }

    fn unmap(&self, iova: u64, size: u64) -> Result<u64, IommuError> {
        let argsz = size_of::<vfio_iommu_type1_dma_unmap>() as u32;
        let mut unmap = vfio_iommu_type1_dma_unmap { argsz, iova, size, ..Default::default() };
        // SAFETY: rule 1. A device that loses memory meets faults, and that is all.
        match unsafe { ioctl_with_mut_ref(&self.container.fd(), UNMAP_DMA, &mut unmap) } {
            0.. => Ok(unmap.size),
            _ => Err(last_error()),
        }
    }

    fn locked_memory(&self) -> LockedMemory {
        let limit = getrlimit(Resource::Memlock).current;
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        locked_memory(limit, &status)
    }
}

impl std::fmt::Debug for Type1 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Type1").field("container", &self.container.fd().0).finish()
    }
}

fn last_error() -> IommuError {
    IommuError::from_errno(io::Error::last_os_error().raw_os_error().unwrap_or(0))
}

/// What `/proc/self/status` and the limit say together.
fn locked_memory(limit: Option<u64>, status: &str) -> LockedMemory {
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next().map(str::to_owned)
    };
    let kibibytes = field("VmLck:").and_then(|value| value.parse::<u64>().ok()).unwrap_or(0);
    let capabilities = field("CapEff:").and_then(|value| u64::from_str_radix(&value, 16).ok()).unwrap_or(0);
    let limit = limit.filter(|_| capabilities >> IPC_LOCK & 1 == 0);
    LockedMemory { limit, used: kibibytes.saturating_mul(1024) }
}

/// Reads the information and follows the chain of its capabilities; `None` where it leads out of the bytes.
fn parse_info(bytes: &[u8]) -> Option<IommuInfo> {
    let flags = word32(bytes, 4)?;
    let mut info = IommuInfo { ranges: Vec::new(), page_sizes: 0x1000, most_maps: None };
    if flags & VFIO_IOMMU_INFO_PGSIZES != 0 {
        info.page_sizes = word64(bytes, 8)?;
    }
    let mut ranges_told = false;
    let mut at = if flags & VFIO_IOMMU_INFO_CAPS != 0 { word32(bytes, 16)? as usize } else { 0 };
    // A chain that comes back to where it was would not end.
    for _ in 0..bytes.len() / 8 {
        if at == 0 {
            break;
        }
        let next = word32(bytes, at + 4)? as usize;
        match u32::from(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?)) {
            VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE => {
                ranges_told = true;
                info.ranges = parse_ranges(bytes, at)?;
            }
            VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL => info.most_maps = Some(word32(bytes, at + 8)?.into()),
            _ => {}
        }
        at = next;
    }
    if !ranges_told {
        // Kernels before 5.4 do not say. This is what every IOMMU of a PC maps, but for the interrupts' addresses.
        info.ranges = vec![0..=0xFEDF_FFFF];
    }
    Some(info)
}

fn parse_ranges(bytes: &[u8], capability: usize) -> Option<Vec<RangeInclusive<u64>>> {
    let count = word32(bytes, capability + 8)? as usize;
    let range = |index: usize| {
        let at = capability + 16 + index * 16;
        Some(word64(bytes, at)?..=word64(bytes, at + 8)?)
    };
    (0..count).map(range).collect()
}

fn word32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn word64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The information of an Intel IOMMU of 39 bits, with a capability in the chain that nobody knows.
    fn intel() -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut put32 = |words: &[u32]| words.iter().for_each(|word| bytes.extend(word.to_ne_bytes()));
        put32(&[104, VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS, 0x4020_1000, 0, 24, 0]);
        put32(&[0x1_0003, 40, 65_535, 0]); // how many maps there may be, and four bytes to align
        put32(&[0x1_0063, 56, 0, 0]);
        put32(&[0x1_0001, 0, 2, 0]);
        put32(&[0, 0, 0xFEDF_FFFF, 0, 0xFEF0_0000, 0, 0xFFFF_FFFF, 0x7F]);
        bytes
    }

    #[test]
    fn the_chain_of_capabilities_is_followed() {
        let info = parse_info(&intel()).unwrap();
        assert_eq!(info.ranges, [0..=0xFEDF_FFFF, 0xFEF0_0000..=0x7F_FFFF_FFFF]);
        assert_eq!((info.page_sizes, info.most_maps), (0x4020_1000, Some(65_535)));
    }

    #[test]
    fn a_chain_that_leads_astray_is_refused_and_a_ring_ends() {
        let whole = intel();
        for length in 0..whole.len() {
            assert_eq!(parse_info(&whole[..length]), None, "{length} bytes");
        }
        let mut ring = intel();
        ring[60..64].copy_from_slice(&24u32.to_ne_bytes());
        assert!(parse_info(&ring).is_some());
        let mut out = intel();
        out[16..20].copy_from_slice(&u32::MAX.to_ne_bytes());
        assert_eq!(parse_info(&out), None);
    }

    #[test]
    fn a_kernel_that_tells_no_ranges_is_believed_little() {
        let mut bytes = intel();
        bytes[4..8].copy_from_slice(&VFIO_IOMMU_INFO_PGSIZES.to_ne_bytes());
        let info = parse_info(&bytes).unwrap();
        assert_eq!((info.ranges, info.most_maps), (vec![0..=0xFEDF_FFFF], None));
    }

    #[test]
    fn the_limit_of_locked_memory_is_lifted_by_a_capability() {
        let status = "Name:\tx\nVmLck:\t      64 kB\nCapEff:\t0000000000000000\n";
        let limited = LockedMemory { limit: Some(0x10_0000), used: 0x1_0000 };
        assert_eq!(locked_memory(Some(0x10_0000), status), limited);
        assert_eq!(limited.free(), Some(0xF_0000));
        let root = "VmLck:\t0 kB\nCapEff:\t000001ffffffffff\n";
        assert_eq!(locked_memory(Some(0x10_0000), root).free(), None);
        assert_eq!(locked_memory(None, ""), LockedMemory { limit: None, used: 0 });
    }

    #[test]
    fn a_file_that_is_no_container_is_refused() {
        let iommu = Type1::new(std::fs::File::open("/dev/null").unwrap());
        assert!(iommu.info().is_err());
        assert!(matches!(iommu.unmap(0x1000, 0x1000), Err(IommuError::Other(_))));
        assert!(iommu.locked_memory().limit.is_none_or(|limit| limit > 0));
    }
}
