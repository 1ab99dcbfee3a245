//! Bytes to the controller and from it, and its reset.

use alloc::sync::Arc;
use core::time::Duration;

use crate::board::{Board, TimedOut};
use crate::command;
use crate::fault::{Fault, Phase};
use crate::geometry::DataRate;
use crate::registers::{ChangeLine, DigitalOutput, MainStatus, Registers};
use crate::status::St0;

/// How long the main status register is looked at for one byte: so many times, with this time between. A controller that
/// works takes a hundredth of that.
const LOOKS: u32 = 10_000;
const LOOK: Duration = Duration::from_micros(10);

/// How long the reset line is held: 14 cycles of the slowest clock, and some more.
const RESET_PULSE: Duration = Duration::from_micros(20);

/// How long a reset may take.
const RESET_TIMEOUT: Duration = Duration::from_millis(500);

/// Drives whose state the controller tells behind a reset.
const DRIVES: usize = 4;

/// Which controller it is, as VERSION tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// One that does not know the command: a uPD765, or an 8272A.
    Upd765,
    /// An 82077AA, or one that does what it does.
    I82077,
    /// Another answer.
    Other(u8),
}

/// A controller.
pub(crate) struct Controller {
    registers: Registers,
    board: Arc<dyn Board>,
}

impl Controller {
    pub(crate) fn new(registers: Registers, board: Arc<dyn Board>) -> Self {
        Controller { registers, board }
    }

    /// Pulls the reset line, and takes note of all drives. `output` is what the digital output register holds afterwards.
    pub(crate) fn reset(&self, output: DigitalOutput) -> Result<(), Fault> {
        self.board.expect_interrupt();
        self.registers.set_digital_output(output - DigitalOutput::NOT_RESET);
        self.board.delay(RESET_PULSE);
        self.registers.set_digital_output(output);
        self.wait_interrupt(Phase::Reset, RESET_TIMEOUT)?;
        for drive in 0..DRIVES {
            let (st0, _) = self.sense_interrupt()?;
            // Some controllers have a word for the first drive alone.
            if drive > 0 && is_invalid(st0) {
                break;
            }
            if !st0.contains(St0::INVALID | St0::ABNORMAL) {
                return Err(Fault::Reset { st0 });
            }
        }
        Ok(())
    }

    /// Sets the data rate and the drive's times.
    pub(crate) fn set_up(&self, rate: DataRate) -> Result<(), Fault> {
        self.registers.set_rate(rate);
        self.send(&command::specify(rate))
    }

    pub(crate) fn version(&self) -> Result<Version, Fault> {
        self.send(&command::VERSION)?;
        Ok(match self.receive()? {
            [0x80] => Version::Upd765,
            [0x90] => Version::I82077,
            [other] => Version::Other(other),
        })
    }

    pub(crate) fn set_digital_output(&self, output: DigitalOutput) {
        self.registers.set_digital_output(output);
    }

    pub(crate) fn change_line(&self) -> ChangeLine {
        self.registers.change_line()
    }

    pub(crate) fn delay(&self, time: Duration) {
        self.board.delay(time);
    }

    /// Sends the bytes of a command.
    pub(crate) fn send(&self, bytes: &[u8]) -> Result<(), Fault> {
        for byte in bytes {
            self.await_status(MainStatus::REQUEST, Phase::Command)?;
            self.registers.put(*byte);
        }
        Ok(())
    }

    /// Sends the bytes of a command that ends with an interrupt.
    pub(crate) fn start(&self, bytes: &[u8]) -> Result<(), Fault> {
        self.board.expect_interrupt();
        self.send(bytes)
    }

    /// Receives the bytes of a result.
    pub(crate) fn receive<const N: usize>(&self) -> Result<[u8; N], Fault> {
        let mut bytes = [0; N];
        for byte in &mut bytes {
            self.await_status(MainStatus::REQUEST | MainStatus::TO_PROCESSOR, Phase::Result)?;
            *byte = self.registers.get();
        }
        Ok(bytes)
    }

    pub(crate) fn wait_interrupt(&self, phase: Phase, timeout: Duration) -> Result<(), Fault> {
        self.board.wait_interrupt(timeout).map_err(|TimedOut| Fault::TimedOut { phase })
    }

    /// Asks what an interrupt without a result was for: status register 0, and the cylinder of the head.
    pub(crate) fn sense_interrupt(&self) -> Result<(St0, u8), Fault> {
        self.send(&command::SENSE_INTERRUPT)?;
        let [st0] = self.receive()?;
        let st0 = St0::from_bits_retain(st0);
        if is_invalid(st0) {
            // There was nothing to tell, and no second byte comes.
            return Ok((st0, 0));
        }
        let [cylinder] = self.receive()?;
        Ok((st0, cylinder))
    }

    /// Looks at the main status register until it says that a byte can pass this way.
    fn await_status(&self, wanted: MainStatus, phase: Phase) -> Result<(), Fault> {
        for _ in 0..LOOKS {
            if self.registers.main_status() == wanted {
                return Ok(());
            }
            self.board.delay(LOOK);
        }
        Err(Fault::TimedOut { phase })
    }
}

/// Whether the controller says that there is no such command, or nothing to tell.
fn is_invalid(st0: St0) -> bool {
    st0.contains(St0::INVALID) && !st0.contains(St0::ABNORMAL)
}
