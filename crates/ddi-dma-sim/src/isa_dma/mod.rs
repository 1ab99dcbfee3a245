//! The ISA bus' DMA hardware: two cascaded 8237As and their page registers, reached through ports alone.
//!
//! The second controller owns the bus. The first one's HRQ is wired to the second one's channel 0 (channel 4 of the
//! machine), so channels 0 to 3 get the bus only while channel 4 is in cascade mode and unmasked, which somebody has to
//! program: the machine comes as it is after a reset, without firmware that would have done it.
//!
//! Devices are let run one by one, so requests never meet: fixed and rotating priority are the same here.

mod channel;
mod chip;
mod line;
mod pages;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::nexus::DeviceBus;
use crate::ports::{IsaPorts, PortDevice};
use channel::{Mode, Service, Way};
use chip::{Chip, Register};
pub use line::DmaChannel;
pub(crate) use line::{Cycle, DmaLine, TerminalCount};
use pages::Pages;

/// What a data line reads as where nobody drives it.
const FLOATING: u8 = 0xFF;

/// Channels of a controller.
const CHANNELS: usize = 4;

/// The two controllers, the page registers and their way to memory.
#[derive(Debug)]
pub(crate) struct DmaControllers {
    bus: Arc<dyn DeviceBus>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The first controller, channels 0 to 3, and the second one, 4 to 7.
    chips: [Chip; 2],
    pages: Pages,
}

/// A channel as a controller has it.
#[derive(Debug, Clone, Copy)]
struct Place {
    chip: usize,
    line: usize,
}

impl Place {
    fn of(channel: DmaChannel) -> Self {
        let number = usize::from(channel.number());
        Place { chip: number / CHANNELS, line: number % CHANNELS }
    }

    /// Channel 4, where the first controller asks for the bus.
    const CASCADE: Place = Place { chip: 1, line: 0 };
}

impl DmaControllers {
    /// Puts the controllers on a bus, at their ports.
    pub(crate) fn new(bus: Arc<dyn DeviceBus>, ports: &IsaPorts) -> Arc<Self> {
        let controllers = Arc::new(DmaControllers { bus, state: Mutex::default() });
        for range in [0x00..=0x0F, 0x80..=0x8F, 0xC0..=0xDF] {
            ports.claim(range, controllers.clone());
        }
        controllers
    }

    /// The lines of a channel, for the device that is wired to them.
    pub(crate) fn line(self: &Arc<Self>, channel: DmaChannel) -> DmaLine {
        DmaLine::new(Arc::clone(self), channel)
    }

    fn request(&self, channel: DmaChannel, unit: &mut [u8]) -> Cycle {
        let mut state = self.state();
        let place = Place::of(channel);
        state.chips[place.chip].raise(place.line);
        if !state.has_bus(place.chip) {
            return Cycle::None;
        }
        let Some(mode) = state.chips[place.chip].acknowledges(place.line) else { return Cycle::None };
        state.chips[place.chip].lower(place.line);
        if mode.service() == Service::Cascade {
            return Cycle::Granted;
        }
        let ended = self.cycle(&mut state, place, unit);
        match mode.way() {
            Way::Verify => Cycle::Verify(ended),
            Way::FromDevice => Cycle::FromDevice(ended),
            Way::ToDevice => Cycle::ToDevice(ended),
        }
    }

    fn withdraw(&self, channel: DmaChannel) {
        let place = Place::of(channel);
        self.state().chips[place.chip].lower(place.line);
    }

    /// One transfer of a channel: the unit moves, and the channel counts.
    fn cycle(&self, state: &mut State, place: Place, unit: &mut [u8]) -> TerminalCount {
        let address = state.address(place);
        let length = unit.len().min(place.chip + 1);
        let unit = &mut unit[..length];
        // Where nothing answers, writes are lost and reads find lines that float; the bus has counted it.
        match state.chips[place.chip].mode(place.line).way() {
            Way::Verify => {}
            Way::FromDevice => {
                let _ = self.bus.write(address, unit);
            }
            Way::ToDevice => {
                unit.fill(FLOATING);
                let _ = self.bus.read(address, unit);
            }
        }
        state.chips[place.chip].count(place.line)
    }

    /// Serves what software requests: blocks that no device has a part in.
    fn serve_software(&self, state: &mut State) {
        for place in (0..2).flat_map(|chip| (0..CHANNELS).map(move |line| Place { chip, line })) {
            while state.has_bus(place.chip) && state.chips[place.chip].serves_software(place.line) {
                // Nobody drives the data lines towards memory, and nobody takes what comes from there.
                self.cycle(state, place, &mut [FLOATING; 2]);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether a controller gets the bus when it asks: the first one only through channel 4.
    fn has_bus(&self, chip: usize) -> bool {
        let Place { chip: owner, line } = Place::CASCADE;
        let through = || self.chips[owner].acknowledges(line).map(Mode::service);
        chip == owner || through() == Some(Service::Cascade)
    }

    /// The 24 address lines of a channel's next transfer.
    ///
    /// The second controller's address lines are wired one up, so that it counts words, and bit 0 of its page
    /// registers is not wired at all. Nothing carries from the controller into the page register.
    fn address(&self, place: Place) -> u64 {
        let counter = u64::from(self.chips[place.chip].address(place.line));
        let page = u64::from(self.pages.of(place));
        match place.chip {
            0 => page << 16 | counter,
            _ => (page & !1) << 16 | counter << 1,
        }
    }

    /// DREQ of channel 4 is the first controller's HRQ.
    fn join(&mut self) {
        let (first, second) = self.chips.split_at_mut(1);
        if first[0].wants_bus() {
            second[0].raise(Place::CASCADE.line);
        } else {
            second[0].lower(Place::CASCADE.line);
        }
    }
}

/// The controller and the register at a port outside the page registers.
///
/// The lowest address line does not reach the second controller: each register of it answers at two ports.
fn register(port: u16) -> (usize, Register) {
    match port {
        0xC0.. => (1, Register::at((port - 0xC0) >> 1)),
        _ => (0, Register::at(port)),
    }
}

impl PortDevice for DmaControllers {
    fn read(&self, port: u16) -> u8 {
        let mut state = self.state();
        if let Some(page) = Pages::index(port) {
            return state.pages.get(page);
        }
        state.join();
        let (chip, register) = register(port);
        state.chips[chip].read(register)
    }

    fn write(&self, port: u16, value: u8) {
        let mut state = self.state();
        if let Some(page) = Pages::index(port) {
            return state.pages.put(page, value);
        }
        let (chip, register) = register(port);
        state.chips[chip].write(register, value);
        self.serve_software(&mut state);
    }
}
