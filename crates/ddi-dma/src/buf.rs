//! `buf(9S)`: a request of block I/O, with the memory that it is about.
//!
//! A [`Buf`] is issued to a driver's `strategy(9E)`, which owns it from then on, binds it, and ends it with
//! [`Buf::biodone`]. Who issued it waits on the [`Biowait`] that came with it, and gets the buf back.

use alloc::sync::Arc;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::fence;
use core::task::{Context, Poll, Waker};

use portable_atomic::{AtomicBool, Ordering};
use spin::Mutex;

use crate::error::RangeError;
use crate::flags::Direction;
use crate::object::{DmaObject, View};
use crate::pages::{PageArray, PageRange};
use crate::platform::Platform;
use crate::space::{AddressSpace, LockError, UmemFlags};

/// Bytes of a block: what [`Buf::blkno`] counts in (`DEV_BSIZE`).
pub const DEV_BSIZE: u64 = 512;

/// An error number (`errno`), as `bioerror(9F)` takes it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(pub u16);

impl Errno {
    /// The device failed.
    pub const EIO: Errno = Errno(5);
    /// There is no such device, or not so much of it.
    pub const ENXIO: Errno = Errno(6);
    /// Memory, or what of it may be used, is short.
    pub const ENOMEM: Errno = Errno(12);
    /// The memory does not permit it.
    pub const EACCES: Errno = Errno(13);
    /// There is no memory at the address.
    pub const EFAULT: Errno = Errno(14);
    /// The request makes no sense.
    pub const EINVAL: Errno = Errno(22);

    fn name(self) -> Option<&'static str> {
        Some(match self {
            Errno::EIO => "EIO",
            Errno::ENXIO => "ENXIO",
            Errno::ENOMEM => "ENOMEM",
            Errno::EACCES => "EACCES",
            Errno::EFAULT => "EFAULT",
            Errno::EINVAL => "EINVAL",
            _ => return None,
        })
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "error {}", self.0),
        }
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How the memory of a [`Buf`] is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BufKind {
    /// By its virtual address (`B_PHYS`); the buf has locked the pages.
    Virtual {
        /// Where the process finds the first byte (`b_un.b_addr`).
        address: u64,
    },
    /// By its pages alone (`B_PAGEIO`): they have no address in a process or the kernel.
    PageList,
    /// By its virtual address, with the pages listed by who locked them (`B_SHADOW`).
    Shadow {
        /// Where the process finds the first byte (`b_un.b_addr`).
        address: u64,
    },
}

/// A request of block I/O, with the memory that it is about (`buf(9S)`).
///
/// It is an object: a driver binds it as it is, and gets it back when it unbinds.
///
/// A buf that is dropped without [`biodone`](Self::biodone) ends the wait with [`BufLost`]. One that was in flight and
/// is in quarantine ends it when the quarantine is released: until then the device may still reach the memory.
pub struct Buf {
    kind: BufKind,
    range: PageRange,
    direction: Direction,
    offset: u64,
    resid: Option<u64>,
    error: Option<Errno>,
    completion: Option<Arc<Completion>>,
}

impl Buf {
    pub(crate) fn new(kind: BufKind, range: PageRange, direction: Direction) -> Self {
        Buf { kind, range, direction, offset: 0, resid: None, error: None, completion: None }
    }

    /// Locks an address range of a process, and makes a buf of it.
    ///
    /// `direction` also says what the pages are locked for ([`UmemFlags::needed`]).
    ///
    /// # Errors
    ///
    /// [`LockError`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use ddi_dma::{AddressSpace, Buf, Direction};
    /// use ddi_dma_sim::{Machine, MachineConfig, Protection, UserSpace};
    ///
    /// let machine = Machine::new(MachineConfig::default())?;
    /// let process = UserSpace::new(&machine, 0);
    /// let address = process.map(0x4000, Protection::ReadWrite)?;
    /// let space: Arc<dyn AddressSpace> = process.clone();
    /// let buf = Buf::lock(&space, address + 7, 1024, Direction::FromDevice)?.on_device(4096);
    /// assert_eq!((buf.bcount(), buf.blkno(), buf.address()), (1024, 8, Some(address + 7)));
    ///
    /// let (buf, wait) = buf.issue();
    /// buf.biodone(); // the driver's part
    /// let buf = wait.wait(|| unreachable!("it has ended"))?;
    /// assert_eq!((buf.resid(), buf.error()), (0, None));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "getrbuf")]
    pub fn lock(
        space: &Arc<dyn AddressSpace>,
        address: u64,
        length: u64,
        direction: Direction,
    ) -> Result<Self, LockError> {
        let range = PageRange::lock(space, address, length, UmemFlags::needed(direction))?;
        Ok(Buf::new(BufKind::Virtual { address }, range, direction))
    }

