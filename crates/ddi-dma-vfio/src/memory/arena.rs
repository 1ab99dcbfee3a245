//! Memory that is mapped once, and handed out in pieces that bind without a system call.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ddi_dma::{
    Addresses, Direction, DmaAttr, DmaObject, Extent, MapId, MapRequest, Nexus, Redzone, Resource, Shortage,
    View,
};

use super::{HostBuffer, access_by_copies};
use crate::iova::{IovaSpace, Request};
use crate::nexus::{VfioBus, VfioNexus};

/// Pieces start at multiples of this at least, and take as much: a line of the cache, which no two of them share.
const LINE: u64 = 64;

/// Memory that is mapped once for all devices of a bus, and handed out in pieces: each an [`ArenaBuffer`], which binds
/// without a system call and comes back when it is dropped.
///
/// Devices reach all of it as long as the arena or one of its pieces is there: it is for drivers that trust their device
/// with it, and `ISOLATE` refuses to bind a piece. A piece whose transfer is dropped in flight comes back when the device
/// was reset: until then it is in quarantine ([`Device::release_quarantine`](ddi_dma::Device::release_quarantine)).
///
/// # Examples
///
/// ```no_run
/// use ddi_dma::{BindFlags, BusConfig, Direction, DmaAttr, Wait};
/// use ddi_dma_vfio::{Arena, ArenaBuffer, VfioNexus};
/// # fn nexus() -> std::sync::Arc<VfioNexus> { unreachable!() }
///
/// let bus = nexus().bus(BusConfig::default());
/// let arena = Arena::new(&bus, 0x20_0000, &DmaAttr::UNRESTRICTED)?;
/// let handle = bus.device("nvme").alloc_handle::<ArenaBuffer>(&DmaAttr::UNRESTRICTED, Wait::DontWait)?;
/// let mut buffer = arena.take(4096, 4096)?;
/// buffer.write(0, b"for the device")?;
/// let flight = handle.bind(buffer, Direction::ToDevice, BindFlags::empty(), Wait::DontWait)?.start();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Arena {
    shared: Arc<Shared>,
}

/// Why there is no arena.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArenaError {
    /// The memory could not be had.
    #[error("the arena's memory could not be had")]
    Memory(#[from] io::Error),
    /// It could not be mapped.
    #[error(transparent)]
    NoResources(#[from] Shortage),
    /// The memory that was given has parts that do not lie side by side for a device, has no bytes, is mapped already, or
    /// may not be written.
    #[error(
        "an arena's memory is one run of bytes that devices may read and write, and that is not mapped yet (parts of \
         it must start and end at pages)"
    )]
    Unfit,
}

/// # Invariants
///
/// The memory is mapped at `base` from its first byte to its last, until this is dropped. `free` holds the bus addresses of
/// whole lines of it that no piece has.
struct Shared {
    memory: Box<dyn Memory>,
    nexus: Arc<VfioNexus>,
    map: MapId,
    base: u64,
    addresses: Addresses,
    free: Mutex<IovaSpace>,
}

/// What an arena can be made of.
trait Memory: DmaObject + Sync {}
impl<T: DmaObject + Sync> Memory for T {}

impl Arena {
    /// Allocates `length` bytes, in huge pages where there are that many, and maps them where an engine with these
    /// attributes reaches them.
    ///
    /// # Errors
    ///
    /// [`ArenaError`].
    pub fn new(bus: &VfioBus, length: u64, attr: &DmaAttr) -> Result<Self, ArenaError> {
        let huge = length >= super::pages::HUGE;
        let memory = if huge { HostBuffer::huge(length)? } else { HostBuffer::new(length)? };
        Self::with_memory(bus, memory, attr)
    }

    /// Maps a caller's memory, where an engine with these attributes reaches it. It is dropped with the arena's last piece.
    ///
    /// # Errors
    ///
    /// [`ArenaError`].
    pub fn with_memory(
        bus: &VfioBus,
        memory: impl DmaObject + Sync,
        attr: &DmaAttr,
    ) -> Result<Self, ArenaError> {
        let length = memory.view().length().filter(|length| *length > 0).ok_or(ArenaError::Unfit)?;
        if memory.addresses() != Addresses::Machine || !memory.permits(Direction::Both) {
            return Err(ArenaError::Unfit);
        }
        let nexus = bus.nexus().clone();
        let (mut extents, view) = (Vec::new(), memory.view());
        let request = MapRequest { view, attr, direction: Direction::Both, redzone: Redzone::No };
        let map = nexus.map(&request, &mut extents)?;
        let [Extent { address: base, .. }] = extents[..] else {
            // SAFETY: the mapping was made just now and is nobody else's.
            unsafe { nexus.unmap(map) };
            return Err(ArenaError::Unfit);
        };
        let free = Mutex::new(IovaSpace::new(&[base..=base + (length - 1)], LINE));
        let (memory, addresses) = (Box::new(memory), bus.addresses());
        Ok(Arena { shared: Arc::new(Shared { memory, nexus, map, base, addresses, free }) })
    }

