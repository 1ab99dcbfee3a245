//! Locked user memory: pages of a process that a driver keeps in their place for longer than a transfer
//! (`ddi_umem_lock(9F)`).

use alloc::sync::Arc;
use core::fmt;

use portable_atomic::{AtomicU64, Ordering};

use crate::buf::{Buf, BufKind, Errno};
use crate::error::RangeError;
use crate::flags::Direction;
use crate::object::{DmaObject, View};
use crate::pages::{LockedPages, PageArray, PageRange};
use crate::space::{AddressSpace, LockError, UmemFlags};

/// How many bytes a process may lock, and how many it has (`project.max-locked-memory`).
///
/// Each lock counts in full, also where it locks pages that are locked already.
///
/// # Examples
///
/// ```
/// use ddi_dma::LockLimit;
///
/// let limit = LockLimit::new(1 << 20);
/// assert_eq!((limit.limit(), limit.locked()), (1 << 20, 0));
/// ```
#[derive(Debug)]
pub struct LockLimit {
    limit: AtomicU64,
    locked: AtomicU64,
}

impl LockLimit {
    /// Permits `bytes`, of which nothing is locked.
    pub const fn new(bytes: u64) -> Self {
        LockLimit { limit: AtomicU64::new(bytes), locked: AtomicU64::new(0) }
    }

    /// Bytes that may be locked.
    pub fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    /// Changes how many bytes may be locked. What is locked stays so, though it be more.
    pub fn set_limit(&self, bytes: u64) {
        self.limit.store(bytes, Ordering::Relaxed);
    }

    /// Bytes that are locked.
    pub fn locked(&self) -> u64 {
        self.locked.load(Ordering::Relaxed)
    }

