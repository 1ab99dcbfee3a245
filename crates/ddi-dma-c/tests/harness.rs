//! The harness itself: a program is made with each compiler and both forms of the library, and what it does is told.

mod common;

use common::{Compile, Compiler, Linkage};

#[test]
fn status_and_both_streams_are_told() {
    let program = Compile::test("harness").program();
    let output = program.run(&["out", "err", "3"]);
    assert_eq!((output.status, output.signal), (Some(3), None));
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("out\n", "err\n"));
}

#[test]
fn both_forms_of_the_library_and_all_compilers_do() {
    for compiler in [Compiler::Gcc, Compiler::Clang] {
        for linkage in [Linkage::Static, Linkage::Shared] {
            let program = Compile::test("harness").compiler(compiler).linkage(linkage).program();
            let output = program.run(&["", "", "0"]);
            output.expect_success();
            assert_eq!(output.stdout, "\n", "{compiler:?} {linkage:?}");
        }
    }
    for compiler in [Compiler::Gxx, Compiler::Clangxx] {
        Compile::test("harness").compiler(compiler).standard("c++17").flag("-xc++").check();
    }
}

#[test]
fn valgrind_finds_leaks_and_errors() {
    let program = Compile::test("harness").program();
    program.valgrind(&["out", "err", "0"]).expect_success();
    let leak = program.valgrind(&["", "", "0", "leak"]);
    assert_eq!(leak.status, Some(97), "{leak}");
    assert!(leak.valgrind.contains("definitely lost: 24 bytes in 1 blocks"), "{leak}");
}

#[test]
fn an_abort_is_told_from_an_exit() {
    let program = Compile::test("harness").program();
    program.run(&["", "the end", "0", "abort"]).expect_abort("the end");
    program.valgrind(&["", "the end", "0", "abort"]).expect_abort("the end");
}
