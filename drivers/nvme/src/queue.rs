//! A submission queue with its completion queue (section 4.1), and who owns the commands in flight.
//!
//! - A command has a slot for as long as it is in flight. There are fewer slots than entries, so neither queue can
//!   overflow.
//! - A command's identifier is the number of its slot and a count of how often the slot was used: no identifier comes
//!   again soon, so that a completion that comes twice is noticed.
//! - Commands end in any order. A completion is new when its phase bit is that of this time around the queue.

use std::mem::offset_of;
use std::time::Instant;

use ddi_dma::{Device, Ring};

use crate::command::Command;
use crate::completion::{Completion, LastWord, Phase};
use crate::error::Fault;
use crate::memory::Shared;
use crate::registers::{Controls, Doorbells};
use crate::status::Status;

/// Bits of an identifier that number the slot.
const SLOT_BITS: u16 = 10;

/// Most entries of a queue: an identifier of all ones is never used.
pub(crate) const MOST_ENTRIES: u32 = 1 << SLOT_BITS;

/// A pair of queues. `T` is what owns a command in flight.
pub(crate) struct Queue<T> {
    number: u16,
    entries: u16,
    controls: Controls,
    doorbells: Doorbells,
    submission_memory: Shared,
    completion_memory: Shared,
    submissions: Ring<Command>,
    completions: Ring<Completion>,
    tail: usize,
    head: usize,
    phase: Phase,
    slots: Vec<Slot<T>>,
    free: Vec<u16>,
}

struct Slot<T> {
    uses: u16,
    held: Option<Held<T>>,
}

struct Held<T> {
    owner: T,
    since: Instant,
}

/// A command that ended.
pub(crate) struct Ended<T> {
    pub(crate) owner: T,
    pub(crate) status: Result<(), Status>,
    /// Dword 0 of the completion.
    pub(crate) result: u32,
}

/// What was found in the completion queue.
pub(crate) enum Found<T> {
    Ended(Ended<T>),
    /// A completion of no command that is in flight.
    Stray,
    /// Nothing new.
    Nothing,
}

impl<T> Queue<T> {
    /// Allocates a pair of queues of so many entries, 2 to [`MOST_ENTRIES`]. The controller does not know them yet.
    pub(crate) fn allocate(
        device: &Device,
        controls: &Controls,
        page: u64,
        number: u16,
        entries: u16,
    ) -> Result<Self, Fault> {
        let bytes = |entry: usize| u64::from(entries) * entry as u64;
        let submission_memory = Shared::allocate(device, page, bytes(size_of::<Command>()))?;
        let completion_memory = Shared::allocate(device, page, bytes(size_of::<Completion>()))?;
        let submissions = submission_memory.access().ring(0, entries.into())?;
        let completions = completion_memory.access().ring(0, entries.into())?;
        let slots = (1..entries).map(|_| Slot { uses: 0, held: None }).collect();
        Ok(Queue {
            number,
            entries,
            controls: controls.clone(),
            doorbells: controls.doorbells(number),
            submission_memory,
            completion_memory,
            submissions,
            completions,
            tail: 0,
            head: 0,
            phase: Phase::One,
            slots,
            free: (0..entries - 1).rev().collect(),
        })
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }

    pub(crate) fn entries(&self) -> u16 {
        self.entries
    }

    /// Where the submission queue is.
    pub(crate) fn submission_address(&self) -> u64 {
        self.submission_memory.address()
    }

    /// Where the completion queue is.
    pub(crate) fn completion_address(&self) -> u64 {
        self.completion_memory.address()
    }

    /// Commands in flight.
    pub(crate) fn in_flight(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// The slot of the next command, if there is one.
    pub(crate) fn next_slot(&self) -> Option<u16> {
        self.free.last().copied()
    }

    /// Writes a command, which gets the [`next_slot`](Self::next_slot). The controller takes no notice before
    /// [`ring`](Self::ring).
    pub(crate) fn put(&mut self, mut command: Command, owner: T) -> Result<(), Fault> {
        let Some(number) = self.next_slot() else { return Err(Fault::QueueFull) };
        let Some(slot) = self.slots.get_mut(usize::from(number)) else { return Err(Fault::QueueFull) };
        let uses = slot.uses.wrapping_add(1);
        command.identifier.set(uses << SLOT_BITS | number);
        self.submissions.set(self.tail, &command)?;
        self.submission_memory
            .show((self.tail * size_of::<Command>()) as u64, size_of::<Command>() as u64)?;
        self.tail = self.submissions.next(self.tail);
        slot.uses = uses;
        slot.held = Some(Held { owner, since: Instant::now() });
        self.free.pop();
        Ok(())
    }

    /// Tells the controller of the commands that were written.
    pub(crate) fn ring(&self) {
        self.controls.ring_submission(self.doorbells, self.tail as u32);
    }

    /// Takes the next completion, if one came. Call [`acknowledge`](Self::acknowledge) behind the last.
    pub(crate) fn take(&mut self) -> Result<Found<T>, Fault> {
        self.completion_memory
            .look((self.head * size_of::<Completion>()) as u64, size_of::<Completion>() as u64)?;
        // One access, ahead of all others: once the phase is new, so is the rest.
        let last = LastWord(self.completions.word(self.head, offset_of!(Completion, last))?);
        if last.phase() != self.phase {
            return Ok(Found::Nothing);
        }
        let result = self.completions.word(self.head, offset_of!(Completion, result))?;
        self.head = self.completions.next(self.head);
        if self.head == 0 {
            self.phase = self.phase.inverted();
        }
        Ok(match self.free_slot(last.identifier()) {
            Some(held) => {
                Found::Ended(Ended { owner: held.owner, status: Status::decode(last.status()), result })
            }
            None => Found::Stray,
        })
    }

    /// Frees the slot of a command that is in flight.
    fn free_slot(&mut self, identifier: u16) -> Option<Held<T>> {
        let number = identifier & ((1 << SLOT_BITS) - 1);
        let slot = self.slots.get_mut(usize::from(number))?;
        if slot.uses << SLOT_BITS | number != identifier {
            return None;
        }
        let held = slot.held.take()?;
        self.free.push(number);
        Some(held)
    }

    /// Gives the entries that were read back to the controller.
    pub(crate) fn acknowledge(&self) {
        self.controls.ring_completion(self.doorbells, self.head as u32);
    }

    /// The command that is in flight for the longest time: since when, and who owns it.
    pub(crate) fn oldest(&self) -> Option<(Instant, &T)> {
        let held = self.slots.iter().filter_map(|slot| slot.held.as_ref());
        held.min_by_key(|held| held.since).map(|held| (held.since, &held.owner))
    }

    /// Forgets all commands, and makes the queues as new. Only while the controller is off.
    pub(crate) fn renew(&mut self) -> Result<(), Fault> {
        self.submission_memory.clear()?;
        self.completion_memory.clear()?;
        (self.tail, self.head, self.phase) = (0, 0, Phase::One);
        self.slots.iter_mut().for_each(|slot| slot.held = None);
        self.free = (0..self.entries - 1).rev().collect();
        Ok(())
    }

    /// Takes the memory back from a controller that is off for good.
    pub(crate) fn retire(&mut self) {
        self.submission_memory.retire();
        self.completion_memory.retire();
    }
}