    /// Makes a buf of pages that have no address (`B_PAGEIO`), such as those of a file: `length` bytes that start
    /// `offset` bytes behind the start of the first page.
    ///
    /// # Errors
    ///
    /// [`RangeError`] where the pages do not hold the bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use ddi_dma::{Buf, BufKind, Direction};
    /// use ddi_dma_sim::{Machine, MachineConfig, MappedFile};
    ///
    /// let machine = Machine::new(MachineConfig::default())?;
    /// let file = Arc::new(MappedFile::new(&machine, std::fs::File::open("src/buf.rs")?)?);
    /// let buf = Buf::from_pages(file, 4, 9, Direction::ToDevice)?;
    /// let mut bytes = [0; 9];
    /// buf.read(0, &mut bytes)?;
    /// assert_eq!((&bytes, buf.kind()), (b"`buf(9S)`", BufKind::PageList));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_pages(
        pages: Arc<dyn PageArray>,
        offset: u64,
        length: u64,
        direction: Direction,
    ) -> Result<Self, RangeError> {
        let range = PageRange::new(pages, offset, length)?;
        Ok(Buf::new(BufKind::PageList, range, direction))
    }

    /// Says where on the device the request starts, in bytes.
    #[must_use]
    pub fn on_device(mut self, offset: u64) -> Self {
        self.offset = offset;
        self
    }

    /// How the memory is known.
    pub fn kind(&self) -> BufKind {
        self.kind
    }

    /// Where the process finds the first byte; `None` for a page list (`b_un.b_addr`).
    pub fn address(&self) -> Option<u64> {
        match self.kind {
            BufKind::Virtual { address } | BufKind::Shadow { address } => Some(address),
            BufKind::PageList => None,
        }
    }

    /// Which way the bytes go: [`Direction::FromDevice`] is `B_READ`, [`Direction::ToDevice`] `B_WRITE`.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// Bytes of the request (`b_bcount`).
    #[doc(alias = "b_bcount")]
    pub fn bcount(&self) -> u64 {
        self.range.length
    }

    /// Where on the device the request starts, in bytes.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Where on the device the request starts, in whole blocks of [`DEV_BSIZE`] (`b_lblkno`).
    #[doc(alias = "b_blkno")]
    #[doc(alias = "b_lblkno")]
    pub fn blkno(&self) -> u64 {
        self.offset / DEV_BSIZE
    }

    /// Bytes that were not transferred (`b_resid`).
    ///
    /// Until somebody sets it: none after success, all after an error.
    #[doc(alias = "b_resid")]
    pub fn resid(&self) -> u64 {
        match (self.resid, self.error) {
            (Some(resid), _) => resid,
            (None, None) => 0,
            (None, Some(_)) => self.bcount(),
        }
    }

    /// Says how many bytes were not transferred (`b_resid`); more than there are count as all.
    pub fn set_resid(&mut self, bytes: u64) {
        self.resid = Some(bytes.min(self.bcount()));
    }

    /// Says that the request failed (`bioerror(9F)`).
    pub fn bioerror(&mut self, error: Errno) {
        self.error = Some(error);
    }

    /// Why the request failed, if it did (`geterror(9F)`).
    #[doc(alias = "geterror")]
    pub fn error(&self) -> Option<Errno> {
        self.error
    }

    /// Forgets residual and error, so that the buf can be used again (`bioreset(9F)`).
    pub fn bioreset(&mut self) {
        (self.resid, self.error) = (None, None);
    }

    /// Copies bytes out of the memory, from `offset` of the request (`bp_copyin(9F)`).
    ///
    /// # Errors
    ///
    /// [`RangeError`] where the request does not have all these bytes; nothing is copied then.
    #[doc(alias = "bp_copyin")]
    pub fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), RangeError> {
        self.range.read(offset, into)
    }

    /// Copies bytes into the memory, to `offset` of the request (`bp_copyout(9F)`).
    ///
    /// # Errors
    ///
    /// [`RangeError`] where the request does not have all these bytes; nothing is copied then.
    #[doc(alias = "bp_copyout")]
    pub fn write(&mut self, offset: u64, from: &[u8]) -> Result<(), RangeError> {
        self.range.write(offset, from)
    }

    /// Makes ready to hand the buf to a driver: what it gets, and what the caller waits on.
    ///
    /// A wait on this buf from before is over, with [`BufLost`].
    pub fn issue(mut self) -> (Buf, Biowait) {
        let completion = Arc::new(Completion::default());
        if let Some(before) = self.completion.replace(completion.clone()) {
            before.end(None);
        }
        (self, Biowait { completion })
    }

    /// Ends the request: who waits for it gets the buf back (`biodone(9F)`). May be called in any context.
    ///
    /// Where nobody waits any more the buf is dropped.
    pub fn biodone(mut self) {
        if let Some(completion) = self.completion.take() {
            completion.end(Some(self));
        }
    }
}

