//! Access to private memory: volatile, in the endianness that was declared.

use alloc::sync::Arc;
use core::fmt;
use core::ptr::NonNull;
use core::sync::atomic::{Ordering, fence};

use super::block::Block;
use super::ring::{Iopb, Ring};

/// How the words of some memory are accessed (`ddi_device_acc_attr(9S)`).
///
/// # Examples
///
/// ```
/// use ddi_dma::{AccessAttr, AccessOrder, Endian};
///
/// let attr = AccessAttr { endian: Endian::Big, ..AccessAttr::default() };
/// assert_eq!(attr.order, AccessOrder::Strict);
/// ```
#[doc(alias = "ddi_device_acc_attr")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct AccessAttr {
    /// How the device lays out a word (`devacc_attr_endian_flags`).
    pub endian: Endian,
    /// In which order accesses reach memory (`devacc_attr_dataorder`).
    pub order: AccessOrder,
}

/// How the bytes of a word lie in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Endian {
    /// As this machine has them (`DDI_NEVERSWAP_ACC`).
    #[default]
    Native,
    /// The lowest first (`DDI_STRUCTURE_LE_ACC`).
    Little,
    /// The highest first (`DDI_STRUCTURE_BE_ACC`).
    Big,
}

/// In which order accesses reach memory.
///
/// The compiler keeps the order of accesses in any case, and neither merges nor leaves any out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AccessOrder {
    /// As the driver makes them (`DDI_STRICTORDER_ACC`): a word is written after all that was written or read before
    /// it, and read before all that is read or written after it. Free on machines that keep this order themselves.
    #[default]
    Strict,
    /// As the machine likes (`DDI_UNORDERED_OK_ACC` and the weaker ones); the driver sets its own fences.
    Unordered,
}

/// An access that was refused. Nothing was read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// The bytes are not all inside the memory.
    #[error("{length} bytes at offset {offset:#x} are not inside the memory, which has {memory}")]
    Range {
        /// Where the access starts, in bytes from the start of the memory.
        offset: u64,
        /// Its bytes.
        length: u64,
        /// Bytes of the memory: its real length.
        memory: u64,
    },
    /// A word that is not aligned would not be one access.
    #[error("a word of {word} bytes at offset {offset:#x} is misaligned: it would take more than one access")]
    Misaligned {
        /// Where the word starts, in bytes from the start of the memory.
        offset: u64,
        /// Its bytes.
        word: usize,
    },
    /// The ring has no such entry.
    #[error("entry {index} does not exist: the ring has entries 0..{len}")]
    Entry {
        /// The entry asked for.
        index: usize,
        /// How many there are.
        len: usize,
    },
    /// A word is not inside the type that is said to hold it.
    #[error("a word of {word} bytes at offset {field:#x} is not inside a type of {size} bytes")]
    Field {
        /// Where the word starts in the type.
        field: usize,
        /// Its bytes.
        word: usize,
        /// Bytes of the type.
        size: usize,
    },
}

/// A word that is read or written by one access: `u8`, `u16`, `u32` and `u64`.
pub trait Word: Copy + sealed::Sealed {
    /// Turns a word of this machine into one of `endian`, or back.
    #[doc(hidden)]
    fn swap(self, endian: Endian) -> Self;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! words {
    ($($word:ty)*) => {$(
        impl sealed::Sealed for $word {}
        impl Word for $word {
            #[inline]
            fn swap(self, endian: Endian) -> Self {
                match endian {
                    Endian::Native => self,
                    Endian::Little => self.to_le(),
                    Endian::Big => self.to_be(),
                }
            }
        }
    )*};
}
words!(u8 u16 u32 u64);

/// A way to the bytes of [`PrivateMemory`](super::PrivateMemory) (`ddi_acc_handle_t`), bound or not.
///
/// Device and CPU share the memory while both run, so each access is volatile, and there is no reference to a byte.
/// Each word is one access (a `u64` where the machine has 64-bit accesses). What is read may be anything that the device
/// wrote: copy it out, then check it.
///
/// Clones reach the same bytes, and each keeps the memory from being freed. Threads that access the same words at once
/// see each other's writes as they would a device's.
#[doc(alias = "ddi_acc_handle_t")]
#[derive(Clone)]
pub struct Access {
    block: Arc<Block>,
    attr: AccessAttr,
}

macro_rules! get_and_put {
    ($($word:ty: $get:ident $ddi_get:literal $put:ident $ddi_put:literal $bytes:literal;)*) => {$(
        #[doc = concat!("Reads ", $bytes, " at `offset` (`", $ddi_get, "(9F)`).")]
        ///
        /// # Errors
        ///
        /// [`AccessError`] where the word is outside or misaligned.
        #[doc(alias = $ddi_get)]
        #[inline]
        pub fn $get(&self, offset: u64) -> Result<$word, AccessError> {
            self.get(offset)
        }

        #[doc = concat!("Writes ", $bytes, " at `offset` (`", $ddi_put, "(9F)`).")]
        ///
        /// # Errors
        ///
        /// [`AccessError`] where the word is outside or misaligned.
        #[doc(alias = $ddi_put)]
        #[inline]
        pub fn $put(&self, offset: u64, word: $word) -> Result<(), AccessError> {
            self.put(offset, word)
        }
    )*};
}

impl Access {
    pub(super) fn new(block: Arc<Block>, attr: AccessAttr) -> Self {
        Access { block, attr }
    }

