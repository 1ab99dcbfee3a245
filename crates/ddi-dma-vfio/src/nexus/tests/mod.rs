//! The nexus over a model of the kernel's IOMMU, with a device that really moves bytes of this process.

mod allocations;
mod arena;
mod data;
mod errors;
mod isolation;
mod mapping;
mod random;
mod shortage;

use std::fs::File;
use std::io::Write;
use std::sync::Arc;

use ddi_dma::{
    BindFlags, BusConfig, Cookie, Device, Direction, DmaAttr, DmaHandle, DmaObject, InFlight, Wait,
};

use super::{Usage, VfioBus, VfioNexus};
use crate::iommu::fake::{FakeIommu, Fault, Limits};

/// A nexus, the IOMMU under it, and a device on it.
struct Rig {
    iommu: FakeIommu,
    nexus: Arc<VfioNexus>,
    bus: VfioBus,
    device: Device,
}

impl Rig {
    fn new(limits: Limits) -> Rig {
        let iommu = FakeIommu::new(limits);
        let nexus = Arc::new(VfioNexus::new(iommu.clone()).unwrap());
        let bus = nexus.bus(BusConfig::default());
        Rig { iommu, device: bus.device("device"), nexus, bus }
    }

    fn handle<O: DmaObject>(&self, attr: &DmaAttr) -> DmaHandle<O> {
        self.device.alloc_handle(attr, Wait::DontWait).unwrap()
    }

    /// Nothing is mapped, by the nexus' books and by the model's.
    #[track_caller]
    fn assert_nothing_is_left(&self) {
        let most_maps = self.nexus.usage().most_maps;
        assert_eq!(self.nexus.usage(), Usage { most_maps, ..Usage::default() });
        assert_eq!(self.iommu.maps(), []);
    }
}

impl Default for Rig {
    fn default() -> Self {
        Rig::new(Limits::default())
    }
}

/// An engine that takes one cookie at a time, anywhere below 4 GiB.
const ONE_COOKIE: DmaAttr = DmaAttr { addr_hi: 0xFFFF_FFFF, sgllen: 1, ..DmaAttr::UNRESTRICTED };

/// Cookies of all lists of the current window.
fn cookies<O: DmaObject>(flight: &InFlight<O>) -> Vec<Cookie> {
    let window = flight.current_window().unwrap();
    window.lists().flat_map(|list| list.cookies().to_vec()).collect()
}

/// A file that is kept in memory, whose pages every kernel lends to devices.
fn memory_file(bytes: &[u8]) -> File {
    let file = rustix::fs::memfd_create("test", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    let mut file = File::from(file);
    file.write_all(bytes).unwrap();
    file
}

/// Bytes that tell where they are.
fn pattern(length: u64, seed: u64) -> Vec<u8> {
    (0..length)
        .map(|at| (at.wrapping_mul(0x9E37_79B9) >> 11) as u8 ^ (seed as u8) ^ (at >> 12) as u8)
        .collect()
}

/// The device reads all that the cookies of all windows show.
fn device_reads<O: DmaObject>(rig: &Rig, flight: &mut InFlight<O>) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    while flight.next_window().unwrap().is_some() {
        for cookie in cookies(flight) {
            let start = bytes.len();
            bytes.resize(start + cookie.size as usize, 0);
            rig.iommu.device_read(cookie.address, &mut bytes[start..])?;
        }
    }
    Ok(bytes)
}

/// The device writes these bytes to what the cookies of all windows show.
fn device_writes<O: DmaObject>(rig: &Rig, flight: &mut InFlight<O>, mut bytes: &[u8]) -> Result<(), Fault> {
    while flight.next_window().unwrap().is_some() {
        for cookie in cookies(flight) {
            let (now, later) = bytes.split_at(cookie.size as usize);
            rig.iommu.device_write(cookie.address, now)?;
            bytes = later;
        }
    }
    assert!(bytes.is_empty(), "{} bytes are behind the object", bytes.len());
    Ok(())
}

/// Binds an object and hands it to the device.
fn start<O: DmaObject>(rig: &Rig, object: O, direction: Direction, flags: BindFlags) -> InFlight<O> {
    rig.handle(&DmaAttr::UNRESTRICTED).bind(object, direction, flags, Wait::DontWait).unwrap().start()
}
