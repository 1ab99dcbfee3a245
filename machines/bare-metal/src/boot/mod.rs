//! From the loader to [`kernel_main`](crate::kernel_main): one way in for every machine.
//!
//! QEMU's `-kernel` starts an image as the PVH boot protocol says: 32-bit protected mode, EBX = the address of a
//! `start_info`. Bochs starts a disk's first sector; that sector is a PVH loader of our own.

mod entry;
mod sector;
mod start_info;

pub use start_info::StartInfo;
