//! The manual's listings as programs: each is compiled with both compilers, linked with both forms of the library, and
//! does what it prints.

mod common;

use std::fs;

use common::{Compile, Compiler, Linkage, package};

/// Runs a listing natively and under valgrind; it prints this line.
fn listing(name: &str, line: &str) {
    let gcc = Compile::example(name).program();
    assert_eq!(gcc.run(&[]).expect_success().stdout, format!("{line}\n"));
    assert_eq!(gcc.valgrind(&[]).expect_success().stdout, format!("{line}\n"));
    let clang =
        Compile::example(name).compiler(Compiler::Clang).standard("c99").linkage(Linkage::Shared).program();
    assert_eq!(clang.run(&[]).expect_success().stdout, format!("{line}\n"));
}

#[test]
fn attributes() {
    listing("attributes", "attributes: 200000 bytes take 1 cookie on the SBus and 32 on ISA");
}

#[test]
fn example_8_1_xxstart() {
    listing("example_8_1", "example_8_1: called 2 times, and read 4096 bytes");
}

#[test]
fn example_8_2_burst_sizes() {
    listing("example_8_2", "example_8_2: 100000 bytes written in bursts of 4");
}

#[test]
fn example_8_3_iopb() {
    listing("example_8_3", "example_8_3: 5 times 4096 bytes read into private memory");
}

#[test]
fn example_8_4_sglist() {
    listing("example_8_4", "example_8_4: 72 cookies in 5 lists");
}

#[test]
fn example_8_5_xxintr() {
    listing("example_8_5", "example_8_5: 3 transfers through one page of copy buffer");
}

#[test]
fn example_8_6_detach() {
    listing("example_8_6", "example_8_6: one callback started a transfer, one was told that the driver goes");
}

#[test]
fn example_9_3_mem_alloc() {
    listing("example_9_3", "example_9_3: private memory of three devices holds what each wrote");
}

#[test]
fn example_sync_for_cpu() {
    listing("example_sync", "example_sync: 4 times the CPU saw what the device had written");
}

/// The program that the page for C programmers begins with, as it stands there.
#[test]
fn the_program_of_the_page_runs() {
    let page = package().join("../../docs/c.md");
    let page =
        fs::read_to_string(&page).unwrap_or_else(|error| panic!("cannot read {}: {error}", page.display()));
    let program = page.split("```c\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap_or_default();
    let directory = tempfile::tempdir().unwrap_or_else(|error| panic!("no directory: {error}"));
    let source = directory.path().join("hello.c");
    fs::write(&source, program).unwrap_or_else(|error| panic!("cannot write {}: {error}", source.display()));
    let output = Compile::source(&source).program().run(&[]);
    let printed = &output.expect_success().stdout;
    assert!(printed.contains(" cookies, the first of "), "{printed}");
}