    pub(super) fn block(&self) -> &Block {
        &self.block
    }

    /// How words are accessed.
    pub fn attr(&self) -> AccessAttr {
        self.attr
    }

    /// Bytes of the memory: its real length.
    pub fn length(&self) -> u64 {
        self.block.length()
    }

    /// Where the CPU finds the first byte: see [`PrivateMemory::as_ptr`](super::PrivateMemory::as_ptr).
    pub fn as_ptr(&self) -> NonNull<u8> {
        self.block.memory().cpu
    }

    get_and_put! {
        u8: get8 "ddi_get8" put8 "ddi_put8" "a byte";
        u16: get16 "ddi_get16" put16 "ddi_put16" "two bytes";
        u32: get32 "ddi_get32" put32 "ddi_put32" "four bytes";
        u64: get64 "ddi_get64" put64 "ddi_put64" "eight bytes";
    }

    /// Reads one word at `offset`, of whatever width.
    ///
    /// # Errors
    ///
    /// [`AccessError`] where the word is outside or misaligned.
    #[inline]
    pub fn get<W: Word>(&self, offset: u64) -> Result<W, AccessError> {
        let word: W = self.block.load(offset)?;
        if self.attr.order == AccessOrder::Strict {
            fence(Ordering::Acquire);
        }
        Ok(word.swap(self.attr.endian))
    }

    /// Writes one word at `offset`, of whatever width.
    ///
    /// # Errors
    ///
    /// [`AccessError`] where the word is outside or misaligned.
    #[inline]
    pub fn put<W: Word>(&self, offset: u64, word: W) -> Result<(), AccessError> {
        if self.attr.order == AccessOrder::Strict {
            fence(Ordering::Release);
        }
        self.block.store(offset, word.swap(self.attr.endian))
    }

    /// Reads words one after another from `offset` on (`ddi_rep_get32(9F)` and its likes, with `DDI_DEV_AUTOINCR`).
    ///
    /// # Errors
    ///
    /// [`AccessError`] where a word is outside or misaligned; nothing is read then.
    #[doc(alias = "ddi_rep_get8")]
    #[doc(alias = "ddi_rep_get16")]
    #[doc(alias = "ddi_rep_get32")]
    #[doc(alias = "ddi_rep_get64")]
    pub fn rep_get<W: Word>(&self, offset: u64, into: &mut [W]) -> Result<(), AccessError> {
        self.check_words::<W>(offset, into.len())?;
        for (word, at) in into.iter_mut().zip((offset..).step_by(size_of::<W>())) {
            *word = self.get(at)?;
        }
        Ok(())
    }

    /// Writes words one after another from `offset` on (`ddi_rep_put32(9F)` and its likes, with `DDI_DEV_AUTOINCR`).
    ///
    /// # Errors
    ///
    /// [`AccessError`] where a word is outside or misaligned; nothing is written then.
    #[doc(alias = "ddi_rep_put8")]
    #[doc(alias = "ddi_rep_put16")]
    #[doc(alias = "ddi_rep_put32")]
    #[doc(alias = "ddi_rep_put64")]
    pub fn rep_put<W: Word>(&self, offset: u64, from: &[W]) -> Result<(), AccessError> {
        self.check_words::<W>(offset, from.len())?;
        for (word, at) in from.iter().zip((offset..).step_by(size_of::<W>())) {
            self.put(at, *word)?;
        }
        Ok(())
    }

    /// Copies bytes out from `offset` on, whatever their alignment and endianness, in words as wide as may be.
    ///
    /// # Errors
    ///
    /// [`AccessError::Range`]; nothing is copied then.
    pub fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), AccessError> {
        self.block.read(offset, into)?;
        if self.attr.order == AccessOrder::Strict {
            fence(Ordering::Acquire);
        }
        Ok(())
    }

    /// Copies bytes in from `offset` on, whatever their alignment and endianness, in words as wide as may be.
    ///
    /// # Errors
    ///
    /// [`AccessError::Range`]; nothing is copied then.
    pub fn write(&self, offset: u64, from: &[u8]) -> Result<(), AccessError> {
        if self.attr.order == AccessOrder::Strict {
            fence(Ordering::Release);
        }
        self.block.write(offset, from)
    }

    /// One `T` at `offset`: a parameter block, or a table that the device reads.
    ///
    /// # Errors
    ///
    /// [`AccessError::Range`] where the memory does not hold it.
    pub fn iopb<T>(&self, offset: u64) -> Result<Iopb<T>, AccessError> {
        Iopb::new(self, offset)
    }

    /// A ring of `len` entries from `offset` on.
    ///
    /// # Errors
    ///
    /// [`AccessError::Range`] where the memory does not hold them.
    pub fn ring<T>(&self, offset: u64, len: usize) -> Result<Ring<T>, AccessError> {
        Ring::new(self, offset, len)
    }

    /// Checks a sequence of words; the first tells whether all are aligned.
    fn check_words<W: Word>(&self, offset: u64, count: usize) -> Result<(), AccessError> {
        self.block.check(offset, count.saturating_mul(size_of::<W>()))?;
        if count > 0 { self.block.check_word::<W>(offset) } else { Ok(()) }
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("length", &self.length()).field("attr", &self.attr).finish()
    }
}
