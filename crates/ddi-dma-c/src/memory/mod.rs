//! From an address of the program to a memory object.
//!
//! Memory that came from this library is known by its address: that of a simulated machine, and private DMA memory. Any
//! other memory of the process is lent to the simulated machine for as long as it is bound, or mapped where it lies by
//! VFIO.

mod gathered;
mod object;
mod region;
mod simulated;

use std::ptr::NonNull;

use ddi_dma::Extent;

use crate::device::Hardware;
use crate::node::Node;
pub(crate) use gathered::Gathered;
use gathered::Piece;
pub(crate) use object::{ObjectRef, Place};
pub(crate) use region::{Region, add, find, remove};

/// Why memory cannot be bound.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoObject {
    #[error("the address is NULL: give the memory to transfer")]
    Null,
    #[error("no bytes are to be transferred: give a length of at least 1")]
    Empty,
    #[error("{length} bytes at {address:#x} pass the end of the address space")]
    Wraps { address: usize, length: usize },
    #[error(
        "{length} bytes at {address:#x} run past the end of the memory allocated there, {start:#x}..{end:#x}"
    )]
    Overrun { address: usize, length: usize, start: usize, end: usize },
    #[error("the simulated machine cannot stand in for the memory: {0}")]
    Lend(#[from] ddi_dma_sim::MemoryError),
}

/// Describes memory at an address, for a device; pieces that were described beforehand stay where the address is NULL.
///
/// # Safety
///
/// Nothing is bound from the place. The bytes may be read and written until what is bound from it is unbound, and only as
/// the DDI allows meanwhile.
#[inline(always)]
pub(crate) unsafe fn describe(
    place: &mut Place,
    node: &Node,
    address: usize,
    length: usize,
) -> Result<(), Box<NoObject>> {
    // SAFETY: the caller's duties are the same.
    if place.is_at(address, length) || unsafe { place.describe_again(node.instance, address, length) } {
        return Ok(());
    }
    // SAFETY: as above.
    unsafe { look_up(place, node, address, length) }
}

/// # Safety
///
/// That of [`describe`].
#[inline(never)]
unsafe fn look_up(
    place: &mut Place,
    node: &Node,
    address: usize,
    length: usize,
) -> Result<(), Box<NoObject>> {
    if address == 0 && place.has_pieces() {
        return Ok(());
    }
    let start = check(address, length)?;
    if let Some(region) = find(address) {
        if !region.holds(address, length) {
            let (start, end) = (region.start(), region.end());
            return Err(NoObject::Overrun { address, length, start, end }.into());
        }
        if let Some(layout) = region.layout(node.instance, address, length) {
            // SAFETY: the caller's duties are the same.
            unsafe { place.describe(region, layout, address, length) };
            return Ok(());
        }
    }
    match &node.hardware {
        Hardware::Sim(sim) => {
            // SAFETY: the caller promises that the bytes are there until they are unbound.
            let lent = unsafe { sim.machine.lend(start, length as u64) }.map_err(NoObject::from)?;
            // SAFETY: as above.
            unsafe { place.describe_lent(lent) };
        }
        // SAFETY: as above.
        Hardware::Vfio(_) => unsafe { place.describe_run(start, length) },
    }
    Ok(())
}

/// Pieces of memory as one, in order.
///
/// # Safety
///
/// The bytes of all pieces may be read and written until the value is dropped, and only as the DDI allows meanwhile.
pub(crate) unsafe fn gather(node: &Node, pieces: &[(usize, usize)]) -> Result<Box<Gathered>, Box<NoObject>> {
    let mut parts = Vec::with_capacity(pieces.len());
    for &(address, length) in pieces.iter().filter(|piece| piece.1 > 0) {
        let start = check(address, length)?;
        // SAFETY: the caller's duties are the same.
        let simulated =
            find(address).and_then(|region| unsafe { region.piece(node.instance, address, length) });
        parts.push(match (simulated, &node.hardware) {
            (Some(part), _) => Piece::Simulated(part),
            (None, Hardware::Sim(sim)) => {
                // SAFETY: as above.
                Piece::Lent(unsafe { sim.machine.lend(start, length as u64) }.map_err(NoObject::from)?)
            }
            (None, Hardware::Vfio(_)) => {
                Piece::Process(start, Extent { address: address as u64, size: length as u64 })
            }
        });
    }
    if parts.is_empty() {
        return Err(NoObject::Empty.into());
    }
    Ok(Box::new(Gathered::new(parts)))
}

/// The start of bytes that can be somewhere.
fn check(address: usize, length: usize) -> Result<NonNull<u8>, NoObject> {
    let start = NonNull::new(std::ptr::with_exposed_provenance_mut::<u8>(address)).ok_or(NoObject::Null)?;
    if length == 0 {
        return Err(NoObject::Empty);
    }
    address.checked_add(length).ok_or(NoObject::Wraps { address, length })?;
    Ok(start)
}
