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
    // Where the library is installed, a program meets the version again that it was linked against. What cargo builds is
    // found by its plain name.
    println!("cargo::rerun-if-env-changed=DDI_DMA_SONAME");
    if let Ok(soname) = std::env::var("DDI_DMA_SONAME") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,{soname}");
    }
}
