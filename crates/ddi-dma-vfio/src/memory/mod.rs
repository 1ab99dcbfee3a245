//! Memory of a Linux process that can be bound.
//!
//! All of these are reached by copying in and out alone. Their views show addresses of the process, which the nexus maps;
//! an [`ArenaBuffer`] shows those of its bus, since it is mapped already.

mod arena;
mod file;
mod gather;
mod host;
pub(crate) mod pages;
mod vec;

pub use arena::{Arena, ArenaBuffer, ArenaError};
pub use file::{FileAccess, FileBuffer, FileBufferError};
pub use gather::Gather;
pub use host::HostBuffer;
pub use vec::VecBuffer;

use ddi_dma::RangeError;

/// `length`, where so many bytes at `offset` lie inside an object of `object` bytes.
fn check(offset: u64, length: usize, object: u64) -> Result<u64, RangeError> {
    let length = length as u64;
    match offset.checked_add(length) {
        Some(end) if end <= object => Ok(length),
        _ => Err(RangeError { offset, length, object }),
    }
}

/// `read` and `write` of an object that is nobody's but the caller's.
macro_rules! access_by_copies {
    ($object:ty $(, $generic:ident: $bound:ident)?) => {
        impl$(<$generic: $bound>)? $object {
            /// Copies bytes out, from `offset` on.
            ///
            /// # Errors
            ///
            /// [`RangeError`](ddi_dma::RangeError) where it does not have all these bytes; nothing is copied then.
            pub fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), ddi_dma::RangeError> {
                let length = super::check(offset, into.len(), self.len())?;
                // SAFETY: the range was checked; `into` is memory of its own.
                unsafe { ddi_dma::DmaObject::copy_out(self, offset, into.as_mut_ptr(), length) }
                Ok(())
            }

            /// Copies bytes in, from `offset` on.
            ///
            /// # Errors
            ///
            /// [`RangeError`](ddi_dma::RangeError) where it does not have all these bytes; nothing is copied then.
            pub fn write(&mut self, offset: u64, from: &[u8]) -> Result<(), ddi_dma::RangeError> {
                let length = super::check(offset, from.len(), self.len())?;
                // SAFETY: the range was checked; `from` is memory of its own; the object is borrowed mutably.
                unsafe { ddi_dma::DmaObject::copy_in(self, offset, from.as_ptr(), length) }
                Ok(())
            }

            /// All bytes, copied out.
            pub fn to_vec(&self) -> Vec<u8> {
                let mut bytes = vec![0; self.len() as usize];
                // SAFETY: all bytes of the object; `bytes` is memory of its own.
                unsafe { ddi_dma::DmaObject::copy_out(self, 0, bytes.as_mut_ptr(), bytes.len() as u64) }
                bytes
            }
        }
    };
}
use access_by_copies;
