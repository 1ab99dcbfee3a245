//! The controller's registers (NVM Express base specification 1.4, section 3.1), and their fields.

use std::sync::Arc;
use std::time::Duration;

use ddi_dma::Registers;

const CAP: u64 = 0x00;
const VS: u64 = 0x08;
const CC: u64 = 0x14;
const CSTS: u64 = 0x1C;
const AQA: u64 = 0x24;
const ASQ: u64 = 0x28;
const ACQ: u64 = 0x30;
const DOORBELLS: u64 = 0x1000;

/// What a register reads as where nobody answers.
const ALL_ONES: u32 = u32::MAX;

/// What the controller can do (CAP).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Capabilities(u64);

impl Capabilities {
    /// Most entries of an I/O queue (MQES, which counts from 0).
    pub(crate) fn most_entries(self) -> u32 {
        (self.0 & 0xFFFF) as u32 + 1
    }

    /// How long it may take to become ready, or to stop (TO, in units of 500 ms; 0 is taken for one).
    pub(crate) fn ready_within(self) -> Duration {
        Duration::from_millis(500) * ((self.0 >> 24 & 0xFF) as u32).max(1)
    }

    /// Bytes from one doorbell to the next (DSTRD).
    fn doorbell_stride(self) -> u64 {
        4 << (self.0 >> 32 & 0xF)
    }

    /// Whether the NVM command set is supported (bit 0 of CSS).
    pub(crate) fn has_nvm_commands(self) -> bool {
        self.0 >> 37 & 1 == 1
    }

    /// Bytes of the smallest page that the controller can be set to (MPSMIN).
    pub(crate) fn least_page(self) -> u64 {
        4096 << (self.0 >> 48 & 0xF)
    }
}

/// The state of the controller (CSTS).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ControllerStatus(
    /// The register.
    pub u32,
);

/// How far a shutdown has come (CSTS.SHST).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShutdownStatus {
    /// None was asked for.
    Normal,
    /// It goes on.
    Occurring,
    /// It is complete.
    Complete,
    /// The value is reserved.
    Reserved,
}

impl ControllerStatus {
    /// Whether commands are taken (RDY).
    pub fn ready(self) -> bool {
        self.0 & 1 != 0
    }

    /// Whether the controller failed in a way that only a reset ends (CFS).
    pub fn fatal(self) -> bool {
        self.0 & 2 != 0
    }

    /// How far a shutdown has come (SHST).
    pub fn shutdown(self) -> ShutdownStatus {
        match self.0 >> 2 & 3 {
            0 => ShutdownStatus::Normal,
            1 => ShutdownStatus::Occurring,
            2 => ShutdownStatus::Complete,
            _ => ShutdownStatus::Reserved,
        }
    }

    /// Whether nobody answers: the device is gone, or its memory space is off.
    pub fn absent(self) -> bool {
        self.0 == ALL_ONES
    }
}

/// Where the doorbells of a pair of queues are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Doorbells {
    submission: u64,
    completion: u64,
}

/// The controller's configuration (CC) as this driver sets it: entries of 64 and 16 bytes, NVM commands, round robin.
fn configuration(page: u64) -> u32 {
    let page_exponent = page.trailing_zeros() - 12;
    let (submission_entry, completion_entry) = (6, 4);
    completion_entry << 20 | submission_entry << 16 | page_exponent << 7
}

/// The bit of CC that turns the controller on.
const ENABLE: u32 = 1;

/// The value of CC.SHN that announces an orderly end.
const NORMAL_SHUTDOWN: u32 = 1 << 14;

/// The registers of one controller.
#[derive(Clone)]
pub(crate) struct Controls {
    registers: Arc<dyn Registers>,
    stride: u64,
}

impl Controls {
    pub(crate) fn new(registers: Arc<dyn Registers>) -> Self {
        let mut controls = Controls { registers, stride: 0 };
        controls.stride = controls.capabilities().doorbell_stride();
        controls
    }

