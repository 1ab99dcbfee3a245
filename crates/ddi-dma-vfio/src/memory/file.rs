//! A range of a file, mapped into memory.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;

use ddi_dma::{Direction, DmaObject, Extent, View};
use rustix::fs::fstatfs;

use super::access_by_copies;
use super::pages::{Pages, Writable, page_size};

/// What a [`FileBuffer`] may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileAccess {
    /// The device reads the file. It was opened for reading.
    ReadOnly,
    /// The device, or the process, writes it, too. It was opened for both.
    ReadWrite,
}

/// A range of a file, mapped into memory and shared with whoever else uses the file: what a device writes is in the file,
/// and on its disk after [`flush`](Self::flush).
///
/// Nobody must make the file shorter while it is mapped: the process is ended by a signal (`SIGBUS`) when it copies bytes
/// that are no longer there, and what a device writes to pages that it holds reaches no file.
///
/// Kernels from 6.5 on lend the pages of a file to a device that writes only where the file system writes nothing back:
/// memory files, tmpfs and huge pages. For files elsewhere [`permits`](DmaObject::permits) tells, and a bind that lets the
/// device write is refused: read into other memory there, and write that to the file.
///
/// # Examples
///
/// ```
/// use std::io::Write;
/// use ddi_dma_vfio::{FileAccess, FileBuffer};
///
/// let mut file = tempfile::tempfile()?;
/// file.write_all(b"what the file holds")?;
/// let buffer = FileBuffer::new(&file, 9, 4, FileAccess::ReadOnly)?;
/// assert_eq!(buffer.to_vec(), b"file");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FileBuffer {
    pages: Pages,
    access: FileAccess,
    lending: Lending,
    /// Where the object starts in the pages.
    offset: u64,
    extent: Extent,
}

/// Why a range of a file could not be mapped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileBufferError {
    /// There are no bytes in the range.
    #[error("an object has bytes: the range of the file has none")]
    Empty,
    /// The range is not all in the file.
    #[error("bytes {offset:#x}..{offset:#x}+{length:#x} are not all in the file, which has {file:#x}")]
    BeyondEnd {
        /// Where the range starts.
        offset: u64,
        /// Its bytes.
        length: u64,
        /// Bytes of the file.
        file: u64,
    },
    /// The kernel refused.
    #[error("cannot map the file (was it opened for what it is to be used for?)")]
    Map(#[from] io::Error),
}

/// Whether the kernel lends the pages of a file to a device that writes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lending {
    Writable,
    Readable,
}

impl Lending {
    /// File systems that write nothing back: tmpfs, ramfs and hugetlbfs, by the kernel's numbers.
    const KEPT_IN_MEMORY: [u64; 3] = [0x0102_1994, 0x8584_58F6, 0x9584_58F6];

    /// Tells by the file system, and by the kernel's release: 6.5 is the first that minds.
    fn of(file_system: u64, release: &str) -> Self {
        let mut numbers =
            release.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().unwrap_or(0));
        let version: (u32, u32) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        // Numbers of file systems have 32 bits, whatever their sign.
        let in_memory = Self::KEPT_IN_MEMORY.contains(&(file_system & 0xFFFF_FFFF));
        if in_memory || version < (6, 5) { Lending::Writable } else { Lending::Readable }
    }
}

/// The kernel's release, as `uname -r` prints it; empty where it does not tell.
fn kernel_release() -> String {
    std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default()
}

impl FileBuffer {
    /// Maps `length` bytes of a file, from `offset` on. The file may be closed afterwards.
    ///
    /// # Errors
    ///
    /// [`FileBufferError`].
    pub fn new(file: &File, offset: u64, length: u64, access: FileAccess) -> Result<Self, FileBufferError> {
        if length == 0 {
            return Err(FileBufferError::Empty);
        }
        let there = file.metadata()?.len();
        if offset.checked_add(length).is_none_or(|end| end > there) {
            return Err(FileBufferError::BeyondEnd { offset, length, file: there });
        }
        let within = offset % page_size();
        let writable = match access {
            FileAccess::ReadOnly => Writable::No,
            FileAccess::ReadWrite => Writable::Yes,
        };
        let pages = Pages::of_file(file.as_fd(), offset - within, within + length, writable)?;
        let extent = Extent { address: pages.address() + within, size: length };
        let lending = Lending::of(fstatfs(file).map_err(io::Error::from)?.f_type as u64, &kernel_release());
        Ok(FileBuffer { pages, access, lending, offset: within, extent })
    }

