//! DMA handles in C: codes, cookies, windows, sync, private memory, and what ends the process.

mod common;

use common::{Compile, Compiler, Linkage};

#[test]
fn codes_cookies_and_windows_are_those_of_the_manual() {
    let program = Compile::test("handle").program();
    let other = Compile::test("handle").compiler(Compiler::Clang).linkage(Linkage::Shared).program();
    let devices = [
        "sim:isa-disk",
        "sim:isa-sg-disk?seed=2",
        "sim:pci-disk?seed=3",
        "sim:pci64-disk",
        "sim:pci-disk?iommu=on",
        "sim:pci64-disk?iommu=on&page_size=8K",
        "sim:sbus-disk",
    ];
    for device in devices {
        program.run(&[device]).expect_success();
        other.run(&[device]).expect_success();
    }
    program.valgrind(&["sim:isa-disk"]).expect_success();
    program.valgrind(&["sim:sbus-disk"]).expect_success();
}

#[test]
fn threads_share_what_is_short() {
    let program = Compile::test("handle_threads").program();
    let devices = [
        "sim:isa-disk?copy_buffer=8K",
        "sim:isa-disk?copy_buffer=16K",
        "sim:sbus-disk?dvma=32K",
        "sim:pci-disk?iommu=on&dvma=16K",
    ];
    for device in devices {
        program.run(&[device, "1000"]).expect_success();
        program.valgrind(&[device, "20"]).expect_success();
    }
}

#[test]
fn mistakes_with_handles_end_in_a_message() {
    let program = Compile::test("handle_misuse").program();
    let told = |mistake: &str, start: &str, end: &str| {
        let output = program.run(&[mistake]);
        let line = output.stderr.lines().last().unwrap_or_default().to_owned();
        assert!(line.starts_with(&format!("panic: {start}")) && line.ends_with(end), "{mistake}: {output}");
        output.expect_abort(&line);
    };
    let give = "give one of ddi_dma_alloc_handle that was not freed";
    told("null_handle", "ddi_dma_unbind_handle: DMA handle 0x0: the handle is NULL: ", give);
    told("foreign_handle", "ddi_dma_sync: DMA handle ", &format!("this is no handle of this kind: {give}"));
    told(
        "device_as_handle",
        "ddi_dma_burstsizes: DMA handle ",
        &format!("this is no handle of this kind: {give}"),
    );
    told("freed_handle", "ddi_dma_addr_bind_handle: DMA handle ", &format!("the handle was freed: {give}"));
    told("freed_twice", "ddi_dma_free_handle: DMA handle ", &format!("the handle was freed: {give}"));
    told(
        "freed_while_bound",
        "ddi_dma_free_handle: DMA handle ",
        "is bound: call ddi_dma_unbind_handle first",
    );
    told(
        "walked_too_far",
        "ddi_dma_nextcookie: DMA handle ",
        "the window has 1 cookies, and all were given: call it 1 - 1 times",
    );
    told(
        "walked_unbound",
        "ddi_dma_nextcookie: DMA handle ",
        "nothing is bound, or the window was lost: there are no cookies",
    );
    told("foreign_cookie", "ddi_dma_cookie_iter: cookie ", "returned since the last ddi_dma_getwin");
    told(
        "not_one_cookie",
        "ddi_dma_cookie_one: DMA handle ",
        "the window has 3 cookies: state dma_attr_sgllen 1, or use ddi_dma_cookie_iter",
    );
    told(
        "memory_freed_while_bound",
        "ddi_dma_mem_free: access handle ",
        "the memory is bound: call ddi_dma_unbind_handle first",
    );
    let given = "give one of ddi_dma_mem_alloc or ddi_regs_map_setup that was not freed";
    told("access_after_free", "ddi_get8: access handle ", &format!("the handle was freed: {given}"));
    told("freed_access_null", "ddi_dma_mem_free: access handle 0x0: the handle is NULL: ", given);
    told("access_outside", "ddi_put8: 1 bytes at ", "");
    told("access_misaligned", "ddi_get32: address ", "it would take more than one access");
    told(
        "simulated_freed_while_bound",
        "ddi_dma_sim_free: the memory at ",
        "is bound: call ddi_dma_unbind_handle first",
    );
    told("simulated_freed_twice", "ddi_dma_sim_free: ", "for this device, or was freed");
    told(
        "closed_device",
        "ddi_dma_alloc_handle: dip ",
        "the handle was freed: give what ddi_dma_open returned",
    );
    told(
        "no_result",
        "ddi_dma_alloc_handle: handlep is NULL: there is nowhere to put the handle",
        "there is nowhere to put the handle",
    );
}
