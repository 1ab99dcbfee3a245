//! `struct page`: a page of this process, as `B_PAGEIO` and `B_SHADOW` name it.
//!
//! A `struct page *` is the address of an entry in a list that this file keeps. It is a name: nothing reads through it,
//! and one that names no entry of a list that is there is told from one that does.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use crate::last_error::note;
use crate::misuse::misuse;

/// Bytes of a page of 64-bit x86 (`PAGESIZE`), and the bits of an offset in it (`PAGEOFFSET`).
pub(super) const PAGE_SIZE: usize = 0x1000;
pub(super) const PAGE_OFFSET: usize = PAGE_SIZE - 1;

/// Bytes from one page's name to the next one's.
const ENTRY: usize = size_of::<usize>();

/// All lists by the address of their first entry.
static LISTS: RwLock<BTreeMap<usize, Entry>> = RwLock::new(BTreeMap::new());

struct Entry {
    addresses: Arc<[usize]>,
    owner: Owner,
}

/// Who says that a list is not needed any more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// C, by `ddi_dma_pages_free`.
    Program,
    /// The [`Listed`] of locked memory.
    Library,
}

/// The name of a page, which may be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page(usize);

impl Page {
    pub(super) fn of(page: *mut c_void) -> Page {
        Page(page.addr())
    }

    /// The name that stands `pages` further in its list, if it has so many.
    pub(super) fn behind(self, pages: usize) -> *mut c_void {
        std::ptr::without_provenance_mut(self.0.wrapping_add(pages.wrapping_mul(ENTRY)))
    }
}

/// Why a name is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadPage {
    Unknown(Page),
    Short { have: usize, needed: usize },
}

impl fmt::Display for BadPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadPage::Unknown(Page(page)) => {
                write!(f, "{page:#x} is no page: give what ddi_dma_pages returned, and did not free since")
            }
            BadPage::Short { have, needed } => {
                write!(f, "the list has {have} pages, and the bytes touch {needed}")
            }
        }
    }
}

/// Pages of a list from one of them on.
pub(super) struct Stretch {
    list: Arc<[usize]>,
    first: usize,
    count: usize,
}

impl Stretch {
    /// `count` pages from `page` on.
    pub(super) fn at(page: Page, count: usize) -> Result<Stretch, BadPage> {
        let (list, first) = find(page)?;
        let have = list.len() - first;
        if have < count {
            Err(BadPage::Short { have, needed: count })
        } else {
            Ok(Stretch { list, first, count })
        }
    }

    /// The addresses of the pages.
    pub(super) fn addresses(&self) -> &[usize] {
        self.list.get(self.first..self.first + self.count).unwrap_or(&[])
    }

    /// The address of a page, looked for first in the list of the page before.
    pub(super) fn again(last: &mut Option<Arc<[usize]>>, page: Page) -> Result<usize, BadPage> {
        if let Some(address) = last.as_ref().and_then(|list| list.get(index_in(list, page)?)) {
            return Ok(*address);
        }
        let (list, index) = find(page)?;
        let address = list.get(index).copied().ok_or(BadPage::Unknown(page))?;
        *last = Some(list);
        Ok(address)
    }
}

/// Which entry of a list a page is.
fn index_in(list: &[usize], page: Page) -> Option<usize> {
    let bytes = page.0.checked_sub(list.as_ptr().addr())?;
    (bytes.is_multiple_of(ENTRY) && bytes / ENTRY < list.len()).then_some(bytes / ENTRY)
}

fn find(page: Page) -> Result<(Arc<[usize]>, usize), BadPage> {
    let lists = LISTS.read().unwrap_or_else(PoisonError::into_inner);
    let (_, entry) = lists.range(..=page.0).next_back().ok_or(BadPage::Unknown(page))?;
    let index = index_in(&entry.addresses, page).ok_or(BadPage::Unknown(page))?;
    Ok((Arc::clone(&entry.addresses), index))
}

/// Makes names for pages; there is at least one.
fn list(addresses: Vec<usize>, owner: Owner) -> Arc<[usize]> {
    let addresses: Arc<[usize]> = addresses.into();
    let entry = Entry { addresses: Arc::clone(&addresses), owner };
    LISTS.write().unwrap_or_else(PoisonError::into_inner).insert(addresses.as_ptr().addr(), entry);
    addresses
}

/// A list of pages that C can name, until dropped.
pub(super) struct Listed(Arc<[usize]>);

impl Listed {
    /// Makes names for pages; there is at least one.
    pub(super) fn new(addresses: Vec<usize>) -> Listed {
        Listed(list(addresses, Owner::Library))
    }

    /// The name of each page, in order: what `b_shadow` points to.
    pub(super) fn names(&self) -> Box<[usize]> {
        (0..self.0.len()).map(|index| self.0.as_ptr().addr() + index * ENTRY).collect()
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        LISTS.write().unwrap_or_else(PoisonError::into_inner).remove(&self.0.as_ptr().addr());
    }
}

/// Makes a list of pages of this process: for `b_pages` of a `B_PAGEIO` buf, and page by page for `b_shadow`.
///
/// NULL where an address is none of a page, or there are none.
///
/// # Safety
///
/// `pages` is NULL or has `count` entries.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_dma_pages(pages: *const *mut c_void, count: usize) -> *mut c_void {
    if pages.is_null() || count == 0 {
        note("ddi_dma_pages: no page is named: give at least one");
        return std::ptr::null_mut();
    }
    let mut addresses = Vec::with_capacity(count);
    for index in 0..count {
        // SAFETY: the caller promises so many entries.
        let address = unsafe { pages.add(index).read() }.expose_provenance();
        if address == 0 || address & PAGE_OFFSET != 0 || address > usize::MAX - 2 * PAGE_SIZE {
            note(format_args!(
                "ddi_dma_pages: pages[{index}] {address:#x} is not where a page of {PAGE_SIZE} starts"
            ));
            return std::ptr::null_mut();
        }
        addresses.push(address);
    }
    list(addresses, Owner::Program).as_ptr().cast_mut().cast()
}

/// Forgets a list of pages. What it names stays as it is.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_dma_pages_free(first: *mut c_void) {
    let mut lists = LISTS.write().unwrap_or_else(PoisonError::into_inner);
    match lists.get(&first.addr()).map(|entry| entry.owner) {
        Some(Owner::Program) => lists.remove(&first.addr()),
        Some(Owner::Library) | None => misuse!(
            "ddi_dma_pages_free",
            "{first:p} is no list of pages, or was freed: give what ddi_dma_pages returned"
        ),
    };
}
