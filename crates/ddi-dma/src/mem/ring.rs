//! Typed views of private memory: one block of parameters, or a ring of descriptors.

use core::fmt;
use core::marker::PhantomData;
use core::sync::atomic::{Ordering, fence};

use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::access::{Access, AccessError, Word};

/// One `T` in private memory: an I/O parameter block.
///
/// `T` is plain bytes: it derives the traits of the crate zerocopy, which refuse padding, pointers and anything of which
/// not every pattern is a value. Give fields that the device reads a fixed endianness with the types of
/// `zerocopy::byteorder`, like `U32<LE>`; the endianness of the [`Access`] applies to words alone, not to a `T`.
///
/// # Examples
///
/// ```
/// use ddi_dma::{AccessAttr, Bus, BusConfig, DmaAttr, DmaHandle, MemoryUse, PrivateMemory, Wait};
/// use ddi_dma_sim::{Machine, MachineConfig, NexusKind};
/// use zerocopy::byteorder::{BE, U32};
/// use zerocopy::{FromBytes, Immutable, IntoBytes};
///
/// #[derive(FromBytes, IntoBytes, Immutable)]
/// #[repr(C)]
/// struct Command {
///     opcode: U32<BE>,
///     status: U32<BE>,
/// }
///
/// let machine = Machine::new(MachineConfig::default())?;
/// let bus = Bus::new(machine.nexus(NexusKind::Pci), BusConfig::default());
/// let handle: DmaHandle<PrivateMemory> =
///     bus.device("disk").alloc_handle(&DmaAttr::UNRESTRICTED, Wait::DontWait)?;
/// let memory = handle.alloc_memory(8, MemoryUse::Consistent, AccessAttr::default(), Wait::DontWait)?;
/// let command = memory.access().iopb::<Command>(0)?;
/// command.write(&Command { opcode: 0x12.into(), status: 0.into() })?;
/// assert_eq!(memory.access().get8(3)?, 0x12);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Iopb<T> {
    ring: Ring<T>,
}

impl<T> Iopb<T> {
    pub(super) fn new(access: &Access, offset: u64) -> Result<Self, AccessError> {
        Ok(Iopb { ring: Ring::new(access, offset, 1)? })
    }

    /// Copies it out.
    ///
    /// The device may be writing: check what it wrote, and read a word that tells that it is done with
    /// [`word`](Self::word) first.
    ///
    /// # Errors
    ///
    /// None: it was checked when this was made.
    pub fn read(&self) -> Result<T, AccessError>
    where
        T: FromBytes + IntoBytes,
    {
        self.ring.get(0)
    }

    /// Copies it in.
    ///
    /// # Errors
    ///
    /// None: it was checked when this was made.
    pub fn write(&self, value: &T) -> Result<(), AccessError>
    where
        T: IntoBytes + Immutable,
    {
        self.ring.set(0, value)
    }

    /// Reads one word of it, by one access, in the endianness of the [`Access`]; `field` is its offset in `T`, as
    /// `offset_of!` tells it.
    ///
    /// # Errors
    ///
    /// [`AccessError`] where the word is not inside `T` or misaligned.
    pub fn word<W: Word>(&self, field: usize) -> Result<W, AccessError> {
        self.ring.word(0, field)
    }

    /// Writes one word of it, by one access, in the endianness of the [`Access`].
    ///
    /// # Errors
    ///
    /// [`AccessError`] where the word is not inside `T` or misaligned.
    pub fn put_word<W: Word>(&self, field: usize, word: W) -> Result<(), AccessError> {
        self.ring.put_word(0, field, word)
    }
}

impl<T> Clone for Iopb<T> {
    fn clone(&self) -> Self {
        Iopb { ring: self.ring.clone() }
    }
}

impl<T> fmt::Debug for Iopb<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Iopb").field("offset", &self.ring.offset).finish_non_exhaustive()
    }
}

/// Entries of one type side by side in private memory: a ring of descriptors.
///
/// What is said of the `T` of an [`Iopb`] holds here. An entry is copied in words as wide as its place allows.
///
/// # Examples
///
/// A device takes a descriptor when its owner word is 1, so that word is written last:
///
/// ```
/// use core::mem::offset_of;
///
/// use ddi_dma::{AccessAttr, Bus, BusConfig, DmaAttr, DmaHandle, MemoryUse, PrivateMemory, Wait};
/// use ddi_dma_sim::{Machine, MachineConfig, NexusKind};
/// use zerocopy::byteorder::{LE, U32, U64};
/// use zerocopy::{FromBytes, Immutable, IntoBytes};
///
/// #[derive(FromBytes, IntoBytes, Immutable)]
/// #[repr(C)]
/// struct Descriptor {
///     address: U64<LE>,
///     length: U32<LE>,
///     owner: U32<LE>,
/// }
///
/// # let machine = Machine::new(MachineConfig::default())?;
/// # let bus = Bus::new(machine.nexus(NexusKind::Pci), BusConfig::default());
/// # let handle: DmaHandle<PrivateMemory> =
/// #     bus.device("nic").alloc_handle(&DmaAttr::UNRESTRICTED, Wait::DontWait)?;
/// let memory = handle.alloc_memory(256 * 16, MemoryUse::Consistent, AccessAttr::default(), Wait::DontWait)?;
/// let ring = memory.access().ring::<Descriptor>(0, 256)?;
/// let full = Descriptor { address: 0x1000.into(), length: 64.into(), owner: 1.into() };
/// ring.publish::<u32>(255, &full, offset_of!(Descriptor, owner))?;
/// assert_eq!(ring.next(255), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Ring<T> {
    access: Access,
    offset: u64,
    len: usize,
    entry: PhantomData<fn() -> T>,
}

