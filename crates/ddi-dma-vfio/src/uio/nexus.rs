//! The nexus without an IOMMU.

use std::fmt;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ddi_dma::{
    Addressing, Coherence, DmaAttr, Extent, MapId, MapRequest, MemRequest, Nexus, NexusInfo, NexusMemory,
    Resource, Shortage, SyncRequest,
};

use super::low::{LowMemoryError, give_up_below};
use super::pages::{LockError, PageKind, Pages, Taken};
use super::physical::{Pagemap, PhysicalAddresses, TranslateError};
use super::pool::Pool;

/// What memory a [`PhysicalNexus`] takes for copying and for private memory, all of it beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolConfig {
    /// Bytes, made whole pages.
    pub bytes: u64,
    /// All of it lies at this physical address or below: the `addr_hi` of the device that reaches least. Memory below 16 MiB
    /// is kept from processes, unless `vm.lowmem_reserve_ratio` is 0 and huge pages are reserved until low ones come.
    pub addr_hi: u64,
    /// Most pages that are looked at to find so many as low as that. What is not kept is given back.
    pub most_tried: usize,
    /// What it is made of.
    pub pages: PageKind,
}

impl Default for PoolConfig {
    /// 4 MiB of huge pages at any address; 512 of them looked at.
    fn default() -> Self {
        PoolConfig { bytes: 4 << 20, addr_hi: u64::MAX, most_tried: 512, pages: PageKind::Huge }
    }
}

/// Why there is no nexus.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// No page of those that the kernel has lies low enough, or too few do.
    #[error(
        "{found} of {wanted} pages of {} KiB lie at {addr_hi:#x} or below, where the device reaches: {tried} were tried, the lowest lies at {lowest:#x}; {}",
        .page_size >> 10,
        more_low_pages(*.addr_hi)
    )]
    TooHigh {
        /// How many pages the pool was to have.
        wanted: usize,
        /// How many lie low enough.
        found: usize,
        /// How many were looked at.
        tried: usize,
        /// Bytes of a page.
        page_size: u64,
        /// The highest physical address that the device reaches.
        addr_hi: u64,
        /// Where the lowest page starts.
        lowest: u64,
    },
    /// Pages cannot be had, or not be looked up.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Virtual addresses of this process could be taken for physical ones.
    #[error(transparent)]
    LowMemory(#[from] LowMemoryError),
}

/// What makes the kernel give pages below an address.
fn more_low_pages(addr_hi: u64) -> String {
    let mut text = String::from(
        "reserve more huge pages (echo N > /proc/sys/vm/nr_hugepages), best at boot (hugepages=N on the kernel's command line)",
    );
    if addr_hi < 1 << 24 {
        text += ", and have the kernel give processes what lies below 16 MiB (sysctl -w vm.lowmem_reserve_ratio=0)";
    }
    text
}

impl From<TranslateError> for PoolError {
    fn from(error: TranslateError) -> Self {
        PoolError::Lock(error.into())
    }
}

/// The nexus of machines without an IOMMU: devices use physical addresses, and reach all memory.
///
/// It is only good for devices behind nothing that translates, and such a device is opened by an `unsafe` call:
/// [`UioDevice::open`](super::UioDevice::open). Objects that lie in [`LockedBuffer`](super::LockedBuffer)s and private
/// memory go as they lie, where the device reaches them. All others, which may be moved or swapped, go through the copy
/// buffer: set [`BusConfig::copy_buffer_limit`](ddi_dma::BusConfig::copy_buffer_limit) accordingly, or bind with PARTIAL.
///
/// The flag ISOLATE is refused. A transfer that is dropped in flight keeps its memory in quarantine until the device was
/// reset ([`Device::release_quarantine`](ddi_dma::Device::release_quarantine)).
///
/// Devices and CPU see the same memory, as on all x86 machines; on others, only devices that take part in the CPU's
/// cache protocol are to be used.
pub struct PhysicalNexus {
    addresses: Arc<dyn PhysicalAddresses>,
    /// The memory of the pool, physical addresses ascending.
    pages: ManuallyDrop<Pages>,
    pool: Mutex<Pool>,
    bytes: u64,
    top: u64,
}

impl PhysicalNexus {
    /// Takes memory for the pool.
    ///
    /// From then on this process has no memory of its own at virtual addresses that are physical ones of this machine, so
    /// that one is never taken for the other.
    ///
    /// # Errors
    ///
    /// [`PoolError`]: no huge pages, none low enough, physical addresses hidden from this process.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use ddi_dma_vfio::uio::{PhysicalNexus, PoolConfig};
    ///
    /// // The copy buffer of a device with 28 address lines.
    /// let nexus = PhysicalNexus::new(PoolConfig { addr_hi: 0x0FFF_FFFF, ..PoolConfig::default() })?;
    /// # Ok::<(), ddi_dma_vfio::uio::PoolError>(())
    /// ```
    pub fn new(config: PoolConfig) -> Result<Arc<Self>, PoolError> {
        Self::with_addresses(config, Arc::new(Pagemap::open()?))
    }

    pub(super) fn with_addresses(
        config: PoolConfig,
        addresses: Arc<dyn PhysicalAddresses>,
    ) -> Result<Arc<Self>, PoolError> {
        let top = addresses.top()?;
        give_up_below(top.saturating_add(1))?;
        let pages = take_low(&config, &*addresses)?;
        let mut pool = Pool::new(rustix::param::page_size() as u64);
        let page_size = pages.page_size();
        pages.physical().iter().for_each(|lies| pool.give(*lies, page_size));
        let bytes = page_size * pages.physical().len() as u64;
        let (pages, pool) = (ManuallyDrop::new(pages), Mutex::new(pool));
        Ok(Arc::new(PhysicalNexus { addresses, pages, pool, bytes, top }))
    }

