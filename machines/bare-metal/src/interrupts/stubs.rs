//! Where the processor enters when it is interrupted, and what it leaves there.

use core::arch::global_asm;
use core::fmt;

/// Vectors that have a stub: 32 exceptions and the 16 lines of the interrupt controllers.
pub(super) const VECTORS: usize = 48;

/// Bytes from stub to stub.
const STUB: u64 = 16;

/// What is on the stack while an interrupt is handled.
#[repr(C)]
#[derive(Debug)]
pub struct Frame {
    /// r15 first, rax last.
    registers: [u64; 15],
    /// Which interrupt.
    pub vector: u64,
    error: u64,
    rip: u64,
    cs: u64,
    flags: u64,
    rsp: u64,
    ss: u64,
}

/// The names of `Frame::registers`.
const NAMES: [&str; 15] =
    ["r15", "r14", "r13", "r12", "r11", "r10", "r9", "r8", "rbp", "rdi", "rsi", "rdx", "rcx", "rbx", "rax"];

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error {:#x} rip {:#x} cs {:#x} flags {:#x}", self.error, self.rip, self.cs, self.flags)?;
        write!(f, "rsp {:#x} ss {:#x}", self.rsp, self.ss)?;
        for (number, (name, value)) in NAMES.iter().zip(self.registers).enumerate() {
            write!(f, "{}{name} {value:#x}", if number % 5 == 0 { "\n" } else { " " })?;
        }
        Ok(())
    }
}

/// The address of a vector's stub.
pub(super) fn stub(vector: usize) -> u64 {
    unsafe extern "C" {
        static interrupt_stubs: u8;
    }
    &raw const interrupt_stubs as u64 + vector as u64 * STUB
}

// A stub makes the stack alike for all vectors: some exceptions (8, 10 to 14, 17, 21, 29, 30: the bits of the mask) leave
// an error code, to the others a zero is added. The kernel uses no floating point, so that the general registers are all
// that must be saved.
global_asm!(
    r#"
    .section .text.interrupt_stubs, "ax"
    .balign 16
    .global interrupt_stubs
interrupt_stubs:
    .set vector, 0
    .rept {vectors}
    .balign {stub}
    .if !((0x60227d00 >> vector) & 1) || vector >= 32
    pushq $0
    .endif
    pushq $vector
    jmp interrupt_entry
    .set vector, vector + 1
    .endr

interrupt_entry:
    pushq %rax
    pushq %rbx
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %rbp
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    cld
    movq %rsp, %rdi
    call {interrupted}
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rbp
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rbx
    popq %rax
    addq $16, %rsp
    iretq
"#,
    vectors = const VECTORS,
    stub = const STUB,
    interrupted = sym super::interrupted,
    options(att_syntax)
);
