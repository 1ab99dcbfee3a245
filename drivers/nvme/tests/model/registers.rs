//! The registers as the host sees them.

use ddi_dma::Registers;

use super::{Completions, Inner, State, Submissions};

const CAP: u64 = 0x00;
const VS: u64 = 0x08;
const INTMS: u64 = 0x0C;
const INTMC: u64 = 0x10;
const CC: u64 = 0x14;
const CSTS: u64 = 0x1C;
const AQA: u64 = 0x24;
const ASQ: u64 = 0x28;
const ACQ: u64 = 0x30;
const DOORBELLS: u64 = 0x1000;

const LENGTH: u64 = 0x4000;

impl Registers for Inner {
    fn length(&self) -> u64 {
        LENGTH
    }

    fn read32(&self, offset: u64) -> u32 {
        let mut state = self.state();
        if state.mischief.absent || offset + 4 > LENGTH {
            return u32::MAX;
        }
        match offset {
            CAP => self.spec.capabilities() as u32,
            0x04 => (self.spec.capabilities() >> 32) as u32,
            VS => self.spec.version,
            CC => state.cc,
            CSTS => u32::from(state.ready) | u32::from(state.fatal) << 1 | state.shutdown << 2,
            AQA => state.aqa,
            ASQ | 0x2C => (state.asq >> (8 * (offset - ASQ))) as u32,
            ACQ | 0x34 => (state.acq >> (8 * (offset - ACQ))) as u32,
            _ => {
                state.violations.push(format!("a read of {offset:#x}, which says nothing"));
                0
            }
        }
    }

    fn write32(&self, offset: u64, value: u32) {
        let mut state = self.state();
        if state.mischief.absent {
            return;
        }
        match offset {
            CC => self.configure(&mut state, value),
            AQA | ASQ | ACQ | 0x2C | 0x34 if state.cc & 1 == 1 => {
                state.violations.push(format!("{offset:#x} is written while the controller is on"));
            }
            AQA => state.aqa = value,
            INTMS | INTMC => state.violations.push("interrupt masks are not for MSI-X".into()),
            DOORBELLS..LENGTH => self.doorbell(&mut state, offset - DOORBELLS, value),
            _ => state.violations.push(format!("a write of {value:#x} to {offset:#x}")),
        }
        drop(state);
        self.work.notify_all();
    }

    fn read64(&self, offset: u64) -> u64 {
        u64::from(self.read32(offset)) | u64::from(self.read32(offset + 4)) << 32
    }

    fn write64(&self, offset: u64, value: u64) {
        let mut state = self.state();
        let on = state.cc & 1 == 1;
        match offset {
            ASQ if !on => state.asq = value,
            ACQ if !on => state.acq = value,
            _ => state.violations.push(format!("a write of {value:#x} to {offset:#x}")),
        }
    }
}

impl Inner {
    fn configure(&self, state: &mut State, value: u32) {
        let before = std::mem::replace(&mut state.cc, value);
        if value & 0xFF00_000E != 0 {
            state.violations.push(format!("reserved bits of CC are set: {value:#x}"));
        }
        match (before & 1, value & 1) {
            (0, 1) => self.turn_on(state),
            (_, 0) if state.ready => self.turn_off(state),
            (1, 1) if (before ^ value) & 0x0000_3FF0 != 0 => {
                state.violations.push(format!("CC changes from {before:#x} to {value:#x} while it is on"));
            }
            _ => {}
        }
        if value >> 14 & 3 != 0 && before >> 14 & 3 == 0 {
            let ready = state.ready;
            if !ready {
                state.violations.push("a shutdown of a controller that is off".into());
            }
            state.shutdown = 2;
            state.seen.shutdowns += 1;
        }
    }

    fn turn_on(&self, state: &mut State) {
        if state.mischief.refuses_to_start {
            return;
        }
        let page = self.spec.page();
        let (submissions, completions) = (state.aqa & 0xFFF, state.aqa >> 16 & 0xFFF);
        let sound = state.cc >> 7 & 0xF == self.spec.page_exponent
            && state.cc >> 4 & 7 == 0
            && state.cc >> 11 & 7 == 0
            && state.asq.is_multiple_of(page)
            && state.acq.is_multiple_of(page)
            && state.aqa & 0xF000_F000 == 0
            && submissions > 0
            && completions > 0;
        if !sound {
            let (cc, aqa, asq, acq) = (state.cc, state.aqa, state.asq, state.acq);
            state
                .violations
                .push(format!("turned on with CC {cc:#x} AQA {aqa:#x} ASQ {asq:#x} ACQ {acq:#x}"));
            state.fatal = true;
            return;
        }
        let admin =
            Submissions { base: state.asq, entries: submissions + 1, head: 0, tail: 0, completions: 0 };
        state.submissions.insert(0, admin);
        let vector = (self.spec.vectors > 0).then_some(0);
        let admin =
            Completions { base: state.acq, entries: completions + 1, head: 0, tail: 0, phase: true, vector };
        state.completions.insert(0, admin);
        state.ready = true;
        state.shutdown = 0;
    }

    fn turn_off(&self, state: &mut State) {
        if state.mischief.refuses_to_stop {
            return;
        }
        state.submissions.clear();
        state.completions.clear();
        state.fetched.clear();
        state.mischief.silent = false;
        state.ready = false;
        state.fatal = false;
        state.shutdown = 0;
        state.seen.resets += 1;
    }

    fn doorbell(&self, state: &mut State, offset: u64, value: u32) {
        let stride = 4u64 << self.spec.stride_exponent;
        let (number, queue) = (offset / stride, (offset / stride / 2) as u16);
        let wrong = |state: &mut State, what: &str| {
            state.violations.push(format!("{what}: {value} to doorbell {number} (offset {offset:#x})"));
        };
        if !offset.is_multiple_of(stride) || !state.ready {
            return wrong(state, "no doorbell, or not now");
        }
        if number % 2 == 0 {
            match state.submissions.get_mut(&queue) {
                // As full as it may be, one entry is free.
                Some(queue) if value < queue.entries => queue.tail = value,
                _ => wrong(state, "a tail that is none"),
            }
            return;
        }
        match state.completions.get_mut(&queue) {
            Some(queue) if value < queue.entries => {
                let ahead = (value + queue.entries - queue.head) % queue.entries;
                let posted = (queue.tail + queue.entries - queue.head) % queue.entries;
                if ahead > posted || ahead == 0 {
                    wrong(state, "a head that does not advance to entries that were posted");
                } else {
                    queue.head = value;
                }
            }
            _ => wrong(state, "a head that is none"),
        }
    }
}
