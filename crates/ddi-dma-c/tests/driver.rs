//! A whole block driver in C, compiled once: it moves data on disks of every bus with nothing changed but its
//! attributes, goes on where resources are short, and goes away while bufs wait.

mod common;

use common::{Compile, Compiler, Linkage, Program, package};

/// A program with the driver in it.
fn with_driver(program: Compile) -> Program {
    program.flag(&package().join("examples/xxdisk.c").display().to_string()).program()
}

/// Runs the program that moves data on these disks, natively and under valgrind.
fn moves(disks: &[&str]) {
    let program = with_driver(Compile::example("xxdisk_main"));
    assert_eq!(program.run(disks).expect_success().stdout, lines(disks));
    assert_eq!(program.valgrind(disks).expect_success().stdout, lines(disks));
}

/// What the program prints of these disks.
fn lines(disks: &[&str]) -> String {
    disks.iter().map(|disk| format!("{disk}: 48 bufs moved\n")).collect()
}

/// Runs a test of the driver natively and under valgrind; it prints this line.
fn tells(name: &str, line: &str) {
    let program = with_driver(Compile::test(name));
    assert_eq!(program.run(&[]).expect_success().stdout, format!("{line}\n"));
    assert_eq!(program.valgrind(&[]).expect_success().stdout, format!("{line}\n"));
}

#[test]
fn one_object_code_moves_data_on_every_bus() {
    moves(&["sim:isa-disk", "sim:sbus-disk", "sim:pci-disk", "sim:isa-sg-disk", "sim:latch-disk"]);
}

#[test]
fn machines_differ_and_the_driver_does_not() {
    moves(&["sim:pci-disk?iommu=on&seed=5", "sim:isa-sg-disk?seed=6", "sim:latch-disk?page_size=8K&seed=7"]);
}

#[test]
fn without_windows_a_bind_gives_all_cookies() {
    let disks = ["sim:isa-disk", "sim:pci-disk", "sim:isa-sg-disk?seed=8"];
    let program = with_driver(Compile::example("xxdisk_main"));
    let arguments = ["--whole", disks[0], disks[1], disks[2]];
    assert_eq!(program.run(&arguments).expect_success().stdout, lines(&disks));
}

#[test]
fn a_short_copy_buffer_is_waited_for_and_slides() {
    moves(&["sim:isa-disk?copy_buffer=4096", "sim:isa-sg-disk?copy_buffer=24K"]);
}

#[test]
fn a_short_map_space_is_waited_for_and_slides() {
    moves(&["sim:sbus-disk?dvma=64K", "sim:pci-disk?iommu=on&dvma=64K"]);
}

#[test]
fn clang_and_the_shared_library_do_the_same() {
    let compile = Compile::example("xxdisk_main").compiler(Compiler::Clang).linkage(Linkage::Shared);
    let program = with_driver(compile.standard("c99"));
    let disks = ["sim:isa-disk", "sim:isa-sg-disk", "sim:sbus-disk", "sim:pci-disk", "sim:latch-disk"];
    assert_eq!(program.run(&[]).expect_success().stdout, lines(&disks));
}

#[test]
fn detach_waits_for_callbacks_and_transfers() {
    tells("driver_detach", "detached twice");
}

#[test]
fn errors_and_residuals_arrive_in_the_bufs() {
    tells("driver_errors", "errors and residuals arrive");
}

#[test]
fn physio_reads_and_writes_raw() {
    tells("driver_raw", "153600 bytes written and read back raw");
}
