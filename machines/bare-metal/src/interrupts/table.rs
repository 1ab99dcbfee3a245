//! The tables by which the processor finds its interrupt handlers: gates, segments, and stacks.

use core::arch::asm;
use core::cell::UnsafeCell;
use core::mem::size_of;

use super::FIRST_LINE;
use super::stubs::{VECTORS, stub};

/// The segment of the kernel's code, as in the boot code's table.
const CODE: u16 = 0x08;
/// The segment of everything else.
const DATA: u64 = 0x00cf_9200_0000_ffff;
/// A 64-bit code segment.
const LONG_CODE: u64 = 0x00af_9a00_0000_ffff;
/// Where the task state is in the table of segments.
const TASK: u16 = 0x18;
/// A gate that keeps interrupts off, present.
const INTERRUPT_GATE: u16 = 0x8e00;
/// A task state that is free to use, present.
const TASK_STATE: u64 = 0x89;

/// Bytes of a stack for interrupts.
const STACK: usize = 0x8000;

/// An entry of the interrupt table.
#[repr(C)]
#[derive(Clone, Copy)]
struct Gate {
    low: u16,
    segment: u16,
    kind: u16,
    middle: u16,
    high: u32,
    _reserved: u32,
}

impl Gate {
    const NONE: Gate = Gate { low: 0, segment: 0, kind: 0, middle: 0, high: 0, _reserved: 0 };

    fn new(address: u64, stack: u16) -> Self {
        let [low, middle] = [address as u16, (address >> 16) as u16];
        let (segment, kind, high) = (CODE, INTERRUPT_GATE | stack, (address >> 32) as u32);
        Gate { low, segment, kind, middle, high, _reserved: 0 }
    }
}

/// The task state: nothing but the stacks for interrupts.
#[repr(C, packed(4))]
struct TaskState {
    _reserved: u32,
    privileged: [u64; 3],
    _reserved_too: u64,
    /// Numbered from one.
    interrupts: [u64; 7],
    _reserved_again: u64,
    _reserved_short: u16,
    ports: u16,
}

/// All of it.
struct Tables {
    gates: [Gate; VECTORS],
    segments: [u64; 5],
    task: TaskState,
    exceptions: Stack,
    lines: Stack,
}

#[repr(align(16))]
struct Stack(#[expect(dead_code, reason = "the processor uses it")] [u8; STACK]);

impl Stack {
    /// What the stack pointer is before anything is pushed.
    fn top(&self) -> u64 {
        &raw const *self as u64 + STACK as u64
    }
}

/// What the processor may change by itself: the task's busy bit, the stacks.
struct Shared(UnsafeCell<Tables>);

// SAFETY: only `load` touches it, once; from then on it is the processor's.
unsafe impl Sync for Shared {}

static TABLES: Shared = Shared(UnsafeCell::new(Tables {
    gates: [Gate::NONE; VECTORS],
    segments: [0, LONG_CODE, DATA, 0, 0],
    task: TaskState {
        _reserved: 0,
        privileged: [0; 3],
        _reserved_too: 0,
        interrupts: [0; 7],
        _reserved_again: 0,
        _reserved_short: 0,
        ports: size_of::<TaskState>() as u16,
    },
    exceptions: Stack([0; STACK]),
    lines: Stack([0; STACK]),
}));

/// What `lgdt` and `lidt` take.
#[repr(C, packed)]
struct Pointer {
    limit: u16,
    base: u64,
}

impl Pointer {
    fn to<T>(table: &T) -> Self {
        Pointer { limit: (size_of::<T>() - 1) as u16, base: &raw const *table as u64 }
    }
}

/// Fills the tables and gives them to the processor.
///
/// Exceptions have a stack of their own, so that one is reported even where the kernel's stack is what is wrong; so
/// have the lines, one after the other, as they keep interrupts off.
///
/// # Safety
///
/// Called once, with interrupts off.
pub(super) unsafe fn load() {
    // SAFETY: nobody else touches it (the caller's promise).
    let tables = unsafe { &mut *TABLES.0.get() };
    tables.task.interrupts[0] = tables.exceptions.top();
    tables.task.interrupts[1] = tables.lines.top();
    for (vector, gate) in tables.gates.iter_mut().enumerate() {
        let stack = if (vector as u64) < FIRST_LINE { 1 } else { 2 };
        *gate = Gate::new(stub(vector), stack);
    }
    let task = &raw const tables.task as u64;
    let limit = size_of::<TaskState>() as u64 - 1;
    tables.segments[3] = limit | (task & 0xff_ffff) << 16 | TASK_STATE << 40 | (task >> 24 & 0xff) << 56;
    tables.segments[4] = task >> 32;
    let (segments, gates) = (Pointer::to(&tables.segments), Pointer::to(&tables.gates));
    // SAFETY: the segments in use mean the same in the new table; the gates lead to the stubs; all of it is static.
    unsafe {
        asm!("lgdt [{}]", in(reg) &segments, options(nostack, preserves_flags));
        asm!("ltr {:x}", in(reg) TASK, options(nostack, preserves_flags));
        asm!("lidt [{}]", in(reg) &gates, options(nostack, preserves_flags));
    }
}
