//! A nexus in use, and the devices on it.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::future::poll_fn;
use core::task::Poll;

use portable_atomic::{AtomicU64, Ordering};

use crate::attr::{AttrError, AttrFlags, DmaAttr};
use crate::copy_buffer::{CopyBuffer, Sharers};
use crate::error::Shortage;
use crate::handle::DmaHandle;
use crate::handle_limit::HandleLimit;
use crate::lock::Mutex;
use crate::map_space::MapSpace;
use crate::mem::MemoryPool;
use crate::nexus::{Addressing, Nexus, NexusInfo, NexusMemory, SlotKind};
use crate::object::{Addresses, BusId, DmaObject, UNMAPPED};
use crate::plan::Engine;
use crate::platform::Platform;
use crate::stats::{Ledger, Stats};
use crate::wait::{Gate, Patience, Place, Refusal, Ticket, Wait};

/// A nexus with what all its devices share: the copy buffer and the statistics.
///
/// # Examples
///
/// ```
/// use ddi_dma::{Bus, BusConfig};
/// use ddi_dma_sim::{Machine, MachineConfig, NexusKind};
///
/// let machine = Machine::new(MachineConfig::default())?;
/// let bus = Bus::new(machine.nexus(NexusKind::Pci), BusConfig::default());
/// assert_eq!(bus.device("disk").name(), "disk");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Bus {
    shared: Arc<BusShared>,
}

/// The number of the next bus.
static NEXT_BUS: AtomicU64 = AtomicU64::new(0);

/// What the devices of a bus share.
pub(crate) struct BusShared {
    /// No other bus has this number.
    pub(crate) number: u64,
    pub(crate) nexus: Arc<dyn Nexus>,
    pub(crate) info: NexusInfo,
    pub(crate) copy_buffer: CopyBuffer,
    pub(crate) memory: Arc<Gate<MemoryPool>>,
    pub(crate) map_space: Arc<Gate<MapSpace>>,
    pub(crate) handles: Arc<Gate<HandleLimit>>,
    pub(crate) ledger: Ledger,
}

/// How a bus is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BusConfig {
    /// Most bytes of memory that all copy runs together may take, in use or kept for later.
    pub copy_buffer_limit: u64,
    /// Most handles that devices of the bus may have at once.
    pub handle_limit: u64,
}

impl Default for BusConfig {
    /// A copy buffer of 1 MiB and a page; as many handles as one likes.
    fn default() -> Self {
        BusConfig { copy_buffer_limit: 0x10_1000, handle_limit: u64::MAX }
    }
}

impl Bus {
    /// Puts a nexus to use.
    ///
    /// Who sleeps for a resource is a thread of the standard library where the feature `std` is on, and spins otherwise.
    pub fn new(nexus: Arc<dyn Nexus>, config: BusConfig) -> Self {
        #[cfg(feature = "std")]
        let platform = crate::platform::Threads;
        #[cfg(not(feature = "std"))]
        let platform = crate::platform::Spinning;
        Self::with_platform(nexus, config, Arc::new(platform))
    }

    /// Puts a nexus to use on a platform whose threads rest in their own way.
    pub fn with_platform(nexus: Arc<dyn Nexus>, config: BusConfig, platform: Arc<dyn Platform>) -> Self {
        let memory = Gate::new(MemoryPool::new(nexus.clone()), platform.clone());
        let map_space =
            Gate::new(MapSpace::new(nexus.clone(), memory.look(MemoryPool::out)), platform.clone());
        let sharers = Sharers { memory: memory.clone(), map_space: map_space.clone() };
        let copy_buffer = CopyBuffer::new(nexus.clone(), config.copy_buffer_limit, sharers, platform.clone());
        let handles = Gate::new(HandleLimit::new(config.handle_limit), platform);
        let (info, ledger) = (nexus.info(), Ledger::default());
        let number = NEXT_BUS.fetch_add(1, Ordering::Relaxed);
        let shared = BusShared { number, nexus, info, copy_buffer, memory, map_space, handles, ledger };
        Bus { shared: Arc::new(shared) }
    }

    /// A device on this bus; its name appears in what is printed.
    pub fn device(&self, name: impl Into<String>) -> Device {
        self.device_of_kind(name.into(), SlotKind::Master)
    }

    /// A device in a slot of this bus, for buses whose slots differ: see [`Device::slave_only`].
    ///
    /// # Examples
    ///
    /// ```
    /// use ddi_dma::{Bus, BusConfig};
    /// use ddi_dma_sim::{Machine, MachineConfig, NexusKind, SbusConfig};
    ///
    /// let sbus = SbusConfig { slave_only_slots: vec![3], ..SbusConfig::default() };
    /// let machine = Machine::new(MachineConfig { sbus, ..MachineConfig::sparc() })?;
    /// let bus = Bus::new(machine.nexus(NexusKind::Sbus), BusConfig::default());
    /// assert!(bus.device_in_slot("frame buffer", 3).slave_only());
    /// assert!(!bus.device_in_slot("disk", 1).slave_only());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn device_in_slot(&self, name: impl Into<String>, slot: u32) -> Device {
        self.device_of_kind(name.into(), self.shared.nexus.slot(slot))
    }

    fn device_of_kind(&self, name: String, slot: SlotKind) -> Device {
        let quarantine = Mutex::new(Vec::new());
        Device { shared: Arc::new(DeviceShared { bus: self.shared.clone(), name, slot, quarantine }) }
    }

    /// Whose addresses are those that devices of this bus use, but for devices with `FORCE_PHYSICAL`: what memory shows
    /// that was mapped for all of them beforehand ([`DmaObject::addresses`](crate::DmaObject::addresses)).
    pub fn addresses(&self) -> Addresses {
        let translation = match self.shared.info.addressing {
            Addressing::Physical => Translation::Physical,
            Addressing::Virtual | Addressing::Either => Translation::Mapped,
        };
        Addresses::Bus(BusId { bus: self.shared.number, translation })
    }

    /// What happened on this bus so far.
    pub fn stats(&self) -> Stats {
        let shared = &*self.shared;
        let mut stats = Stats { copy_buffer_taken: shared.copy_buffer.taken(), ..shared.ledger.sum() };
        let gates = [
            shared.copy_buffer.gate().counts(),
            shared.memory.counts(),
            shared.map_space.counts(),
            shared.handles.counts(),
        ];
        gates.into_iter().for_each(|counts| stats.count_waits(counts));
        stats
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
    slot: SlotKind,
    quarantine: Mutex<Vec<Quarantined>>,
}

