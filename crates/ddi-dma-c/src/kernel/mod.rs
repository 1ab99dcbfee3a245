//! What driver code around its DMA needs of a kernel: locks, memory, messages, lists, soft state, time, properties.

mod condvar;
mod copy;
mod device;
mod entry;
mod fault;
mod kmem;
mod list;
mod message;
mod module;
mod mutex;
mod property;
mod rwlock;
mod semaphore;
mod soft_state;
mod thread;
mod time;
