//! SunOS 4.1: a driver in the C of its time runs on the SBus machine, space runs out and comes back, and one address
//! reaches a whole buffer on every bus.

mod common;

use std::fs;

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

#[test]
fn space_is_waited_for_and_freed() {
    let program = Compile::test("sunos41_space").program();
    let lines = "sleeps: space came back to who slept\n\
        waits_anew: one function, called twice\n\
        main_bus: space of struct mb_hd's map\n\
        too_big: nobody waits for what never comes\n\
        page_list: three pages at one address\n\
        many: 64 buffers mapped at a time\n\
        levels: they exclude each other\n";
    assert_eq!(program.run(&[]).expect_success().stdout, lines);
    assert_eq!(program.valgrind(&[]).expect_success().stdout, lines);
}

#[test]
fn one_address_reaches_a_buffer_on_every_bus() {
    let program = Compile::test("sunos41_space").compiler(Compiler::Clang).program();
    let buses = [
        "sim:sbus-disk",
        "sim:sbus-disk?dvma=128K",
        "sim:isa-disk",
        "sim:pci-disk",
        "sim:pci-disk?iommu=on",
        "sim:pci64-disk",
    ];
    let lines = "sim:sbus-disk: DVMA\n\
        sim:sbus-disk?dvma=128K: DVMA\n\
        sim:isa-disk: below 16 MiB\n\
        sim:pci-disk: above 16 MiB\n\
        sim:pci-disk?iommu=on: DVMA\n\
        sim:pci64-disk: above 16 MiB\n";
    assert_eq!(program.run(&buses).expect_success().stdout, lines);
    assert_eq!(program.valgrind(&buses).expect_success().stdout, lines);
}

/// Mistakes, with what the process says at its end.
const MISTAKES: [(&str, &str); 15] = [
    (
        "freed_twice",
        "mb_mapfree: mbinfo 0xffffe000: nothing is mapped there, or it was freed: free once what mb_mapalloc returned",
    ),
    (
        "freed_and_zero",
        "mb_mapfree: mbinfo 0x0: nothing is mapped there, or it was freed: free once what mb_mapalloc returned",
    ),
    (
        "freed_from_another_map",
        "mb_mapfree: mbinfo 0xffffe000: nothing is mapped there, or it was freed: free once what mb_mapalloc returned",
    ),
    ("free_null", "mb_mapfree: mbinfop 0x0: give the address of what mb_mapalloc returned"),
    ("null_map", "mb_nbmapalloc: map 0x0: the handle is NULL: give what ddi_dma_map returned"),
    ("closed_map", "mb_nbmapalloc: map 0x100040000: the handle was freed: give what ddi_dma_map returned"),
    ("no_map", "mb_nbmapalloc: map 0x100040001 is no map: give what ddi_dma_map returned"),
    ("null_buf", "mb_mapalloc: bp 0x0 is no buf: give the buf to transfer"),
    ("null_memory", "mb_mapalloc: the address is NULL: give the memory to transfer"),
    ("no_bytes", "mb_nbmapalloc: no bytes are to be transferred: give a length of at least 1"),
    ("negative_bytes", "mballoc: bcnt -1 is negative: give the bytes"),
    ("null_main_bus", "mbrelse: mh 0x0: give the address of a struct mb_hd, such as mb_hd"),
    ("main_bus_without_a_map", "mballoc: map 0x0: the handle is NULL: give what ddi_dma_map returned"),
    (
        "sleep_in_a_wait_function",
        "mb_nbmapalloc: a handler or callback cannot sleep: give MB_CANTWAIT or a function",
    ),
    ("level_too_high", "adddma: level 16 is none: give one from 0 to 15"),
];

#[test]
fn mistakes_end_the_process_with_a_message() {
    let program = Compile::test("sunos41_misuse").program();
    for (mistake, message) in MISTAKES {
        program.run(&[mistake]).expect_abort(&format!("panic: {message}"));
    }
    program.run(&["level_too_low"]).expect_abort("panic: splx: level -1 is none: give one from 0 to 15");
    let output = program.run(&["memory_freed_while_mapped"]);
    assert_eq!((output.status, output.signal), (None, Some(6)), "{output}");
    assert!(output.stderr.starts_with("panic: ddi_dma_sim_free: the memory at 0x"), "{output}");
    assert!(output.stderr.contains(" is bound: "), "{output}");
}

#[test]
fn what_is_left_mapped_is_told_and_what_was_freed_is_forgotten() {
    let program = Compile::test("sunos41_misuse").program();
    let left = program.run(&["closed_while_mapped"]);
    assert_eq!(
        left.expect_success().stderr,
        "WARNING: sim:sbus-disk: closed with 1 DMA handles and pieces of private memory not freed\n"
    );
    assert_eq!(program.valgrind(&["memory_freed_after"]).expect_success().stderr, "");
}

/// The two drivers of the page, as they stand there, move the same data on the same disk.
#[test]
fn the_drivers_of_the_page_run() {
    let page = package().join("../../docs/sunos-4.1.md");
    let page =
        fs::read_to_string(&page).unwrap_or_else(|error| panic!("cannot read {}: {error}", page.display()));
    let listings: Vec<&str> =
        page.split("```c\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(listings.len(), 2, "a driver for each system");
    let directory = tempfile::tempdir().unwrap_or_else(|error| panic!("no directory: {error}"));
    for (listing, standard, system) in
        [(listings[0], "gnu89", "-DSUNOS_4_1"), (listings[1], "gnu11", "-DSUNOS_5")]
    {
        let driver = directory.path().join(format!("{standard}.c"));
        fs::write(&driver, listing)
            .unwrap_or_else(|error| panic!("cannot write {}: {error}", driver.display()));
        let program = Compile::test("sunos41_page")
            .standard(standard)
            .flag(system)
            .flag(&driver.display().to_string())
            .program();
        assert_eq!(program.run(&[]).expect_success().stdout, "4 bufs each way\n");
        assert_eq!(program.valgrind(&[]).expect_success().stdout, "4 bufs each way\n");
    }
}
