//! What a run leaves behind: the disk, and what was played.

use std::path::Path;

use anyhow::{Result, ensure};
use bare_metal_contents::{PLAYED, WRITTEN};

use super::judge::Expect;
use super::watch::Ending;
use super::wave::{self, Heard};
use super::{Model, Pace, Run, floppy};

/// The disk, in the place of a run.
pub(super) const DISK: &str = "floppy.img";
/// The wave file, in the place of a run.
pub(super) const WAVE: &str = "sound.wav";

/// Fails unless disk and wave file are as the tests that passed should have left them.
pub(super) fn check(run: &Run, ending: &Ending, place: &Path) -> Result<()> {
    let passed: Vec<&str> = ending.serial.lines().filter_map(|line| line.strip_prefix("ok ")).collect();
    if run.command.is_empty() && run.expect == Expect::Success {
        let known = WRITTEN.iter().map(|it| it.test).chain(PLAYED.iter().map(|it| it.test));
        let missing: Vec<&str> = known.filter(|test| !passed.contains(test)).collect();
        ensure!(missing.is_empty(), "tests that leave something behind did not run: {missing:?}");
    }
    floppy::check(&place.join(DISK), &passed)?;
    let heard = match (run.model, run.pace()) {
        (Model::Bochs, Pace::Free) => Heard::Beginning,
        _ => Heard::Everything,
    };
    wave::check(&place.join(WAVE), &passed, heard)
}
