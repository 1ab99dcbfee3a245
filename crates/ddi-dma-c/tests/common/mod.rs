//! What the tests of C programs share: [`Compile`] makes a program of a C source and this crate's library, [`Program`]
//! runs it, natively or under valgrind, and [`Output`] is what it did.
#![allow(dead_code, unused_imports, reason = "each test takes of it what it needs")]

mod library;
mod run;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

pub use library::{Library, Linkage};
pub use run::Output;

/// The compilers that programs are made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compiler {
    Gcc,
    Clang,
    /// C++, of GCC.
    Gxx,
    /// C++, of LLVM.
    Clangxx,
}

impl Compiler {
    /// The command's name, and the Debian package that has it.
    fn command(self) -> (&'static str, &'static str) {
        match self {
            Compiler::Gcc => ("gcc", "gcc"),
            Compiler::Clang => ("clang", "clang"),
            Compiler::Gxx => ("g++", "g++"),
            Compiler::Clangxx => ("clang++", "clang"),
        }
    }
}

/// A program to be made of one C source. Every warning is an error.
#[derive(Debug, Clone)]
pub struct Compile {
    source: PathBuf,
    compiler: Compiler,
    linkage: Linkage,
    standard: String,
    flags: Vec<String>,
}

impl Compile {
    /// Takes `tests/c/NAME.c`.
    pub fn test(name: &str) -> Self {
        Self::source(&package().join("tests/c").join(format!("{name}.c")))
    }

    /// Takes `examples/NAME.c`.
    pub fn example(name: &str) -> Self {
        Self::source(&package().join("examples").join(format!("{name}.c")))
    }

    /// Takes any C source; gcc, C11 with the C library's extensions, linked with the static library.
    pub fn source(source: &Path) -> Self {
        Compile {
            source: source.to_owned(),
            compiler: Compiler::Gcc,
            linkage: Linkage::Static,
            standard: "gnu11".into(),
            flags: Vec::new(),
        }
    }

    pub fn compiler(mut self, compiler: Compiler) -> Self {
        self.compiler = compiler;
        self
    }

    pub fn linkage(mut self, linkage: Linkage) -> Self {
        self.linkage = linkage;
        self
    }

    /// The language's standard, such as "c99".
    pub fn standard(mut self, standard: &str) -> Self {
        self.standard = standard.into();
        self
    }

    /// Adds a flag for the compiler, such as "-DNAME=value" or another source.
    pub fn flag(mut self, flag: &str) -> Self {
        self.flags.push(flag.into());
        self
    }

    /// Makes the program; the test fails where the compiler finds fault.
    pub fn program(&self) -> Program {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let made = MADE.fetch_add(1, Ordering::Relaxed);
        let stem =
            self.source.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let path = library::directory().join(format!("{stem}-{made}"));
        let mut command = self.command();
        command.arg("-o").arg(&path);
        library::link(&mut command, self.linkage);
        self.run(command);
        Program { path }
    }

    /// Has the compiler look at the source only, without making a program.
    pub fn check(&self) {
        let mut command = self.command();
        command.arg("-fsyntax-only");
        self.run(command);
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.compiler.command().0);
        command
            .arg(format!("-std={}", self.standard))
            .args(["-Wall", "-Wextra", "-Werror", "-g", "-O1", "-pthread", "-I"])
            .arg(package().join("include"))
            .args(&self.flags)
            .arg(&self.source);
        command
    }

    fn run(&self, mut command: Command) {
        let (name, debian) = self.compiler.command();
        let output = match command.output() {
            Ok(output) => output,
            Err(error) => {
                panic!("{name} does not run ({error}): install it (Debian: apt-get install {debian})")
            }
        };
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?} ended with {}:\n{told}", output.status);
    }
}

/// A program that was made. Its file, which is as large as the library, goes when this does.
#[derive(Debug)]
pub struct Program {
    path: PathBuf,
}

impl Program {
    /// Where the program lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs it natively.
    pub fn run(&self, arguments: &[&str]) -> Output {
        run::run(Command::new(&self.path).args(arguments))
    }

    /// Runs it under valgrind. [`Output::expect_success`] then also says that there was neither an error nor a leak.
    pub fn valgrind(&self, arguments: &[&str]) -> Output {
        run::valgrind(&self.path, arguments)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // The next run of the test removes what is left.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The directory of this package.
pub fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