/// Memory that a device may still reach.
struct Quarantined {
    object: Box<dyn Send>,
    run: Option<NexusMemory>,
    bytes: u64,
}

/// Whether bus addresses are the object's own or made by the nexus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
    /// The bus has given out all handles that it may (`DDI_DMA_NORESOURCES`).
    #[error(transparent)]
    NoResources(#[from] Shortage),
    /// The bus may give out none.
    #[error("{0}: set BusConfig::handle_limit")]
    Unobtainable(Shortage),
}

impl AllocError {
    /// What is short, now or for good.
    pub fn shortage(&self) -> Option<Shortage> {
        match self {
            AllocError::NoResources(shortage) | AllocError::Unobtainable(shortage) => Some(*shortage),
            AllocError::BadAttr(_) => None,
        }
    }
}

impl From<Refusal> for AllocError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Later(shortage) => AllocError::NoResources(shortage),
            Refusal::Never(shortage) => AllocError::Unobtainable(shortage),
        }
    }
}

impl Device {
    /// The name that the device was given.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Whether the device is in a slot in which DMA is not possible (`ddi_slaveonly(9F)`).
    ///
    /// A driver asks before it sets up DMA, and works without it, or refuses to attach. Handles are to be had all the
    /// same: it is the device that does not get the bus.
    #[doc(alias = "ddi_slaveonly")]
    pub fn slave_only(&self) -> bool {
        self.shared.slot == SlotKind::SlaveOnly
    }

    /// Allocates a handle: merges the nexus' limits into the engine's, and makes room for what binding needs
    /// (`ddi_dma_alloc_handle(9F)`).
    ///
    /// # Errors
    ///
    /// [`AllocError::BadAttr`] names the member that is wrong; [`AllocError::NoResources`] where handles are limited.
    #[doc(alias = "ddi_dma_alloc_handle")]
    pub fn alloc_handle<O: DmaObject>(
        &self,
        attr: &DmaAttr,
        wait: Wait<'_>,
    ) -> Result<DmaHandle<O>, AllocError> {
        let (engine, translation) = self.meet(attr)?;
        self.take_handle(Patience::Wait(wait), &mut None)?;
        Ok(DmaHandle::new(self.shared.clone(), engine, translation))
    }

    /// Allocates a handle once one is to be had. Dropping the future cancels.
    ///
    /// # Errors
    ///
    /// [`AllocError::BadAttr`] names the member that is wrong.
    pub async fn alloc_handle_async<O: DmaObject>(&self, attr: &DmaAttr) -> Result<DmaHandle<O>, AllocError> {
        let (engine, translation) = self.meet(attr)?;
        let mut place = Place::at(&self.shared.bus.handles);
        let taken =
            poll_fn(|context| match self.take_handle(Patience::Task(context.waker()), &mut place.ticket) {
                Err(_) if place.ticket.is_some() => Poll::Pending,
                taken => Poll::Ready(taken),
            });
        taken.await?;
        Ok(DmaHandle::new(self.shared.clone(), engine, translation))
    }

    /// Merges the nexus' limits into those of an engine, and tells whose addresses it uses.
    fn meet(&self, attr: &DmaAttr) -> Result<(Engine, Translation), AttrError> {
        let info = &self.shared.bus.info;
        let physical = attr.flags.contains(AttrFlags::FORCE_PHYSICAL);
        let translation = match info.addressing {
            Addressing::Physical => Translation::Physical,
            Addressing::Either if physical => Translation::Physical,
            Addressing::Virtual if physical => return Err(AttrError::ForcePhysical),
            Addressing::Either | Addressing::Virtual => Translation::Mapped,
        };
        let mut merged = attr.merge(&info.limits)?;
        if translation == Translation::Mapped {
            // No IOMMU hands these out; they stand for bytes that are not mapped.
            merged.addr_hi = merged.addr_hi.min(UNMAPPED - 1);
        }
        Ok((Engine::new(&merged)?, translation))
    }

    fn take_handle(&self, patience: Patience<'_>, ticket: &mut Option<Ticket>) -> Result<(), AllocError> {
        let bus = &self.shared.bus;
        let taken = bus.handles.obtain(1, patience, ticket, HandleLimit::take);
        Ok(taken.inspect_err(|refusal| bus.ledger.count_shortage(&refusal.shortage()))?)
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
