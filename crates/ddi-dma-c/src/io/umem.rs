//! `ddi_umem_cookie_t`: memory of the program that a driver keeps locked, or memory of its own that it shares.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;
use std::sync::Arc;

use ddi_dma::{Direction, UmemCookie, UmemFlags, umem_lock};

use crate::abi::buf::b_flags::{B_BUSY, B_PHYS, B_READ, B_SHADOW, B_WRITE};
use crate::abi::buf::buf;
use crate::last_error::note;
use crate::misuse::misuse;
use crate::table::Table;

use super::kernel_memory::KernelMemory;
use super::live::{self, Kept};
use super::pages::{Listed, PAGE_SIZE};
use super::physio::process;
use super::process::SPACE;
use super::raw::{Iodone, pointer, set};

/// All cookies.
static COOKIES: Table<Memory, 4> = Table::new();

const ENOMEM: c_int = 12;

/// Flags of `ddi_umem_alloc`: `DDI_UMEM_NOSLEEP`, `DDI_UMEM_PAGEABLE`, `DDI_UMEM_TRASH`. None changes anything here:
/// memory is had at once or not at all, and may be paged as all of this process may.
const ALLOC_FLAGS: c_int = 0x7;

/// What a `ddi_umem_cookie_t` stands for. Bufs that are made of it share it.
#[derive(Clone)]
enum Memory {
    Locked(Arc<Locked>),
    Kernel(Arc<KernelMemory>),
}

/// Locked memory of the program.
struct Locked {
    cookie: UmemCookie,
    /// The pages as a shadow list has them: their names, and what the names stand for.
    shadow: Box<[usize]>,
    _pages: Listed,
}

impl Locked {
    fn new(cookie: UmemCookie) -> Locked {
        let (start, end) = (cookie.address() as usize, (cookie.address() + cookie.len()) as usize);
        let pages = Listed::new((start..end).step_by(PAGE_SIZE).collect());
        Locked { cookie, shadow: pages.names(), _pages: pages }
    }
}

/// The memory of a cookie; a mistake ends the process in the name of `function`.
fn memory(cookie: *mut c_void, function: &str) -> Memory {
    match COOKIES.get(cookie.addr() as u64) {
        Ok(memory) => Memory::clone(&memory),
        Err(bad) => misuse!(function, "cookie {cookie:p}: {bad}: give a cookie that was not given back"),
    }
}

/// Ends a cookie.
fn remove(cookie: *mut c_void, function: &str) {
    if let Err(bad) = COOKIES.remove(cookie.addr() as u64) {
        misuse!(function, "cookie {cookie:p}: {bad}: give a cookie that was not given back");
    }
}

/// Where results of `function` go; a mistake ends the process.
fn result(cookiep: *mut *mut c_void, function: &str) -> *mut *mut c_void {
    if cookiep.is_null() {
        misuse!(function, "cookiep is NULL: say where the cookie goes");
    }
    // SAFETY: the caller of `function` promises a place for a cookie, and it is not NULL.
    unsafe { cookiep.write(ptr::null_mut()) };
    cookiep
}

/// Locks whole pages of the program: 0, or in this order, `EINVAL` for flags, `EINVAL` for a range that is not of whole
/// pages, `ENOMEM` over the limit, `EFAULT`, `EACCES` or `ENOMEM` for a page (`ddi_umem_lock(9F)`).
///
/// # Safety
///
/// `cookiep` is where a cookie can be written. What is locked stays mapped until it is unlocked.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_umem_lock(
    addr: *mut c_char,
    len: usize,
    flags: c_int,
    cookiep: *mut *mut c_void,
) -> c_int {
    let cookiep = result(cookiep, "ddi_umem_lock");
    let flags = UmemFlags::from_bits_retain(flags as u32);
    let cookie = match umem_lock(&SPACE, addr.expose_provenance() as u64, len as u64, flags) {
        Ok(cookie) => cookie,
        Err(error) => {
            note(format_args!("ddi_umem_lock: {error}"));
            return c_int::from(error.errno().0);
        }
    };
    let Some(handle) = COOKIES.insert(Memory::Locked(Arc::new(Locked::new(cookie)))) else {
        note("ddi_umem_lock: there are as many cookies as there can be: unlock some");
        return ENOMEM;
    };
    // SAFETY: `result` has written there.
    unsafe { cookiep.write(handle.pointer()) };
    0
}

/// Ends a cookie. The pages are unlocked when the bufs that were made of it are freed, too (`ddi_umem_unlock(9F)`).
#[unsafe(no_mangle)]
pub extern "C" fn ddi_umem_unlock(cookie: *mut c_void) {
    const ME: &str = "ddi_umem_unlock";
    if let Memory::Kernel(_) = memory(cookie, ME) {
        misuse!(ME, "cookie {cookie:p} is of ddi_umem_alloc: give it to ddi_umem_free");
    }
    remove(cookie, ME);
}

