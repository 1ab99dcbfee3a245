//! `ddi_rep_get8` to `ddi_rep_put64`: many words, from one address or from one after the other.

use std::ffi::c_uint;

use super::{AccHandleRef, CWord, Open};
use crate::misuse::misuse;

/// Where the device's words lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Advance {
    /// All at one address (`DDI_DEV_NO_AUTOINCR`): a FIFO.
    Stays,
    /// One after the other (`DDI_DEV_AUTOINCR`).
    Increments,
}

impl Advance {
    fn from_flags(flags: c_uint, function: &str) -> Self {
        match flags {
            0 => Advance::Stays,
            1 => Advance::Increments,
            _ => misuse!(
                function,
                "flags {flags:#x} are neither DDI_DEV_NO_AUTOINCR (0) nor DDI_DEV_AUTOINCR (1)"
            ),
        }
    }

    /// The address of a word.
    fn address<W: CWord>(self, first: usize, index: usize) -> usize {
        match self {
            Advance::Stays => first,
            Advance::Increments => first.wrapping_add(index.wrapping_mul(size_of::<W>())),
        }
    }
}

macro_rules! rep {
    ($($word:ty: $get:ident $put:ident;)*) => {$(
        #[doc = concat!("Reads `repcount` words from the device into memory (`", stringify!($get), "(9F)`).")]
        ///
        /// # Safety
        ///
        /// `host_addr` is valid for writing so many words.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $get(
            handle: *mut AccHandleRef,
            host_addr: *mut $word,
            dev_addr: *const $word,
            repcount: usize,
            flags: c_uint,
        ) {
            const ME: &str = stringify!($get);
            let (way, advance) = (Open::new(handle, ME), Advance::from_flags(flags, ME));
            if repcount > 0 && host_addr.is_null() {
                misuse!(ME, "host_addr is NULL: there is nowhere to put the words");
            }
            for index in 0..repcount {
                let word: $word = way.load(advance.address::<$word>(dev_addr.addr(), index), ME);
                // SAFETY: valid for so many words (the caller's duty).
                unsafe { host_addr.add(index).write_unaligned(word) };
            }
        }

        #[doc = concat!("Writes `repcount` words from memory to the device (`", stringify!($put), "(9F)`).")]
        ///
        /// # Safety
        ///
        /// `host_addr` is valid for reading so many words.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $put(
            handle: *mut AccHandleRef,
            host_addr: *const $word,
            dev_addr: *mut $word,
            repcount: usize,
            flags: c_uint,
        ) {
            const ME: &str = stringify!($put);
            let (way, advance) = (Open::new(handle, ME), Advance::from_flags(flags, ME));
            if repcount > 0 && host_addr.is_null() {
                misuse!(ME, "host_addr is NULL: there are no words to write");
            }
            for index in 0..repcount {
                // SAFETY: valid for so many words (the caller's duty).
                let word = unsafe { host_addr.add(index).read_unaligned() };
                way.store(advance.address::<$word>(dev_addr.addr(), index), word, ME);
            }
        }
    )*};
}

rep! {
    u8: ddi_rep_get8 ddi_rep_put8;
    u16: ddi_rep_get16 ddi_rep_put16;
    u32: ddi_rep_get32 ddi_rep_put32;
    u64: ddi_rep_get64 ddi_rep_put64;
}