    /// Takes a piece of `length` bytes that starts at a bus address which is a multiple of `align`: a power of two, or the
    /// next one above.
    ///
    /// Its bytes are what they were when it came back last, and zeros at first where the arena allocated its memory.
    ///
    /// # Errors
    ///
    /// The [`Shortage`] of memory; its largest piece is one that is so aligned.
    pub fn take(&self, length: u64, align: u64) -> Result<ArenaBuffer, Shortage> {
        let align = align.checked_next_power_of_two().unwrap_or(1 << 63);
        let request = |size| Request { size, behind: 0, lo: 0, hi: u64::MAX, align, seg: u64::MAX };
        let mut free = self.shared.free();
        let held = length.max(1).checked_next_multiple_of(LINE);
        match held.and_then(|held| Some((held, free.take(&request(held))?))) {
            Some((held, address)) => {
                let extent = Extent { address, size: length };
                Ok(ArenaBuffer { shared: self.shared.clone(), extent, held })
            }
            None => Err(Shortage {
                resource: Resource::Memory,
                asked: length,
                free: free.free(0, u64::MAX).0,
                largest: free.largest(&request(LINE)),
            }),
        }
    }

    /// Bytes that no piece has.
    pub fn free(&self) -> u64 {
        self.shared.free().free(0, u64::MAX).0
    }
}

impl Shared {
    fn free(&self) -> MutexGuard<'_, IovaSpace> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: the arena's own mapping, which is taken away once, ahead of its memory.
        unsafe { self.nexus.unmap(self.map) }
    }
}

impl fmt::Debug for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { base, .. } = *self.shared;
        f.debug_struct("Arena").field("base", &base).field("free", &self.free()).finish_non_exhaustive()
    }
}

/// A piece of an [`Arena`]: a memory object that is mapped already. It comes back to the arena when it is dropped.
///
/// # Invariants
///
/// `held` bytes from the extent's start on are this piece's alone, and all of the arena's memory.
pub struct ArenaBuffer {
    shared: Arc<Shared>,
    extent: Extent,
    held: u64,
}

impl ArenaBuffer {
    /// Bytes.
    pub fn len(&self) -> u64 {
        self.extent.size
    }

    /// Whether there are no bytes. Such an object is refused when it is bound.
    pub fn is_empty(&self) -> bool {
        self.extent.size == 0
    }

    /// Where the piece starts in the arena's memory.
    fn start(&self) -> u64 {
        self.extent.address - self.shared.base
    }
}

access_by_copies!(ArenaBuffer);

// SAFETY: the bytes are the piece's alone until it is dropped (invariant), and stay mapped and in place as long as the
// arena's memory, which it holds; no reference into them exists; the memory's copies touch the bytes named alone.
unsafe impl DmaObject for ArenaBuffer {
    #[inline]
    fn view(&self) -> View<'_> {
        View::Extents(std::slice::from_ref(&self.extent))
    }

    #[inline]
    fn addresses(&self) -> Addresses {
        self.shared.addresses
    }

    unsafe fn copy_out(&self, offset: u64, to: *mut u8, length: u64) {
        // SAFETY: the caller's range, moved to where the piece starts.
        unsafe { self.shared.memory.copy_out(self.start() + offset, to, length) }
    }

    unsafe fn copy_in(&self, offset: u64, from: *const u8, length: u64) {
        // SAFETY: as above.
        unsafe { self.shared.memory.copy_in(self.start() + offset, from, length) }
    }
}

impl Drop for ArenaBuffer {
    fn drop(&mut self) {
        self.shared.free().give_back(self.extent.address, self.held);
    }
}

impl fmt::Debug for ArenaBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArenaBuffer").field("extent", &self.extent).finish_non_exhaustive()
    }
}
