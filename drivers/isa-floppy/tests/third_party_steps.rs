//! "In general, the driver should perform these steps for third-party DMA": the nine of them, one statement after the
//! other, for a sector of a floppy disk. What the driver does beside them, motor and seek, is left to it.

mod common;

use std::sync::Arc;

use common::{Rig, SECTOR, pattern};
use ddi_dma::dmae::{Command, Request};
use ddi_dma::{AddressSpace, BindFlags, Direction, DmaAttr, PortIo, SyncFor, UmemFlags, Wait, umem_lock};
use ddi_dma_sim::{Protection, Stepped, UserSpace};

/// READ DATA of cylinder 3, head 1, sector 5, for a controller of whose commands bytes go out as it takes them.
const READ: [u8; 9] = [0xC6, 0x04, 3, 1, 5, 2, 18, 0x1B, 0xFF];
/// The number of that sector.
const LBA: u64 = 3 * 36 + 18 + 4;

#[test]
fn third_party_steps() {
    let mut rig = Rig::new();
    let on_disk = rig.fill_medium(LBA, 1, 9);
    rig.floppy.recalibrate().unwrap();
    rig.floppy.seek(3).unwrap();
    let process = UserSpace::new(&rig.machine, 1 << 30);
    let page = rig.machine.memory().page_size();
    let address = process.map(page, Protection::ReadWrite).unwrap();
    let space: Arc<dyn AddressSpace> = process.clone();

    // 1. Allocate a DMA channel.
    let channel = rig.dmae.alloc(2, Wait::Sleep).unwrap();

    // 2. Retrieve the system's DMA engine attributes with ddi_dmae_getattr(9F).
    let attributes = DmaAttr { granular: SECTOR as u32, ..channel.attributes() };

    // 3. Lock the DMA object in memory (see physio(9F) or ddi_umem_lock(9F)).
    let object = umem_lock(&space, address, page, UmemFlags::needed(Direction::FromDevice)).unwrap();

    // 4. Allocate DMA resources for the object.
    let handle = rig.bus.device("fd0").alloc_handle(&attributes, Wait::Sleep).unwrap();
    let binding = handle.bind(object, Direction::FromDevice, BindFlags::PARTIAL, Wait::Sleep).unwrap();

    // 5. Program the system DMA engine to perform the transfer with ddi_dmae_prog(9F). The device is told then.
    let mut transfer = channel.carry(binding.start());
    transfer.program_part(&Request::new(Command::FromDevice), 0, 0..SECTOR).unwrap();
    READ.iter().for_each(|byte| rig.machine.ports().write(rig.drive.base() + 5, *byte));
    while rig.drive.step() == Stepped::Done {}
    assert!(rig.drive.interrupting());
    assert_eq!(transfer.remaining().unwrap(), 0);

    // 6. Perform any required object synchronizations.
    transfer.sync(..SECTOR, SyncFor::Cpu).unwrap();

    // 7. Stop the DMA engine with ddi_dmae_stop(9F).
    transfer.stop();
    let (channel, binding) = transfer.complete();

    // 8. Release the DMA resources.
    let (handle, object) = binding.unbind();
    drop((handle, object));

    // 9. Deallocate the DMA channel.
    drop(channel);

    let mut read = vec![0; SECTOR as usize];
    process.read(address, &mut read).unwrap();
    assert_eq!(read, on_disk);
    assert_eq!(read, pattern(SECTOR, 9));
    rig.assert_all_is_free();
}
