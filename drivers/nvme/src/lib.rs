//! An NVMe driver on [`ddi_dma`]: what a driver of a modern PCI device looks like, to be copied.
//!
//! It is written from the NVM Express base specification, revision 1.4, whose sections the files name. It runs wherever
//! somebody provides [`Registers`](ddi_dma::Registers), [`Interrupt`](ddi_dma::Interrupt)s and a nexus: over VFIO from user
//! space, or on a simulated machine. The driver itself knows of neither, and has one `unsafe` block, in `quarantine`.
//!
//! | file | concept |
//! |---|---|
//! | `config` | what the driver is told |
//! | `registers` | the controller's registers and their fields |
//! | `memory` | memory that controller and driver share as long as the controller runs |
//! | `command`, `completion`, `status` | the entries of queues |
//! | `queue` | a pair of queues: slots, phase bit, doorbells |
//! | `controller` | turning it on and off, admin commands |
//! | `identify` | what the controller tells of itself |
//! | `pointers` | PRPs and SGLs from cookies |
//! | `request` | what is asked, and who is busy with it |
//! | `transfer`, `plain` | requests with an object, and without |
//! | `outcome`, `error` | what a request comes to |
//! | `nvme` | the driver |
//! | `quarantine` | memory that a reset frees |
//!
//! # Who owns what
//!
//! A request in flight owns its object, bound and started, so nobody can touch or free the bytes. It is cut into windows by
//! the framework, a window into lists, and a list into commands ([`Style`]). Commands know by number which request they belong
//! to. When the last has ended, the object goes to the [`Token`]. Where the controller stops answering it is reset: then it
//! reaches no memory any more, all requests end with an error, and all objects come back. Only where even that fails, objects
//! stay in flight: an IOMMU takes them away from the controller, and without one they are kept from use until a reset
//! succeeds.
//!
//! Queues, lists and the answers of the controller are private memory, in flight from attach to detach. What the controller
//! writes there may be anything, so it is copied out and checked: an identifier that is not in flight is counted, and
//! otherwise ignored.

#![deny(unsafe_code)]

mod command;
mod completion;
mod config;
mod controller;
mod error;
mod identify;
mod memory;
mod nvme;
mod outcome;
mod plain;
mod pointers;
mod quarantine;
mod queue;
mod registers;
mod request;
mod status;
mod transfer;

pub use command::Operation;
pub use config::{Config, Pointers};
pub use error::{AdminCommand, Fault, Goal, RequestError, RequestErrorKind, Unsupported};
pub use identify::{ControllerInfo, Namespace, SglSupport, Support};
pub use nvme::{Counts, Nvme};
pub use outcome::{Outcome, Report, Token};
pub use pointers::Style;
pub use registers::{ControllerStatus, ShutdownStatus};
pub use request::Request;
pub use status::{Code, More, Retry, Status};
