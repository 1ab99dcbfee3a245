//! A model of an NVMe controller, written from the NVM Express base specification 1.4 and not from the driver.
//!
//! It is a thread of its own, and reaches memory only through its bus. It fetches commands when a doorbell is rung, executes
//! them in an order that comes from a seed, and interrupts. What the specification forbids a host to do it notes as a
//! violation; what it has a status for it fails with that status. It can be told to misbehave.

mod admin;
mod data;
mod io;
mod line;
mod medium;
mod registers;
mod spec;

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use ddi_dma_sim::DeviceBus;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

pub use line::Line;
pub use medium::Medium;
pub use spec::{NamespaceSpec, Spec};

/// A controller on a bus.
pub struct Model {
    inner: Arc<Inner>,
    thread: Option<JoinHandle<()>>,
}

pub struct Inner {
    bus: Arc<dyn DeviceBus>,
    spec: Spec,
    lines: Vec<Arc<Line>>,
    state: Mutex<State>,
    work: Condvar,
}

/// How the controller misbehaves.
#[derive(Debug, Clone, Default)]
pub struct Mischief {
    /// Commands are fetched, and executed only when this is over.
    pub paused: bool,
    /// I/O commands are fetched and never answered, until the next reset.
    pub silent: bool,
    /// I/O commands are never answered, whatever is reset.
    pub silent_for_good: bool,
    /// Admin commands are not answered either.
    pub silent_admin: bool,
    /// No interrupt arrives.
    pub loses_interrupts: bool,
    /// Interrupts arrive all the time.
    pub storm: bool,
    /// Turning it off has no effect.
    pub refuses_to_stop: bool,
    /// Turning it on has no effect.
    pub refuses_to_start: bool,
    /// All registers read as ones.
    pub absent: bool,
    /// I/O commands whose turn it is fail with these status fields, without moving data; `None` lets one pass.
    pub fail: Vec<Option<u16>>,
    /// Each completion comes twice.
    pub repeats_completions: bool,
    /// Completions name commands that are not in flight, once each.
    pub strays: Vec<u16>,
}

/// What the model counted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen {
    pub io_commands: u64,
    /// Commands that were executed before one that was fetched earlier.
    pub overtakings: u64,
    pub most_in_flight: usize,
    /// Commands with an SGL, and with a PRP list.
    pub sgls: u64,
    pub prp_lists: u64,
    pub bytes_read: u64,
    pub bytes_written: u64,
    pub flushes: u64,
    pub resets: u64,
    pub shutdowns: u64,
    /// How often an I/O queue came around.
    pub wraps: u64,
}

pub struct State {
    cc: u32,
    ready: bool,
    fatal: bool,
    shutdown: u32,
    aqa: u32,
    asq: u64,
    acq: u64,
    submissions: BTreeMap<u16, Submissions>,
    completions: BTreeMap<u16, Completions>,
    /// Commands that were fetched, and are not answered yet.
    fetched: Vec<Fetched>,
    medium: BTreeMap<u32, Medium>,
    mischief: Mischief,
    seen: Seen,
    violations: Vec<String>,
    random: ChaCha8Rng,
    exit: bool,
}

struct Submissions {
    base: u64,
    entries: u32,
    head: u32,
    tail: u32,
    completions: u16,
}

struct Completions {
    base: u64,
    entries: u32,
    /// Where the host is, and where the controller is.
    head: u32,
    tail: u32,
    phase: bool,
    vector: Option<u16>,
}

/// A command that was fetched.
#[derive(Clone)]
struct Fetched {
    queue: u16,
    bytes: [u8; 64],
    never: bool,
}

impl Fetched {
    fn opcode(&self) -> u8 {
        self.bytes[0]
    }

    fn flags(&self) -> u8 {
        self.bytes[1]
    }

    fn identifier(&self) -> u16 {
        u16::from_le_bytes([self.bytes[2], self.bytes[3]])
    }

    fn namespace(&self) -> u32 {
        self.word(1)
    }

    /// Command dword `number`.
    fn word(&self, number: usize) -> u32 {
        u32::from_le_bytes(self.bytes[4 * number..4 * number + 4].try_into().unwrap())
    }

    /// The data pointer: PRP 1 and 2, or an SGL descriptor.
    fn data(&self) -> [u64; 2] {
        [24, 32].map(|at| u64::from_le_bytes(self.bytes[at..at + 8].try_into().unwrap()))
    }
}

