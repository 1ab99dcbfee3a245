//! The kernel on Bochs.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::image::{Geometry, Image};
use super::{Pace, Run, evidence, floppy, tools};
use crate::watch::{Ending, Watch};

/// A run takes a few seconds.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs the kernel; all files of the run lie in `place`.
pub(super) fn run(image: &Image, run: &Run, place: &Path) -> Result<Ending> {
    let (serial, log) = (place.join("serial.txt"), place.join("bochs.log"));
    floppy::write(&place.join(evidence::DISK))?;
    let geometry = image.write_disk(&place.join("disk.img"), &run.command)?;
    fs::write(place.join("bochsrc"), configuration(geometry, run.pace()))?;
    // Debian's Bochs has a debugger, which waits to be told to begin.
    fs::write(place.join("begin"), "continue\n")?;
    let mut command = Command::new(tools::BOCHS);
    command.current_dir(place).args("-q -f bochsrc -rc begin".split(' '));
    Watch { command, name: run.model.name(), serial, log, limit: LIMIT, results: run.results() }
        .until_its_end()
}

/// The machine: as QEMU's, but for the disk that it starts from.
fn configuration(Geometry { cylinders, heads, sectors }: Geometry, pace: Pace) -> String {
    let [bios, video_bios] = tools::BOCHS_FILES;
    let sync = match pace {
        Pace::Free => "none",
        Pace::Real => "slowdown",
    };
    format!(
        r#"megs: 64
cpu: ips=50000000, reset_on_triple_fault=0
clock: sync={sync}, time0=utc
romimage: file={bios}
vgaromimage: file={video_bios}
display_library: rfb, options="timeout=0"
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=disk, path=disk.img, mode=flat, cylinders={cylinders}, heads={heads}, spt={sectors}
boot: disk
floppya: 1_44=floppy.img, status=inserted
com1: enabled=1, mode=file, dev=serial.txt
sound: waveoutdrv=dummy
sb16: wavemode=2, wavefile=sound.wav, midimode=0, dmatimer=600000, loglevel=0
log: bochs.log
panic: action=fatal
error: action=report
info: action=report
debug: action=ignore
"#
    )
}
