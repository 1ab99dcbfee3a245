//! What a driver asks of a bind and of a sync.

use bitflags::bitflags;

/// Which way the bytes go.
///
/// The DDI says READ for device to memory and WRITE for memory to device; here the name tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Memory to device (`DDI_DMA_WRITE`).
    ToDevice,
    /// Device to memory (`DDI_DMA_READ`).
    FromDevice,
    /// Both (`DDI_DMA_RDWR`).
    Both,
}

impl Direction {
    /// Whether the device reads memory.
    #[inline]
    pub fn device_reads(self) -> bool {
        self != Direction::FromDevice
    }

    /// Whether the device writes memory.
    #[inline]
    pub fn device_writes(self) -> bool {
        self != Direction::ToDevice
    }
}

bitflags! {
    /// How an object is bound. Values are those of the C interface where it has the flag.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct BindFlags: u32 {
        /// Nothing is mapped right behind the object, where the nexus maps (`DDI_DMA_REDZONE`): a device that runs on past
        /// the end meets a fault.
        const REDZONE = 0x4;
        /// The object may be mapped window by window where resources do not hold all of it (`DDI_DMA_PARTIAL`).
        const PARTIAL = 0x8;
        /// Device and CPU use the object by turns, in small pieces (`DDI_DMA_CONSISTENT`): sync is made cheap.
        const CONSISTENT = 0x10;
        /// The device moves the object in order, in blocks (`DDI_DMA_STREAMING`): the transfer is made cheap.
        const STREAMING = 0x40;
        /// The device reaches no byte but the object's, whole pages apart: partial pages at the ends of the object's
        /// extents go through the copy buffer. Only behind an IOMMU.
        const ISOLATE = 0x4_0000;
        /// No window has more than one list: the driver gives the engine a window at a time. With PARTIAL, windows end where
        /// their lists do; without it, more than one list is an error.
        const ONE_LIST = 0x1_0000;
        /// The driver promises that the device fills the whole object: the copy buffer is not filled first.
        const OVERWRITE = 0x2_0000;
    }
}

/// For whom memory is made consistent (`ddi_dma_sync(9F)`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SyncFor {
    /// The device is going to read what the CPU wrote (`DDI_DMA_SYNC_FORDEV`).
    Device,
    /// The CPU is going to read what the device wrote, through any mapping (`DDI_DMA_SYNC_FORCPU`).
    Cpu,
    /// The same, through the kernel's mapping alone (`DDI_DMA_SYNC_FORKERNEL`): maybe cheaper, never weaker than the
    /// kernel's view needs.
    Kernel,
}
