//! The shared library has every function and variable that a header declares, and the static one has them too.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use common::{Library, Linkage};

/// What headers declare for drivers to define, and what the C library defines.
const NOT_OURS: &[&str] =
    &["_fini", "_info", "_init", "bcmp", "bcopy", "bzero", "snprintf", "sprintf", "vsnprintf", "vsprintf"];

#[test]
fn both_libraries_have_all_that_headers_declare() {
    let mut declared = BTreeSet::new();
    collect(&common::package().join("include"), &mut declared);
    declared.retain(|name: &String| !NOT_OURS.contains(&name.as_str()));
    for known in ["ddi_dma_getwin", "cmn_err", "mutex_enter", "mod_driverops", "maxphys", "ddi_rep_put64"] {
        assert!(declared.contains(known), "{known} was not found in the headers");
    }
    for linkage in [Linkage::Static, Linkage::Shared] {
        let defined = defined(&Library::path(linkage), linkage);
        let missing: Vec<&String> = declared.difference(&defined).collect();
        assert!(missing.is_empty(), "{linkage:?}: not defined: {missing:?}");
    }
}

/// Adds the names that the headers below a directory declare `extern`.
fn collect(directory: &Path, declared: &mut BTreeSet<String>) {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) => panic!("{}: {error}", directory.display()),
    };
    for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
        if path.is_dir() {
            collect(&path, declared);
        } else {
            let text = fs::read_to_string(&path).unwrap_or_default();
            declared.extend(declarations(&text).filter_map(name));
        }
    }
}

/// The texts between `extern` at a line's begin and the semicolon after it.
fn declarations(header: &str) -> impl Iterator<Item = &str> {
    header
        .split("\nextern ")
        .skip(1)
        .filter_map(|text| text.split_once(';'))
        .map(|(declaration, _)| declaration)
}

/// What a declaration declares: the last word before its parameters or its end. Where a macro may have the same name,
/// the name stands in parentheses of its own.
fn name(declaration: &str) -> Option<String> {
    if declaration.starts_with('"') {
        return None;
    }
    let (before, after) = declaration.split_once('(').unwrap_or((declaration, ""));
    let enclosed = after.split_once(")(").map(|(name, _)| name).filter(|name| name.chars().all(is_of_name));
    let name = enclosed.or_else(|| before.split(|c| !is_of_name(c)).rfind(|word| !word.is_empty()));
    name.map(str::to_owned)
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The names that a library defines for programs to use.
fn defined(library: &Path, linkage: Linkage) -> BTreeSet<String> {
    let mut command = Command::new("nm");
    command.args(["--defined-only", "--extern-only", "--format=posix"]);
    if linkage == Linkage::Shared {
        command.arg("--dynamic");
    }
    let output = match command.arg(library).output() {
        Ok(output) => output,
        Err(error) => panic!("nm does not run ({error}): install it (Debian: apt-get install binutils)"),
    };
    let symbols = String::from_utf8_lossy(&output.stdout);
    symbols.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}
