//! Tests of ddi-dma on real PCI devices over VFIO: the first and only program of a guest of QEMU with an emulated IOMMU (or
//! none), an NVMe controller and two educational devices.
//!
//! `cargo xtask vfio-guest` builds it, starts it with each kind of IOMMU and without, and judges how it ends;
//! `cargo xtask vfio-guest --iommu intel --test NAME` runs the tests whose names begin with NAME on one machine.
//!
//! As process 1 it makes the system ready (`system`), gives the devices to vfio-pci or uio (`pci`) and runs each test in a process
//! of its own (`runner`): one that crashes, hangs or leaks does not touch the next, and a test may limit itself (locked
//! memory, privileges) as it likes. What it says on the serial port is one line a test, `ok NAME` or `FAILED NAME: why`,
//! above it what the test printed, and last `exit: CODE (name)`. After a failure stands what the kernel said.
//!
//! # How to add a test
//!
//! 1. Write `src/tests/THING.rs`. Names are words joined by dashes, begin with the thing and say what is shown:
//!
//!    ```ignore
//!    pub const TESTS: &[Test] = &[
//!        Test::new("edu-answers", answers),
//!        Test::new("edu-large-objects", large_objects).within(Duration::from_secs(40)),
//!    ];
//!
//!    fn answers(guest: &Guest) -> Result<(), Failure> {
//!        let container = Container::new()?;              // any error becomes a failure by `?`
//!        let device = container.open(guest.edu)?;
//!        ensure!(answer == 0xed, "identification {answer:#x}");
//!        println!("a register is read in {time:?}");     // what is printed is shown above the result
//!        Ok(())
//!    }
//!    ```
//! 2. Add it to `src/tests/mod.rs`, by `mod THING;` and in the list of the machines that it is for, and what it needs to `Cargo.toml`.
//! 3. `cargo xtask vfio-guest --iommu intel --test edu` (4 s and what the test takes).
//!
//! A test that needs a second process, to kill it or to share a device with it, starts a [`Role`](runner::Role): a function
//! with a name in the list `ROLES` beside `TESTS`, started by [`Role::command`](runner::Role::command).
//!
//! There are no other programs in the guest but `/bin/ddi-dma` and the driver in C, `/bin/edu_dma`. Files may be made in `/tmp`; huge pages are there.

#[macro_use]
mod failure;
mod exit;
mod guest;
mod kernel_log;
mod pci;
mod runner;
mod system;
mod tests;

use std::process::ExitCode;

use vfio_guest_contents::Outcome;

fn main() -> ExitCode {
    if std::process::id() == 1 {
        exit::end(first_process());
    }
    let words: Vec<String> = std::env::args().skip(1).collect();
    runner::child(&words)
}

/// Makes the guest ready and runs the tests.
fn first_process() -> Outcome {
    // The BIOS leaves an unfinished line.
    println!();
    match system::set_up() {
        Ok(()) => tests::run(std::env::args().skip(1)),
        Err(failure) => {
            println!("the guest is not ready: {failure}");
            Outcome::BadMachine
        }
    }
}
