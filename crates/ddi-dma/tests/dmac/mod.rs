//! An independent model of a PC/AT's two 8237As, written from the controller's data sheet and the AT's I/O map: it follows
//! port accesses, says what breaks the register protocol, and moves units as the registers tell.

#![allow(dead_code, reason = "each test uses its part of the model")]

use std::sync::{Mutex, MutexGuard};

use ddi_dma::PortIo;

/// A port access: reads carry what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Read(u16, u8),
    Write(u16, u8),
}

/// One of the four channels of a controller. Registers power up with anything in them.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    pub base_address: u16,
    pub base_count: u16,
    pub address: u16,
    pub count: u16,
    pub mode: u8,
    pub masked: bool,
    /// Bytes of address and count that were written since the mode was: both of both make four.
    written: [u8; 2],
}

/// A controller.
#[derive(Debug)]
pub struct Controller {
    pub lines: [Line; 4],
    pub command: u8,
    pub terminal: u8,
    pub requests: u8,
    /// Which byte comes next: the high one after the low one.
    high_next: bool,
    /// Which register the low byte went to.
    half: Option<u16>,
}

#[derive(Debug)]
struct State {
    controllers: [Controller; 2],
    pages: [u8; 16],
    log: Vec<Access>,
    violations: Vec<String>,
    /// A channel whose device asks for a unit behind each port access, and what it was served.
    eager: Option<u8>,
    served: Vec<Served>,
}

/// The two of them.
#[derive(Debug)]
pub struct Dmac {
    state: Mutex<State>,
}

/// What a unit met at the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Served {
    /// The device's request was not answered.
    No,
    /// The engine put this address on the bus: `to_memory` tells the strobes, `None` for verify.
    At { address: u64, to_memory: Option<bool>, terminal: bool },
    /// The bus was given to the device.
    Granted,
}

