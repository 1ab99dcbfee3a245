//! Registers, interrupts and the device's side of simulated devices, as C programs use them.

mod common;

use std::sync::OnceLock;

use common::{Compile, Compiler, Linkage, Program};

const TESTS: [&str; 9] =
    ["registers", "register-errors", "interrupts", "polling", "remove", "close", "side", "mishaps", "names"];

fn program() -> &'static Program {
    static PROGRAM: OnceLock<Program> = OnceLock::new();
    PROGRAM.get_or_init(|| Compile::test("device").program())
}

#[test]
fn natively() {
    for test in TESTS {
        let output = program().run(&[test]);
        output.expect_success();
        assert_eq!(output.stderr, "", "{test}");
    }
}

#[test]
fn under_valgrind() {
    for test in TESTS {
        program().valgrind(&[test]).expect_success();
    }
}

#[test]
fn with_the_shared_library_and_clang() {
    let program = Compile::test("device").compiler(Compiler::Clang).linkage(Linkage::Shared).program();
    for test in TESTS {
        program.run(&[test]).expect_success();
    }
}

#[test]
fn a_line_that_nobody_lowers_is_switched_off() {
    const LINE: &str = "WARNING: sim:isa-disk: its handler was called 100 times in a row and left the interrupt raised, which is switched off: a handler lowers it by the registers of its device\n";
    for output in [program().run(&["storm"]), program().valgrind(&["storm"])] {
        output.expect_success();
        assert_eq!(output.stderr, [LINE, LINE].concat(), "{output}");
    }
}

#[test]
fn registers_are_reached_by_the_access_functions_alone() {
    const SIGSEGV: i32 = 11;
    let output = program().run(&["mistake", "direct"]);
    assert_eq!((output.status, output.signal), (None, Some(SIGSEGV)), "{output}");
}

#[test]
fn mistakes_end_the_process_with_a_message() {
    let mistakes = [
        ("freed", "panic: ddi_get8: access handle "),
        ("twice", "panic: ddi_regs_map_free: access handle "),
        (
            "none",
            "panic: ddi_remove_intr: sim:isa-disk: interrupt 0 has no handler, or it was removed before",
        ),
        ("settle", "panic: ddi_dma_sim_settle: called from a handler or callback"),
        ("closed", "panic: ddi_dma_sim_settle: dip "),
    ];
    const SIGABRT: i32 = 6;
    for (mistake, start) in mistakes {
        let output = program().run(&["mistake", mistake]);
        assert_eq!((output.status, output.signal), (None, Some(SIGABRT)), "{mistake}: {output}");
        assert!(output.stderr.starts_with(start), "{mistake}: {output}");
        assert_eq!(output.stderr.lines().count(), 1, "{mistake}: {output}");
    }
}
