//! The kernel of `machines/bare-metal` on the machine models QEMU and Bochs.

mod bochs;
mod evidence;
mod floppy;
mod image;
mod judge;
mod kernel;
mod qemu;
mod tools;
mod wave;

use std::path::Path;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::watch::Results;
use image::Image;
use judge::Expect;

/// A machine model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Model {
    /// QEMU, which lets a wrong program of the DMA controller run on.
    Qemu,
    /// Bochs, which panics at one.
    Bochs,
}

impl Model {
    /// How it reads in front of a line.
    fn name(self) -> &'static str {
        match self {
            Model::Qemu => "qemu",
            Model::Bochs => "bochs",
        }
    }
}

/// What to run; without a choice, everything.
#[derive(Debug, Default, clap::Args)]
pub struct Choice {
    /// Only this model.
    #[arg(long)]
    model: Option<Model>,
    /// One run with this command line for the kernel, `test=NAME`, `test=START*` or `variant=NAME`, that must end well.
    #[arg(long)]
    command: Option<String>,
}

/// One run of the kernel.
#[derive(Debug, Clone)]
struct Run {
    model: Model,
    /// The kernel's command line.
    command: String,
    expect: Expect,
}

/// How Bochs' time passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// As fast as it can.
    Free,
    /// Not faster than real time, in which its wave file is written.
    Real,
}

/// The tests that play something.
const SOUND: &str = "test=sound-";

/// All runs: the tests, and that what is broken on purpose is noticed.
const RUNS: [(Model, &str, Expect); 12] = [
    (Model::Qemu, "", Expect::Success),
    (Model::Qemu, "variant=failure", Expect::Code(22)),
    (Model::Qemu, "variant=panic", Expect::Code(17)),
    (Model::Qemu, "variant=exception", Expect::Code(18)),
    (Model::Qemu, "variant=out-of-memory", Expect::Code(19)),
    (Model::Qemu, "variant=time-out", Expect::Code(20)),
    (Model::Bochs, "", Expect::Success),
    // Once more: in a run of all tests, time passes too fast for the wave file.
    (Model::Bochs, "test=sound-*", Expect::Success),
    (Model::Bochs, "variant=panic", Expect::Code(17)),
    (Model::Bochs, "variant=broken-boundary", Expect::Panic("request outside 64k boundary")),
    (Model::Bochs, "variant=broken-boundary-words", Expect::Panic("request outside 128k boundary")),
    (Model::Bochs, "variant=triple-fault", Expect::Panic("3rd")),
];

/// Builds the kernel and runs it, the models side by side.
pub fn test(choice: &Choice) -> Result<()> {
    let runs = chosen(choice);
    tools::check(runs.iter().map(|run| run.model))?;
    let image = Image::read(kernel::build()?)?;
    let place = tempfile::tempdir().context("no place for disks and logs")?;
    let started = Instant::now();
    let failures: Vec<String> = thread::scope(|scope| {
        let models = [Model::Qemu, Model::Bochs].map(|model| {
            let (runs, image, place) = (&runs, &image, place.path());
            scope.spawn(move || run_model(model, runs, image, place))
        });
        models.into_iter().flat_map(|model| model.join().expect("a run does not panic")).collect()
    });
    println!("{} runs in {:.1} s", runs.len(), started.elapsed().as_secs_f32());
    if !failures.is_empty() {
        bail!("{} of {} runs went wrong\n\n{}", failures.len(), runs.len(), failures.join("\n\n"));
    }
    Ok(())
}

/// Checks formatting and lints of the kernel.
pub fn lint() -> Result<()> {
    kernel::lint()
}

/// The runs that were asked for.
fn chosen(choice: &Choice) -> Vec<Run> {
    let all = RUNS.iter().map(|(model, command, expect)| (*model, command.to_string(), *expect));
    let asked: Vec<_> = match &choice.command {
        None => all.collect(),
        Some(command) => {
            [Model::Qemu, Model::Bochs].map(|model| (model, command.clone(), Expect::Success)).into()
        }
    };
    let here = |run: &Run| choice.model.is_none_or(|model| run.model == model);
    asked.into_iter().map(|(model, command, expect)| Run { model, command, expect }).filter(here).collect()
}

/// Makes the runs of one model, one after the other, and tells what went wrong.
fn run_model(model: Model, runs: &[Run], image: &Image, place: &Path) -> Vec<String> {
    let mut failures = Vec::new();
    for (number, run) in runs.iter().enumerate().filter(|(_, run)| run.model == model) {
        let place = place.join(number.to_string());
        let done = std::fs::create_dir(&place).map_err(anyhow::Error::from).and_then(|()| {
            let ending = match model {
                Model::Qemu => qemu::run(image, run, &place)?,
                Model::Bochs => bochs::run(image, run, &place)?,
            };
            run.expect.judge(model, &ending)?;
            evidence::check(run, &ending, &place)
        });
        match done {
            Ok(()) => println!("{}: {}as expected", model.name(), run.title()),
            Err(error) => {
                println!("{}: {}WENT WRONG", model.name(), run.title());
                failures.push(format!("{}: {}{error:#}", model.name(), run.title()));
            }
        }
    }
    failures
}

impl Run {
    /// Whether its tests should pass, and so are worth a line each.
    fn results(&self) -> Results {
        if self.expect == Expect::Success { Results::Shown } else { Results::Hidden }
    }

    /// How Bochs' time passes in it.
    fn pace(&self) -> Pace {
        if self.command.starts_with(SOUND) { Pace::Real } else { Pace::Free }
    }

    /// How it reads in a message, with a blank behind it.
    fn title(&self) -> String {
        if self.command.is_empty() { "all tests, ".into() } else { format!("{}, ", self.command) }
    }
}
