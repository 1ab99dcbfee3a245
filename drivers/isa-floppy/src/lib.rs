//! A driver for the PC's floppy disk controller, on [`ddi_dma`]: what third-party DMA takes, in safe code.
//!
//! The controller has no DMA engine. The driver borrows a channel of the system's engine for each transfer, binds the
//! object with the attributes of that channel, and programs the engine ahead of each command. It knows nothing of memory
//! above 16 MiB, of 64 KiB boundaries or of scattered pages: the framework copies, cuts into windows and lists, and the
//! driver takes list after list.
//!
//! | file | concept |
//! |---|---|
//! | `board` | what the driver asks of the machine: an interrupt line and a clock |
//! | `config` | where the controller is, and what is in the drive |
//! | `geometry` | sectors by number, and by cylinder, head and sector |
//! | `registers` | the five ports, and their bits |
//! | `command` | the bytes of commands |
//! | `status` | the bytes of results |
//! | `fault` | what can go wrong with the drive, and what to do about it |
//! | `controller` | bytes to and from the controller; reset |
//! | `floppy` | one drive: motor, seeks, disk changes |
//! | `transfer` | objects to the disk and from it |
//! | `outcome` | what a transfer came to |
//!
//! # How an object is cut
//!
//! A command of the controller moves consecutive sectors of one cylinder, on both sides, and ends with terminal count. A list
//! of the binding is some consecutive sectors too, but it ends where memory, the copy buffer or the engine's counter end. So
//! each command moves what list and cylinder have in common: [`program_part`](ddi_dma::dmae::ThirdParty::program_part)
//! programs that part of the list. Nothing depends on where on the disk an object starts, and no command is shorter
//! than it must be.
//!
//! # Examples
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use ddi_dma::{Bus, BusConfig, Dmae, Wait};
//! use ddi_dma_sim::{BufferSpec, FloppyController, Machine, MachineConfig, NexusKind, Stepped};
//! use isa_floppy::{Board, Config, Floppy, TimedOut};
//!
//! /// A simulated machine: time passes only where somebody waits.
//! struct Simulated(Arc<FloppyController>);
//!
//! impl Board for Simulated {
//!     fn expect_interrupt(&self) {}
//!
//!     fn wait_interrupt(&self, _: Duration) -> Result<(), TimedOut> {
//!         while self.0.step() == Stepped::Done {}
//!         if self.0.interrupting() { Ok(()) } else { Err(TimedOut) }
//!     }
//!
//!     fn delay(&self, _: Duration) {}
//! }
//!
//! let machine = Machine::new(MachineConfig::default())?;
//! let board = Arc::new(Simulated(machine.floppy().clone()));
//! let bus = Bus::new(machine.nexus(NexusKind::Isa), BusConfig::default());
//! let dmae = Dmae::new(machine.ports());
//! let mut floppy = Floppy::attach(Config::default(), machine.ports(), board, &dmae, &bus)?;
//!
//! let mut sectors = machine.buffer(&BufferSpec::new(3 * 512))?;
//! sectors.write(1024, b"the third of them")?;
//! let (sectors, report) = floppy.write(35, sectors, Wait::DontWait)?; // the last sector of a cylinder, and two more
//! assert_eq!((report.moved, report.commands), (3 * 512, 2));
//! # let mut third = [0; 17];
//! # machine.floppy().read_medium(37 * 512, &mut third)?;
//! # assert_eq!(&third, b"the third of them");
//! # drop(sectors);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![no_std]
#![forbid(unsafe_code)]
extern crate alloc;

mod board;
mod command;
mod config;
mod controller;
mod fault;
mod floppy;
mod geometry;
mod outcome;
mod registers;
mod status;
mod transfer;

pub use board::{Board, TimedOut};
pub use config::{Config, Drive};
pub use controller::Version;
pub use fault::{Fault, Phase, Remedy};
pub use floppy::Floppy;
pub use geometry::{Chs, DataRate, Geometry, SECTOR};
pub use outcome::{AttachError, Report, TransferError, TransferErrorKind};
pub use status::{Cause, St0, St1, St2, Status};
pub use transfer::{Issued, Loaded, MOST_TRIES, Operation, Order, Transfer};