impl Dmac {
    pub fn new() -> Self {
        let line = Line {
            base_address: 0xDEAD,
            base_count: 0xBEEF,
            address: 0x5555,
            count: 0x1234,
            mode: 0x0C,
            masked: true,
            written: [2, 2],
        };
        // The flip-flop stands anywhere, and firmware has left channel 2 running.
        let mut lines = [line; 4];
        lines[2].masked = false;
        let controller =
            || Controller { lines, command: 0x04, terminal: 0x0F, requests: 0, high_next: true, half: None };
        let state = State {
            controllers: [controller(), controller()],
            pages: [0x77; 16],
            log: Vec::new(),
            violations: Vec::new(),
            eager: None,
            served: Vec::new(),
        };
        Dmac { state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The accesses since the last call.
    pub fn take_log(&self) -> Vec<Access> {
        std::mem::take(&mut self.state().log)
    }

    /// The writes since the last call.
    pub fn take_writes(&self) -> Vec<(u16, u8)> {
        let written = |access| match access {
            Access::Write(port, value) => Some((port, value)),
            Access::Read(..) => None,
        };
        self.take_log().into_iter().filter_map(written).collect()
    }

    /// What broke the protocol since the last call.
    pub fn take_violations(&self) -> Vec<String> {
        std::mem::take(&mut self.state().violations)
    }

    /// A channel's registers.
    pub fn line(&self, channel: u8) -> Line {
        self.state().controllers[usize::from(channel / 4)].lines[usize::from(channel % 4)]
    }

    /// The command register of a controller, and its software requests.
    pub fn command(&self, controller: usize) -> (u8, u8) {
        let state = self.state();
        (state.controllers[controller].command, state.controllers[controller].requests)
    }

    /// The page register of a channel.
    pub fn page(&self, channel: u8) -> u8 {
        self.state().pages[page_register(channel)]
    }

    /// Somebody else reads one byte of an address or a count.
    pub fn disturb(&self) {
        let mut state = self.state();
        state.controllers.iter_mut().for_each(|controller| controller.high_next = !controller.high_next);
    }

    /// From now on the device on a channel asks for a unit behind each port access.
    pub fn make_eager(&self, channel: u8) {
        self.state().eager = Some(channel);
    }

    /// What the eager device was served, which asks no more.
    pub fn calm(&self) -> Vec<Served> {
        let mut state = self.state();
        state.eager = None;
        std::mem::take(&mut state.served)
    }

    /// The device on a channel asks for one unit.
    pub fn request(&self, channel: u8) -> Served {
        self.state().request(channel)
    }
}

impl State {
    /// The eager device asks.
    fn ask(&mut self) {
        if let Some(channel) = self.eager {
            let served = self.request(channel);
            self.served.extend((served != Served::No).then_some(served));
        }
    }

    fn request(&mut self, channel: u8) -> Served {
        let state = self;
        let joint = state.controllers[1].lines[0];
        let joined = !joint.masked && joint.mode >> 6 == 3 && state.controllers[1].command & 4 == 0;
        let page = u64::from(state.pages[page_register(channel)]);
        let controller = &mut state.controllers[usize::from(channel / 4)];
        let bit = 1 << (channel % 4);
        let line = &mut controller.lines[usize::from(channel % 4)];
        if line.masked || controller.command & 4 != 0 || (channel < 4 && !joined) {
            return Served::No;
        }
        if line.mode >> 6 == 3 {
            return Served::Granted;
        }
        let address = if channel < 4 {
            page << 16 | u64::from(line.address)
        } else {
            (page & !1) << 16 | u64::from(line.address) << 1
        };
        let down = line.mode & 0x20 != 0;
        line.address = if down { line.address.wrapping_sub(1) } else { line.address.wrapping_add(1) };
        line.count = line.count.wrapping_sub(1);
        let terminal = line.count == 0xFFFF;
        if terminal {
            controller.terminal |= bit;
            if line.mode & 0x10 != 0 {
                (line.address, line.count) = (line.base_address, line.base_count);
            } else {
                line.masked = true;
            }
        }
        let to_memory = match line.mode >> 2 & 3 {
            0 => None,
            1 => Some(true),
            2 => Some(false),
            _ => panic!("mode {:#x} is illegal", line.mode),
        };
        Served::At { address, to_memory, terminal }
    }
}

/// The AT's page registers, of which each channel has one in no order at all.
fn page_register(channel: u8) -> usize {
    [0x7, 0x3, 0x1, 0x2, 0xF, 0xB, 0x9, 0xA][usize::from(channel)]
}

/// Which controller a port belongs to, and which of its sixteen registers it is.
fn register(port: u16) -> Option<(usize, u16)> {
    match port {
        0x00..=0x0F => Some((0, port)),
        0xC0..=0xDE if port.is_multiple_of(2) => Some((1, (port - 0xC0) / 2)),
        _ => None,
    }
}

impl PortIo for Dmac {
    fn read(&self, port: u16) -> u8 {
        let mut state = self.state();
        let value = match (port, register(port)) {
            (0x80..=0x8F, _) => state.pages[usize::from(port - 0x80)],
            (_, Some((controller, number))) => state.controllers[controller].read(number),
            _ => {
                state.violations.push(format!("port {port:#x} is not the engine's"));
                0xFF
            }
        };
        state.log.push(Access::Read(port, value));
        state.ask();
        value
    }

    fn write(&self, port: u16, value: u8) {
        let mut state = self.state();
        state.log.push(Access::Write(port, value));
        let wrong = match (port, register(port)) {
            (0x80..=0x8F, _) => {
                state.pages[usize::from(port - 0x80)] = value;
                let owner = (0..8).find(|channel| page_register(*channel) == usize::from(port - 0x80));
                match owner {
                    None => Some(format!("{port:#x} is nobody's page")),
                    Some(channel) => {
                        let line =
                            &state.controllers[usize::from(channel / 4)].lines[usize::from(channel % 4)];
                        (!line.masked).then(|| format!("the page of channel {channel} while it may run"))
                    }
                }
            }
            (_, Some((controller, number))) => state.controllers[controller].write(number, value),
            _ => Some(format!("port {port:#x} is not the engine's")),
        };
        state.violations.extend(wrong);
        state.ask();
    }
}

impl Controller {
    fn read(&mut self, number: u16) -> u8 {
        match number {
            0..=7 => {
                let line = &self.lines[usize::from(number / 2)];
                let pair = if number.is_multiple_of(2) { line.address } else { line.count };
                let byte = pair.to_le_bytes()[usize::from(self.high_next)];
                self.high_next = !self.high_next;
                byte
            }
            8 => {
                let status = self.terminal | self.requests << 4;
                self.terminal = 0;
                status
            }
            _ => 0xFF,
        }
    }

    /// Writes a register; says what is wrong about that.
    fn write(&mut self, number: u16, value: u8) -> Option<String> {
        let line = usize::from(value & 3);
        match number {
            0..=7 => return self.write_pair(number, value),
            8 => self.command = value,
            9 => {
                let bit = 1 << line;
                // The data sheet does not say so. QEMU's controller forgets the end of a transfer here.
                self.terminal &= !bit;
                self.requests = if value & 4 != 0 { self.requests | bit } else { self.requests & !bit };
            }
            0xA => {
                self.lines[line].masked = value & 4 != 0;
                let [address, count] = self.lines[line].written;
                if value & 4 == 0 && self.lines[line].mode >> 6 != 3 && (address, count) != (2, 2) {
                    return Some(format!("line {line} unmasked with half its registers written"));
                }
            }
            0xB => {
                let running = !self.lines[line].masked;
                self.lines[line].mode = value & 0xFC;
                self.lines[line].written = [0, 0];
                if running {
                    return Some(format!("the mode of line {line} while it may run"));
                }
                if value >> 2 & 3 == 3 && value >> 6 != 3 {
                    return Some(format!("mode {value:#x} has the illegal transfer type"));
                }
            }
            0xC => {
                self.high_next = false;
                if self.half.take().is_some() {
                    return Some("the flip-flop cleared between two bytes".to_owned());
                }
            }
            _ => return Some(format!("register {number:#x} concerns all channels of the controller")),
        }
        None
    }

    fn write_pair(&mut self, number: u16, value: u8) -> Option<String> {
        let which = usize::from(number % 2);
        let line = &mut self.lines[usize::from(number / 2)];
        let pair = if which == 0 { &mut line.address } else { &mut line.count };
        let mut bytes = pair.to_le_bytes();
        bytes[usize::from(self.high_next)] = value;
        *pair = u16::from_le_bytes(bytes);
        (line.base_address, line.base_count) =
            if which == 0 { (line.address, line.base_count) } else { (line.base_address, line.count) };
        line.written[which] += 1;
        let wrong = if !line.masked {
            Some(format!("register {number:#x} while its line may run"))
        } else if self.high_next && self.half != Some(number) {
            Some(format!("register {number:#x} gets a high byte first"))
        } else {
            None
        };
        self.half = (!self.high_next).then_some(number);
        self.high_next = !self.high_next;
        wrong
    }
}
