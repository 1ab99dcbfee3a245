//! A file of the host, mapped into the memory of a simulated machine.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use ddi_dma::PageArray;

use crate::frame::{Frame, physical};
use crate::machine::Machine;
use crate::memory::{Memory, MemoryError};

/// A file of the host, mapped into the memory of a simulated machine: its pages stay in their frames.
///
/// It is read once, when it is mapped, and written when [`flush`](Self::flush) is called, whole: what a device writes
/// marks no page, and dropping it writes nothing. Bytes behind the end of the file are zeros and reach no file. What others do to the file meanwhile
/// is not seen, and [`flush`](Self::flush) undoes it.
///
/// As an object it is bound through a [`Buf`](ddi_dma::Buf) of its pages ([`Buf::from_pages`](ddi_dma::Buf::from_pages)),
/// or through a process that maps it ([`UserSpace::map_file`](crate::UserSpace::map_file)).
pub struct MappedFile {
    memory: Arc<Memory>,
    file: File,
    length: u64,
    frames: Vec<Frame>,
    pages: Vec<u64>,
}

/// Why a file could not be mapped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MapFileError {
    /// The host did not read it.
    #[error("cannot read the file")]
    Read(#[from] io::Error),
    /// There is not memory enough for it, or it is empty.
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

impl MappedFile {
    /// Maps a file, all of it.
    ///
    /// # Errors
    ///
    /// [`MapFileError`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::Write;
    /// use std::sync::Arc;
    /// use ddi_dma::{BindFlags, Buf, BusConfig, Direction};
    /// use ddi_dma_sim::{DiskDriver, Machine, MachineConfig, MappedFile};
    ///
    /// let machine = Machine::new(MachineConfig::default())?;
    /// let mut file = tempfile::tempfile()?;
    /// file.write_all(b"what the file holds")?;
    /// let mapped = Arc::new(MappedFile::new(&machine, file)?);
    ///
    /// let buf = Buf::from_pages(mapped.clone(), 9, 4, Direction::ToDevice)?;
    /// let mut driver = DiskDriver::new(&machine, "isa-disk", BusConfig::default())?;
    /// driver.write(0, buf, BindFlags::empty())?;
    /// # let mut there = [0; 4];
    /// # driver.disk().read_medium(0, &mut there)?;
    /// # assert_eq!(&there, b"file");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(machine: &Machine, file: File) -> Result<Self, MapFileError> {
        let memory = machine.shared_memory();
        let (length, page_size) = (file.metadata()?.len(), memory.page_size());
        if length == 0 {
            return Err(MemoryError::Shape { length, offset: 0, page_size }.into());
        }
        let mut frames = Vec::new();
        let mut bytes = vec![0; page_size as usize];
        for start in (0..length).step_by(page_size as usize) {
            let there = (length - start).min(page_size) as usize;
            file.read_exact_at(&mut bytes[..there], start)?;
            let frame = Frame::new(&memory)?;
            frame.write(0, &bytes[..there]);
            frames.push(frame);
        }
        let pages = frames.iter().map(Frame::address).collect();
        Ok(MappedFile { memory, file, length, frames, pages })
    }

    /// Bytes of the file.
    #[expect(clippy::len_without_is_empty, reason = "an empty file is not mapped")]
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Writes the pages back to the file, which keeps its length.
    ///
    /// Bytes that a device is writing may be old or new.
    ///
    /// # Errors
    ///
    /// Those of the host; a part may have been written.
    pub fn flush(&self) -> io::Result<()> {
        let page_size = self.memory.page_size();
        for (frame, start) in self.frames.iter().zip((0..).step_by(page_size as usize)) {
            let there = (self.length - start).min(page_size) as usize;
            self.file.write_all_at(&frame.to_vec()[..there], start)?;
        }
        Ok(())
    }

    /// The frame of a page of the file.
    pub(crate) fn frame(&self, index: u64) -> Option<&Frame> {
        self.frames.get(usize::try_from(index).ok()?)
    }

    /// Calls `piece` for each part of a page that a range touches: its physical address, how far into the range, bytes.
    fn pieces(&self, offset: u64, length: u64, mut piece: impl FnMut(u64, u64, u64)) {
        let page_size = self.memory.page_size();
        let mut done = 0;
        while done < length {
            let at = offset + done;
            let Some(page) = self.pages.get((at / page_size) as usize) else { return };
            let size = (page_size - at % page_size).min(length - done);
            piece(page + at % page_size, done, size);
            done += size;
        }
    }
}

// SAFETY: the frames are kept as long as the value, and `pages` never changes; no reference to frames exists, since all
// copies go through the host's kernel, which defines concurrent ones.
unsafe impl PageArray for MappedFile {
    fn page_size(&self) -> u64 {
        self.memory.page_size()
    }

    fn pages(&self) -> &[u64] {
        &self.pages
    }

    unsafe fn copy_out(&self, offset: u64, to: *mut u8, length: u64) {
        self.pieces(offset, length, |physical, done, size| {
            // SAFETY: the caller's `to` takes all pieces side by side, and no frame overlaps it.
            unsafe { physical::copy_out(&self.memory, physical, to.add(done as usize), size) }
        });
    }

    unsafe fn copy_in(&self, offset: u64, from: *const u8, length: u64) {
        self.pieces(offset, length, |physical, done, size| {
            // SAFETY: the caller's `from` holds all pieces side by side.
            unsafe { physical::copy_in(&self.memory, physical, from.add(done as usize), size) }
        });
    }
}

impl fmt::Debug for MappedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MappedFile").field("length", &self.length).finish_non_exhaustive()
    }
}
