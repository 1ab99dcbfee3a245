//! `ddi_acc_handle_t`: a way to the words of private memory, or to the registers of a device.

mod check;
mod rep;
mod words;

use std::sync::Arc;

use ddi_dma::{Access, AccessAttr, AccessError, Word};

use crate::device::{RegisterWindow, Width};
use crate::misuse::misuse;
use crate::node::Node;
use crate::table::{BadHandle, Guard, Table};
pub(crate) use check::check;

/// What `ddi_acc_handle_t` points to in C: nothing. Its value is a handle of the table.
pub(crate) enum AccHandleRef {}

/// All access handles.
static HANDLES: Table<Way, 3> = Table::new();

/// A way to words.
struct Way {
    /// The address that C has for the first of them.
    base: usize,
    to: To,
}

/// Where a way leads.
enum To {
    /// Private memory, and the device that it was allocated for.
    Memory(Access, Arc<Node>),
    Registers(Arc<dyn RegisterWindow>, AccessAttr),
}

/// Makes a way to private memory; `None` where there are too many.
pub(crate) fn insert_memory(access: Access, base: usize, node: Arc<Node>) -> Option<*mut AccHandleRef> {
    HANDLES.insert(Way { base, to: To::Memory(access, node) }).map(|handle| handle.pointer())
}

/// Makes a way to registers, the first of which C has at `base`; `None` where there are too many.
pub(crate) fn insert_registers(
    window: Arc<dyn RegisterWindow>,
    base: usize,
    attr: AccessAttr,
) -> Option<*mut AccHandleRef> {
    HANDLES.insert(Way { base, to: To::Registers(window, attr) }).map(|handle| handle.pointer())
}

/// The address of private memory; a mistake ends the process in the name of `function`.
pub(crate) fn start_of_memory(handle: *mut AccHandleRef, function: &str) -> usize {
    let way = of(handle, function);
    match way.to {
        To::Memory(..) => way.base,
        To::Registers(..) => {
            misuse!(function, "access handle {handle:p} leads to registers: it is for ddi_regs_map_free")
        }
    }
}

/// Ends a way to private memory, and gives the device that it was allocated for.
pub(crate) fn remove_memory(handle: *mut AccHandleRef, function: &str) -> Arc<Node> {
    match HANDLES.remove(handle.addr() as u64) {
        Ok(Way { to: To::Memory(_, node), .. }) => node,
        Ok(Way { to: To::Registers(..), .. }) => refuse(handle, BadHandle::Foreign, function),
        Err(bad) => refuse(handle, bad, function),
    }
}

/// Ends a way to registers, and gives the address that C has for the first.
pub(crate) fn remove_registers(handle: *mut AccHandleRef, function: &str) -> usize {
    if let To::Memory(..) = of(handle, function).to {
        misuse!(function, "access handle {handle:p} leads to private memory: it is for ddi_dma_mem_free");
    }
    match HANDLES.remove(handle.addr() as u64) {
        Ok(way) => way.base,
        Err(bad) => refuse(handle, bad, function),
    }
}

/// The way that C means; a mistake ends the process in the name of `function`.
fn of(handle: *mut AccHandleRef, function: &str) -> Guard<Way> {
    match HANDLES.get(handle.addr() as u64) {
        Ok(guard) => guard,
        Err(bad) => refuse(handle, bad, function),
    }
}

#[cold]
fn refuse(handle: *mut AccHandleRef, bad: BadHandle, function: &str) -> ! {
    misuse!(
        function,
        "access handle {handle:p}: {bad}: give one of ddi_dma_mem_alloc or ddi_regs_map_setup that was not freed"
    )
}

/// A word that C accesses.
trait CWord: Word {
    const WIDTH: Width;

    fn to_u64(self) -> u64;

    /// The lower bits of a value.
    fn from_u64(value: u64) -> Self;

    /// The word with its bytes in the order that a device has them, or back.
    fn ordered(self, attr: AccessAttr) -> Self;
}

macro_rules! words {
    ($($word:ty: $width:ident;)*) => {$(
        impl CWord for $word {
            const WIDTH: Width = Width::$width;

            fn to_u64(self) -> u64 {
                u64::from(self)
            }

            fn from_u64(value: u64) -> Self {
                value as $word
            }

            fn ordered(self, attr: AccessAttr) -> Self {
                match attr.endian {
                    ddi_dma::Endian::Native => self,
                    ddi_dma::Endian::Little => self.to_le(),
                    ddi_dma::Endian::Big => self.to_be(),
                }
            }
        }
    )*};
}
words! {
    u8: Bits8;
    u16: Bits16;
    u32: Bits32;
    u64: Bits64;
}

/// A way without its lock: accesses of registers may take long, and handlers may come meanwhile.
struct Open {
    base: usize,
    to: Reach,
}

enum Reach {
    Memory(Access),
    Registers(Arc<dyn RegisterWindow>, AccessAttr),
}

impl Open {
    fn new(handle: *mut AccHandleRef, function: &str) -> Self {
        let way = of(handle, function);
        let to = match &way.to {
            To::Memory(access, _) => Reach::Memory(access.clone()),
            To::Registers(window, attr) => Reach::Registers(Arc::clone(window), *attr),
        };
        Open { base: way.base, to }
    }

    /// Reads the word that C has at `address`.
    fn load<W: CWord>(&self, address: usize, function: &str) -> W {
        let offset = self.offset(address, size_of::<W>(), function);
        match &self.to {
            Reach::Memory(access) => {
                access.get(offset).unwrap_or_else(|error| refuse_word(address, error, function))
            }
            Reach::Registers(window, attr) => W::from_u64(window.load(offset, W::WIDTH)).ordered(*attr),
        }
    }

    /// Writes the word that C has at `address`.
    fn store<W: CWord>(&self, address: usize, word: W, function: &str) {
        let offset = self.offset(address, size_of::<W>(), function);
        match &self.to {
            Reach::Memory(access) => {
                access.put(offset, word).unwrap_or_else(|error| refuse_word(address, error, function));
            }
            Reach::Registers(window, attr) => window.store(offset, W::WIDTH, word.ordered(*attr).to_u64()),
        }
    }

    /// Where a word lies behind the first.
    fn offset(&self, address: usize, size: usize, function: &str) -> u64 {
        let length = match &self.to {
            Reach::Memory(access) => access.length(),
            Reach::Registers(window, _) => window.length(),
        };
        match address.checked_sub(self.base).map(|offset| offset as u64) {
            Some(offset) if size as u64 <= length && offset <= length - size as u64 => offset,
            _ => misuse!(
                function,
                "{size} bytes at {address:#x} are not inside what the access handle leads to, {length} bytes at {:#x}",
                self.base
            ),
        }
    }
}

#[cold]
fn refuse_word(address: usize, error: AccessError, function: &str) -> ! {
    misuse!(function, "address {address:#x}: {error}")
}
