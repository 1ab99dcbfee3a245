//! Lists of address ranges: what `readv(2)` and `writev(2)` name.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::flags::Direction;
use crate::object::{DmaObject, Extent, View};
use crate::pages::PageRange;
use crate::space::{AddressSpace, LockError, UmemFlags};

/// An address range of a process (`iovec_t`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Iovec {
    /// First address (`iov_base`).
    pub base: u64,
    /// Bytes (`iov_len`); 0 is allowed and moves nothing.
    pub length: u64,
}

/// A request of a process: where in its memory, and where on the device (`uio(9S)`).
///
/// Transfers move it on: what is left is what [`iovecs`](Self::iovecs), [`offset`](Self::offset) and
/// [`resid`](Self::resid) say.
///
/// # Invariants
///
/// `resid` is the sum of the lengths; it and `offset` have a sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uio {
    iovecs: Vec<Iovec>,
    /// The iovec that comes next. Those ahead of it are done.
    next: usize,
    offset: u64,
    resid: u64,
}

/// The lengths of a request have no sum, or it passes the last offset that a device can have (`EINVAL`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the iovecs hold more bytes than there are behind offset {offset:#x} of any device")]
pub struct UioError {
    /// Where on the device the request starts.
    pub offset: u64,
}

impl Uio {
    /// Describes a request from byte `offset` of the device on.
    ///
    /// # Errors
    ///
    /// [`UioError`].
    ///
    /// # Examples
    ///
    /// ```
    /// use ddi_dma::{Iovec, Uio};
    ///
    /// let iovecs = [Iovec { base: 0x1_0000, length: 512 }, Iovec { base: 0x4_0010, length: 1024 }];
    /// let uio = Uio::new(iovecs.to_vec(), 4096)?;
    /// assert_eq!((uio.resid(), uio.offset()), (1536, 4096));
    /// # Ok::<(), ddi_dma::UioError>(())
    /// ```
    pub fn new(iovecs: Vec<Iovec>, offset: u64) -> Result<Self, UioError> {
        let sum = iovecs.iter().try_fold(0u64, |sum, iovec| sum.checked_add(iovec.length));
        match sum.filter(|sum| offset.checked_add(*sum).is_some()) {
            Some(resid) => Ok(Uio { iovecs, next: 0, offset, resid }),
            None => Err(UioError { offset }),
        }
    }

    /// Bytes that are not transferred yet (`uio_resid`).
    pub fn resid(&self) -> u64 {
        self.resid
    }

    /// Where on the device the next byte goes or comes from (`uio_loffset`).
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// What is left (`uio_iov`, `uio_iovcnt`); the first may be the rest of one.
    pub fn iovecs(&self) -> &[Iovec] {
        self.iovecs.get(self.next..).unwrap_or(&[])
    }

    /// What comes next, empty iovecs left out.
    pub(crate) fn front(&mut self) -> Option<Iovec> {
        while self.iovecs().first()?.length == 0 {
            self.next += 1;
        }
        self.iovecs().first().copied()
    }

    /// Counts bytes of the first iovec as transferred, no more than it has.
    pub(crate) fn advance(&mut self, bytes: u64) {
        let Some(first) = self.iovecs.get_mut(self.next) else { return };
        let bytes = bytes.min(first.length);
        first.length -= bytes;
        // At the end of the address space nothing comes behind.
        first.base = first.base.wrapping_add(bytes);
        // INVARIANT: bytes leave the sum and the offset grows by as many.
        self.offset += bytes;
        self.resid -= bytes;
    }
}