impl Drop for Buf {
    fn drop(&mut self) {
        if let Some(completion) = self.completion.take() {
            completion.end(None);
        }
    }
}

// SAFETY: the pages stay in their place while the buf has its share of the array (contract of PageArray), the range
// never changes, no reference to the pages exists, and the array copies exactly what it is told.
unsafe impl DmaObject for Buf {
    fn view(&self) -> View<'_> {
        self.range.view()
    }

    fn permits(&self, direction: Direction) -> bool {
        UmemFlags::needed(self.direction).permit(direction)
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

impl fmt::Debug for Buf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buf")
            .field("kind", &self.kind)
            .field("direction", &self.direction)
            .field("bcount", &self.bcount())
            .field("offset", &self.offset)
            .field("resid", &self.resid())
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

/// A buf was dropped by its driver and never ended. What it transferred is not known (`EIO`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the driver dropped the buf without biodone")]
pub struct BufLost;

/// The end of a [`Buf`] to wait for: a future, or [`wait`](Self::wait) (`biowait(9F)`).
///
/// Dropping it gives up waiting and cancels nothing: the request ends by itself, and its pages are unlocked then.
#[must_use = "nobody learns how the request ended"]
#[doc(alias = "biowait")]
pub struct Biowait {
    completion: Arc<Completion>,
}

impl Biowait {
    /// Waits; `park` looks after the device, or only spins, and is called until the request has ended.
    ///
    /// Nothing wakes `park`: it must return by itself. [`wait_on`](Self::wait_on) lets a thread sleep.
    ///
    /// # Errors
    ///
    /// [`BufLost`].
    pub fn wait(self, park: impl FnMut()) -> Result<Buf, BufLost> {
        block_on(self, Waker::noop(), park)
    }

    /// Waits as the threads of a platform do.
    ///
    /// # Errors
    ///
    /// [`BufLost`].
    pub fn wait_on(self, platform: &dyn Platform) -> Result<Buf, BufLost> {
        block_on(self, &platform.waker(), || platform.park())
    }

    /// Whether the request has ended.
    pub fn ended(&self) -> bool {
        self.completion.ended.load(Ordering::Acquire)
    }
}

impl Future for Biowait {
    type Output = Result<Buf, BufLost>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if !self.ended() {
            self.completion.watch(context.waker().clone());
            if !self.ended() {
                return Poll::Pending;
            }
        }
        Poll::Ready(self.completion.buf.lock().take().ok_or(BufLost))
    }
}

impl fmt::Debug for Biowait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Biowait").field("ended", &self.ended()).finish()
    }
}

/// What a buf in the driver's hands and its waiter share.
#[derive(Default)]
struct Completion {
    ended: AtomicBool,
    /// Written ahead of `ended`, taken behind it: nobody ever spins for it.
    buf: Mutex<Option<Buf>>,
    waker: Mutex<Option<Waker>>,
}

impl Completion {
    /// Tells the end. Does not spin: it may have interrupted the waiter on this very processor.
    fn end(&self, buf: Option<Buf>) {
        *self.buf.lock() = buf;
        self.ended.store(true, Ordering::Release);
        // Either the waiter sees `ended` when it looks again behind its lock, or its lock is seen as free here.
        fence(core::sync::atomic::Ordering::SeqCst);
        let waker = self.waker.try_lock().and_then(|mut waker| waker.take());
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Has `waker` woken at the end. The caller looks at `ended` once more.
    fn watch(&self, waker: Waker) {
        let before = self.waker.lock().replace(waker);
        fence(core::sync::atomic::Ordering::SeqCst);
        drop(before);
    }
}

/// Polls a future to its end; rests between polls.
pub(crate) fn block_on<F: Future>(future: F, waker: &Waker, mut park: impl FnMut()) -> F::Output {
    let mut future = core::pin::pin!(future);
    let mut context = Context::from_waker(waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => park(),
        }
    }
}
