//! Locked pages of this process whose physical addresses are known: all `unsafe` of mapping memory.
//!
//! 1. The pages are those of a file of memory that nobody else has, mapped shared: a fork copies none of them when it is
//!    written to, so they stay where they are.
//! 2. Huge pages of the kernel's pool are neither swapped nor compacted. Small pages are locked, which keeps them from
//!    being swapped; compaction may move them all the same.
//! 3. A [`Mapping`] unmaps what it has when it is dropped, and nobody has a reference into it.

use std::ffi::c_void;
use std::io;
use std::os::fd::OwnedFd;
use std::ptr::{NonNull, null_mut};

use rustix::fs::{FallocateFlags, MemfdFlags, fallocate, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mlock, mmap, mmap_anonymous, munmap};

use super::physical::{PhysicalAddresses, TranslateError};

/// What locked memory is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PageKind {
    /// Huge pages of the kernel's pool (`/proc/sys/vm/nr_hugepages`), of the default size. They stay where they are: the
    /// kernel moves none that is in use, unless it is told to (`move_pages`, memory policies) or memory is taken out of the
    /// machine or found broken.
    #[default]
    Huge,
    /// Pages of the machine. They are locked, but **compaction may move them**, and a device then writes to memory that
    /// belongs to somebody else. Set `vm.compact_unevictable_allowed` to 0 (`sysctl -w`) before, and use them only where no
    /// huge pages are to be had.
    Small,
}

/// Why memory could not be locked where it lies.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// No bytes were asked for.
    #[error("no bytes were asked for")]
    Empty,
    /// The object would start behind its first page.
    #[error("the offset {offset:#x} is not inside a page of {page_size:#x} bytes")]
    Offset {
        /// Where the object was to start in its first page.
        offset: u64,
        /// Bytes of a page.
        page_size: u64,
    },
    /// The kernel does not have so many huge pages free.
    #[error(
        "{pages} huge pages of {} KiB are not to be had ({source}): reserve some (echo {pages} > /proc/sys/vm/nr_hugepages), best at boot (hugepages={pages})",
        .page_size >> 10
    )]
    NoHugePages {
        /// How many were asked for.
        pages: usize,
        /// Bytes of one.
        page_size: u64,
        /// What the kernel answered.
        source: io::Error,
    },
    /// Memory cannot be had, or may not be locked.
    #[error("{bytes} bytes cannot be locked ({source}): raise the limit of locked memory (ulimit -l)")]
    NotLocked {
        /// How many bytes.
        bytes: u64,
        /// What the kernel answered.
        source: io::Error,
    },
    /// Where the memory lies is not known.
    #[error(transparent)]
    Translate(#[from] TranslateError),
}

/// Addresses of this process, unmapped when dropped.
///
/// # Invariants
///
/// `base..base + length` was mapped or reserved for this value alone.
#[derive(Debug)]
struct Mapping {
    base: NonNull<c_void>,
    length: usize,
}

// SAFETY: it only names memory; whoever accesses it argues for itself.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps the first pages of a file of memory, which become present.
    fn of_file(file: &OwnedFd, length: usize) -> io::Result<Self> {
        let (access, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED | MapFlags::POPULATE);
        // SAFETY: a new mapping, wherever the kernel puts it.
        let base = unsafe { mmap(null_mut(), length, access, flags, file, 0) }?;
        Ok(Mapping { base: not_null(base)?, length })
    }

    /// Reserves addresses at which nothing is.
    fn reserve(length: usize) -> io::Result<Self> {
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: a new mapping, wherever the kernel puts it.
        let base = unsafe { mmap_anonymous(null_mut(), length, ProtFlags::empty(), flags) }?;
        Ok(Mapping { base: not_null(base)?, length })
    }

    /// Maps a page of a file at a multiple of its size inside the reserved addresses.
    fn place(&self, at: NonNull<u8>, file: &OwnedFd, page_size: usize, offset: u64) -> io::Result<()> {
        let into = (at.as_ptr() as usize).checked_sub(self.base.as_ptr() as usize);
        if into.and_then(|into| into.checked_add(page_size)).is_none_or(|end| end > self.length) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::SHARED | MapFlags::POPULATE | MapFlags::FIXED;
        // SAFETY: what is replaced was reserved for this value, as was just checked.
        unsafe { mmap(at.as_ptr().cast(), page_size, access, flags, file, offset) }?;
        Ok(())
    }
}

fn not_null(base: *mut c_void) -> io::Result<NonNull<c_void>> {
    NonNull::new(base).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the addresses are this value's alone (invariant), and nobody has a reference into them (rule 3). What
        // fails leaks.
        let _ = unsafe { munmap(self.base.as_ptr(), self.length) };
    }
}

