//! The guest on QEMU.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use vfio_guest_contents::{MACHINE, SERIAL, TEST};

use super::Iommu;
use super::initramfs::Initramfs;
use super::kernel::Kernel;
use super::tools::QEMU;
use crate::watch::{Ending, Results, Watch};

/// The guest's disk, in the place of a run.
pub(super) const DISK: &str = "disk.img";

/// All tests take less than a minute; this is for a machine that is busy.
const LIMIT: Duration = Duration::from_secs(300);

/// What the guest's machine has beside its IOMMU. Interpreted, whatever this machine could do, so that it is the same
/// everywhere; no boot loader; it ends instead of starting anew.
const MACHINE_OPTIONS: &str = "-accel tcg,thread=multi -machine q35 -cpu max -smp 2 -m 1024 \
    -nodefaults -no-user-config -display none -no-reboot -monitor none -vga none -net none \
    -device isa-debug-exit,iobase=0xf4,iosize=0x4 -device edu,addr=4 -device edu,addr=5";

/// What the guest's kernel is told: to translate for every device, to end the machine when it dies, and not to take a
/// busy machine's late timer for a broken one.
const KERNEL_OPTIONS: &str =
    "console=ttyS0 quiet panic=-1 no_timer_check intel_iommu=on iommu=nopt hugepagesz=2M hugepages=48";

/// Runs the guest; all files of the run lie in `place`.
pub(super) fn run(
    iommu: Iommu,
    kernel: &Kernel,
    initramfs: &Initramfs,
    tests: &[String],
    place: &Path,
) -> Result<Ending> {
    let serial = format!("serial-{}.txt", iommu.name());
    let words: String = tests.iter().map(|test| format!(" {TEST}{test}")).collect();
    let mut command = Command::new(QEMU);
    command.current_dir(place).args(MACHINE_OPTIONS.split_whitespace());
    command.args(iommu.device().into_iter().flat_map(|device| ["-device", device]));
    command.args(["-serial", &format!("file:{serial}")]);
    // What the guest writes is forgotten.
    command.args(["-drive", &format!("file={DISK},if=none,id=disk,format=raw,cache=unsafe,snapshot=on")]);
    command.args(["-device", &format!("nvme,addr=3,drive=disk,serial={SERIAL}")]);
    command.arg("-kernel").arg(&kernel.image).arg("-initrd").arg(&initramfs.path);
    command.args(["-append", &format!("{KERNEL_OPTIONS} -- {MACHINE}{}{words}", iommu.name())]);
    let log = place.join(format!("qemu-{}.log", iommu.name()));
    let serial = place.join(serial);
    Watch { command, name: iommu.name(), serial, log, limit: LIMIT, results: Results::Shown }.until_its_end()
}
