//! The library that programs link. Cargo does not build a library without a Rust form for an integration test, so the
//! first program of a test has cargo build it, with the same settings and in the same target directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::package;

/// Which form of the library a program is linked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linkage {
    /// `libddi_dma.a`
    Static,
    /// `libddi_dma.so`
    Shared,
}

/// The library as it was built for the test.
pub struct Library;

impl Library {
    /// The file of one of its forms.
    pub fn path(linkage: Linkage) -> PathBuf {
        directory().join(match linkage {
            Linkage::Static => STATIC,
            Linkage::Shared => SHARED,
        })
    }
}

/// What the Rust standard library takes of the system's, where a program has it in itself.
const SYSTEM: [&str; 6] = ["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl"];

/// Adds the library to a compiler's command.
pub(super) fn link(command: &mut Command, linkage: Linkage) {
    command.arg(Library::path(linkage));
    match linkage {
        Linkage::Static => command.args(SYSTEM),
        Linkage::Shared => command.arg(format!("-Wl,-rpath,{}", directory().display())),
    };
}

/// The names of the library's two forms.
const STATIC: &str = "libddi_dma.a";
const SHARED: &str = "libddi_dma.so";

/// The directory with the library and the programs: one for each test, which may run beside another.
pub fn directory() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        let test = module_path!().split("::").next().unwrap_or("test");
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("c-{test}"));
        if directory.exists() {
            succeed(fs::remove_dir_all(&directory), "remove", &directory);
        }
        succeed(fs::create_dir_all(&directory), "create", &directory);
        let (of_static, of_shared) = build();
        for (built, name) in [(&of_static, STATIC), (&of_shared, SHARED)] {
            let kept = directory.join(name);
            // A link costs no space. A later build replaces the file and leaves this one as it is.
            if fs::hard_link(built, &kept).is_err() {
                succeed(fs::copy(built, &kept), "write", &kept);
            }
        }
        directory
    })
}

/// Has cargo build the library; gives the static and the shared one.
fn build() -> (PathBuf, PathBuf) {
    // The test's own profile, so that what it depends on is there already.
    let profile = if cfg!(debug_assertions) { "test" } else { "release" };
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap_or(Path::new("target"));
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "--quiet", "--package", env!("CARGO_PKG_NAME"), "--lib", "--profile", profile])
        .args(["--message-format", "json-render-diagnostics", "--target-dir"])
        .arg(target)
        .current_dir(package());
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => panic!("{command:?} does not run: {error}"),
    };
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} ended with {}:\n{told}", output.status);
    let messages = String::from_utf8_lossy(&output.stdout);
    let find = |name: &str| match messages.split('"').find(|text| text.ends_with(&format!("/{name}"))) {
        Some(path) => PathBuf::from(path),
        None => panic!("{command:?} did not say where {name} is:\n{messages}"),
    };
    (find(STATIC), find(SHARED))
}

/// Fails the test where a file operation failed.
fn succeed<T>(result: std::io::Result<T>, what: &str, path: &Path) {
    if let Err(error) = result {
        panic!("cannot {what} {}: {error}", path.display());
    }
}
