//! A 16-bit sound card in the manner of the Sound Blaster 16, which plays what comes by a word channel.

mod dsp;
mod mixer;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::isa_dma::{Cycle, DmaChannel, DmaControllers, DmaLine};
use crate::ports::{IsaPorts, PortDevice};
use dsp::{BlockEnd, Dsp, Restart};
use mixer::{Mixer, Raised};

/// The first port of the card.
pub const SOUND_BASE: u16 = 0x220;

/// Samples that a card remembers of what it played.
pub const SOUND_KEPT: usize = 1 << 20;

/// The ports, from the base on.
mod offset {
    pub(super) const MIXER_INDEX: u16 = 0x4;
    pub(super) const MIXER_DATA: u16 = 0x5;
    pub(super) const RESET: u16 = 0x6;
    pub(super) const READ: u16 = 0xA;
    /// Written: a command or a parameter. Read: whether it would be taken.
    pub(super) const WRITE: u16 = 0xC;
    /// Whether an answer waits. The read acknowledges the interrupt of 8-bit transfers, which this card does not make.
    pub(super) const READ_STATUS: u16 = 0xE;
    pub(super) const ACKNOWLEDGE_16_BIT: u16 = 0xF;
}

/// The bit of the read status that says that an answer waits. The same bit of the write status says that the processor
/// is busy, which it never is.
const STATUS: u8 = 0x80;

/// The bits of a status port that mean nothing and read as ones.
const STATUS_REST: u8 = 0x7F;

/// A 16-bit sound card at ports 0x220 to 0x22f.
///
/// It has the processor (version 4.05) and the mixer of the real one as far as 16-bit output needs them: commands 0x41
/// (rate), 0xb0 to 0xb7 (a block, or endlessly many), 0xd5 and 0xd6 (pause, continue), 0xd9 (the endless one's block is
/// the last) and 0xe1 (version). Other commands are taken with their parameters and do nothing. A block's length counts
/// samples, those of both channels where there are two. They come by the DMA channel that mixer register 0x81 chooses, 5
/// after power-up; where it chooses none, none come. A block's end raises the interrupt, which a read of port 0x22f
/// lowers. The card does not look at the terminal count.
///
/// Time is whoever calls [`step`](Self::step): [`Machine::run`](crate::Machine::run) does not, since a card that plays
/// endlessly would never let it end.
///
/// A DACK without a write to the card, from a channel that was programmed to verify or for the other way, brings no
/// sample: the card plays the last one again, as its latch still holds it. In the other way memory gets 0xff, since the
/// card drives no data.
///
/// # Examples
///
/// ```
/// use ddi_dma::PortIo;
/// use ddi_dma_sim::{Machine, MachineConfig, SOUND_BASE, SoundStop};
///
/// let machine = Machine::new(MachineConfig::default())?;
/// machine.memory().poke(0x10_0000, &[1, 0, 2, 0, 3, 0, 4, 0])?;
/// let ports = machine.ports();
/// // Channel 5, single transfers from memory with autoinitialisation: four words at 0x100000.
/// let setup = [(0xD6, 0x59), (0xD8, 0), (0xC4, 0), (0xC4, 0), (0x8B, 0x10), (0xC6, 3), (0xC6, 0), (0xD4, 1)];
/// setup.into_iter().for_each(|(port, value)| ports.write(port, value));
/// // Blocks of two samples, mono and signed, endlessly.
/// [0xB6, 0x10, 1, 0].into_iter().for_each(|byte| ports.write(SOUND_BASE + 0xC, byte));
///
/// for _ in 0..3 {
///     assert_eq!(machine.sound().step(100).stop, SoundStop::BlockEnd);
///     assert!(machine.sound().interrupting());
///     ports.read(SOUND_BASE + 0xF);
/// }
/// assert_eq!(machine.sound().played(), [1, 2, 3, 4, 1, 2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SoundCard {
    lines: [DmaLine; 3],
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    dsp: Dsp,
    mixer: Mixer,
    interrupt: Raised,
    latch: [u8; 2],
    played: VecDeque<i16>,
}

/// How the samples that a card plays are to be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SoundFormat {
    /// Frames a second; 0 where no command gave it.
    pub rate: u16,
    /// Samples of a frame.
    pub channels: Channels,
    /// What a sample's bits mean.
    pub coding: Coding,
}

/// Samples of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channels {
    /// One.
    Mono,
    /// Two: left, right.
    Stereo,
}

/// What a sample's bits mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    /// Two's complement; silence is 0.
    Signed,
    /// Silence is 0x8000.
    Unsigned,
}

/// What a step of a sound card did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SoundStep {
    /// Samples that it played.
    pub samples: usize,
    /// Why it played no more.
    pub stop: SoundStop,
}

