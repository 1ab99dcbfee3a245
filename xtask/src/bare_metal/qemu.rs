//! The kernel on QEMU.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::image::Image;
use super::{Run, evidence, floppy};
use crate::watch::{Ending, Watch};

/// A run takes a few seconds, most of them to play; this is for a machine that is busy.
const LIMIT: Duration = Duration::from_secs(30);

/// Runs the kernel; all files of the run lie in `place`.
pub(super) fn run(image: &Image, run: &Run, place: &Path) -> Result<Ending> {
    let (serial, log) = (place.join("serial.txt"), place.join("qemu.log"));
    floppy::write(&place.join(evidence::DISK))?;
    let mut command = Command::new(super::tools::QEMU);
    // Interpreted, whatever the machine could do: virtualisation starts slower than these tests run.
    command.current_dir(place).args("-M pc,accel=tcg -m 128 -nodefaults -display none -no-reboot".split(' '));
    command
        .args("-serial file:serial.txt -monitor none -device isa-debug-exit,iobase=0xf4,iosize=4".split(' '));
    command.args("-drive if=floppy,format=raw,file=floppy.img".split(' '));
    command.args("-audiodev wav,id=sound,path=sound.wav,out.frequency=44100,out.channels=2".split(' '));
    command.args("-device sb16,audiodev=sound".split(' '));
    command.arg("-kernel").arg(&image.path).arg("-append").arg(&run.command);
    Watch { command, name: run.model.name(), serial, log, limit: LIMIT, results: run.results() }
        .until_its_end()
}
