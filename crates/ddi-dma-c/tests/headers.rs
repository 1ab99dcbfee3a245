//! The headers compile as C and C++ of every standard, with both compilers and every warning an error: each alone, all
//! of them in many orders, beside the headers of the C and C++ libraries.
//!
//! Nothing is linked or run here: the compilers check what they are given and write no file.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::thread;

/// A compiler that is asked for one language.
#[derive(Debug, Clone, Copy)]
struct Compiler {
    command: &'static str,
    /// The Debian package that has it.
    package: &'static str,
    language: Language,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    C,
    Cxx,
}

const COMPILERS: [Compiler; 4] = [
    Compiler { command: "gcc", package: "gcc", language: Language::C },
    Compiler { command: "clang", package: "clang", language: Language::C },
    Compiler { command: "g++", package: "g++", language: Language::Cxx },
    Compiler { command: "clang++", package: "clang", language: Language::Cxx },
];

impl Language {
    /// Every standard from C99 and C++11 on that GCC 12 and LLVM 14 know.
    fn standards(self) -> &'static [&'static str] {
        match self {
            Language::C => &["c99", "c11", "c17", "gnu99", "gnu11", "gnu17", "gnu2x", "c2x"],
            Language::Cxx => &["c++11", "c++14", "c++17", "c++20", "c++2b"],
        }
    }

    /// The oldest and the newest of them: the ones between are a mixture of both.
    fn first_and_last(self) -> impl Iterator<Item = &'static str> {
        let standards = self.standards();
        [standards.first(), standards.last()].into_iter().flatten().copied()
    }

    fn extension(self) -> &'static str {
        match self {
            Language::C => "c",
            Language::Cxx => "cc",
        }
    }
}

/// Headers of the C library that drivers and mains include beside ours; those of the same name among them.
const C_LIBRARY: [&str; 25] = [
    "assert.h",
    "errno.h",
    "fcntl.h",
    "inttypes.h",
    "limits.h",
    "pthread.h",
    "semaphore.h",
    "signal.h",
    "stdbool.h",
    "stdint.h",
    "stdio.h",
    "stdlib.h",
    "string.h",
    "strings.h",
    "sys/file.h",
    "sys/ioctl.h",
    "sys/mman.h",
    "sys/param.h",
    "sys/stat.h",
    "sys/sysmacros.h",
    "sys/time.h",
    "sys/types.h",
    "sys/uio.h",
    "time.h",
    "unistd.h",
];

/// Headers of the C++ library that trip over macros of common names.
const CXX_LIBRARY: [&str; 8] =
    ["algorithm", "atomic", "chrono", "functional", "mutex", "string", "thread", "vector"];

/// How many orders of all headers are drawn, and the seed that they are drawn with.
const ORDERS: u64 = 4;
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

#[test]
fn each_header_compiles_alone_and_twice() {
    for_each_compiler(|compiler| {
        let units: Vec<PathBuf> = headers()
            .iter()
            .map(|header| {
                let name = format!("alone_{}", header.replace(['/', '.'], "_"));
                unit(compiler.language, &name, &[header.as_str(), header.as_str()])
            })
            .collect();
        for standard in compiler.language.first_and_last() {
            check(compiler, standard, &[], &units);
        }
    });
}

#[test]
fn all_headers_compile_in_any_order() {
    for_each_compiler(|compiler| {
        let units = orders(compiler.language);
        for standard in compiler.language.standards() {
            check(compiler, standard, &[], &units);
        }
    });
}

#[test]
fn all_headers_compile_beside_those_of_the_system() {
    for_each_compiler(|compiler| {
        let units = beside(compiler.language);
        for standard in compiler.language.first_and_last() {
            check(compiler, standard, &[], &units);
        }
    });
}

#[test]
fn all_headers_compile_in_every_mode_of_the_c_library() {
    const MODES: [&[&str]; 5] = [
        &["-D_GNU_SOURCE"],
        &["-D_POSIX_C_SOURCE=200809L"],
        &["-D_XOPEN_SOURCE=700"],
        &["-O2", "-D_FORTIFY_SOURCE=2"],
        &["-D_KERNEL", "-DDEBUG"],
    ];
    for_each_compiler(|compiler| {
        // The C++ library takes seconds, and asks for a mode of its own: it is left to the test above.
        let units = match compiler.language {
            Language::C => beside(Language::C),
            Language::Cxx => orders(Language::Cxx),
        };
        for (mode, standard) in MODES.iter().zip(compiler.language.standards().iter().cycle()) {
            check(compiler, standard, mode, &units);
        }
    });
}

#[test]
fn layouts_and_constants_are_those_of_the_abi() {
    check_source("layout.c", &[&[]]);
}

#[test]
fn drivers_idioms_compile_without_a_warning() {
    check_source("idioms.c", &[&[], &["-DDEBUG"], &["-D_KERNEL", "-DDEBUG"]]);
}

