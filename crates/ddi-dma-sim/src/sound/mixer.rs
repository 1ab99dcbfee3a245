//! The mixer chip: an index and a data port, with which interrupt and DMA lines are chosen too.

use crate::isa_dma::DmaChannel;

/// The register that chooses the interrupt line.
const INTERRUPT_SELECT: u8 = 0x80;
/// The register that chooses the DMA channels.
const DMA_SELECT: u8 = 0x81;
/// The register that shows which interrupts are raised.
const INTERRUPT_STATUS: u8 = 0x82;
/// The register that resets the others when it is written.
const RESET: u8 = 0x00;

/// Interrupt line 5.
const INTERRUPT_5: u8 = 0x02;
/// Channels 1 and 5.
const DMA_1_AND_5: u8 = 0x22;
/// The bit of [`INTERRUPT_STATUS`] for 16-bit transfers.
const STATUS_16_BIT: u8 = 0x02;

/// 256 registers, most of which are volumes: they keep what is written, and change nothing that is played.
#[derive(Debug)]
pub(super) struct Mixer {
    index: u8,
    registers: [u8; 256],
}

/// Whether the interrupt of 16-bit transfers is raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Raised {
    Yes,
    No,
}

impl Mixer {
    pub(super) fn new() -> Self {
        let mut registers = [0; 256];
        registers[usize::from(INTERRUPT_SELECT)] = INTERRUPT_5;
        registers[usize::from(DMA_SELECT)] = DMA_1_AND_5;
        Mixer { index: 0, registers }
    }

    pub(super) fn index(&self) -> u8 {
        self.index
    }

    pub(super) fn set_index(&mut self, index: u8) {
        self.index = index;
    }

    pub(super) fn read(&self, interrupt: Raised) -> u8 {
        match (self.index, interrupt) {
            (INTERRUPT_STATUS, Raised::Yes) => STATUS_16_BIT,
            (INTERRUPT_STATUS, Raised::No) => 0,
            (index, _) => self.registers[usize::from(index)],
        }
    }

    pub(super) fn write(&mut self, value: u8) {
        match self.index {
            INTERRUPT_STATUS => {}
            // Volumes start again; the lines were chosen for the board and stay.
            RESET => self.registers[..usize::from(INTERRUPT_SELECT)].fill(0),
            index => self.registers[usize::from(index)] = value,
        }
    }

    /// The interrupt line that is chosen; the lowest where there are several.
    pub(super) fn interrupt_line(&self) -> Option<u8> {
        let chosen = self.registers[usize::from(INTERRUPT_SELECT)];
        [2, 5, 7, 10].into_iter().enumerate().find(|(bit, _)| chosen >> bit & 1 != 0).map(|(_, line)| line)
    }

    /// The channel that 16-bit samples come by; the lowest where several are chosen.
    pub(super) fn channel(&self) -> Option<DmaChannel> {
        let chosen = self.registers[usize::from(DMA_SELECT)];
        [DmaChannel::Dma5, DmaChannel::Dma6, DmaChannel::Dma7]
            .into_iter()
            .find(|channel| chosen >> channel.number() & 1 != 0)
    }
}
