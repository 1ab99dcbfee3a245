//! The C interface: `<sys/sunddi.h>` names for drivers written for Solaris and illumos, and SunOS 4.1's `mb_mapalloc`
//! family.
//!
//! A C program sees the headers under `include`. What it holds, handles and devices, are numbers to it: an index and a
//! generation ([`table`]), so that nothing of a caller's is dereferenced but the memory that it says is its own, and a
//! handle that was freed is told from a live one. A mistake that the DDI has a return code for gets it; another ends the
//! process with a message ([`misuse`]).
//!
//! # Safety of the exported functions
//!
//! They are called by C, which cannot be held to Rust's rules; each relies on this alone: pointers to results are null
//! where the DDI allows it, or valid for what their type says; memory that is bound stays mapped until it is unbound.

mod abi;
mod access;
mod codes;
mod device;
mod dmae;
mod handle;
mod io;
mod kernel;
mod last_error;
mod memcheck;
mod memory;
mod misuse;
mod node;
mod sunos41;
mod table;
mod waitfp;
mod worker;