/// Why a sound card stopped playing for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SoundStop {
    /// Nothing is to be played, or the card is paused.
    Silent,
    /// Nobody answered its DREQ with data: the channel is masked or passes the bus on, or none is chosen.
    Starved,
    /// A block has ended.
    BlockEnd,
    /// It was allowed no more.
    Enough,
}

impl SoundCard {
    /// Wires a card to a bus.
    pub(crate) fn new(dma: &Arc<DmaControllers>, ports: &IsaPorts) -> Arc<Self> {
        let lines = [DmaChannel::Dma5, DmaChannel::Dma6, DmaChannel::Dma7].map(|channel| dma.line(channel));
        let state = State {
            dsp: Dsp::new(),
            mixer: Mixer::new(),
            interrupt: Raised::No,
            latch: [0; 2],
            played: VecDeque::new(),
        };
        let card = Arc::new(SoundCard { lines, state: Mutex::new(state) });
        ports.claim(SOUND_BASE..=SOUND_BASE + 0xF, card.clone());
        card
    }

    /// Whether the interrupt line is raised.
    pub fn interrupting(&self) -> bool {
        self.state().interrupt == Raised::Yes
    }

    /// The interrupt line that the mixer chooses; 5 after power-up.
    pub fn interrupt_line(&self) -> Option<u8> {
        self.state().mixer.interrupt_line()
    }

    /// How what plays is to be understood; `None` where nothing does.
    pub fn format(&self) -> Option<SoundFormat> {
        self.state().dsp.format()
    }

    /// What the card played since power-up, at the most the last [`SOUND_KEPT`] samples. Of unsigned ones, the highest
    /// bit is turned over.
    pub fn played(&self) -> Vec<i16> {
        self.state().played.iter().copied().collect()
    }

    /// Plays at the most so many samples, and at the most to the end of a block.
    pub fn step(&self, most: usize) -> SoundStep {
        let mut state = self.state();
        for samples in 0..most {
            let Some(block) = state.dsp.asks() else { return SoundStep { samples, stop: SoundStop::Silent } };
            if !self.fetch(&mut state) {
                return SoundStep { samples, stop: SoundStop::Starved };
            }
            state.play(block.coding);
            if state.dsp.sample_taken() == BlockEnd::Yes {
                state.interrupt = Raised::Yes;
                return SoundStep { samples: samples + 1, stop: SoundStop::BlockEnd };
            }
        }
        SoundStep { samples: most, stop: SoundStop::Enough }
    }

    /// Asks for a sample, and tells whether a DACK came for it.
    fn fetch(&self, state: &mut State) -> bool {
        let chosen = state.mixer.channel();
        let Some(line) = self.lines.iter().find(|line| Some(line.channel()) == chosen) else { return false };
        let mut unit = [0xFF; 2];
        match line.request(&mut unit) {
            Cycle::None | Cycle::Granted => return false,
            Cycle::FromDevice(_) | Cycle::Verify(_) => {}
            Cycle::ToDevice(_) => state.latch = unit,
        }
        true
    }

    /// Lets DREQ fall on all lines but the one that the card would ask by.
    fn withdraw(&self, state: &State) {
        let asks = state.dsp.asks().and_then(|_| state.mixer.channel());
        self.lines.iter().filter(|line| Some(line.channel()) != asks).for_each(DmaLine::withdraw);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The reset port is written: what restarts the processor lowers the interrupt too.
    fn reset(&mut self, value: u8) {
        if self.dsp.reset(value) == Restart::Yes {
            self.interrupt = Raised::No;
        }
    }

    /// Gives the sample in the latch to the converter.
    fn play(&mut self, coding: Coding) {
        let sample = i16::from_le_bytes(self.latch);
        if self.played.len() == SOUND_KEPT {
            self.played.pop_front();
        }
        self.played.push_back(match coding {
            Coding::Signed => sample,
            Coding::Unsigned => sample ^ i16::MIN,
        });
    }
}

impl PortDevice for SoundCard {
    fn read(&self, port: u16) -> u8 {
        let mut state = self.state();
        match port - SOUND_BASE {
            offset::MIXER_INDEX => state.mixer.index(),
            offset::MIXER_DATA => state.mixer.read(state.interrupt),
            offset::READ => state.dsp.answer(),
            offset::WRITE => STATUS_REST,
            offset::READ_STATUS if state.dsp.has_answer() => STATUS_REST | STATUS,
            offset::READ_STATUS => STATUS_REST,
            offset::ACKNOWLEDGE_16_BIT => {
                state.interrupt = Raised::No;
                0xFF
            }
            _ => 0xFF,
        }
    }

    fn write(&self, port: u16, value: u8) {
        let mut state = self.state();
        match port - SOUND_BASE {
            offset::MIXER_INDEX => state.mixer.set_index(value),
            offset::MIXER_DATA => state.mixer.write(value),
            offset::RESET => state.reset(value),
            offset::WRITE => state.dsp.take(value),
            _ => {}
        }
        self.withdraw(&state);
    }
}
