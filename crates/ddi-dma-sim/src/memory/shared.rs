//! Buffers that several have at once, and parts of them as objects.

use std::ptr::NonNull;
use std::sync::Arc;

use ddi_dma::{DmaObject, View};

use super::Buffer;

/// A [`Buffer`] that several have at once: it goes when the last of them goes.
///
/// Parts of it are bound again and again while somebody else keeps the address of its bytes, as C code does. For
/// programs in Rust alone a `Buffer` is what is needed: it is bound whole, and safely.
///
/// # Examples
///
/// ```
/// use ddi_dma::{BindFlags, BusConfig};
/// use ddi_dma_sim::{BufferPart, BufferSpec, DiskDriver, Machine, MachineConfig, SharedBuffer};
///
/// let machine = Machine::new(MachineConfig::default())?;
/// let shared = SharedBuffer::new(machine.buffer(&BufferSpec::new(10_000))?);
/// let bytes = shared.as_ptr();
/// // SAFETY: the 512 bytes are inside the buffer, and nobody else knows of it yet.
/// unsafe { bytes.add(5000).write_bytes(0x2A, 512) };
///
/// let mut driver: DiskDriver<BufferPart> = DiskDriver::new(&machine, "pci-disk", BusConfig::default())?;
/// // SAFETY: nobody accesses the bytes while the part is bound.
/// let part = unsafe { shared.part(5000, 512) }.expect("it is inside");
/// driver.write(0, part, BindFlags::empty())?;
/// # let mut there = [0; 512];
/// # driver.disk().read_medium(0, &mut there)?;
/// # assert_eq!(there, [0x2A; 512]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct SharedBuffer {
    buffer: Arc<Buffer>,
}

/// A part of a [`SharedBuffer`] as an object.
///
/// # Invariants
///
/// The bytes `offset..offset + length` are inside the buffer, and there is at least one.
#[derive(Debug)]
pub struct BufferPart {
    buffer: Arc<Buffer>,
    offset: u64,
    length: u64,
}

impl SharedBuffer {
    /// Makes a buffer one that several can have.
    pub fn new(buffer: Buffer) -> Self {
        SharedBuffer { buffer: Arc::new(buffer) }
    }

    /// Bytes.
    #[expect(clippy::len_without_is_empty, reason = "a buffer has at least one byte")]
    pub fn len(&self) -> u64 {
        self.buffer.len()
    }

    /// Where in its first page the buffer starts.
    pub fn offset(&self) -> u64 {
        self.buffer.offset()
    }

    /// The physical addresses of its pages, in order.
    pub fn pages(&self) -> &[u64] {
        self.buffer.pages()
    }

    /// Where the CPU finds the first byte. The others follow it, until the last of those who have the buffer has
    /// dropped it, parts included.
    ///
    /// Whoever reads or writes through it sees to it that nobody else accesses the same bytes meanwhile: see
    /// [`part`](Self::part).
    pub fn as_ptr(&self) -> NonNull<u8> {
        self.buffer.as_ptr()
    }

    /// Makes an object of the bytes `offset..offset + length`; `None` where they are not all inside, or there are none.
    ///
    /// Takes no memory and no lock.
    ///
    /// # Safety
    ///
    /// The bytes of a part are read or written by the CPU when a binding of it is made, synchronised, moved to another
    /// window or ended. Meanwhile nobody else writes them, nor reads them where they are being written: not through
    /// [`as_ptr`](Self::as_ptr), and not by a binding of another part that has bytes in common with this one.
    pub unsafe fn part(&self, offset: u64, length: u64) -> Option<BufferPart> {
        let inside = offset.checked_add(length).is_some_and(|end| end <= self.len());
        // INVARIANT: both were looked at.
        (inside && length > 0).then(|| BufferPart { buffer: Arc::clone(&self.buffer), offset, length })
    }
}

impl BufferPart {
    /// Where in the buffer it starts.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes.
    #[expect(clippy::len_without_is_empty, reason = "a part has at least one byte")]
    pub fn len(&self) -> u64 {
        self.length
    }
}

// SAFETY: the frames stay the buffer's as long as the part keeps it, and neither they nor the part's bounds change, so
// the view stays. No reference into the memory exists: a shared buffer shows its bytes by their address alone, copies
// are raw, and who made the part has promised that the copies of bindings meet no other access. They touch the range
// that they are given, moved by the part's first byte, which is inside the buffer (invariant).
unsafe impl DmaObject for BufferPart {
    fn view(&self) -> View<'_> {
        self.buffer.view_of(self.offset, self.length)
    }

    unsafe fn copy_out(&self, offset: u64, to: *mut u8, length: u64) {
        // SAFETY: the range lies inside the part, so it lies inside the buffer; the caller promises the rest.
        unsafe { self.buffer.copy_out(self.offset + offset, to, length) }
    }

    unsafe fn copy_in(&self, offset: u64, from: *const u8, length: u64) {
        // SAFETY: as in `copy_out`, and the caller promises that nobody else accesses these bytes.
        unsafe { self.buffer.copy_in(self.offset + offset, from, length) }
    }
}
