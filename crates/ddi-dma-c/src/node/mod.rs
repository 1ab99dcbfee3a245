//! `dev_info_t`: a device with the nexus above it.

mod open;
mod properties;
mod soft;
mod statistics;

use std::ffi::c_void;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ddi_dma::{BindFlags, Bus, Device};

use crate::device::{Hardware, Opened};
use crate::misuse::misuse;
use crate::sunos41::Dvma;
use crate::table::{BadHandle, Table};
use crate::waitfp::Callbacks;
pub(crate) use properties::{Number, Properties, Wanted};
pub(crate) use soft::{Context, SoftInterrupts, context, enter};

/// What `dev_info_t *` points to in C: nothing. Its value is a handle.
pub(crate) enum DevInfo {}

/// All devices that are open.
static NODES: Table<Arc<Node>, 1> = Table::new();

/// The number of the next device.
static NEXT_INSTANCE: AtomicI32 = AtomicI32::new(0);

/// A device that is open.
pub(crate) struct Node {
    /// As it was opened.
    pub(crate) name: String,
    /// `ddi_get_instance`: no other device of this process has it.
    pub(crate) instance: i32,
    pub(crate) bus: Bus,
    pub(crate) device: Device,
    /// What there is beside DMA: registers, interrupts, memory.
    pub(crate) hardware: Hardware,
    pub(crate) soft: Arc<SoftInterrupts>,
    pub(crate) callbacks: Callbacks,
    /// What is mapped by SunOS 4.1's functions.
    pub(crate) dvma: Dvma,
    /// Integer properties.
    properties: Mutex<Properties>,
    /// The bit of `BindFlags::ONE_LIST`, where the property [`ONE_LIST`] says so; to be read without the lock.
    bind_flags: AtomicU32,
    /// `ddi_set_driver_private`.
    driver_private: Mutex<usize>,
    /// DMA handles and private memory that are allocated.
    pub(crate) allocated: AtomicUsize,
}

/// The property that makes a bind without `DDI_DMA_PARTIAL` refuse what takes more than one scatter/gather list.
pub(crate) const ONE_LIST: &str = "ddi-dma-one-list";

impl Node {
    fn new(name: &str, opened: Opened, soft: Arc<SoftInterrupts>) -> Self {
        let Opened { hardware, bus, device, properties } = opened;
        let node = Node {
            name: name.to_owned(),
            instance: NEXT_INSTANCE.fetch_add(1, Ordering::Relaxed),
            bus,
            device,
            hardware,
            soft,
            callbacks: Callbacks::default(),
            dvma: Dvma::default(),
            properties: Mutex::new(Properties::new(properties)),
            bind_flags: AtomicU32::new(0),
            driver_private: Mutex::default(),
            allocated: AtomicUsize::new(0),
        };
        node.change_properties(|_| ());
        node
    }

    /// An integer property.
    pub(crate) fn property(&self, wanted: Wanted, name: &str) -> Option<i32> {
        self.properties().find(wanted, name)
    }

    /// Changes the integer properties.
    pub(crate) fn change_properties<T>(&self, change: impl FnOnce(&mut Properties) -> T) -> T {
        let mut properties = self.properties();
        let changed = change(&mut properties);
        let one_list = properties.find(Wanted::Any, ONE_LIST).unwrap_or(0) != 0;
        let flags = if one_list { BindFlags::ONE_LIST } else { BindFlags::empty() };
        self.bind_flags.store(flags.bits(), Ordering::Relaxed);
        changed
    }

    fn properties(&self) -> MutexGuard<'_, Properties> {
        self.properties.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the driver keeps here, as an address.
    pub(crate) fn driver_private(&self) -> MutexGuard<'_, usize> {
        self.driver_private.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is added to the flags of every bind.
    #[inline(always)]
    pub(crate) fn bind_flags(&self) -> u32 {
        self.bind_flags.load(Ordering::Relaxed)
    }
}

/// The device that C means; a mistake ends the process in the name of `function`.
pub(crate) fn of(dip: *mut DevInfo, function: &str) -> Arc<Node> {
    match find(dip.addr()) {
        Ok(node) => node,
        Err(bad) => misuse!(function, "dip {dip:p}: {bad}: give what ddi_dma_open returned"),
    }
}

/// The device of a handle.
pub(crate) fn find(handle: usize) -> Result<Arc<Node>, BadHandle> {
    NODES.get(handle as u64).map(|node| Arc::clone(&node))
}

/// The devices that are open, each while the caller looks at it.
pub(crate) fn for_each(mut look: impl FnMut(&Node)) {
    NODES.for_each(|node| look(node));
}

/// Makes a device known to C; `None` where there are too many.
fn publish(node: Node) -> Option<*mut DevInfo> {
    NODES.insert(Arc::new(node)).map(|handle| handle.pointer())
}

/// Ends a device.
fn withdraw(dip: *mut DevInfo, function: &str) -> Arc<Node> {
    match NODES.remove(dip.addr() as u64) {
        Ok(node) => node,
        Err(bad) => misuse!(function, "dip {dip:p}: {bad}: give what ddi_dma_open returned"),
    }
}

/// An argument of a callback, on its way to another thread: nothing is done with it here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Argument(usize);

impl Argument {
    pub(crate) fn new(argument: *mut c_void) -> Self {
        Argument(argument.expose_provenance())
    }

    pub(crate) fn pointer(self) -> *mut c_void {
        std::ptr::with_exposed_provenance_mut(self.0)
    }
}
