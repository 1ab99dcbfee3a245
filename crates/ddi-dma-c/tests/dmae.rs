//! The system's DMA engine, as C programs use it.

mod common;

use std::sync::OnceLock;

use common::{Compile, Compiler, Linkage, Program};

const TESTS: [&str; 4] = ["channels", "programs", "waiting", "first-party"];

fn program() -> &'static Program {
    static PROGRAM: OnceLock<Program> = OnceLock::new();
    PROGRAM.get_or_init(|| Compile::test("dmae").program())
}

#[test]
fn channels_are_had_programmed_and_waited_for() {
    for test in TESTS {
        assert_eq!(program().run(&[test]).expect_success().stderr, "", "{test}");
        program().valgrind(&[test]).expect_success();
    }
}

#[test]
fn mistakes_end_the_process_with_a_message() {
    let mistakes = [
        ("count", "panic: ddi_dmae_getcnt: countp is NULL: it says where the count goes"),
        ("attr", "panic: ddi_dmae_getattr: attrp is NULL: it says where the attributes go"),
        (
            "sleep",
            "panic: ddi_dmae_alloc: DDI_DMA_SLEEP in interrupt context: a handler or callback cannot sleep; give a function",
        ),
    ];
    for (mistake, line) in mistakes {
        program().run(&["mistake", mistake]).expect_abort(line);
    }
    let closed = program().run(&["mistake", "closed"]);
    assert!(closed.stderr.starts_with("panic: ddi_dmae_release: dip "), "{closed}");
}

#[test]
fn a_floppy_moves_sectors_by_channel_2() {
    let gcc = Compile::example("floppy_dma").program();
    for (device, line) in [
        (
            "sim:floppy?copy_buffer=8192",
            "floppy_dma: 4 transfers of 102400 bytes in 91 windows and 110 commands\n",
        ),
        (
            "sim:floppy?copy_buffer=1M",
            "floppy_dma: 4 transfers of 102400 bytes in 78 windows and 98 commands\n",
        ),
    ] {
        assert_eq!(gcc.run(&[device]).expect_success().stdout, line);
        assert_eq!(gcc.valgrind(&[device]).expect_success().stdout, line);
    }
    let clang = Compile::example("floppy_dma").compiler(Compiler::Clang).linkage(Linkage::Shared).program();
    clang.run(&[]).expect_success();
}