/// Checks a file of `tests/c` in every standard of both languages, with each set of flags.
fn check_source(name: &str, flag_sets: &[&[&str]]) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c").join(name);
    for_each_compiler(|compiler| {
        for standard in compiler.language.standards() {
            for flags in flag_sets {
                check(compiler, standard, flags, std::slice::from_ref(&source));
            }
        }
    });
}

/// Does something with each compiler, with all at once.
fn for_each_compiler(check: impl Fn(Compiler) + Sync) {
    let check = &check;
    thread::scope(|scope| {
        let running = COMPILERS.map(|compiler| scope.spawn(move || check(compiler)));
        for thread in running {
            if let Err(failed) = thread.join() {
                std::panic::resume_unwind(failed);
            }
        }
    });
}

/// Has a compiler check sources. Every warning is an error.
fn check(compiler: Compiler, standard: &str, flags: &[&str], sources: &[PathBuf]) {
    let mut command = Command::new(compiler.command);
    command.arg(format!("-std={standard}")).args(["-Wall", "-Wextra", "-Werror", "-fsyntax-only"]);
    if compiler.language == Language::Cxx {
        command.args(["-x", "c++"]);
    }
    command.arg("-I").arg(include()).args(flags).args(sources);
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => panic!(
            "{} does not run ({error}): these tests need it; on Debian, apt-get install {}",
            compiler.command, compiler.package
        ),
    };
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{} -std={standard} {flags:?} refuses the headers:\n{}",
        compiler.command,
        told.lines().take(40).collect::<Vec<_>>().join("\n")
    );
}

/// All headers in many orders: forwards, backwards, and shuffled; every other time among those of the C library.
fn orders(language: Language) -> Vec<PathBuf> {
    let ours: Vec<&str> = headers().iter().map(String::as_str).collect();
    let backwards: Vec<&str> = ours.iter().rev().copied().collect();
    let mut units = vec![unit(language, "forwards", &ours), unit(language, "backwards", &backwards)];
    let mut random = SplitMix(SEED);
    units.extend((0..ORDERS).map(|number| {
        let mut order = if number % 2 == 0 { ours.clone() } else { [ours.as_slice(), &C_LIBRARY].concat() };
        random.shuffle(&mut order);
        unit(language, &format!("shuffled_{number}"), &order)
    }));
    units
}

/// All headers before those of the system, and after them.
fn beside(language: Language) -> Vec<PathBuf> {
    let ours: Vec<&str> = headers().iter().map(String::as_str).collect();
    let cxx: &[&str] = match language {
        Language::C => &[],
        Language::Cxx => &CXX_LIBRARY,
    };
    let theirs = [&C_LIBRARY, cxx].concat();
    vec![
        unit(language, "before", &[ours.as_slice(), &theirs].concat()),
        unit(language, "after", &[theirs.as_slice(), &ours].concat()),
    ]
}

/// Writes a source that includes headers and declares something, and gives its path.
fn unit(language: Language, name: &str, headers: &[&str]) -> PathBuf {
    let mut text = String::new();
    for header in headers {
        writeln!(text, "#include <{header}>").expect("a string takes any text");
    }
    writeln!(text, "extern int ddi_dma_{name};").expect("a string takes any text");
    let path = directory().join(format!("{name}.{}", language.extension()));
    // Tests run at once and write the same: whoever is last must not leave a file that is half there.
    let draft = directory().join(format!("{name}.{:?}.draft", thread::current().id()));
    let written = fs::write(&draft, text).and_then(|()| fs::rename(&draft, &path));
    written.unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
    path
}

fn include() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("include")
}

/// Where the sources go.
fn directory() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("headers");
        fs::create_dir_all(&directory)
            .unwrap_or_else(|error| panic!("cannot create {}: {error}", directory.display()));
        directory
    })
}

/// The names of all headers, as they are included, in alphabetical order.
fn headers() -> &'static [String] {
    static HEADERS: OnceLock<Vec<String>> = OnceLock::new();
    HEADERS.get_or_init(|| {
        let mut found = Vec::new();
        collect(&include(), "", &mut found);
        found.sort();
        assert!(found.iter().any(|header| header == "sys/sunddi.h"), "no sys/sunddi.h among {found:?}");
        found
    })
}

fn collect(directory: &Path, prefix: &str, found: &mut Vec<String>) {
    let entries = fs::read_dir(directory)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", directory.display()));
    for entry in entries {
        let entry = entry.unwrap_or_else(|error| panic!("cannot read {}: {error}", directory.display()));
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{name}/"), found);
        } else if name.ends_with(".h") {
            found.push(name);
        }
    }
}

/// A generator of numbers that look random, and are the same in every run.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            let chosen = self.next() % (end as u64 + 1);
            items.swap(end, chosen as usize);
        }
    }
}