    fn charge(&self, asked: u64) -> Result<(), UmemError> {
        let limit = self.limit();
        let within = |locked: u64| locked.checked_add(asked).filter(|sum| *sum <= limit);
        match self.locked.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within) {
            Ok(_) => Ok(()),
            Err(locked) => Err(UmemError::Limit { asked, locked, limit }),
        }
    }

    fn release(&self, bytes: u64) {
        self.locked.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Why user memory was not locked. Nothing is locked or counted then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UmemError {
    /// The range is not made of whole pages, or of none (`EINVAL`).
    #[error(
        "{length:#x} bytes at {address:#x} are not whole pages of {page_size:#x}: lock whole ones, at least one"
    )]
    Range {
        /// First address.
        address: u64,
        /// Bytes.
        length: u64,
        /// Bytes of a page.
        page_size: u64,
    },
    /// The flags say neither READ nor WRITE, or something unknown (`EINVAL`).
    #[error("flags {0:#x} are refused: say READ (0x1), WRITE (0x2) or both", flags.bits())]
    Flags {
        /// The flags.
        flags: UmemFlags,
    },
    /// The process would have more locked than it may (`ENOMEM`).
    #[error("{asked} bytes asked, {locked} locked already, {limit} allowed: unlock some, or raise the limit")]
    Limit {
        /// Bytes asked for.
        asked: u64,
        /// Bytes locked already.
        locked: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// A page cannot be locked (`EFAULT`, `EACCES`, `ENOMEM`).
    #[error(transparent)]
    Lock(#[from] LockError),
}

impl UmemError {
    /// The error number of `ddi_umem_lock(9F)`.
    pub fn errno(&self) -> Errno {
        match self {
            UmemError::Range { .. } | UmemError::Flags { .. } => Errno::EINVAL,
            UmemError::Limit { .. } => Errno::ENOMEM,
            UmemError::Lock(error) => error.errno(),
        }
    }
}

impl LockError {
    /// The error number that a system call returns for it.
    pub fn errno(&self) -> Errno {
        match self {
            LockError::Fault { .. } => Errno::EFAULT,
            LockError::Access { .. } => Errno::EACCES,
            LockError::NoMemory { .. } => Errno::ENOMEM,
        }
    }
}

/// Locks whole pages of a process, counted against its limit (`ddi_umem_lock(9F)`).
///
/// # Errors
///
/// [`UmemError`], in this order: flags, range, limit, pages.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use ddi_dma::{AddressSpace, Direction, UmemError, UmemFlags, umem_lock};
/// use ddi_dma_sim::{Machine, MachineConfig, Protection, UserSpace};
///
/// let machine = Machine::new(MachineConfig::default())?;
/// let process = UserSpace::new(&machine, 0x2000);
/// let address = process.map(0x4000, Protection::ReadWrite)?;
/// let space: Arc<dyn AddressSpace> = process.clone();
///
/// let cookie = umem_lock(&space, address, 0x2000, UmemFlags::READ | UmemFlags::WRITE)?;
/// let more = umem_lock(&space, address, 0x1000, UmemFlags::READ);
/// let limit = UmemError::Limit { asked: 0x1000, locked: 0x2000, limit: 0x2000 };
/// assert_eq!(more.unwrap_err(), limit);
///
/// let buf = cookie.iosetup(100, 512, Direction::FromDevice)?; // what strategy(9E) takes
/// drop(cookie);
/// assert_eq!(process.locked_pages(), 2); // the buf keeps them
/// drop(buf);
/// assert_eq!(process.locked_pages(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "ddi_umem_lock")]
#[doc(alias = "umem_lockmemory")]
pub fn umem_lock(
    space: &Arc<dyn AddressSpace>,
    address: u64,
    length: u64,
    flags: UmemFlags,
) -> Result<UmemCookie, UmemError> {
    if flags.is_empty() || !UmemFlags::all().contains(flags) {
        return Err(UmemError::Flags { flags });
    }
    let page_size = space.page_size();
    if length == 0 || !address.is_multiple_of(page_size) || !length.is_multiple_of(page_size) {
        return Err(UmemError::Range { address, length, page_size });
    }
    let charge = Charge::new(space, length)?;
    let locked = LockedPages::new(space, address, length, flags)?;
    let pages = Arc::new(Counted { locked, _charge: charge });
    // INVARIANT: whole pages were locked, and the object starts where the first of them does.
    Ok(UmemCookie { address, access: flags, range: PageRange { pages, offset: 0, length } })
}

/// Bytes counted against a limit, until dropped.
struct Charge {
    space: Arc<dyn AddressSpace>,
    bytes: u64,
}

impl Charge {
    fn new(space: &Arc<dyn AddressSpace>, bytes: u64) -> Result<Self, UmemError> {
        space.lock_limit().charge(bytes)?;
        Ok(Charge { space: space.clone(), bytes })
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.space.lock_limit().release(self.bytes);
    }
}

/// Locked pages and what they count. The pages come first: they are unlocked before they count no more.
struct Counted {
    locked: LockedPages,
    _charge: Charge,
}

// SAFETY: these are the locked pages, kept as long as this value.
unsafe impl PageArray for Counted {
    fn page_size(&self) -> u64 {
        self.locked.page_size()
    }

    fn pages(&self) -> &[u64] {
        self.locked.pages()
    }

    unsafe fn copy_out(&self, offset: u64, to: *mut u8, length: u64) {
        // SAFETY: the caller promises the same.
        unsafe { self.locked.copy_out(offset, to, length) }
    }

    unsafe fn copy_in(&self, offset: u64, from: *const u8, length: u64) {
        // SAFETY: the caller promises the same.
        unsafe { self.locked.copy_in(offset, from, length) }
    }
}

/// Locked pages of a process (`ddi_umem_cookie_t`).
///
/// The pages stay locked, and count, until the cookie and all [`Buf`]s made of it are gone. It may be dropped on any
/// thread and in any context, interrupts included: nothing in it sleeps.
///
/// A cookie can be bound itself, all of it ([`DmaObject`]).
pub struct UmemCookie {
    address: u64,
    access: UmemFlags,
    range: PageRange,
}

impl UmemCookie {
    /// Unlocks the pages, as dropping the cookie does (`ddi_umem_unlock(9F)`).
    #[doc(alias = "ddi_umem_unlock")]
    pub fn unlock(self) {}

    /// Where the process finds the first byte.
    pub fn address(&self) -> u64 {
        self.address
    }

    /// Bytes, whole pages.
    #[expect(clippy::len_without_is_empty, reason = "a cookie has at least one page")]
    pub fn len(&self) -> u64 {
        self.range.length
    }

    /// What the pages are locked for.
    pub fn access(&self) -> UmemFlags {
        self.access
    }

    /// Makes a [`Buf`] of a part of the pages (`ddi_umem_iosetup(9F)`). It keeps them locked.
    ///
    /// # Errors
    ///
    /// [`IosetupError`] where the part is not inside, or the pages are not locked for this direction.
    #[doc(alias = "ddi_umem_iosetup")]
    pub fn iosetup(&self, offset: u64, length: u64, direction: Direction) -> Result<Buf, IosetupError> {
        let needed = UmemFlags::needed(direction);
        if !self.access().contains(needed) {
            return Err(IosetupError::Access { needed, locked: self.access() });
        }
        RangeError::check(offset, length, self.len())?;
        let kind = BufKind::Shadow { address: self.address + offset };
        let range = PageRange { pages: self.range.pages.clone(), offset, length };
        Ok(Buf::new(kind, range, direction))
    }
}

/// Why no buf could be made of a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IosetupError {
    /// The part is not inside the locked pages.
    #[error(transparent)]
    Range(#[from] RangeError),
    /// The pages are not locked for what a transfer this way does.
    #[error("the transfer needs pages locked for {needed:?}, and these are locked for {locked:?}")]
    Access {
        /// What the transfer needs.
        needed: UmemFlags,
        /// What the pages are locked for.
        locked: UmemFlags,
    },
}

// SAFETY: the pages are locked until the value is dropped and keep their addresses (contract of the space), no
// reference to them exists, and the space copies exactly what it is told.
unsafe impl DmaObject for UmemCookie {
    fn view(&self) -> View<'_> {
        self.range.view()
    }

    fn permits(&self, direction: Direction) -> bool {
        self.access.permit(direction)
    }

    unsafe fn copy_out(&self, offset: u64, to: *mut u8, length: u64) {
        // SAFETY: the caller promises the same.
        unsafe { self.range.copy_out(offset, to, length) }
    }

    unsafe fn copy_in(&self, offset: u64, from: *const u8, length: u64) {
        // SAFETY: the caller promises the same.
        unsafe { self.range.copy_in(offset, from, length) }
    }
}

impl fmt::Debug for UmemCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UmemCookie({:#x}, {} bytes, {:?})", self.address, self.len(), self.access)
    }
}