/// Pages one behind the other, for the CPU, each at a known physical address.
///
/// # Invariants
///
/// - `base` is the start of as many pages of `page_size` bytes as `physical` has, mapped for reading and writing by
///   `_mapping`, present and locked.
/// - Page *i* lies at `physical[i]`.
#[derive(Debug)]
pub(super) struct Pages {
    base: NonNull<u8>,
    page_size: u64,
    physical: Vec<u64>,
    _mapping: Mapping,
}

// SAFETY: it only names memory; whoever accesses it argues for itself.
unsafe impl Send for Pages {}
// SAFETY: as above.
unsafe impl Sync for Pages {}

/// Pages as the kernel gave them, before some are kept.
pub(super) struct Taken {
    file: OwnedFd,
    kind: PageKind,
    pages: Pages,
}

impl PageKind {
    /// Bytes of a page.
    pub(super) fn size(self) -> u64 {
        match self {
            PageKind::Huge => huge_page_size(),
            PageKind::Small => rustix::param::page_size() as u64,
        }
    }

    fn error(self, pages: usize, source: io::Error) -> LockError {
        let page_size = self.size();
        match self {
            PageKind::Huge => LockError::NoHugePages { pages, page_size, source },
            PageKind::Small => LockError::NotLocked { bytes: page_size.saturating_mul(pages as u64), source },
        }
    }
}

/// Bytes of a huge page of the default size: 2 MiB where the kernel does not tell.
fn huge_page_size() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let told = text.lines().find_map(|line| {
        let kib: u64 = line.strip_prefix("Hugepagesize:")?.trim().strip_suffix("kB")?.trim().parse().ok()?;
        kib.checked_mul(1024).filter(|size| size.is_power_of_two())
    });
    told.unwrap_or(2 << 20)
}

impl Taken {
    /// Takes this many pages, locks them and looks up where they lie.
    pub(super) fn new(
        kind: PageKind,
        count: usize,
        addresses: &dyn PhysicalAddresses,
    ) -> Result<Self, LockError> {
        if count == 0 {
            return Err(LockError::Empty);
        }
        let flags = match kind {
            PageKind::Huge => MemfdFlags::CLOEXEC | MemfdFlags::HUGETLB,
            PageKind::Small => MemfdFlags::CLOEXEC,
        };
        let file = memfd_create("ddi-dma", flags).map_err(|errno| kind.error(count, errno.into()))?;
        let pages = take(&file, kind, count, Vec::new(), addresses)?;
        Ok(Taken { file, kind, pages })
    }

    /// Takes more pages. Where there are none, all stays as it is.
    pub(super) fn grow(&mut self, more: usize, addresses: &dyn PhysicalAddresses) -> Result<(), LockError> {
        let before = self.pages.physical.clone();
        self.pages = take(&self.file, self.kind, before.len().saturating_add(more), before, addresses)?;
        Ok(())
    }

    /// Where each page lies, and its number in the order in which they were taken; the lowest first.
    pub(super) fn lowest_first(&self) -> Vec<(u64, usize)> {
        let mut pages: Vec<_> = self.pages.physical.iter().copied().zip(0..).collect();
        pages.sort_unstable();
        pages
    }

    /// Keeps all pages as they are.
    pub(super) fn keep_all(self) -> Pages {
        self.pages
    }

    /// Keeps the pages of these numbers, in this order, and gives the others back.
    pub(super) fn keep(self, order: &[usize]) -> Result<Pages, LockError> {
        let Taken { file, kind, pages } = self;
        let error = |source: io::Error| kind.error(order.len(), source);
        let page_size = pages.page_size as usize;
        // One page more, so that the first can start at a multiple of its size.
        let mapping = Mapping::reserve((order.len() + 1) * page_size).map_err(error)?;
        let skip = mapping.base.cast::<u8>().as_ptr().align_offset(page_size);
        // SAFETY: less than the page that was reserved beside those asked for.
        let base = unsafe { mapping.base.cast::<u8>().add(skip) };
        let mut physical = Vec::with_capacity(order.len());
        for (index, &number) in order.iter().enumerate() {
            let lies = pages.physical.get(number).copied();
            physical.push(lies.ok_or_else(|| error(io::ErrorKind::InvalidInput.into()))?);
            // SAFETY: as above: this page is one of those reserved.
            let at = unsafe { base.add(index * page_size) };
            mapping.place(at, &file, page_size, number as u64 * pages.page_size).map_err(error)?;
        }
        // The pages stay locked: they are before they are unmapped where they were.
        lock(kind, base, order.len() * page_size).map_err(error)?;
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        for number in (0..pages.physical.len()).filter(|number| !order.contains(number)) {
            let offset = number as u64 * pages.page_size;
            fallocate(&file, flags, offset, pages.page_size).map_err(|errno| error(errno.into()))?;
        }
        // INVARIANT: the same pages of the same file, mapped once more in this order.
        Ok(Pages { base, page_size: pages.page_size, physical, _mapping: mapping })
    }
}

