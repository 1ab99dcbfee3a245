//! A nexus in use, and the devices on it.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use spin::Mutex;

use crate::attr::{AttrError, AttrFlags, DmaAttr};
use crate::copy_buffer::CopyBuffer;
use crate::flags::Wait;
use crate::handle::DmaHandle;
use crate::nexus::{Addressing, Nexus, NexusInfo, NexusMemory};
use crate::object::DmaObject;
use crate::plan::Engine;
use crate::stats::{Ledger, Stats};

/// A nexus with what all its devices share: the copy buffer and the statistics.
///
/// # Examples
///
/// ```
/// use ddi_dma::{Bus, BusConfig};
/// use ddi_dma_sim::{Machine, MachineConfig, NexusKind};
///
/// let machine = Machine::new(MachineConfig::default())?;
/// let bus = Bus::new(machine.nexus(NexusKind::Pci), BusConfig { copy_buffer_limit: 0x10000 });
/// assert_eq!(bus.device("disk").name(), "disk");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Bus {
    shared: Arc<BusShared>,
}

/// What the devices of a bus share.
pub(crate) struct BusShared {
    pub(crate) nexus: Arc<dyn Nexus>,
    pub(crate) info: NexusInfo,
    pub(crate) copy_buffer: CopyBuffer,
    pub(crate) ledger: Ledger,
}

/// How a bus is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BusConfig {
    /// Most bytes of memory that all copy runs together may take, in use or kept for later.
    pub copy_buffer_limit: u64,
}

impl Default for BusConfig {
    /// A copy buffer of 1 MiB and a page.
    fn default() -> Self {
        BusConfig { copy_buffer_limit: 0x10_1000 }
    }
}

impl Bus {
    /// Puts a nexus to use.
    pub fn new(nexus: Arc<dyn Nexus>, config: BusConfig) -> Self {
        let copy_buffer = CopyBuffer::new(nexus.clone(), config.copy_buffer_limit);
        let info = nexus.info();
        Bus { shared: Arc::new(BusShared { nexus, info, copy_buffer, ledger: Ledger::default() }) }
    }

    /// A device on this bus; its name appears in what is printed.
    pub fn device(&self, name: impl Into<String>) -> Device {
        let quarantine = Mutex::new(Vec::new());
        Device { shared: Arc::new(DeviceShared { bus: self.shared.clone(), name: name.into(), quarantine }) }
    }

    /// What happened on this bus so far.
    pub fn stats(&self) -> Stats {
        Stats { copy_buffer_taken: self.shared.copy_buffer.taken(), ..self.shared.ledger.sum() }
    }
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bus").field("info", &self.shared.info).field("stats", &self.stats()).finish()
    }
}

/// One engine under one nexus (`dev_info`).
#[derive(Clone)]
pub struct Device {
    shared: Arc<DeviceShared>,
}

pub(crate) struct DeviceShared {
    pub(crate) bus: Arc<BusShared>,
    pub(crate) name: String,
    quarantine: Mutex<Vec<Quarantined>>,
}

/// Memory that a device may still reach.
struct Quarantined {
    object: Box<dyn Send>,
    run: Option<NexusMemory>,
    bytes: u64,
}

/// Whether bus addresses are the object's own or made by the nexus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Translation {
    Physical,
    Mapped,
}

/// Why a handle could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AllocError {
    /// The attributes are unsound, or this nexus cannot meet them (`DDI_DMA_BADATTR`).
    #[error("bad DMA attributes: {0}")]
    BadAttr(#[from] AttrError),
}

impl Device {
    /// The name that the device was given.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Allocates a handle: merges the nexus' limits into the engine's, and makes room for what binding needs
    /// (`ddi_dma_alloc_handle(9F)`).
    ///
    /// # Errors
    ///
    /// [`AllocError::BadAttr`] names the member that is wrong.
    #[doc(alias = "ddi_dma_alloc_handle")]
    pub fn alloc_handle<O: DmaObject>(&self, attr: &DmaAttr, wait: Wait) -> Result<DmaHandle<O>, AllocError> {
        let Wait::DontWait = wait;
        let info = &self.shared.bus.info;
        let physical = attr.flags.contains(AttrFlags::FORCE_PHYSICAL);
        let translation = match info.addressing {
            Addressing::Physical => Translation::Physical,
            Addressing::Either if physical => Translation::Physical,
            Addressing::Virtual if physical => return Err(AttrError::ForcePhysical.into()),
            Addressing::Either | Addressing::Virtual => Translation::Mapped,
        };
        let engine = Engine::new(&attr.merge(&info.limits)?)?;
        Ok(DmaHandle::new(self.shared.clone(), engine, translation))
    }

    /// Bytes that are kept from use because the device may still reach them.
    pub fn quarantined_bytes(&self) -> u64 {
        self.shared.quarantine.lock().iter().map(|kept| kept.bytes).sum()
    }

    /// Frees the memory of transfers that were abandoned while the device could still reach it, and returns its
    /// bytes.
    ///
    /// # Safety
    ///
    /// The device was reset, or does no DMA any more that was started before this call.
    pub unsafe fn release_quarantine(&self) -> u64 {
        let kept = core::mem::take(&mut *self.shared.quarantine.lock());
        let bytes = kept.iter().map(|kept| kept.bytes).sum();
        for Quarantined { object, run, bytes } in kept {
            drop(object);
            run.into_iter().for_each(|run| self.shared.bus.copy_buffer.free(run));
            self.shared.bus.ledger.release(bytes);
        }
        bytes
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device").field("name", &self.shared.name).finish_non_exhaustive()
    }
}

impl DeviceShared {
    /// Keeps memory that the device may still reach until [`Device::release_quarantine`].
    pub(crate) fn quarantine(&self, object: Box<dyn Send>, run: Option<NexusMemory>, bytes: u64) {
        self.bus.ledger.quarantine(bytes);
        self.quarantine.lock().push(Quarantined { object, run, bytes });
    }
}

impl Drop for DeviceShared {
    /// Leaks what is in quarantine: nobody can say any more when the device is done with it.
    fn drop(&mut self) {
        self.quarantine.get_mut().drain(..).for_each(core::mem::forget);
    }
}
