//! Memory: what the kernel allocates from.
mod heap;