impl<T> Ring<T> {
    pub(super) fn new(access: &Access, offset: u64, len: usize) -> Result<Self, AccessError> {
        access.block().check(offset, len.saturating_mul(size_of::<T>()))?;
        Ok(Ring { access: access.clone(), offset, len, entry: PhantomData })
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The index behind `index`: behind the last comes 0.
    pub fn next(&self, index: usize) -> usize {
        if index.saturating_add(1) >= self.len { 0 } else { index + 1 }
    }

    /// Copies an entry out.
    ///
    /// The device may be writing: check what it wrote, and read a word that tells that it is done with
    /// [`word`](Self::word) first.
    ///
    /// # Errors
    ///
    /// [`AccessError::Entry`].
    pub fn get(&self, index: usize) -> Result<T, AccessError>
    where
        T: FromBytes + IntoBytes,
    {
        let mut value = T::new_zeroed();
        self.access.read(self.entry(index)?, value.as_mut_bytes())?;
        Ok(value)
    }

    /// Copies an entry in.
    ///
    /// # Errors
    ///
    /// [`AccessError::Entry`].
    pub fn set(&self, index: usize, value: &T) -> Result<(), AccessError>
    where
        T: IntoBytes + Immutable,
    {
        self.access.write(self.entry(index)?, value.as_bytes())
    }

    /// Copies an entry in and writes one word of it last, by one access: the word that gives the entry to the device.
    ///
    /// `owner` is the offset of that word in `T`, as `offset_of!` tells it, and `W` its width. The device sees the word
    /// only after the rest of the entry and all that was written before, whatever the [`AccessOrder`] says.
    ///
    /// [`AccessOrder`]: super::AccessOrder
    ///
    /// # Errors
    ///
    /// [`AccessError`] where there is no such entry, or the word is not inside it or misaligned; nothing is written
    /// then.
    pub fn publish<W: Word>(&self, index: usize, value: &T, owner: usize) -> Result<(), AccessError>
    where
        T: IntoBytes + Immutable,
    {
        let (entry, word) = (self.entry(index)?, self.field::<W>(index, owner)?);
        self.access.block().check_word::<W>(word)?;
        let (front, rest) = value.as_bytes().split_at(owner);
        let (last, behind) = rest.split_at(size_of::<W>());
        self.access.write(entry, front)?;
        self.access.write(word + size_of::<W>() as u64, behind)?;
        fence(Ordering::Release);
        self.access.write(word, last)
    }

    /// Reads one word of an entry, by one access, in the endianness of the [`Access`]; `field` is its offset in `T`, as
    /// `offset_of!` tells it.
    ///
    /// # Errors
    ///
    /// [`AccessError`] where there is no such entry, or the word is not inside it or misaligned.
    pub fn word<W: Word>(&self, index: usize, field: usize) -> Result<W, AccessError> {
        self.access.get(self.field::<W>(index, field)?)
    }

    /// Writes one word of an entry, by one access, in the endianness of the [`Access`].
    ///
    /// # Errors
    ///
    /// [`AccessError`] where there is no such entry, or the word is not inside it or misaligned.
    pub fn put_word<W: Word>(&self, index: usize, field: usize, word: W) -> Result<(), AccessError> {
        self.access.put(self.field::<W>(index, field)?, word)
    }

    /// Where an entry starts.
    fn entry(&self, index: usize) -> Result<u64, AccessError> {
        if index >= self.len {
            return Err(AccessError::Entry { index, len: self.len });
        }
        Ok(self.offset + index as u64 * size_of::<T>() as u64)
    }

    /// Where a word of an entry starts.
    fn field<W: Word>(&self, index: usize, field: usize) -> Result<u64, AccessError> {
        let (word, size) = (size_of::<W>(), size_of::<T>());
        if field.checked_add(word).is_none_or(|end| end > size) {
            return Err(AccessError::Field { field, word, size });
        }
        Ok(self.entry(index)? + field as u64)
    }
}

impl<T> Clone for Ring<T> {
    fn clone(&self) -> Self {
        Ring { access: self.access.clone(), ..*self }
    }
}

impl<T> fmt::Debug for Ring<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring").field("offset", &self.offset).field("len", &self.len).finish_non_exhaustive()
    }
}
