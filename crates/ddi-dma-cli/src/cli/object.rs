//! What several commands are told of an object and its memory.

use clap::ValueEnum;
use ddi_dma::BindFlags;

/// Size of the machine's pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PageSize {
    #[value(name = "4k", alias = "4096")]
    Kib4,
    #[value(name = "8k", alias = "8192")]
    Kib8,
}

impl From<PageSize> for ddi_dma_sim::PageSize {
    fn from(size: PageSize) -> Self {
        match size {
            PageSize::Kib4 => ddi_dma_sim::PageSize::Kib4,
            PageSize::Kib8 => ddi_dma_sim::PageSize::Kib8,
        }
    }
}

/// How an object is bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Flag {
    /// Window by window where the copy buffer does not hold all of it
    Partial,
    /// An error instead of a window that takes more than one list
    OneList,
    /// Device and CPU use the object by turns
    Consistent,
    /// The device moves the object in order, in blocks
    Streaming,
    /// The device fills the whole object: the copy buffer is not filled first
    Overwrite,
}

/// The flags together.
pub(crate) fn bind_flags(flags: &[Flag]) -> BindFlags {
    flags.iter().fold(BindFlags::empty(), |sum, flag| {
        sum | match flag {
            Flag::Partial => BindFlags::PARTIAL,
            Flag::OneList => BindFlags::ONE_LIST,
            Flag::Consistent => BindFlags::CONSISTENT,
            Flag::Streaming => BindFlags::STREAMING,
            Flag::Overwrite => BindFlags::OVERWRITE,
        }
    })
}
