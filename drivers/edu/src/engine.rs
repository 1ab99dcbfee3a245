//! One DMA, one factorial: start it, wait for it.

use ddi_dma::{Cookie, Interrupt, Registers};

use crate::config::{Completion, Config};
use crate::fault::{Fault, Work};
use crate::registers::{
    Cause, DMA_BUFFER, DMA_COMMAND, DMA_COUNT, DMA_DESTINATION, DMA_SOURCE, DmaCommand, FACTORIAL,
    INTERRUPT_ACKNOWLEDGE, INTERRUPT_STATUS, STATUS, Status,
};

/// What the DMA engine does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Engine {
    /// Nothing: it reaches no memory.
    Stopped,
    /// It moves bytes, and may reach the memory that it was given.
    Running,
}

/// Which way a DMA goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    ToDevice,
    ToMemory,
}

/// The device as its registers show it.
pub(crate) struct Chip<R, I> {
    pub(crate) registers: R,
    pub(crate) interrupt: I,
    pub(crate) config: Config,
}

impl<R: Registers, I: Interrupt> Chip<R, I> {
    /// Moves the bytes of a cookie to or from `at` in the device's buffer, all of which the buffer has. The engine was
    /// [claimed](Self::claim).
    pub(crate) fn dma(&self, cookie: Cookie, way: Way, at: u64) -> Result<End, Fault> {
        let (mut command, buffer) = (DmaCommand::RUN, DMA_BUFFER + at);
        let (source, destination) = match way {
            Way::ToDevice => (cookie.address, buffer),
            Way::ToMemory => (buffer, cookie.address),
        };
        command.set(DmaCommand::TO_MEMORY, way == Way::ToMemory);
        command.set(DmaCommand::INTERRUPT, self.config.completion == Completion::Interrupt);
        self.registers.write64(DMA_SOURCE, source);
        self.registers.write64(DMA_DESTINATION, destination);
        self.registers.write64(DMA_COUNT, cookie.size);
        self.registers.write64(DMA_COMMAND, command.bits());
        self.wait(Work::Dma)
    }

    /// Computes a factorial.
    pub(crate) fn factorial(&self, number: u32) -> Result<u32, Fault> {
        self.claim(Work::Factorial)?;
        let interrupt = match self.config.completion {
            Completion::Interrupt => Status::INTERRUPT,
            Completion::Polling => Status::empty(),
        };
        self.registers.write32(STATUS, interrupt.bits());
        self.registers.write32(FACTORIAL, number);
        self.wait(Work::Factorial)?;
        Ok(self.registers.read32(FACTORIAL))
    }

    /// What the DMA engine does. A device that does not answer may do anything.
    pub(crate) fn engine(&self) -> Engine {
        match self.progress(Work::Dma) {
            Progress::Ended => Engine::Stopped,
            Progress::Running { .. } => Engine::Running,
        }
    }

    /// Acknowledges all interrupts of the device.
    pub(crate) fn acknowledge(&self) {
        let causes = Cause::from_bits_retain(self.registers.read32(INTERRUPT_STATUS));
        if !causes.is_empty() {
            self.registers.write32(INTERRUPT_ACKNOWLEDGE, causes.bits());
        }
    }

    /// Waits until nothing runs that somebody started earlier, and forgets its interrupts.
    pub(crate) fn settle(&self) -> Result<(), Fault> {
        let rests = Completion::Polling.rests();
        for _ in 0..rests {
            if self.claim(Work::Dma).and_then(|()| self.claim(Work::Factorial)).is_ok() {
                return Ok(());
            }
            // Its end is read from the registers, whoever wakes us.
            let _ = self.interrupt.wait(self.config.timeout / rests);
        }
        self.claim(Work::Dma).and_then(|()| self.claim(Work::Factorial))
    }

    /// Makes sure that nothing runs, as the device ignores what it is told meanwhile, and forgets earlier interrupts.
    pub(crate) fn claim(&self, work: Work) -> Result<(), Fault> {
        match self.progress(work) {
            Progress::Ended => {}
            Progress::Running { register } if nobody_answers(register) => return Err(Fault::Silent { work }),
            Progress::Running { .. } => return Err(Fault::Busy { work }),
        }
        self.acknowledge();
        self.interrupt.take();
        Ok(())
    }

    /// Waits for the end, which the device's register tells. An interrupt says that it is worth looking, and no more.
    ///
    /// A driver without an operating system has no clock, but its rests have a limit each. So many of them are no longer
    /// than the time-out, however early interrupts end them.
    fn wait(&self, work: Work) -> Result<End, Fault> {
        let Config { completion, timeout, .. } = self.config;
        let (rests, mut stray) = (completion.rests(), 0);
        let rest = || self.interrupt.wait(timeout / rests);
        for _ in 0..rests {
            let woken = rest().is_ok();
            // What was not heard yet is left alone: a line that is quieted at once is never heard.
            if woken {
                self.acknowledge();
            }
            match self.progress(work) {
                Progress::Ended if woken || completion == Completion::Polling => return Ok(End::Told),
                // Its interrupt may still be on the way.
                Progress::Ended => {
                    let heard = rest().is_ok();
                    self.acknowledge();
                    return Ok(if heard { End::Told } else { End::Found });
                }
                Progress::Running { register } if nobody_answers(register) => {
                    return Err(Fault::Silent { work });
                }
                Progress::Running { .. } => stray += u32::from(woken),
            }
        }
        Err(match self.progress(work) {
            // With fewer, most of the time-out is over.
            Progress::Running { .. } if stray > rests / 2 => Fault::Storm { work, interrupts: stray },
            Progress::Running { register } => Fault::TimedOut { work, limit: timeout, register },
            Progress::Ended => return Ok(End::Found),
        })
    }

    /// How far the device is.
    fn progress(&self, work: Work) -> Progress {
        let (register, running) = match work {
            Work::Dma => (self.registers.read64(DMA_COMMAND), DmaCommand::RUN.bits()),
            Work::Factorial => (self.registers.read32(STATUS).into(), Status::COMPUTING.bits().into()),
        };
        if register & running == 0 { Progress::Ended } else { Progress::Running { register } }
    }
}

/// How the driver learnt of an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// As it should.
    Told,
    /// No interrupt came; the driver looked in between, which takes longer.
    Found,
}

/// How far the device is with its work.
enum Progress {
    Ended,
    Running {
        /// The register that says so.
        register: u64,
    },
}

/// Whether a register of 32 or 64 bits reads as where nobody is.
fn nobody_answers(register: u64) -> bool {
    register == u64::MAX || register == u32::MAX.into()
}
