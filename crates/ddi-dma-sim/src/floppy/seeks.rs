//! Seeks, and what SENSE INTERRUPT STATUS tells of them.

use std::collections::VecDeque;

use super::drive::{Drive, StepWay};
use super::status::{msr, st0};

/// Drives that the controller can tell apart.
const DRIVES: usize = 4;

/// Step pulses that RECALIBRATE sends at the most: too few for a head beyond cylinder 79.
const RECALIBRATE_PULSES: usize = 79;

/// The seeks of all drives.
///
/// The controller does not see where a head is: it counts, and looks at the sensor for track 0 when it recalibrates.
/// The pulses reach the drive that the digital output register selects, whatever drive the command says.
#[derive(Debug, Default)]
pub(super) struct Seeks {
    running: [Option<Seek>; DRIVES],
    counted: [u8; DRIVES],
    unsensed: VecDeque<Unsensed>,
}

/// A seek.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seek {
    To(u8),
    Recalibrate,
}

/// What a drive waits to be asked for.
#[derive(Debug, Clone, Copy)]
struct Unsensed {
    drive: u8,
    st0: u8,
}

impl Seeks {
    /// Starts a seek. One that runs, and one that nobody asked for, are forgotten.
    pub(super) fn start(&mut self, drive: u8, seek: Seek) {
        self.forget(drive);
        self.running[usize::from(drive)] = Some(seek);
    }

    /// Has all seeks end, and tells how many did.
    pub(super) fn run(&mut self, mut selected: Option<&mut Drive>) -> usize {
        let mut ended = 0;
        for drive in 0..DRIVES as u8 {
            let Some(seek) = self.running[usize::from(drive)].take() else { continue };
            let found = match seek {
                Seek::To(cylinder) => {
                    self.step_to(drive, cylinder, selected.as_deref_mut());
                    0
                }
                Seek::Recalibrate => {
                    self.counted[usize::from(drive)] = 0;
                    recalibrate(selected.as_deref_mut())
                }
            };
            self.unsensed.push_back(Unsensed { drive, st0: st0::SEEK_END | found | drive });
            ended += 1;
        }
        ended
    }

    /// Steps from where the controller believes the head to be, and tells whether it had to.
    pub(super) fn step_to(&mut self, drive: u8, cylinder: u8, selected: Option<&mut Drive>) -> Stepping {
        let counted = std::mem::replace(&mut self.counted[usize::from(drive)], cylinder);
        let way = if cylinder < counted { StepWay::Out } else { StepWay::In };
        if let Some(selected) = selected {
            (0..cylinder.abs_diff(counted)).for_each(|_| selected.pulse(way));
        }
        if cylinder == counted { Stepping::None } else { Stepping::Done }
    }

    /// Finds all drives changed, as polling does after a reset.
    pub(super) fn poll(&mut self) {
        for drive in 0..DRIVES as u8 {
            self.forget(drive);
            self.unsensed.push_back(Unsensed { drive, st0: st0::POLLED | drive });
        }
    }

    /// The two bytes of SENSE INTERRUPT STATUS; none where there is nothing to tell.
    pub(super) fn sense(&mut self) -> Option<[u8; 2]> {
        let Unsensed { drive, st0 } = self.unsensed.pop_front()?;
        Some([st0, self.counted[usize::from(drive)]])
    }

    /// Whether somebody has yet to ask.
    pub(super) fn any_unsensed(&self) -> bool {
        !self.unsensed.is_empty()
    }

    /// The drives' bits of the main status register: from the start of a seek until somebody asks.
    pub(super) fn busy(&self) -> u8 {
        let running = (0..DRIVES).filter(|drive| self.running[*drive].is_some());
        let ended = self.unsensed.iter().filter(|unsensed| unsensed.st0 & st0::POLLED != st0::POLLED);
        let drives = running.chain(ended.map(|unsensed| usize::from(unsensed.drive)));
        drives.fold(0, |bits, drive| bits | msr::DRIVE_BUSY << drive)
    }

    /// Where the controller believes the heads to be.
    pub(super) fn counted(&self) -> [u8; DRIVES] {
        self.counted
    }

    fn forget(&mut self, drive: u8) {
        self.unsensed.retain(|unsensed| unsensed.drive != drive);
    }
}

/// Whether the head had to be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stepping {
    None,
    Done,
}

/// Steps out until the sensor tells track 0. Gives bits of status register 0.
fn recalibrate(selected: Option<&mut Drive>) -> u8 {
    let missed = st0::ABNORMAL | st0::EQUIPMENT_CHECK;
    let Some(drive) = selected else { return missed };
    for _ in 0..RECALIBRATE_PULSES {
        if drive.at_track_0() {
            break;
        }
        drive.pulse(StepWay::Out);
    }
    if drive.at_track_0() { 0 } else { missed }
}