/// Makes the pages of a file `count`, locks them, and looks up where those lie that `known` does not tell.
fn take(
    file: &OwnedFd,
    kind: PageKind,
    count: usize,
    known: Vec<u64>,
    addresses: &dyn PhysicalAddresses,
) -> Result<Pages, LockError> {
    let page_size = kind.size();
    let error = |source: io::Error| kind.error(count, source);
    let length = usize::try_from(page_size).ok().and_then(|size| size.checked_mul(count));
    let length = length.ok_or_else(|| error(io::ErrorKind::OutOfMemory.into()))?;
    ftruncate(file, length as u64).map_err(|errno| error(errno.into()))?;
    let mapping = Mapping::of_file(file, length).map_err(error)?;
    let base = mapping.base.cast::<u8>();
    lock(kind, base, length).map_err(error)?;
    let mut physical = known;
    // SAFETY: the known pages are the first of those just mapped.
    let unknown = unsafe { base.add(physical.len() * page_size as usize) };
    physical.extend(addresses.look_up(unknown, page_size, count - physical.len())?);
    // INVARIANT: they are mapped, present and locked, and lie where was looked up: they are locked since.
    Ok(Pages { base, page_size, physical, _mapping: mapping })
}

/// Locks pages where the kernel would swap them.
fn lock(kind: PageKind, base: NonNull<u8>, length: usize) -> io::Result<()> {
    match kind {
        PageKind::Huge => Ok(()),
        // SAFETY: the memory is mapped.
        PageKind::Small => Ok(unsafe { mlock(base.as_ptr().cast(), length) }?),
    }
}

impl Pages {
    /// The first byte.
    pub(super) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Bytes of a page.
    pub(super) fn page_size(&self) -> u64 {
        self.page_size
    }

    /// Where each page lies.
    pub(super) fn physical(&self) -> &[u64] {
        &self.physical
    }
}

#[cfg(test)]
mod tests {
    use super::super::physical::Pagemap;
    use super::super::physical::fake::Chosen;
    use super::*;

    fn peek(pages: &Pages, page: usize) -> u8 {
        // SAFETY: a page of these, which nobody else accesses.
        unsafe { pages.base.add(page * pages.page_size as usize).read_volatile() }
    }

    fn poke(pages: &Pages, page: usize, value: u8) {
        // SAFETY: as above.
        unsafe { pages.base.add(page * pages.page_size as usize).write_volatile(value) }
    }

    #[test]
    fn pages_are_kept_in_the_order_asked_with_what_is_in_them() {
        let chosen = Chosen::new([0x5000, 0x1000, 0x9000, 0x3000], u64::MAX);
        let taken = Taken::new(PageKind::Small, 4, &chosen).unwrap();
        (0..4).for_each(|page| poke(&taken.pages, page, 10 + page as u8));
        let kept = taken.keep(&[1, 3, 0]).unwrap();
        assert_eq!(kept.physical(), [0x1000, 0x3000, 0x5000]);
        assert_eq!([0, 1, 2].map(|page| peek(&kept, page)), [11, 13, 10]);
    }

    #[test]
    fn no_pages_are_an_error_and_so_are_more_than_there_are() {
        let chosen = Chosen::new([], 0);
        assert!(matches!(Taken::new(PageKind::Small, 0, &chosen), Err(LockError::Empty)));
        let huge = Taken::new(PageKind::Huge, 1 << 30, &chosen).err().unwrap();
        assert!(huge.to_string().contains("nr_hugepages"), "{huge}");
        let small = Taken::new(PageKind::Small, 1 << 52, &chosen).err().unwrap();
        assert!(small.to_string().contains("ulimit -l"), "{small}");
    }

    /// The page map of the kernel itself, for those who may read it.
    #[test]
    fn real_pages_lie_where_the_kernel_says() {
        let pagemap = Pagemap::open().unwrap();
        let taken = match Taken::new(PageKind::Small, 3, &pagemap) {
            Ok(taken) => taken,
            Err(LockError::Translate(hidden @ TranslateError::Hidden { .. })) => {
                println!("SKIPPED real_pages_lie_where_the_kernel_says: {hidden}");
                return;
            }
            Err(other) => panic!("{other}"),
        };
        let page = taken.pages.page_size;
        assert!(taken.pages.physical().iter().all(|lies| *lies > 0 && lies.is_multiple_of(page)));
        let top = pagemap.top().unwrap();
        assert!(taken.pages.physical().iter().all(|lies| lies + (page - 1) <= top), "{top:#x}");
        // A page of one file has one frame, whichever virtual address is asked for.
        let again = Mapping::of_file(&taken.file, 3 * page as usize).unwrap();
        let frames = pagemap.look_up(again.base.cast(), page, 3).unwrap();
        assert_eq!(frames, taken.pages.physical());
        let untouched = Mapping::reserve(page as usize).unwrap();
        let none = pagemap.look_up(untouched.base.cast(), page, 1).unwrap_err();
        assert!(matches!(none, TranslateError::NotPresent { .. }), "{none}");
    }
}
