//! A transfer without a device: software plays the device, at the addresses that the cookies tell.

use alloc::vec::Vec;

use ddi_dma::plan::Window;
use ddi_dma::{Cookie, DmaAttr, InFlight};

use super::Failure;
use crate::ensure;
use crate::memory::{Buffer, SIXTEEN_MIB, SoftwareMaster};

/// The most that a channel of an ISA machine's DMA engine can do: bytes below 16 MiB, in one piece, within 64 KiB.
pub(super) const CHANNEL: DmaAttr =
    DmaAttr { addr_hi: SIXTEEN_MIB - 1, count_max: 0xffff, seg: 0xffff, sgllen: 1, ..DmaAttr::UNRESTRICTED };

/// Reads all that a device may read in this transfer, window by window, in order.
pub(super) fn read_all(flight: &mut InFlight<Buffer>) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    each_cookie(flight, |master, cookie| bytes.extend(master.read(cookie)))?;
    Ok(bytes)
}

/// Writes bytes wherever a device may write in this transfer, window by window, in order.
pub(super) fn write_all(
    flight: &mut InFlight<Buffer>,
    mut bytes: impl Iterator<Item = u8>,
) -> Result<(), Failure> {
    each_cookie(flight, |master, cookie| master.write(cookie, &mut bytes))
}

/// Goes through a transfer as its device would, and checks that a channel can take what it is given.
fn each_cookie(
    flight: &mut InFlight<Buffer>,
    mut act: impl FnMut(&SoftwareMaster, Cookie),
) -> Result<(), Failure> {
    // SAFETY: it gets the cookies of a window that is current, of a transfer in flight; the callers only read where the
    // device reads and write where it writes.
    let master = unsafe { SoftwareMaster::new() };
    while let Some(window) = flight.next_window()? {
        for cookie in within_reach(&window)? {
            act(&master, cookie);
        }
    }
    Ok(())
}

/// The cookies of a window, one a list; fails where one is out of a channel's reach.
fn within_reach(window: &Window<'_>) -> Result<Vec<Cookie>, Failure> {
    let mut cookies = Vec::new();
    for list in window.lists() {
        let &[cookie] = list.cookies() else {
            return Err(Failure::new("a list of more than one cookie"));
        };
        let Cookie { address, size } = cookie;
        let last = address + size - 1;
        ensure!(size > 0 && last <= CHANNEL.addr_hi, "{cookie:x?} is above 16 MiB");
        ensure!(address >> 16 == last >> 16, "{cookie:x?} crosses a 64 KiB boundary");
        cookies.push(cookie);
    }
    Ok(cookies)
}
