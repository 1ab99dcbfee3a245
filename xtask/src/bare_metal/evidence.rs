//! What a run leaves behind: the disk, and what was played.

use std::path::Path;

use anyhow::{Result, ensure};
use bare_metal_contents::{PLAYED, WRITTEN};

use super::judge::Expect;
use super::wave::{self, Heard};
use super::{Model, Pace, Run, floppy};
use crate::watch::Ending;

/// The disk, in the place of a run.
pub(super) const DISK: &str = "floppy.img";
/// The wave file, in the place of a run.
pub(super) const WAVE: &str = "sound.wav";

/// Fails unless disk and wave file are as the tests that passed should have left them.
pub(super) fn check(run: &Run, ending: &Ending, place: &Path) -> Result<()> {
    let passed: Vec<&str> = ending.serial.lines().filter_map(|line| line.strip_prefix("ok ")).collect();
    if run.expect == Expect::Success {
        let known = WRITTEN.iter().map(|it| it.test).chain(PLAYED.iter().map(|it| it.test));
        let missing: Vec<&str> =
            known.filter(|test| asks_for(&run.command, test) && !passed.contains(test)).collect();
        ensure!(missing.is_empty(), "tests that leave something behind did not run: {missing:?}");
    }
    floppy::check(&place.join(DISK), &passed)?;
    let heard = match (run.model, run.pace()) {
        (Model::Bochs, Pace::Free) => Heard::Beginning,
        _ => Heard::Everything,
    };
    wave::check(&place.join(WAVE), &passed, heard)
}

/// Whether a command line for the kernel asks for a test.
fn asks_for(command: &str, test: &str) -> bool {
    match command.strip_prefix("test=") {
        None => command.is_empty(),
        Some(names) => names.strip_suffix('*').map_or(names == test, |start| test.starts_with(start)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::RUNS;
    use super::*;

    #[test]
    fn all_that_is_played_is_heard_on_each_model() {
        for model in [Model::Qemu, Model::Bochs] {
            let runs = RUNS.map(|(model, command, expect)| Run { model, command: command.into(), expect });
            let heard = |test| {
                let hears = |run: &Run| run.model == Model::Qemu || run.pace() == Pace::Real;
                runs.iter().any(|run| run.model == model && hears(run) && asks_for(&run.command, test))
            };
            PLAYED.iter().for_each(|played| assert!(heard(played.test), "{} on {model:?}", played.test));
        }
    }

    #[test]
    fn a_command_asks_for_all_tests_or_one_or_those_of_a_kind() {
        assert!(asks_for("", "this"));
        assert!(asks_for("test=this", "this") && !asks_for("test=this", "this-too"));
        assert!(asks_for("test=th*", "this") && !asks_for("test=th*", "other"));
        assert!(!asks_for("variant=this", "this"));
    }
}