/// Status fields, without the phase bit.
pub mod status {
    pub const DO_NOT_RETRY: u16 = 1 << 14;
    pub const INVALID_OPCODE: u16 = DO_NOT_RETRY | 0x01;
    pub const INVALID_FIELD: u16 = DO_NOT_RETRY | 0x02;
    pub const IDENTIFIER_CONFLICT: u16 = DO_NOT_RETRY | 0x03;
    pub const DATA_TRANSFER_ERROR: u16 = 0x04;
    pub const INVALID_NAMESPACE: u16 = DO_NOT_RETRY | 0x0B;
    pub const SEQUENCE_ERROR: u16 = DO_NOT_RETRY | 0x0C;
    pub const INVALID_SGL_SEGMENT: u16 = DO_NOT_RETRY | 0x0D;
    pub const INVALID_SGL_LENGTH: u16 = DO_NOT_RETRY | 0x0F;
    pub const INVALID_SGL_TYPE: u16 = DO_NOT_RETRY | 0x11;
    pub const INVALID_PRP_OFFSET: u16 = DO_NOT_RETRY | 0x13;
    pub const LBA_OUT_OF_RANGE: u16 = DO_NOT_RETRY | 0x80;
    pub const INVALID_COMPLETION_QUEUE: u16 = DO_NOT_RETRY | 0x100;
    pub const INVALID_QUEUE: u16 = DO_NOT_RETRY | 0x101;
    pub const INVALID_QUEUE_SIZE: u16 = DO_NOT_RETRY | 0x102;
    pub const INVALID_VECTOR: u16 = DO_NOT_RETRY | 0x108;
    pub const INVALID_DELETION: u16 = DO_NOT_RETRY | 0x10C;
}

/// What a command came to: dword 0 of its completion, or a status.
type Answer = Result<u32, u16>;

impl Model {
    pub fn new(bus: Arc<dyn DeviceBus>, spec: Spec) -> Self {
        let medium = spec.namespaces.iter().map(|namespace| (namespace.number, Medium::new(namespace)));
        let state = State {
            cc: 0,
            ready: false,
            fatal: false,
            shutdown: 0,
            aqa: 0,
            asq: 0,
            acq: 0,
            submissions: BTreeMap::new(),
            completions: BTreeMap::new(),
            fetched: Vec::new(),
            medium: medium.collect(),
            mischief: Mischief::default(),
            seen: Seen::default(),
            violations: Vec::new(),
            random: ChaCha8Rng::seed_from_u64(spec.seed),
            exit: false,
        };
        let lines = (0..spec.vectors).map(|_| Arc::new(Line::default())).collect();
        let inner = Arc::new(Inner { bus, spec, lines, state: Mutex::new(state), work: Condvar::new() });
        let thread = std::thread::spawn({
            let inner = inner.clone();
            move || inner.run()
        });
        Model { inner, thread: Some(thread) }
    }

    /// Its registers, for the driver.
    pub fn registers(&self) -> Arc<Inner> {
        self.inner.clone()
    }

    /// Its interrupts.
    pub fn lines(&self) -> &[Arc<Line>] {
        &self.inner.lines
    }

    /// Changes how it misbehaves.
    pub fn mischief(&self, change: impl FnOnce(&mut Mischief)) {
        change(&mut self.inner.state().mischief);
        self.inner.work.notify_all();
    }

    /// Makes it report a fatal state.
    pub fn fail_fatally(&self) {
        self.inner.state().fatal = true;
    }

    pub fn seen(&self) -> Seen {
        self.inner.state().seen
    }

    /// What the host did that the specification forbids.
    pub fn violations(&self) -> Vec<String> {
        self.inner.state().violations.clone()
    }

    /// Looks at the blocks of a namespace behind the driver's back.
    pub fn medium<T>(&self, namespace: u32, look: impl FnOnce(&mut Medium) -> T) -> T {
        look(self.inner.state().medium.get_mut(&namespace).expect("the namespace is active"))
    }

    /// Whether it is on, and commands that it has not answered.
    pub fn is_ready(&self) -> bool {
        self.inner.state().ready
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        self.inner.state().exit = true;
        self.inner.work.notify_all();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the model panicked");
        }
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Fetches and executes commands until the model is dropped.
    fn run(&self) {
        let mut state = self.state();
        while !state.exit {
            if state.mischief.storm {
                self.lines.iter().for_each(|line| line.raise());
            }
            self.fetch(&mut state);
            if !self.execute_one(&mut state) {
                state = self.work.wait_timeout(state, Duration::from_millis(1)).unwrap().0;
            } else {
                // Let the host come in between.
                drop(state);
                state = self.state();
            }
        }
    }

    fn read_memory(&self, address: u64, to: &mut [u8]) -> Result<(), u16> {
        self.bus.read(address, to).map_err(|_| status::DATA_TRANSFER_ERROR)
    }

    fn write_memory(&self, address: u64, from: &[u8]) -> Result<(), u16> {
        self.bus.write(address, from).map_err(|_| status::DATA_TRANSFER_ERROR)
    }

