//! The tests, and what runs them. How to add one is told in `main.rs`.

mod c_driver;
mod device;
mod doctor;
mod edu;
mod leaks;
mod limits;
mod maps;
mod mishaps;
mod nvme;
mod opened;
mod processes;
mod runner;
mod system;
mod transfer;
mod uio;
mod watched;

use std::time::Instant;

use vfio_guest_contents::{MACHINE, Outcome, TEST};

use crate::failure::Failure;
use crate::guest::{Guest, Iommu};
use crate::kernel_log::KernelLog;
use crate::runner::{Role, Test};

/// Tests for every machine, in the order in which they run.
const EVERYWHERE: &[&[Test]] = &[system::TESTS, runner::TESTS, doctor::TESTS];

/// Tests for machines with an IOMMU, after those.
const WITH_IOMMU: &[&[Test]] = &[
    system::VFIO_TESTS,
    device::TESTS,
    edu::TESTS,
    limits::TESTS,
    maps::TESTS,
    processes::TESTS,
    mishaps::TESTS,
    transfer::TESTS,
    c_driver::TESTS,
    leaks::TESTS,
    nvme::TESTS,
];

/// Tests for machines without one.
const WITHOUT_IOMMU: &[&[Test]] = &[transfer::WITHOUT_IOMMU, c_driver::WITHOUT_IOMMU, uio::TESTS];

/// What other processes do for tests.
pub const ROLES: &[&[Role]] = &[runner::ROLES, processes::ROLES, uio::ROLES];

/// What is broken on purpose: a test sees to it that the runner notices.
const BROKEN: &[&[Test]] = &[runner::BROKEN];

/// Messages of the kernel that are shown with a failure.
const SAID: usize = 12;

/// The test of this name.
pub fn named(name: &str) -> Option<&'static Test> {
    [EVERYWHERE, WITH_IOMMU, WITHOUT_IOMMU, BROKEN]
        .into_iter()
        .flatten()
        .copied()
        .flatten()
        .find(|test| test.name == name)
}

/// Runs what the words of the command line ask for.
pub fn run(words: impl Iterator<Item = String>) -> Outcome {
    let mut wanted = Vec::new();
    for word in words {
        if let Some(name) = word.strip_prefix(TEST) {
            wanted.push(name.to_owned());
        } else if !word.starts_with(MACHINE) {
            println!("neither {MACHINE}KIND nor {TEST}NAME: {word:?}");
            return Outcome::BadCommand;
        }
    }
    match run_all(&wanted) {
        Ok(outcome) => outcome,
        Err(failure) => {
            println!("the runner itself fails: {failure}");
            Outcome::BadMachine
        }
    }
}

/// Runs the tests whose names begin with one of these; all, if there are none.
fn run_all(wanted: &[String]) -> Result<Outcome, Failure> {
    let is_wanted = |test: &&Test| wanted.is_empty() || wanted.iter().any(|name| test.name.starts_with(name));
    let special = match Guest::look()?.iommu {
        Iommu::Intel | Iommu::Amd => WITH_IOMMU,
        Iommu::None => WITHOUT_IOMMU,
    };
    let chosen: Vec<&Test> = EVERYWHERE.iter().chain(special).copied().flatten().filter(is_wanted).collect();
    if chosen.is_empty() {
        println!("no test of this machine has a name that begins with {wanted:?}");
        return Ok(Outcome::BadCommand);
    }
    let mut log = KernelLog::open()?;
    let mut outcome = Outcome::Success;
    for test in chosen {
        log.news()?;
        let started = Instant::now();
        let report = test.report()?;
        for line in report.printed.lines().filter(|line| !line.is_empty()) {
            println!("  {line}");
        }
        match report.result {
            Ok(()) => println!("ok {} ({:.2} s)", test.name, started.elapsed().as_secs_f32()),
            Err(failure) => {
                println!("FAILED {}: {failure}", test.name);
                let said = log.news()?;
                for line in &said[said.len().saturating_sub(SAID)..] {
                    println!("  kernel: {line}");
                }
                outcome = Outcome::Failure;
            }
        }
    }
    Ok(outcome)
}
