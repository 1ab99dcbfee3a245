//! Where memory of this process really lies: physical addresses.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::ptr::NonNull;

/// Tells physical addresses.
///
/// # Implementation safety
///
/// The addresses are those of the memory: devices are told to write there.
pub(super) unsafe trait PhysicalAddresses: Send + Sync + 'static {
    /// The physical address of each page of `page_size` bytes of present memory, in order.
    fn look_up(&self, memory: NonNull<u8>, page_size: u64, count: usize) -> Result<Vec<u64>, TranslateError>;

    /// The highest physical address of memory.
    fn top(&self) -> Result<u64, TranslateError>;
}

/// Why the kernel does not tell where memory lies.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TranslateError {
    /// A file of the kernel cannot be read.
    #[error("cannot read {file}, which tells physical addresses: {source}; is /proc mounted?")]
    Unreadable {
        /// Which file.
        file: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The kernel shows this process zeros.
    #[error(
        "{file} hides physical addresses from this process: run it as root, or give it CAP_SYS_ADMIN (setcap cap_sys_admin+ep PROGRAM)"
    )]
    Hidden {
        /// Which file.
        file: &'static str,
    },
    /// There is no memory behind a virtual address of this process.
    #[error("no memory is present at the virtual address {address:#x}")]
    NotPresent {
        /// The virtual address.
        address: u64,
    },
    /// What was taken for one page is not contiguous.
    #[error(
        "the page of {page_size:#x} bytes at the virtual address {address:#x} is not one run of physical memory"
    )]
    Scattered {
        /// The virtual address.
        address: u64,
        /// What was taken for a page, in bytes.
        page_size: u64,
    },
}

const PAGEMAP: &str = "/proc/self/pagemap";
const IOMEM: &str = "/proc/iomem";

/// Bit of an entry of the page map: the page is in memory.
const PRESENT: u64 = 1 << 63;
/// Bits of an entry of the page map: the frame's number.
const FRAME: u64 = (1 << 55) - 1;

/// The page map that the kernel shows of this process.
#[derive(Debug)]
pub(super) struct Pagemap {
    file: File,
    /// Bytes of a page of the machine.
    unit: u64,
}

impl Pagemap {
    pub(super) fn open() -> Result<Self, TranslateError> {
        let file =
            File::open(PAGEMAP).map_err(|source| TranslateError::Unreadable { file: PAGEMAP, source })?;
        Ok(Pagemap { file, unit: rustix::param::page_size() as u64 })
    }

    /// The physical address of the page of the machine at this virtual address.
    fn frame(&self, address: u64) -> Result<u64, TranslateError> {
        let mut entry = [0; 8];
        let read = self.file.read_exact_at(&mut entry, address / self.unit * 8);
        read.map_err(|source| TranslateError::Unreadable { file: PAGEMAP, source })?;
        decode(u64::from_ne_bytes(entry), address).map(|frame| frame * self.unit)
    }
}

/// The frame of an entry of the page map.
fn decode(entry: u64, address: u64) -> Result<u64, TranslateError> {
    if entry & PRESENT == 0 {
        return Err(TranslateError::NotPresent { address });
    }
    match entry & FRAME {
        0 => Err(TranslateError::Hidden { file: PAGEMAP }),
        frame => Ok(frame),
    }
}

// SAFETY: the kernel tells.
unsafe impl PhysicalAddresses for Pagemap {
    fn look_up(&self, memory: NonNull<u8>, page_size: u64, count: usize) -> Result<Vec<u64>, TranslateError> {
        let start = memory.as_ptr() as u64;
        let page = |index| {
            let address = start + index * page_size;
            let (first, last) = (self.frame(address)?, self.frame(address + page_size - self.unit)?);
            if last != first + (page_size - self.unit) || !first.is_multiple_of(page_size) {
                return Err(TranslateError::Scattered { address, page_size });
            }
            Ok(first)
        };
        (0..count as u64).map(page).collect()
    }

    fn top(&self) -> Result<u64, TranslateError> {
        let text = std::fs::read_to_string(IOMEM)
            .map_err(|source| TranslateError::Unreadable { file: IOMEM, source })?;
        top_of(&text).ok_or(TranslateError::Hidden { file: IOMEM })
    }
}

/// The last address of memory that `/proc/iomem` lists; `None` where it shows zeros.
fn top_of(iomem: &str) -> Option<u64> {
    let ranges = iomem.lines().filter_map(|line| {
        let (range, name) = line.split_once(" : ")?;
        let (_, last) = range.split_once('-')?;
        (name.trim() == "System RAM").then_some(last)
    });
    ranges.filter_map(|last| u64::from_str_radix(last, 16).ok()).max().filter(|top| *top > 0)
}

#[cfg(test)]
pub(super) mod fake {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use super::*;

    /// Memory that lies where a test says: each page looked up gets the next address.
    pub(in crate::uio) struct Chosen {
        pages: Mutex<VecDeque<u64>>,
        top: u64,
    }

    impl Chosen {
        pub(in crate::uio) fn new(pages: impl IntoIterator<Item = u64>, top: u64) -> Self {
            Chosen { pages: Mutex::new(pages.into_iter().collect()), top }
        }

        /// What is looked up next lies here.
        pub(in crate::uio) fn next(&self, pages: impl IntoIterator<Item = u64>) {
            *self.pages.lock().unwrap() = pages.into_iter().collect();
        }
    }

    // SAFETY: no device is ever told these addresses.
    unsafe impl PhysicalAddresses for Chosen {
        fn look_up(&self, memory: NonNull<u8>, _: u64, count: usize) -> Result<Vec<u64>, TranslateError> {
            let mut pages = self.pages.lock().unwrap();
            if count > pages.len() {
                return Err(TranslateError::NotPresent { address: memory.as_ptr() as u64 });
            }
            Ok(pages.drain(..count).collect())
        }

        fn top(&self) -> Result<u64, TranslateError> {
            Ok(self.top)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_decoded() {
        assert_eq!(decode(0xA100_0000_0043_B8B8, 0).unwrap(), 0x43_B8B8);
        assert!(matches!(decode(0x43, 0x5000), Err(TranslateError::NotPresent { address: 0x5000 })));
        let hidden = decode(PRESENT | 1 << 61, 0).unwrap_err();
        assert!(hidden.to_string().contains("CAP_SYS_ADMIN"), "{hidden}");
    }

    #[test]
    fn the_top_of_memory_is_that_of_the_last_ram() {
        let iomem = "00001000-0009fbff : System RAM\n000a0000-000bffff : PCI Bus 0000:00\n\
                     00100000-1ffdffff : System RAM\n  01000000-01e00f3f : Kernel code\nfec00000-fec003ff : IOAPIC 0\n";
        assert_eq!(top_of(iomem), Some(0x1FFD_FFFF));
        assert_eq!(top_of("00000000-00000000 : System RAM\n"), None);
        assert_eq!(top_of("nothing of the kind"), None);
    }
}
