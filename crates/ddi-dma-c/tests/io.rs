//! Block I/O in C: bufs, raw I/O, locked memory, lists of pages; natively and under valgrind.

mod common;

use common::{Compile, Compiler, Linkage, Program};

/// Runs a program of `tests/c` natively, of the other compiler and form of the library, and under valgrind.
fn passes(name: &str) {
    Compile::test(name)
        .compiler(Compiler::Clang)
        .linkage(Linkage::Shared)
        .program()
        .run(&[])
        .expect_success();
    let program = Compile::test(name).program();
    program.run(&[]).expect_success();
    program.valgrind(&[]).expect_success();
}

#[test]
fn a_buf_is_issued_waited_for_and_used_again() {
    passes("io_bio");
}

#[test]
fn raw_io_is_cut_and_counted() {
    passes("io_physio");
    // A program of gcc's has `maxphys` in itself, and the library looks for it there.
    Compile::test("io_physio").linkage(Linkage::Shared).program().run(&[]).expect_success();
}

#[test]
fn locked_memory_has_limits_and_errors_in_order() {
    passes("io_umem");
}

#[test]
fn bytes_lie_on_listed_pages() {
    passes("io_pages");
}

#[test]
fn devices_reach_the_bytes_of_every_kind_of_buf() {
    let program = Compile::test("io_dma").program();
    let devices = [
        "sim:isa-disk?copy_buffer=8K",
        "sim:isa-sg-disk",
        "sim:pci-disk?seed=5",
        "sim:pci64-disk",
        "sim:pci-disk?iommu=on",
        "sim:sbus-disk?dvma=64K",
    ];
    for device in devices {
        program.run(&[device]).expect_success();
    }
    program.valgrind(&["sim:isa-disk?copy_buffer=8K"]).expect_success();
    program.valgrind(&["sim:sbus-disk?dvma=64K"]).expect_success();
}

/// Makes a mistake; `{}` in the line that tells it stands for the address that it is about.
fn told(program: &Program, mistake: &str, line: &str) {
    let output = program.run(&[mistake]);
    output.expect_abort(&line.replace("{}", &output.stdout));
}

#[test]
fn mistakes_with_bufs_end_the_process() {
    let program = Compile::test("io_misuse").program();
    let told = |mistake: &str, line: &str| told(&program, mistake, line);
    told("biodone_twice", "panic: biodone: bp {} has ended already: call biodone once for each request");
    told("biodone_null", "panic: biodone: bp is NULL: give a buf, such as getrbuf returns");
    told("freerbuf_twice", "panic: freerbuf: bp {} was freed already, or getrbuf did not allocate it");
    told("freerbuf_foreign", "panic: freerbuf: bp {} was freed already, or getrbuf did not allocate it");
    told("freerbuf_odd", "panic: freerbuf: bp {} is no buf: its address is odd; give what getrbuf returned");
    told("reset_while_waited_for", "panic: biofini: bp {} is in use: a thread waits for it in biowait");
    told("biowait_in_callback", "panic: biowait: bp {} has not ended, and a handler or callback cannot wait");
    told("clone_outside", "panic: bioclone: 13 bytes behind 500 are not inside the 512 of bp {}");
    told("bioerror_negative", "panic: bioerror: error -5 is none: give an error number, or 0 for none");
}

#[test]
fn mistakes_with_physio_end_the_process() {
    let program = Compile::test("io_misuse").program();
    let told = |mistake: &str, line: &str| told(&program, mistake, line);
    told("physio_freed", "panic: freerbuf: bp {} is in use: physio has not returned yet");
    told(
        "physio_nested",
        "panic: physio: bp {} is in use: another physio has it; give each its own, or NULL",
    );
    told(
        "getrbuf_in_callback",
        "panic: getrbuf: KM_SLEEP in interrupt context: a handler or callback cannot sleep; give KM_NOSLEEP",
    );
    told("physio_in_callback", "panic: physio: called by a handler or callback, which cannot wait");
    told(
        "physio_null",
        "panic: physio: strat or mincnt is NULL: give the driver's strategy routine, and minphys",
    );
}

#[test]
fn mistakes_with_cookies_end_the_process() {
    let program = Compile::test("io_misuse").program();
    let told = |mistake: &str, line: &str| told(&program, mistake, line);
    let good = "give a cookie that was not given back";
    told("unlock_twice", &format!("panic: ddi_umem_unlock: cookie {{}}: the handle was freed: {good}"));
    told("iosetup_unlocked", &format!("panic: ddi_umem_iosetup: cookie {{}}: the handle was freed: {good}"));
    told("unlock_null", &format!("panic: ddi_umem_unlock: cookie 0x0: the handle is NULL: {good}"));
    told("free_locked", "panic: ddi_umem_free: cookie {} is of ddi_umem_lock: give it to ddi_umem_unlock");
    told(
        "unlock_allocated",
        "panic: ddi_umem_unlock: cookie {} is of ddi_umem_alloc: give it to ddi_umem_free",
    );
}

#[test]
fn mistakes_with_lists_of_pages_end_the_process() {
    let program = Compile::test("io_misuse").program();
    let told = |mistake: &str, line: &str| told(&program, mistake, line);
    told(
        "pages_freed",
        "panic: clrbuf: b_pages of a B_PAGEIO buf: {} is no page: give what ddi_dma_pages returned, and did not free \
         since",
    );
    told(
        "pages_short",
        "panic: clrbuf: b_pages of a B_PAGEIO buf: the list has 1 pages, and the bytes touch 3",
    );
    told(
        "pages_freed_twice",
        "panic: ddi_dma_pages_free: {} is no list of pages, or was freed: give what ddi_dma_pages returned",
    );
    told(
        "mapin_scattered",
        "panic: bp_mapin: the pages of bp {} lie in 2 places: reach them by bp_copyin and bp_copyout",
    );
    let output = program.run(&["shadow_freed"]);
    assert_eq!(output.signal, Some(6), "{output}");
    assert!(output.stderr.starts_with("panic: ddi_dma_pages_free: 0x"), "{output}");
    assert!(output.stderr.contains(" is no list of pages, or was freed"), "{output}");
}
