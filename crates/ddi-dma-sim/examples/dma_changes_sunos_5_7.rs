//! "DMA Changes": the sequence of SunOS 5.7, its steps in comments.

mod common;

use common::{Failure, device_of, program, wait_for};
use ddi_dma::{BindFlags, Bus, BusConfig, Direction, DmaHandle, DmaObject, Wait};
use ddi_dma_sim::{BufferSpec, Machine, MachineConfig};

/// Moves a buffer, a buf or any other object to or from the start of a disk. Returns it, and the number of windows that
/// it took.
///
/// # Errors
///
/// The object cannot be bound, or a transfer fails.
pub fn move_object<O: DmaObject>(
    machine: &Machine,
    name: &str,
    config: BusConfig,
    object: O,
    direction: Direction,
) -> Result<(O, usize), Failure> {
    let disk = machine.device(name)?;
    let bus = Bus::new(machine.nexus(disk.spec().nexus), config);

    // 1. ddi_dma_alloc_handle: allocate a DMA handle, which can be reused for subsequent transfers.
    let handle: DmaHandle<O> = device_of(&bus, disk).alloc_handle(&disk.spec().attr, Wait::DontWait)?;

    // 2. ddi_dma_buf_bind_handle: allocate DMA resources, and retrieve the address from the cookies. PARTIAL: where
    //    resources do not hold all of the object, a window slides over it.
    let mut flight = handle.bind(object, direction, BindFlags::PARTIAL, Wait::DontWait)?.start();
    let windows = flight.window_count();

    // If the transfer involves several windows, ddi_dma_getwin moves to subsequent ones.
    while let Some(window) = flight.next_window()? {
        for list in window.lists() {
            // 3. Program the device and start the DMA.
            program(disk, &list, list.offset() / 512, direction);

            // 4. Perform the transfer.
            wait_for(machine, disk)?;
        }
    }

    // 5. ddi_dma_unbind_handle: free the mapping when DMA is complete.
    let (handle, object) = flight.complete().unbind();

    // 6. ddi_dma_free_handle: free the handle when it is no longer needed.
    drop(handle);
    Ok((object, windows))
}

/// Runs it.
///
/// # Errors
///
/// Something failed.
pub fn main() -> Result<(), Failure> {
    let machine = Machine::new(MachineConfig::default())?;
    let config = BusConfig { copy_buffer_limit: 0x4000, ..BusConfig::default() };
    let buffer = machine.buffer(&BufferSpec::new(100_000))?;
    let (_, windows) = move_object(&machine, "isa-disk", config, buffer, Direction::ToDevice)?;
    println!("isa-disk: 100,000 bytes through a copy buffer of 16 KiB in {windows} windows");
    Ok(())
}
