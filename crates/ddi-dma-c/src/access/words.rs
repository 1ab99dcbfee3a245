//! `ddi_get8` to `ddi_get64`, `ddi_put8` to `ddi_put64`.

use super::{AccHandleRef, Open};

macro_rules! get_and_put {
    ($($word:ty: $get:ident $put:ident;)*) => {$(
        #[doc = concat!("Reads the word at `addr`, in the endianness of the handle (`", stringify!($get), "(9F)`).")]
        #[unsafe(no_mangle)]
        pub extern "C" fn $get(handle: *mut AccHandleRef, addr: *const $word) -> $word {
            Open::new(handle, stringify!($get)).load(addr.addr(), stringify!($get))
        }

        #[doc = concat!("Writes the word at `addr`, in the endianness of the handle (`", stringify!($put), "(9F)`).")]
        #[unsafe(no_mangle)]
        pub extern "C" fn $put(handle: *mut AccHandleRef, addr: *mut $word, value: $word) {
            Open::new(handle, stringify!($put)).store(addr.addr(), value, stringify!($put));
        }
    )*};
}

get_and_put! {
    u8: ddi_get8 ddi_put8;
    u16: ddi_get16 ddi_put16;
    u32: ddi_get32 ddi_put32;
    u64: ddi_get64 ddi_put64;
}
