//! Links the kernel where the boot code expects it.

fn main() {
    println!("cargo::rerun-if-changed=link.ld");
    println!("cargo::rustc-link-arg-bins=-Tlink.ld");
    // The target's default is an image that relocates itself; this one runs where it is loaded.
    println!("cargo::rustc-link-arg-bins=--no-pie");
    println!("cargo::rustc-link-arg-bins=--build-id=none");
}