    /// Fetches all commands that doorbells told of.
    fn fetch(&self, state: &mut State) {
        if !state.ready {
            return;
        }
        let State { submissions, fetched, violations, mischief, seen, fatal, .. } = state;
        for (&queue, submission) in submissions.iter_mut() {
            while submission.head != submission.tail {
                let mut bytes = [0; 64];
                if self.read_memory(submission.base + 64 * u64::from(submission.head), &mut bytes).is_err() {
                    violations.push(format!("queue {queue} is not in memory"));
                    *fatal = true;
                    return;
                }
                submission.head = (submission.head + 1) % submission.entries;
                let silent = if queue == 0 {
                    mischief.silent_admin
                } else {
                    seen.io_commands += 1;
                    seen.wraps += u64::from(submission.head == 0);
                    mischief.silent || mischief.silent_for_good
                };
                let command = Fetched { queue, bytes, never: silent };
                if command.word(2) != 0 || command.word(3) != 0 || command.flags() & 0b11_1100 != 0 {
                    violations.push(format!("reserved fields of a command are set: {bytes:x?}"));
                }
                fetched.push(command);
            }
        }
        let in_flight = fetched.iter().filter(|command| command.queue != 0).count();
        seen.most_in_flight = seen.most_in_flight.max(in_flight);
    }

    /// Executes some command that was fetched, and posts its completion; tells whether there was one.
    fn execute_one(&self, state: &mut State) -> bool {
        let able: Vec<usize> = (0..state.fetched.len()).filter(|at| !state.fetched[*at].never).collect();
        if able.is_empty() || state.mischief.paused {
            return false;
        }
        let pick = (state.random.next_u64() % able.len() as u64) as usize;
        // Admin commands are executed one by one.
        let pick = if state.fetched[able[pick]].queue == 0 { 0 } else { pick };
        let command = state.fetched[able[pick]].clone();
        let twin =
            |other: &Fetched| (other.queue, other.identifier()) == (command.queue, command.identifier());
        let conflict = state.fetched.iter().filter(|other| twin(other)).count() > 1;
        state.fetched.remove(able[pick]);
        state.seen.overtakings += u64::from(pick > 0);
        let answer = if conflict {
            state.violations.push(format!("identifier {:#x} is in flight twice", command.identifier()));
            Err(status::IDENTIFIER_CONFLICT)
        } else if command.flags() & 3 != 0 || command.flags() >> 6 == 3 {
            Err(status::INVALID_FIELD)
        } else if command.queue == 0 {
            self.execute_admin(state, &command)
        } else {
            self.execute_io(state, &command)
        };
        self.complete(state, &command, answer);
        true
    }

    fn complete(&self, state: &mut State, command: &Fetched, answer: Answer) {
        let Some(submission) = state.submissions.get(&command.queue) else { return };
        let (head, number) = (submission.head, submission.completions);
        let (result, status) = match answer {
            Ok(result) => (result, 0),
            Err(status) => (0, status),
        };
        self.post(state, number, result, head, command.queue, command.identifier(), status);
        if command.queue != 0 {
            if state.mischief.repeats_completions {
                self.post(state, number, result, head, command.queue, command.identifier(), status);
            }
            for stray in std::mem::take(&mut state.mischief.strays) {
                self.post(state, number, result, head, command.queue, stray, status);
            }
        }
        let vector = state.completions.get(&number).and_then(|queue| queue.vector);
        if let Some(vector) = vector
            && !state.mischief.loses_interrupts
        {
            self.lines[usize::from(vector)].raise();
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn post(
        &self,
        state: &mut State,
        queue: u16,
        result: u32,
        head: u32,
        from: u16,
        identifier: u16,
        status: u16,
    ) {
        let Some(completions) = state.completions.get_mut(&queue) else { return };
        let next = (completions.tail + 1) % completions.entries;
        if next == completions.head {
            state.violations.push(format!("completion queue {queue} overflows"));
            return;
        }
        let mut entry = [0; 16];
        entry[..4].copy_from_slice(&result.to_le_bytes());
        entry[8..10].copy_from_slice(&(head as u16).to_le_bytes());
        entry[10..12].copy_from_slice(&from.to_le_bytes());
        let last = u32::from(identifier) | u32::from(completions.phase) << 16 | u32::from(status) << 17;
        entry[12..].copy_from_slice(&last.to_le_bytes());
        let at = completions.base + 16 * u64::from(completions.tail);
        completions.tail = next;
        completions.phase ^= next == 0;
        // The last word last: it gives the entry to the host.
        let written =
            self.write_memory(at, &entry[..12]).and_then(|()| self.write_memory(at + 12, &entry[12..]));
        if written.is_err() {
            state.violations.push(format!("completion queue {queue} is not in memory"));
            state.fatal = true;
        }
    }
}
