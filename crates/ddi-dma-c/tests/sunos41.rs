//! SunOS 4.1: a driver in the C of its time runs on the SBus machine, space runs out and comes back, and one address
//! reaches a whole buffer on every bus.

mod common;

use common::{Compile, Compiler, Linkage, Program, package};

/// A program with the driver in it, in the C that drivers of that time were written in.
fn with_driver(compiler: Compiler, linkage: Linkage) -> Program {
    Compile::test("sunos41_main")
        .compiler(compiler)
        .linkage(linkage)
        .standard("gnu89")
        .flag(&package().join("tests/c/sunos41_driver.c").display().to_string())
        .program()
}

/// What the driver prints: it waits for space ahead of each buffer but the first one of either direction.
const SHORT: &str =
    "sim:sbus-disk?dvma=64K: 8 bufs each way, sxstart called 14 times for space that came back\n";

#[test]
fn a_driver_of_its_time_moves_data_and_waits_for_space() {
    let gcc = with_driver(Compiler::Gcc, Linkage::Static);
    assert_eq!(gcc.run(&["sim:sbus-disk?dvma=64K"]).expect_success().stdout, SHORT);
    assert_eq!(gcc.valgrind(&["sim:sbus-disk?dvma=64K"]).expect_success().stdout, SHORT);
    let clang = with_driver(Compiler::Clang, Linkage::Shared);
    assert_eq!(clang.run(&["sim:sbus-disk?dvma=64K"]).expect_success().stdout, SHORT);
}

#[test]
fn with_space_enough_nobody_waits() {
    let program = with_driver(Compiler::Gcc, Linkage::Static);
    let line = "sim:sbus-disk: 8 bufs each way, sxstart called 0 times for space that came back\n";
    assert_eq!(program.run(&["sim:sbus-disk"]).expect_success().stdout, line);
}
