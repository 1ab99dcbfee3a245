//! Streams: each takes a file, attaches a device of its own and moves the file, beside the others.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, bail, ensure};
use ddi_dma::{Bus, Dmae};
use ddi_dma_sim::{Machine, Model};

use super::engine::{Engine, Place};
use super::outcome::StreamOutcome;
use super::passes::Passes;
use super::progress::Progress;
use super::setup::Setup;
use super::start::Starter;
use super::turns::Turns;

/// A file that a stream is to transfer.
pub(super) struct Job {
    pub(super) path: PathBuf,
    /// Its bytes, or why it cannot be transferred.
    pub(super) length: anyhow::Result<u64>,
}

/// The files in turn, until there are as many as streams.
pub(super) fn jobs(files: &[PathBuf], streams: usize, model: Model) -> Vec<Job> {
    let count = files.len().max(streams);
    let length = |path: &Path| {
        let (_, length) = open(path)?;
        fits(path, length, model)?;
        Ok(length)
    };
    files.iter().cycle().take(count).map(|path| Job { path: path.clone(), length: length(path) }).collect()
}

/// What the streams share.
pub(super) struct Shared<'a> {
    pub(super) setup: &'a Setup<'a>,
    pub(super) machine: &'a Machine,
    pub(super) bus: &'a Bus,
    pub(super) dmae: &'a Dmae,
    pub(super) progress: Progress,
}

impl Shared<'_> {
    /// Does all jobs, so many at once; the outcomes are in the order of the jobs.
    pub(super) fn run(&self, jobs: Vec<Job>, streams: usize) -> Vec<StreamOutcome> {
        let threads = streams.min(jobs.len());
        let turns = Arc::new(Turns::new(threads));
        let (begin, next) = (Barrier::new(threads), AtomicUsize::new(0));
        let outcomes = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for stream in 0..threads {
                let (turns, jobs, begin, next, outcomes) = (turns.clone(), &jobs, &begin, &next, &outcomes);
                scope.spawn(move || {
                    // Together: who comes first would be done before the last is there.
                    begin.wait();
                    let leave = Leave(turns.clone());
                    while let Some((number, job)) = take(jobs, next) {
                        let outcome = self.stream(number, job, stream, &turns);
                        outcomes.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
                    }
                    drop(leave);
                });
            }
        });
        let mut outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
        outcomes.sort_by_key(|outcome: &StreamOutcome| outcome.stream);
        outcomes
    }

    /// Does one job.
    fn stream(&self, number: usize, job: &Job, stream: usize, turns: &Arc<Turns>) -> StreamOutcome {
        let mut outcome = StreamOutcome::new(number, &job.path);
        match &job.length {
            Ok(length) => {
                outcome.bytes = *length;
                if let Err(error) = self.transfer(&job.path, *length, stream, turns, &mut outcome) {
                    outcome.fail(&error);
                }
            }
            Err(error) => outcome.fail(error),
        }
        outcome
    }

    fn transfer(
        &self,
        path: &Path,
        length: u64,
        stream: usize,
        turns: &Arc<Turns>,
        outcome: &mut StreamOutcome,
    ) -> anyhow::Result<()> {
        let name = path.display();
        let (file, _) = open(path)?;
        let Setup { model, slot, flags, way, object, unit, .. } = *self.setup;
        let place = Place { machine: self.machine, bus: self.bus, dmae: self.dmae, slot };
        let engine = Engine::attach(place, model, flags)?;
        let starter = Starter::new(engine, way, stream, turns.clone());
        let progress = &self.progress;
        let machine = self.machine;
        let mut passes =
            Passes { machine, starter, object, unit, file: &file, length, progress, before: None };
        match model {
            Model::Disk(_) | Model::Floppy(_) => passes.there_and_back(outcome),
            Model::Ether(_) => passes.frame_by_frame(outcome),
        }
        .with_context(|| name.to_string())?;
        if let (true, Some(difference)) = (outcome.verified, &outcome.difference) {
            let at = difference.offset;
            outcome.verified = false;
            bail!(
                "{name} changed while it was transferred, at byte {at:#x}: try again when nobody writes it"
            );
        }
        Ok(())
    }
}

/// Tells the others that a stream has ended, however it does.
struct Leave(Arc<Turns>);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// Takes the next job; jobs count from 1 for people.
fn take<'j>(jobs: &'j [Job], next: &AtomicUsize) -> Option<(usize, &'j Job)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    jobs.get(index).map(|job| (index + 1, job))
}

/// Whether a file goes on the device's medium.
fn fits(path: &Path, length: u64, model: Model) -> anyhow::Result<()> {
    if let Model::Floppy(spec) = model {
        let capacity = spec.geometry.size();
        ensure!(
            length <= capacity,
            "{} has {length} bytes, and the disk in {} holds {capacity}: give a smaller file, or take a disk that is \
             made as large, such as isa-disk",
            path.display(),
            model.name()
        );
    }
    Ok(())
}

/// Opens a file and tells its length.
pub(super) fn open(path: &Path) -> anyhow::Result<(File, u64)> {
    let name = path.display();
    let about = path.metadata().with_context(|| format!("cannot open {name}"))?;
    ensure!(!about.is_dir(), "{name} is a directory: give a file");
    ensure!(
        about.is_file(),
        "{name} is no regular file: copy what it gives into one, since the disk is made as large"
    );
    let file = File::open(path).with_context(|| format!("cannot open {name}"))?;
    ensure!(about.len() > 0, "{name} is empty: there is nothing to transfer");
    Ok((file, about.len()))
}
