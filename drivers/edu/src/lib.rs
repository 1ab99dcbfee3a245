//! A driver for QEMU's educational PCI device (`-device edu`, 1234:11e8), on [`ddi_dma`]: the shortest whole driver, and
//! the one to copy first.
//!
//! The device has a buffer of 4 KiB and a DMA engine that moves bytes between it and memory: one address, one count,
//! 28 bits of address, 100 ms a transfer. The driver says so once, in [`ATTR`], and then takes list after list; it knows
//! nothing of pages, of the IOMMU or of memory above 256 MiB. It needs no `unsafe`, no operating system, and nothing of
//! the machine but two traits, [`Registers`](ddi_dma::Registers) and [`Interrupt`](ddi_dma::Interrupt).
//!
//! | file | concept |
//! |---|---|
//! | `registers` | where the registers are, and their bits |
//! | `config` | what the engine can do, and how the driver waits for it |
//! | `fault` | what can go wrong with the device |
//! | `engine` | one DMA, one factorial: start it, wait for it |
//! | `edu` | the driver: attach, the small registers, detach |
//! | `transfer` | objects to the device and from it |
//! | `walk` | the rest of an object in flight, in pieces of any size |
//! | `outcome` | what a transfer came to |
//!
//! # What an author has to get right
//!
//! 1. The attributes are the engine's, with its defects: see [`ATTR`].
//! 2. Before a DMA is started, the one before has ended: the device ignores what is written to a running engine.
//! 3. The end of a DMA is read from the device. That an interrupt came says that it is worth looking, and no more.
//! 4. Memory that a running engine may still reach is not given back: a time-out drops the [`InFlight`](ddi_dma::InFlight),
//!    which takes the memory away from the device behind an IOMMU and keeps it in quarantine elsewhere. The device cannot be
//!    reset, so nothing else would help.
//!
//! # Examples
//!
//! The same in all ports; here the registers and the interrupt of some machine:
//!
//! ```
//! use ddi_dma::{Bus, DmaObject, Interrupt, Registers, Wait};
//! use edu::{Config, Edu};
//!
//! fn fill<O: DmaObject>(
//!     bus: &Bus,
//!     registers: impl Registers,
//!     interrupt: impl Interrupt,
//!     object: O,
//! ) -> Result<O, Box<dyn core::error::Error>> {
//!     let mut edu = Edu::attach(&bus.device("edu"), registers, interrupt, Config::default())?;
//!     assert_eq!(edu.factorial(5)?, 120);
//!     let (object, report) = edu.read(0x100, object, Wait::Sleep).map_err(|error| error.kind())?;
//!     assert_eq!(report.moved, report.length);
//!     edu.detach();
//!     Ok(object)
//! }
//! ```

#![no_std]
#![forbid(unsafe_code)]
extern crate alloc;

mod config;
mod edu;
mod engine;
mod fault;
mod outcome;
mod registers;
mod transfer;
mod walk;

pub use config::{ATTR, BUFFER, Completion, Config};
pub use edu::{AttachError, Detached, Edu, Version};
pub use engine::Engine;
pub use fault::{Fault, Work};
pub use outcome::{Memory, Report, TransferError, TransferErrorKind};
