//! The tests of `machines/vfio-guest`: PCI devices in a guest of QEMU with an emulated IOMMU, or none.

mod disk;
mod initramfs;
mod judge;
mod kernel;
mod module;
mod program;
mod qemu;
mod tools;

use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use initramfs::Initramfs;
use kernel::Kernel;

/// The kinds of IOMMU that a machine of QEMU has here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Iommu {
    /// Intel's VT-d.
    Intel,
    /// AMD's IOMMU.
    Amd,
    /// None: the devices see memory as it lies.
    None,
}

/// What to run; without a choice, every test with every kind of IOMMU and without.
#[derive(Debug, Default, clap::Args)]
pub struct Choice {
    /// Only with this kind of IOMMU.
    #[arg(long)]
    iommu: Option<Iommu>,
    /// Only tests whose names begin with this; may be given several times.
    #[arg(long = "test", value_name = "NAME")]
    tests: Vec<String>,
}

impl Iommu {
    /// How it reads in front of a line, and on the guest's command line.
    fn name(self) -> &'static str {
        match self {
            Iommu::Intel => "intel",
            Iommu::Amd => "amd",
            Iommu::None => "none",
        }
    }

    /// The device of QEMU, if it is one.
    fn device(self) -> Option<&'static str> {
        match self {
            Iommu::Intel => Some("intel-iommu,intremap=on"),
            Iommu::Amd => Some("amd-iommu,intremap=on"),
            Iommu::None => None,
        }
    }
}

/// Builds the guest and boots it with each kind of IOMMU and without.
pub fn test(choice: &Choice) -> Result<()> {
    tools::check()?;
    let programs = program::build()?;
    let kernel = Kernel::cached()?;
    let place = tempfile::tempdir().context("no place for disks and logs")?;
    let initramfs = Initramfs::write(&place.path().join("initrd.cpio"), &kernel, &programs)?;
    disk::write(&place.path().join(qemu::DISK))?;
    let started = Instant::now();
    let run = |iommu: Iommu| {
        let ending = qemu::run(iommu, &kernel, &initramfs, &choice.tests, place.path());
        let well = ending.and_then(|ending| judge::judge(&ending));
        well.err().map(|error| format!("{}: {error:#}", iommu.name()))
    };
    let asked = |iommu: &Iommu| choice.iommu.is_none_or(|only| only == *iommu);
    let run_one_by_one =
        |lane: &[Iommu]| -> Vec<String> { lane.iter().copied().filter(asked).filter_map(run).collect() };
    // Much of the time devices are waited for, so two machines take little longer than one.
    let failures = thread::scope(|scope| {
        let other = scope.spawn(|| run_one_by_one(&[Iommu::Amd, Iommu::None]));
        let mut failures = run_one_by_one(&[Iommu::Intel]);
        failures.extend(other.join().expect("a run does not panic"));
        failures
    });
    println!("booted and tested in {:.1} s", started.elapsed().as_secs_f32());
    if !failures.is_empty() {
        bail!("{}", failures.join("\n\n"));
    }
    Ok(())
}