/// Several address ranges of a process as one object, in order.
///
/// Their pages are locked as long as the value lives, and do not count against the process' limit (as for an
/// [`AddressRange`](crate::AddressRange)).
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use ddi_dma::{AddressSpace, BindFlags, BusConfig, Iovec, IovecList, UmemFlags};
/// use ddi_dma_sim::{DiskDriver, Machine, MachineConfig, Protection, UserSpace};
///
/// let machine = Machine::new(MachineConfig::default())?;
/// let process = UserSpace::new(&machine, 1 << 20);
/// let address = process.map(0x4000, Protection::ReadWrite)?;
/// process.write(address + 0x3001, b"first, ")?;
/// process.write(address + 5, b"second")?;
///
/// let iovecs = [Iovec { base: address + 0x3001, length: 7 }, Iovec { base: address + 5, length: 6 }];
/// let space: Arc<dyn AddressSpace> = process.clone();
/// let list = IovecList::lock(&space, &iovecs, UmemFlags::READ)?;
/// let mut driver = DiskDriver::new(&machine, "pci-disk", BusConfig::default())?;
/// driver.write(0, list, BindFlags::empty())?;
/// # let mut there = [0; 13];
/// # driver.disk().read_medium(0, &mut there)?;
/// # assert_eq!(&there, b"first, second");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct IovecList {
    parts: Vec<Part>,
    access: UmemFlags,
    /// Where the bytes lie, built once.
    extents: Vec<Extent>,
}

/// An iovec that is not empty.
struct Part {
    /// Where in the object it starts.
    offset: u64,
    range: PageRange,
}

impl IovecList {
    /// Locks all ranges, which may start and end anywhere, also overlap.
    ///
    /// # Errors
    ///
    /// [`LockError`] for the first range that cannot be locked, with none locked; also where the lengths have no sum
    /// ([`LockError::Fault`]: so much memory is nowhere).
    pub fn lock(
        space: &Arc<dyn AddressSpace>,
        iovecs: &[Iovec],
        access: UmemFlags,
    ) -> Result<Self, LockError> {
        let mut parts = Vec::with_capacity(iovecs.len());
        let mut extents: Vec<Extent> = Vec::new();
        let mut offset = 0u64;
        for iovec in iovecs.iter().filter(|iovec| iovec.length > 0) {
            let behind = offset.checked_add(iovec.length);
            let behind = behind.ok_or(LockError::Fault { address: iovec.base })?;
            let range = PageRange::lock(space, iovec.base, iovec.length, access)?;
            for extent in range.view().extents() {
                match extents.last_mut() {
                    Some(last) if last.address.checked_add(last.size) == Some(extent.address) => {
                        last.size += extent.size;
                    }
                    _ => extents.push(extent),
                }
            }
            parts.push(Part { offset, range });
            offset = behind;
        }
        Ok(IovecList { parts, access, extents })
    }

    /// Calls `piece` for each part of an iovec that a range of the object touches: the iovec's range, where in it, how
    /// far into the object's range, and the bytes.
    fn pieces(&self, offset: u64, length: u64, mut piece: impl FnMut(&PageRange, u64, u64, u64)) {
        let first = self.parts.partition_point(|part| part.offset <= offset).saturating_sub(1);
        let mut done = 0;
        for part in self.parts.get(first..).unwrap_or(&[]) {
            if done == length {
                return;
            }
            let into = offset + done - part.offset;
            let size = (part.range.length - into).min(length - done);
            piece(&part.range, into, done, size);
            done += size;
        }
    }
}

// SAFETY: the pages are locked until the value is dropped and keep their addresses (contract of the space), no
// reference to them exists, and the parts copy exactly what they are told.
unsafe impl DmaObject for IovecList {
    fn view(&self) -> View<'_> {
        View::Extents(&self.extents)
    }

    fn permits(&self, direction: Direction) -> bool {
        self.access.permit(direction)
    }

    unsafe fn copy_out(&self, offset: u64, to: *mut u8, length: u64) {
        self.pieces(offset, length, |range, into, done, size| {
            // SAFETY: `pieces` names bytes inside the iovec; the caller's `to` takes all pieces side by side.
            unsafe { range.copy_out(into, to.add(done as usize), size) }
        });
    }

    unsafe fn copy_in(&self, offset: u64, from: *const u8, length: u64) {
        self.pieces(offset, length, |range, into, done, size| {
            // SAFETY: as in `copy_out`, with `from` holding all pieces side by side.
            unsafe { range.copy_in(into, from.add(done as usize), size) }
        });
    }
}

impl fmt::Debug for IovecList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let extents = &self.extents.len();
        f.debug_struct("IovecList").field("iovecs", &self.parts.len()).field("extents", extents).finish()
    }
}