    /// Bytes of the pool.
    pub fn pool_bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes of the pool that are in use: by private memory, and by copy runs of bindings and of idle handles.
    pub fn pool_in_use(&self) -> u64 {
        self.bytes - self.lock().room(0, u64::MAX).free
    }

    /// Where the pool's lowest page lies.
    pub fn lowest(&self) -> u64 {
        self.pages.physical().first().copied().unwrap_or(u64::MAX)
    }

    /// Who knows where memory lies.
    pub(super) fn addresses(&self) -> &dyn PhysicalAddresses {
        &*self.addresses
    }

    fn lock(&self) -> MutexGuard<'_, Pool> {
        // Nothing panics while it is locked.
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the CPU finds memory of the pool.
    pub(super) fn cpu(&self, bus: u64) -> Option<NonNull<u8>> {
        let (physical, size) = (self.pages.physical(), self.pages.page_size());
        let index = physical.partition_point(|lies| *lies <= bus).checked_sub(1)?;
        let into = bus - physical.get(index)?;
        // SAFETY: page `index` is one of the pages, and `into` a byte of it.
        (into < size).then(|| unsafe { self.pages.base().add(index * size as usize + into as usize) })
    }
}

/// Takes pages until enough of them lie low enough, keeps the lowest, and gives the others back.
fn take_low(config: &PoolConfig, addresses: &dyn PhysicalAddresses) -> Result<Pages, PoolError> {
    let &PoolConfig { bytes, addr_hi, most_tried, pages: kind } = config;
    let page_size = kind.size();
    let wanted = usize::try_from(bytes.div_ceil(page_size)).unwrap_or(usize::MAX);
    let mut taken = Taken::new(kind, wanted, addresses)?;
    let mut step = wanted;
    loop {
        let low = taken.lowest_first();
        let (tried, found) =
            (low.len(), low.iter().take_while(|(lies, _)| (lies | (page_size - 1)) <= addr_hi).count());
        if found >= wanted {
            let order: Vec<usize> = low.into_iter().take(wanted).map(|(_, number)| number).collect();
            return Ok(taken.keep(&order)?);
        }
        step = step.min(most_tried.saturating_sub(tried));
        // Where there are not so many more, as many as there are.
        while step > 0 && taken.grow(step, addresses).is_err() {
            step /= 2;
        }
        if step == 0 {
            let lowest = low.first().map_or(u64::MAX, |(lies, _)| *lies);
            return Err(PoolError::TooHigh { wanted, found, tried, page_size, addr_hi, lowest });
        }
    }
}

// SAFETY:
// - `alloc` gives memory of the pool, whose pages are mapped as long as any of it is out (see `drop`), each byte to one
//   owner (`Pool`), at its physical address (invariant of `Pages`), which is what devices use.
// - Nothing is mapped or synchronised; limits and sizes never change.
unsafe impl Nexus for PhysicalNexus {
    fn info(&self) -> NexusInfo {
        NexusInfo {
            // No virtual address of this process is as low: what shows one is out of reach, and copied.
            limits: DmaAttr { addr_hi: self.top, ..DmaAttr::UNRESTRICTED },
            addressing: Addressing::Physical,
            coherence: Coherence::Coherent,
            page_size: rustix::param::page_size() as u64,
        }
    }

    fn map(&self, request: &MapRequest<'_>, _: &mut Vec<Extent>) -> Result<MapId, Shortage> {
        let asked = request.view.length().unwrap_or(u64::MAX);
        Err(Shortage { resource: Resource::MapSpace, asked, free: 0, largest: 0 })
    }

    unsafe fn unmap(&self, _: MapId) {}

    fn sync(&self, _: &SyncRequest<'_>) {}

    fn alloc(&self, request: &MemRequest<'_>) -> Result<NexusMemory, Shortage> {
        let mut pool = self.lock();
        let taken = pool.take(request).and_then(|bus| Some((bus, self.cpu(bus)?)));
        let Some((bus, cpu)) = taken else {
            let room = pool.room(request.attr.addr_lo, request.attr.addr_hi);
            let (asked, resource) = (request.size, Resource::CopyBuffer);
            return Err(Shortage { resource, asked, free: room.free, largest: room.largest });
        };
        Ok(NexusMemory { cpu, bus, size: request.size, id: MapId(bus) })
    }

    unsafe fn free(&self, memory: NexusMemory) {
        self.lock().give(memory.bus, memory.size);
    }
}

impl Drop for PhysicalNexus {
    fn drop(&mut self) {
        // What is out may still be written by a device: it is never given back to the kernel.
        if self.pool_in_use() == 0 {
            // SAFETY: it is dropped once, here, and not used any more.
            unsafe { ManuallyDrop::drop(&mut self.pages) }
        }
    }
}

impl fmt::Debug for PhysicalNexus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bytes, in_use) = (self.pool_bytes(), self.pool_in_use());
        let mut debug = f.debug_struct("PhysicalNexus");
        debug.field("pool_bytes", &bytes).field("pool_in_use", &in_use).field("top", &self.top).finish()
    }
}

#[cfg(test)]
mod tests;
