//! Installs what C programs need: the library in both forms, the headers and a page for pkg-config; then compiles,
//! links and runs a program against what was installed.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::run::{cargo, program};

/// Where it is installed.
#[derive(Default, clap::Args)]
pub struct Choice {
    /// Directory that gets lib/ and include/ddi-dma/; target/c if there is none.
    #[arg(long, value_name = "DIR")]
    prefix: Option<PathBuf>,
}

/// The package whose library it is.
const PACKAGE: &str = "crates/ddi-dma-c";

/// What the dynamic linker looks for.
const SONAME: &str = "libddi_dma.so.0";

/// The example that is compiled against the installed library, and what it prints.
const EXAMPLE: (&str, &str) = ("example_8_3.c", "example_8_3: 5 times 4096 bytes read into private memory\n");

/// Builds, installs and tries the library.
pub fn install(choice: &Choice) -> Result<()> {
    let prefix = std::path::absolute(choice.prefix.as_deref().unwrap_or(Path::new("target/c")))?;
    cargo("build --release -p ddi-dma-c --lib").env("DDI_DMA_SONAME", SONAME).run()?;
    install_libraries(&prefix)?;
    install_headers(&prefix)?;
    let page = install_page(&prefix)?;
    let shared = Flags::of(&page, Linkage::Shared)?;
    try_example(&prefix, "shared", &shared)?;
    let linked = Flags::of(&page, Linkage::Static)?;
    try_example(&prefix, "static", &linked)?;
    println!("installed below {}", prefix.display());
    println!(
        "cc $(PKG_CONFIG_PATH={0}/lib/pkgconfig pkg-config --cflags --libs ddi-dma) ...",
        prefix.display()
    );
    Ok(())
}

/// Copies both forms of the library. The shared one gets the names by which linker and dynamic linker look for it.
fn install_libraries(prefix: &Path) -> Result<()> {
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".into());
    let built = Path::new(&target).join("release");
    let lib = prefix.join("lib");
    create(&lib)?;
    let full = format!("libddi_dma.so.{}", env!("CARGO_PKG_VERSION"));
    copy(&built.join("libddi_dma.a"), &lib.join("libddi_dma.a"))?;
    copy(&built.join("libddi_dma.so"), &lib.join(&full))?;
    link(&full, &lib.join(SONAME))?;
    link(SONAME, &lib.join("libddi_dma.so"))
}

/// Copies the headers; those of an earlier installation go away.
fn install_headers(prefix: &Path) -> Result<()> {
    let include = prefix.join("include/ddi-dma");
    if include.exists() {
        fs::remove_dir_all(&include).with_context(|| format!("cannot remove {}", include.display()))?;
    }
    copy_headers(&Path::new(PACKAGE).join("include"), &include)
}

fn copy_headers(from: &Path, to: &Path) -> Result<()> {
    create(to)?;
    let entries = fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))?;
    for entry in entries {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        if path.is_dir() {
            copy_headers(&path, &to.join(name))?;
        } else {
            copy(&path, &to.join(name))?;
        }
    }
    Ok(())
}

/// Writes the page that pkg-config reads.
fn install_page(prefix: &Path) -> Result<PathBuf> {
    let template = Path::new(PACKAGE).join("ddi-dma.pc.in");
    let text =
        fs::read_to_string(&template).with_context(|| format!("cannot read {}", template.display()))?;
    let text = text
        .replace("@prefix@", &prefix.display().to_string())
        .replace("@version@", env!("CARGO_PKG_VERSION"));
    let directory = prefix.join("lib/pkgconfig");
    create(&directory)?;
    let page = directory.join("ddi-dma.pc");
    fs::write(&page, text).with_context(|| format!("cannot write {}", page.display()))?;
    Ok(page)
}