/// Allocates memory of whole pages, filled with zeros; NULL where there is none (`ddi_umem_alloc(9F)`).
///
/// # Safety
///
/// `cookiep` is where a cookie can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_umem_alloc(size: usize, flag: c_int, cookiep: *mut *mut c_void) -> *mut c_void {
    const ME: &str = "ddi_umem_alloc";
    let cookiep = result(cookiep, ME);
    if size == 0 || flag & !ALLOC_FLAGS != 0 {
        note(format_args!("{ME}: size {size:#x} and flag {flag:#x}: give at least 1 byte, and known flags"));
        return ptr::null_mut();
    }
    let Some(memory) = KernelMemory::new(size) else {
        note(format_args!("{ME}: {size:#x} bytes of memory are not to be had"));
        return ptr::null_mut();
    };
    let start = memory.start();
    let Some(handle) = COOKIES.insert(Memory::Kernel(Arc::new(memory))) else {
        note(format_args!("{ME}: there are as many cookies as there can be: free some"));
        return ptr::null_mut();
    };
    // SAFETY: `result` has written there.
    unsafe { cookiep.write(handle.pointer()) };
    start.cast()
}

/// Ends a cookie. The memory is freed when the bufs that were made of it are, too (`ddi_umem_free(9F)`).
#[unsafe(no_mangle)]
pub extern "C" fn ddi_umem_free(cookie: *mut c_void) {
    const ME: &str = "ddi_umem_free";
    if let Memory::Locked(_) = memory(cookie, ME) {
        misuse!(ME, "cookie {cookie:p} is of ddi_umem_lock: give it to ddi_umem_unlock");
    }
    remove(cookie, ME);
}

/// Makes a buf of a part of the memory of a cookie, which it keeps until `freerbuf` frees it; NULL where the part is not
/// inside, the direction is none, or the pages are not locked for it (`ddi_umem_iosetup(9F)`).
#[unsafe(no_mangle)]
pub extern "C" fn ddi_umem_iosetup(
    cookie: *mut c_void,
    off: i64,
    len: usize,
    direction: c_int,
    dev: u64,
    blkno: i64,
    iodone: Option<Iodone>,
    sleepflag: c_int,
) -> *mut buf {
    let part = match part(&memory(cookie, "ddi_umem_iosetup"), off, len, direction) {
        Ok(part) => part,
        Err(text) => {
            note(format_args!("ddi_umem_iosetup: {text}"));
            return ptr::null_mut();
        }
    };
    let Some(bp) = live::allocate(sleepflag, "ddi_umem_iosetup") else {
        note("ddi_umem_iosetup: memory for a buf is not to be had");
        return ptr::null_mut();
    };
    set!(bp,
        b_flags: B_BUSY | B_PHYS | direction | part.flags,
        b_bcount: len,
        b_addr: pointer(part.address),
        b_lblkno: blkno,
        b_iodone: iodone,
        b_edev: dev,
        b_proc: part.process,
        b_shadow: part.shadow,
    );
    live::keep(bp, Some(part.memory));
    bp.as_ptr()
}

/// What a buf of a part of some memory says.
struct Part {
    flags: c_int,
    address: usize,
    process: *mut c_void,
    shadow: *mut *mut c_void,
    memory: Kept,
}

fn part(memory: &Memory, off: i64, len: usize, direction: c_int) -> Result<Part, String> {
    let way = match direction {
        B_READ => Direction::FromDevice,
        B_WRITE => Direction::ToDevice,
        _ => return Err(format!("direction {direction:#x} is none: give B_READ or B_WRITE")),
    };
    let offset = u64::try_from(off).map_err(|_| format!("offset {off} lies ahead of the memory"))?;
    match memory {
        Memory::Locked(locked) => {
            locked.cookie.iosetup(offset, len as u64, way).map_err(|error| error.to_string())?;
            let offset = offset as usize;
            let shadow = locked.shadow.get(offset / PAGE_SIZE..).map_or(ptr::null(), <[usize]>::as_ptr);
            Ok(Part {
                flags: B_SHADOW,
                address: locked.cookie.address() as usize + offset,
                process: process(),
                shadow: shadow.cast_mut().cast(),
                memory: Arc::clone(locked) as Kept,
            })
        }
        Memory::Kernel(kernel) => {
            let inside = usize::try_from(offset)
                .is_ok_and(|offset| offset.checked_add(len).is_some_and(|end| end <= kernel.length()));
            if !inside {
                return Err(format!(
                    "{len} bytes behind {off} are not inside the {} there are",
                    kernel.length()
                ));
            }
            let start = kernel.start().expose_provenance();
            let (process, shadow) = (ptr::null_mut(), ptr::null_mut());
            Ok(Part {
                flags: 0,
                address: start + offset as usize,
                process,
                shadow,
                memory: Arc::clone(kernel) as Kept,
            })
        }
    }
}

/// Bytes that `ddi_umem_lock` may lock.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_dma_umem_limit() -> usize {
    usize::try_from(SPACE.lock_limit().limit()).unwrap_or(usize::MAX)
}

/// Changes how many bytes `ddi_umem_lock` may lock. What is locked stays so.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_dma_set_umem_limit(bytes: usize) {
    SPACE.lock_limit().set_limit(bytes as u64);
}

/// Bytes that are locked by `ddi_umem_lock`.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_dma_umem_locked() -> usize {
    usize::try_from(SPACE.lock_limit().locked()).unwrap_or(usize::MAX)
}