    /// Writes what was changed to the disk.
    ///
    /// # Errors
    ///
    /// Those of the kernel.
    pub fn flush(&self) -> io::Result<()> {
        self.pages.flush()
    }

    /// Bytes.
    #[expect(clippy::len_without_is_empty, reason = "there is always a byte")]
    pub fn len(&self) -> u64 {
        self.extent.size
    }
}

access_by_copies!(FileBuffer);

// SAFETY: the pages are mapped until the value is dropped and never move; no reference into them exists; copies touch the
// bytes named alone. Others may write the file, which is why its bytes are copied and never referred to.
unsafe impl DmaObject for FileBuffer {
    fn view(&self) -> View<'_> {
        View::Extents(std::slice::from_ref(&self.extent))
    }

    fn permits(&self, direction: Direction) -> bool {
        let writes = self.access == FileAccess::ReadWrite && self.lending == Lending::Writable;
        writes || !direction.device_writes()
    }

    unsafe fn copy_out(&self, offset: u64, to: *mut u8, length: u64) {
        // SAFETY: the caller's range, moved to where the object starts.
        unsafe { self.pages.copy_out(self.offset + offset, to, length) }
    }

    /// # Panics
    ///
    /// Where the file is mapped for reading only.
    unsafe fn copy_in(&self, offset: u64, from: *const u8, length: u64) {
        assert!(self.access == FileAccess::ReadWrite, "writing to a file that is mapped for reading only");
        // SAFETY: as above, and the pages are writable.
        unsafe { self.pages.copy_in(self.offset + offset, from, length) }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, Write};

    use super::*;

    fn file(length: usize) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&vec![7; length]).unwrap();
        file
    }

    #[test]
    fn what_is_written_is_in_the_file() {
        let mut file = file(10_000);
        let mut buffer = FileBuffer::new(&file, 4100, 5900, FileAccess::ReadWrite).unwrap();
        buffer.write(5895, b"first").unwrap();
        buffer.flush().unwrap();
        let mut there = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut there).unwrap();
        assert!(there.ends_with(b"first") && there.len() == 10_000);
        assert!(buffer.write(5896, b"first").is_err());
    }

    #[test]
    fn a_file_for_reading_is_not_for_a_device_that_writes() {
        let buffer = FileBuffer::new(&file(100), 0, 100, FileAccess::ReadOnly).unwrap();
        assert!(buffer.permits(Direction::ToDevice));
        assert!(!buffer.permits(Direction::FromDevice) && !buffer.permits(Direction::Both));
    }

    #[test]
    fn newer_kernels_lend_only_what_is_kept_in_memory() {
        const EXT4: u64 = 0xEF53;
        assert_eq!(Lending::of(EXT4, "6.1.0-41-amd64\n"), Lending::Writable);
        assert_eq!(Lending::of(EXT4, "6.5.0"), Lending::Readable);
        assert_eq!(Lending::of(EXT4, "6.12.8+deb13-amd64"), Lending::Readable);
        assert_eq!(Lending::of(EXT4, "10.0"), Lending::Readable);
        assert_eq!(Lending::of(0x0102_1994, "6.12.8"), Lending::Writable);
        assert_eq!(Lending::of(0xFFFF_FFFF_8584_58F6, "6.12.8"), Lending::Writable);
        assert_eq!(Lending::of(EXT4, ""), Lending::Writable);
    }

    #[test]
    #[should_panic(expected = "mapped for reading only")]
    fn writing_to_a_file_for_reading_is_a_mistake_of_the_program() {
        let mut buffer = FileBuffer::new(&file(100), 0, 100, FileAccess::ReadOnly).unwrap();
        let _ = buffer.write(0, &[1]);
    }

    #[test]
    fn a_range_that_is_not_in_the_file_is_refused() {
        let file = file(100);
        let refused =
            |offset, length| FileBuffer::new(&file, offset, length, FileAccess::ReadOnly).unwrap_err();
        assert!(matches!(refused(0, 0), FileBufferError::Empty));
        assert!(matches!(refused(1, 100), FileBufferError::BeyondEnd { file: 100, .. }));
        assert!(matches!(refused(u64::MAX, 2), FileBufferError::BeyondEnd { .. }));
    }
}
