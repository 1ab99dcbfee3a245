//! Memory that controller and driver share as long as the controller runs: queues, lists, what it tells of itself.

use ddi_dma::{
    Access, AccessAttr, AccessOrder, BindFlags, Device, Direction, DmaAttr, Endian, InFlight, MemoryUse,
    PrivateMemory, SyncFor, Wait,
};

use crate::error::Fault;

/// The controller's words are little-endian.
const LITTLE: AccessAttr = AccessAttr { endian: Endian::Little, order: AccessOrder::Strict };

/// Private memory that is in flight for as long as the controller may reach it.
pub(crate) struct Shared {
    access: Access,
    address: u64,
    /// `None` once the controller is off for good.
    flight: Option<InFlight<PrivateMemory>>,
}

impl Shared {
    /// Allocates memory in one run of bus addresses that starts on a page of the controller, all zero.
    pub(crate) fn allocate(device: &Device, page: u64, length: u64) -> Result<Self, Fault> {
        let attr = DmaAttr { align: page, sgllen: 1, ..DmaAttr::UNRESTRICTED };
        let handle = device.alloc_handle::<PrivateMemory>(&attr, Wait::DontWait)?;
        let memory = handle.alloc_memory(length, MemoryUse::Consistent, LITTLE, Wait::DontWait)?;
        let access = memory.access();
        let binding = handle.bind(memory, Direction::Both, BindFlags::CONSISTENT, Wait::DontWait);
        let mut flight = binding.map_err(|error| Fault::Bind(error.kind()))?.start();
        let window = flight.window(0)?;
        let [cookie] = window.cookies() else {
            return Err(Fault::Scattered { cookies: window.cookies().len() });
        };
        let address = cookie.address;
        Ok(Shared { access, address, flight: Some(flight) })
    }

    /// Where the controller finds it.
    pub(crate) fn address(&self) -> u64 {
        self.address
    }

    /// The way to its bytes.
    pub(crate) fn access(&self) -> &Access {
        &self.access
    }

    /// Lets the controller see what was written: `length` bytes at `offset`.
    pub(crate) fn show(&mut self, offset: u64, length: u64) -> Result<(), Fault> {
        self.sync(offset, length, SyncFor::Device)
    }

    /// Lets the driver see what the controller wrote: `length` bytes at `offset`.
    pub(crate) fn look(&mut self, offset: u64, length: u64) -> Result<(), Fault> {
        self.sync(offset, length, SyncFor::Cpu)
    }

    /// Costs nothing where devices and CPU see the same memory.
    fn sync(&mut self, offset: u64, length: u64, sync_for: SyncFor) -> Result<(), Fault> {
        match &mut self.flight {
            Some(flight) => Ok(flight.sync(offset..offset + length, sync_for)?),
            None => Ok(()),
        }
    }

    /// Fills it with zeros.
    pub(crate) fn clear(&mut self) -> Result<(), Fault> {
        let length = self.access.length();
        for offset in (0..length).step_by(8) {
            self.access.put64(offset, 0)?;
        }
        self.show(0, length)
    }

    /// Takes it back from a controller that is off for good. Without this, dropping it abandons it.
    pub(crate) fn retire(&mut self) {
        if let Some(flight) = self.flight.take() {
            drop(flight.complete().unbind());
        }
    }
}
