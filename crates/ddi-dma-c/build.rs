//! Compiles what Rust cannot say: functions with variable arguments.

fn main() {
    println!("cargo::rerun-if-changed=c");
    println!("cargo::rerun-if-changed=include");
    cc::Build::new()
        .files(["c/variadic.c", "c/format.c"])
        .include("include")
        .std("c11")
        .warnings(true)
        .extra_warnings(true)
        .compile("ddi_dma_variadic");
    // A program that was linked against one version of the library meets that version again.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libddi_dma.so.0");
}