/// Compiles the example as somebody does who knows the installation alone, and runs it.
fn try_example(prefix: &Path, name: &str, flags: &Flags) -> Result<()> {
    let made = prefix.join(format!("example-{name}"));
    let source = Path::new(PACKAGE).join("examples").join(EXAMPLE.0);
    program("cc", "-Wall -Wextra -Werror")
        .arguments(&flags.compile)
        .path("-o", &made)
        .argument(&source)
        .arguments(&flags.link)
        .run()
        .context("a C compiler makes the example: install Debian's package gcc")?;
    let run = program(&made.display().to_string(), "")
        .env("LD_LIBRARY_PATH", &prefix.join("lib").display().to_string());
    let printed = run.output();
    let removed = fs::remove_file(&made);
    let printed = printed?;
    removed.with_context(|| format!("cannot remove {}", made.display()))?;
    ensure!(printed == EXAMPLE.1, "{} printed {printed:?}, not {:?}", EXAMPLE.0, EXAMPLE.1);
    Ok(())
}

/// Which form of the library a program gets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Linkage {
    Shared,
    Static,
}

/// What the page has a compiler told.
struct Flags {
    compile: String,
    link: String,
}

impl Flags {
    /// As pkg-config says, or read from the page where there is none.
    fn of(page: &Path, linkage: Linkage) -> Result<Flags> {
        let asked = |options: &[&str]| -> Result<Option<String>> {
            let mut command = Command::new("pkg-config");
            let Ok(output) = command.args(options).arg(page).output() else { return Ok(None) };
            ensure!(output.status.success(), "pkg-config finds fault with {}", page.display());
            Ok(Some(String::from_utf8_lossy(&output.stdout).trim().to_owned()))
        };
        let libs: &[&str] = if linkage == Linkage::Static { &["--static", "--libs"] } else { &["--libs"] };
        let (compile, link) = match (asked(&["--cflags"])?, asked(libs)?) {
            (Some(compile), Some(link)) => (compile, link),
            _ => Self::read(&fs::read_to_string(page)?, linkage),
        };
        let link = match linkage {
            Linkage::Shared => link,
            // Beside a shared library the linker takes the static one only where it is told so.
            Linkage::Static => link.replace("-lddi_dma", "-l:libddi_dma.a"),
        };
        Ok(Flags { compile, link })
    }

    /// Reads the page, as far as its template goes: variables, then fields that hold them.
    fn read(text: &str, linkage: Linkage) -> (String, String) {
        let mut variables: Vec<(String, String)> = Vec::new();
        let expand = |text: &str, variables: &[(String, String)]| {
            variables.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
        };
        let (mut compile, mut link, mut private) = (String::new(), String::new(), String::new());
        for line in text.lines() {
            if let Some((field, value)) = line.split_once(": ") {
                let value = expand(value, &variables);
                match field {
                    "Cflags" => compile = value,
                    "Libs" => link = value,
                    "Libs.private" => private = value,
                    _ => {}
                }
            } else if let Some((name, value)) = line.split_once('=') {
                let value = expand(value, &variables);
                variables.push((format!("${{{name}}}"), value));
            }
        }
        if linkage == Linkage::Static {
            link = format!("{link} {private}");
        }
        (compile, link)
    }
}

fn create(directory: &Path) -> Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("cannot create {}", directory.display()))
}

/// Copies a file. A program that runs with the old one keeps it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    remove(to)?;
    fs::copy(from, to)
        .map(drop)
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

fn link(to: &str, at: &Path) -> Result<()> {
    remove(at)?;
    symlink(to, at).with_context(|| format!("cannot create {}", at.display()))
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_without_pkg_config_what_it_says_with_it() {
        let page = include_str!("../../crates/ddi-dma-c/ddi-dma.pc.in").replace("@prefix@", "/p");
        let (compile, link) = Flags::read(&page, Linkage::Shared);
        assert_eq!(compile, "-I/p/include/ddi-dma -pthread");
        assert_eq!(link, "-L/p/lib -lddi_dma -pthread");
        let (_, link) = Flags::read(&page, Linkage::Static);
        assert_eq!(link, "-L/p/lib -lddi_dma -pthread -lgcc_s -lutil -lrt -lpthread -lm -ldl");
    }
}
