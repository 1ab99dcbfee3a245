//! One 8237A: the order in which its registers are written and read.
//!
//! Address and count are written and read a byte at a time, and a flip-flop that all channels of a controller share says
//! which byte comes next. So each sequence runs under the controller's lock, which is held for some twenty port accesses.
//! Reading the status forgets for all channels which have reached terminal count; what was read is kept here.

use alloc::sync::Arc;

use super::PortIo;
use super::request::{CASCADE, Span};
use super::wiring::{ChannelPorts, ControllerPorts};
use crate::lock::Mutex;

/// The bit of a channel's number in the mask register that masks it, and in the request register that requests.
const SET: u8 = 0x04;

/// How often a count that changes while it is read is read again.
const MOST_READS: usize = 8;

/// A controller.
pub(super) struct Controller {
    ports: Arc<dyn PortIo>,
    map: &'static ControllerPorts,
    /// A bit for each channel that has reached terminal count since it was loaded.
    finished: Mutex<u8>,
}

/// How far a channel has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Progress {
    /// The current count register: units still to go, minus one.
    pub(super) count: u16,
    pub(super) end: End,
}

/// Whether a channel has reached terminal count since it was loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Ahead,
    Reached,
}

impl Controller {
    pub(super) fn new(ports: Arc<dyn PortIo>, map: &'static ControllerPorts) -> Self {
        Controller { ports, map, finished: Mutex::new(0) }
    }

    /// Switches the controller on, with the lines as a PC has them.
    pub(super) fn switch_on(&self) {
        let _held = self.finished.lock();
        self.ports.write(self.map.command, 0x00);
    }

    /// Lets the other controller through line 0 of this one.
    pub(super) fn join(&self) {
        let _held = self.finished.lock();
        self.ports.write(self.map.mode, CASCADE);
        self.ports.write(self.map.mask, 0);
    }

    /// Loads a channel and lets it answer its device.
    pub(super) fn load(&self, channel: &ChannelPorts, mode: u8, span: Option<Span>) {
        let mut finished = self.finished.lock();
        let line = channel.line();
        self.ports.write(self.map.mask, SET | line);
        self.note(&mut finished);
        *finished &= !(1 << line);
        self.ports.write(self.map.mode, mode | line);
        if let Some(Span { page, address, count }) = span {
            self.write_pair(channel.address, address);
            self.ports.write(channel.page, page);
            self.write_pair(channel.count, count);
        }
        self.ports.write(self.map.mask, line);
    }

    /// Has a channel not answer its device.
    pub(super) fn mask(&self, channel: &ChannelPorts) {
        let _held = self.finished.lock();
        self.ports.write(self.map.mask, SET | channel.line());
    }

    /// Lets a channel answer its device.
    pub(super) fn unmask(&self, channel: &ChannelPorts) {
        let _held = self.finished.lock();
        self.ports.write(self.map.mask, channel.line());
    }

    /// Lets a channel answer its device, unless it has reached terminal count.
    pub(super) fn unmask_unfinished(&self, channel: &ChannelPorts) -> End {
        let mut finished = self.finished.lock();
        // First masked, then asked: the end may come between the question and the answer.
        self.ports.write(self.map.mask, SET | channel.line());
        self.note(&mut finished);
        let end = end(*finished, channel);
        if end == End::Ahead {
            self.ports.write(self.map.mask, channel.line());
        }
        end
    }

    /// Ends what a channel does: it answers neither its device nor software.
    pub(super) fn stop(&self, channel: &ChannelPorts) {
        let mut finished = self.finished.lock();
        self.ports.write(self.map.mask, SET | channel.line());
        // QEMU's controller forgets that the channel has reached terminal count when its request is withdrawn.
        self.note(&mut finished);
        self.ports.write(self.map.request, channel.line());
    }

    /// Tells how far a channel has come.
    pub(super) fn progress(&self, channel: &ChannelPorts) -> Progress {
        let mut finished = self.finished.lock();
        let mut count = self.read_pair(channel.count);
        for _ in 0..MOST_READS {
            let before = count;
            count = self.read_pair(channel.count);
            // Between the two bytes the engine may have borrowed from the high one.
            if before >> 8 == count >> 8 {
                break;
            }
        }
        self.note(&mut finished);
        Progress { count, end: end(*finished, channel) }
    }

    /// Reads the status, and keeps what it says.
    fn note(&self, finished: &mut u8) {
        *finished |= self.ports.read(self.map.command) & 0x0F;
    }

    fn write_pair(&self, port: u16, value: u16) {
        self.ports.write(self.map.clear_flip_flop, 0);
        let [low, high] = value.to_le_bytes();
        self.ports.write(port, low);
        self.ports.write(port, high);
    }

    fn read_pair(&self, port: u16) -> u16 {
        self.ports.write(self.map.clear_flip_flop, 0);
        let low = self.ports.read(port);
        u16::from_le_bytes([low, self.ports.read(port)])
    }
}

fn end(finished: u8, channel: &ChannelPorts) -> End {
    if finished & (1 << channel.line()) == 0 { End::Ahead } else { End::Reached }
}
