//! `transfer`: files to simulated devices and back, by DMA.

mod engine;
mod floppy;
mod nvme;
mod outcome;
mod passes;
mod progress;
mod setup;
mod start;
mod stats;
mod streams;
mod turns;

use std::io::{self, Write};
use std::time::Instant;

use anyhow::{Context, anyhow, bail};
use ddi_dma::{Bus, Dmae};
use ddi_dma_sim::DeviceName;

use crate::cli::{Format, TransferArgs};
use crate::devices::Target;
use crate::{Outcome, devices};
use outcome::{StreamOutcome, Transferred};
use progress::Progress;
use setup::Setup;
use stats::StatsSection;
use streams::{Job, Shared};

/// Transfers files there and back.
pub(crate) fn run(args: &TransferArgs) -> anyhow::Result<Outcome> {
    let name = match &args.device {
        _ if args.list_devices => return devices::run_simulated(),
        _ if args.files.is_empty() => bail!("say which FILE goes to which --device"),
        Some(Target::Nvme) => return nvme::run(args, None),
        Some(Target::NvmeAt(nexus)) => return nvme::run(args, Some(*nexus)),
        Some(Target::Simulated(name)) => name,
        None => bail!("say which FILE goes to which --device"),
    };
    let device = name.model().name();
    if let Some(nexus) = args.real.nexus {
        bail!("--nexus {nexus}: {device} is simulated: take --device nvme, or leave it out");
    }
    let started = Instant::now();
    let seed = args.seed.unwrap_or(name.machine_config().seed);
    let mut transferred = Transferred::new(device, seed);
    if let Err(error) = there_and_back(name, args, &mut transferred) {
        transferred.error = Some(format!("{error:#}"));
    }
    transferred.seconds = started.elapsed().as_secs_f64();
    let mut output = io::stdout().lock();
    match args.format() {
        Format::Json => serde_json::to_writer_pretty(&mut output, &transferred)
            .map_err(io::Error::from)
            .and_then(|()| writeln!(output))
            .context("cannot write the outcome")?,
        Format::Text if transferred.is_told() => {
            write!(output, "{transferred}").context("cannot write the outcome")?
        }
        Format::Text => {}
    }
    match (transferred.error, transferred.verified) {
        (Some(error), _) => Err(anyhow!(error)),
        (None, true) => Ok(Outcome::Good),
        (None, false) => Ok(Outcome::Bad),
    }
}

/// Does all that the arguments ask for. An error is one of them all; what a stream meets is in its outcome.
fn there_and_back(
    name: &DeviceName,
    args: &TransferArgs,
    transferred: &mut Transferred,
) -> anyhow::Result<()> {
    let streams = args.parallel;
    let setup = Setup::new(args, name, streams)?;
    let jobs = streams::jobs(&args.files, streams, setup.model);
    let lengths = jobs.iter().filter_map(|job| job.length.as_ref().ok());
    let Some(longest) = lengths.clone().max() else {
        transferred.conclude(jobs.into_iter().zip(1..).map(not_begun).collect());
        return Ok(());
    };
    let total = lengths.fold(0u64, |sum, length| sum.saturating_add(length.saturating_mul(2)));
    let machine = setup.machine(*longest)?;
    let bus = Bus::new(machine.nexus(setup.model.nexus()), setup.bus_config());
    let dmae = Dmae::new(machine.ports());
    let progress = Progress::new(total);
    let shared = Shared { setup: &setup, machine: &machine, bus: &bus, dmae: &dmae, progress };
    let outcomes = shared.run(jobs, streams);
    transferred.stats = StatsSection::new(bus.stats(), dmae.stats());
    transferred.conclude(outcomes);
    Ok(())
}

/// The outcome of a job whose file cannot be transferred.
fn not_begun((job, number): (Job, usize)) -> StreamOutcome {
    let mut outcome = StreamOutcome::new(number, &job.path);
    if let Err(error) = &job.length {
        outcome.fail(error);
    }
    outcome
}