    /// Bytes of the registers.
    pub(crate) fn length(&self) -> u64 {
        self.registers.length()
    }

    pub(crate) fn capabilities(&self) -> Capabilities {
        Capabilities(self.registers.read64(CAP))
    }

    /// The version of the specification, as major << 16 | minor << 8 | tertiary.
    pub(crate) fn version(&self) -> u32 {
        self.registers.read32(VS)
    }

    pub(crate) fn status(&self) -> ControllerStatus {
        ControllerStatus(self.registers.read32(CSTS))
    }

    /// Tells where the admin queues are and how many entries each has. Only while the controller is off.
    pub(crate) fn set_admin_queues(&self, submission: u64, completion: u64, entries: u16) {
        let last = u32::from(entries) - 1;
        self.registers.write32(AQA, last << 16 | last);
        self.registers.write64(ASQ, submission);
        self.registers.write64(ACQ, completion);
    }

    /// Turns the controller on, with pages of this size.
    pub(crate) fn turn_on(&self, page: u64) {
        // The configuration is set while the controller is off, and then stays.
        self.registers.write32(CC, configuration(page));
        self.registers.write32(CC, configuration(page) | ENABLE);
    }

    /// Turns the controller off: a reset, which ends all commands.
    pub(crate) fn turn_off(&self) {
        self.registers.write32(CC, self.registers.read32(CC) & !(ENABLE | 3 << 14));
    }

    /// Announces an orderly end: caches are written to the medium.
    pub(crate) fn announce_shutdown(&self) {
        let cc = self.registers.read32(CC) & !(3 << 14);
        self.registers.write32(CC, cc | NORMAL_SHUTDOWN);
    }

    /// Where the doorbells of the queues of this number are.
    pub(crate) fn doorbells(&self, queue: u16) -> Doorbells {
        let first = DOORBELLS + 2 * u64::from(queue) * self.stride;
        Doorbells { submission: first, completion: first + self.stride }
    }

    /// Whether the region has doorbells for queues up to this number.
    pub(crate) fn has_doorbells(&self, queue: u16) -> bool {
        self.doorbells(queue).completion + 4 <= self.length()
    }

    /// Tells that the entries before `tail` hold commands.
    pub(crate) fn ring_submission(&self, doorbells: Doorbells, tail: u32) {
        self.registers.write32(doorbells.submission, tail);
    }

    /// Tells that the entries before `head` were read.
    pub(crate) fn ring_completion(&self, doorbells: Doorbells, head: u32) {
        self.registers.write32(doorbells.completion, head);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_the_capabilities() {
        // A stride of 8 bytes, pages of 8 KiB at the least, 7.5 seconds, 2,048 entries.
        let capabilities = Capabilities(1 << 48 | 1 << 37 | 1 << 32 | 15 << 24 | 0x7FF);
        assert_eq!(capabilities.most_entries(), 2048);
        assert_eq!(capabilities.ready_within(), Duration::from_millis(7500));
        assert_eq!(capabilities.doorbell_stride(), 8);
        assert_eq!(capabilities.least_page(), 8192);
        assert!(capabilities.has_nvm_commands());
    }

    #[test]
    fn a_controller_that_may_take_no_time_gets_some() {
        assert_eq!(Capabilities(0).ready_within(), Duration::from_millis(500));
    }

    #[test]
    fn the_configuration_names_entries_and_pages() {
        assert_eq!(configuration(4096), 0x46_0000);
        assert_eq!(configuration(16384), 0x46_0100);
    }

    #[test]
    fn states_of_the_controller() {
        assert!(ControllerStatus(1).ready() && !ControllerStatus(1).fatal());
        assert!(ControllerStatus(2).fatal());
        assert_eq!(ControllerStatus(0x9).shutdown(), ShutdownStatus::Complete);
        assert!(ControllerStatus(ALL_ONES).absent());
    }
}
