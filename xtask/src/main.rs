//! The project's own chores, run as `cargo xtask CHORE`.

mod asan;
mod bare_metal;
mod c_library;
mod counts;
mod run;
mod vfio_guest;
mod watch;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use run::cargo;

/// Checks, instruction counts, bare builds and machines of ddi-dma.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// All checks that decide whether a change lands, in the order of their cost.
    Ci,
    /// Formatting, lints and documentation, warnings as errors.
    Lint,
    /// The core for machines without an operating system.
    Bare,
    /// The kernel of `machines/bare-metal` on the machine models QEMU and Bochs.
    BareMetal(bare_metal::Choice),
    /// The tests of `machines/vfio-guest`: real PCI devices over VFIO, in a guest of QEMU with an emulated IOMMU.
    VfioGuest(vfio_guest::Choice),
    /// The C library, its headers and its pkg-config page, installed below a directory and tried there.
    CLibrary(c_library::Choice),
    /// Instructions of one bind + unbind under callgrind, against their bounds.
    Counts,
    /// The tests of core and simulated machines under the address sanitizer.
    Asan,
    /// The queue of those who wait, under a model checker that tries many interleavings.
    Model,
}

/// Machines without an operating system for which the core must build.
const BARE_TARGETS: [&str; 2] = ["x86_64-unknown-none", "riscv64gc-unknown-none-elf"];

fn main() -> ExitCode {
    let done = match Arguments::parse().chore {
        Chore::Ci => ci(),
        Chore::Lint => lint(),
        Chore::Bare => bare(),
        Chore::BareMetal(choice) => bare_metal::test(&choice),
        Chore::VfioGuest(choice) => vfio_guest::test(&choice),
        Chore::CLibrary(choice) => c_library::install(&choice),
        Chore::Counts => counts::check(),
        Chore::Asan => asan::test(),
        Chore::Model => model(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn ci() -> Result<()> {
    lint()?;
    bare()?;
    bare_metal::test(&bare_metal::Choice::default())?;
    vfio_guest::test(&vfio_guest::Choice::default())?;
    c_library::install(&c_library::Choice::default())?;
    counts::check()?;
    asan::test()?;
    model()?;
    cargo("test --workspace").run()
}

fn lint() -> Result<()> {
    cargo("fmt --all --check").run()?;
    cargo("clippy --workspace --all-targets -- -D warnings").run()?;
    bare_metal::lint()?;
    cargo("doc --workspace --no-deps").env("RUSTDOCFLAGS", "-D warnings").run()
}

fn model() -> Result<()> {
    cargo("test -p ddi-dma --lib --target-dir target/model wait_model")
        .env("RUSTFLAGS", "--cfg shuttle")
        .run()
}

fn bare() -> Result<()> {
    for target in BARE_TARGETS {
        cargo(&format!("build -p ddi-dma -p isa-floppy --target {target}")).run()?;
    }
    Ok(())
}
