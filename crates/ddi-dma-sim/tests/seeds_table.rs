//! Keeps `docs/seeds.md` complete and true.

use std::fs;
use std::path::{Path, PathBuf};

/// Everything that the manual's chapter names.
const NAMES: [&str; 78] = [
    "ddi_dma_alloc_handle",
    "ddi_dma_free_handle",
    "ddi_dma_addr_bind_handle",
    "ddi_dma_buf_bind_handle",
    "ddi_dma_unbind_handle",
    "ddi_dma_numwin",
    "ddi_dma_getwin",
    "ddi_dma_nextcookie",
    "ddi_dma_sync",
    "ddi_dma_burstsizes",
    "ddi_dma_mem_alloc",
    "ddi_dma_mem_free",
    "ddi_umem_lock",
    "physio",
    "ddi_slaveonly",
    "ddi_dmae_getattr",
    "ddi_dmae_1stparty",
    "ddi_dmae_prog",
    "ddi_dmae_stop",
    "mb_mapalloc",
    "MBI_ADDR",
    "mb_mapfree",
    "adddma",
    "mb_driver",
    "ddi_get8",
    "ddi_put8",
    "ddi_put32",
    "kmem_alloc",
    "strategy",
    "read",
    "write",
    "attach",
    "detach",
    "xxstart",
    "xxintr",
    "xxdetach",
    "xxstrategy",
    "xxdmacallback",
    "ddi_dma_attr",
    "dma_attr_version",
    "dma_attr_addr_lo",
    "dma_attr_addr_hi",
    "dma_attr_count_max",
    "dma_attr_align",
    "dma_attr_burstsizes",
    "dma_attr_minxfer",
    "dma_attr_maxxfer",
    "dma_attr_seg",
    "dma_attr_sgllen",
    "dma_attr_granular",
    "dma_attr_flags",
    "ddi_dma_handle_t",
    "ddi_dma_cookie",
    "dmac_laddress",
    "dmac_address",
    "dmac_size",
    "dmac_type",
    "dev_info",
    "buf",
    "ddi_device_acc_attr",
    "ddi_acc_handle_t",
    "DMA_ATTR_V0",
    "DDI_DMA_FORCE_PHYSICAL",
    "DDI_DMA_BADATTR",
    "DDI_DMA_READ",
    "DDI_DMA_WRITE",
    "DDI_DMA_CONSISTENT",
    "DDI_DMA_STREAMING",
    "DDI_DMA_PARTIAL",
    "DDI_DMA_DONTWAIT",
    "DDI_DMA_SLEEP",
    "DDI_DMA_CALLBACK_RUNOUT",
    "DDI_DMA_CALLBACK_DONE",
    "DDI_DMA_MAPPED",
    "DDI_DMA_NORESOURCES",
    "DDI_DMA_SYNC_FORDEV",
    "DDI_DMA_SYNC_FORCPU",
    "DDI_DMA_SYNC_FORKERNEL",
];

/// Its lists of steps, and how many each has.
const STEPS: [(&str, usize); 5] =
    [("Bus-master", 8), ("First-party", 8), ("Third-party", 9), ("SunOS 4.1", 4), ("SunOS 5.7", 6)];

/// Its listings.
const LISTINGS: [&str; 10] = [
    "Example 8-1",
    "Example 8-2",
    "Example 8-3",
    "Example 8-4",
    "Example 8-5",
    "Example 8-6",
    "Example 9-3",
    "Example without number",
    "Attributes of the SBus engine",
    "Attributes of the ISA engine",
];

/// A row of the tables.
struct Row {
    manual: String,
    rust: String,
    c: String,
    tests: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn rows() -> Vec<Row> {
    let text = fs::read_to_string(root().join("docs/seeds.md")).expect("the tables");
    let cells = |line: &str| -> Option<Row> {
        let line = line.strip_prefix("| ")?.strip_suffix('|')?;
        let mut cells = line.split('|').map(|cell| cell.trim().to_owned());
        let row = Row { manual: cells.next()?, rust: cells.next()?, c: cells.next()?, tests: cells.next()? };
        (row.manual != "manual" && cells.next().is_none()).then_some(row)
    };
    text.lines().filter_map(cells).collect()
}

/// What stands in backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// All Rust sources under a directory of the workspace, in one string.
fn sources(directory: &Path) -> String {
    let mut text = String::new();
    let Ok(entries) = fs::read_dir(directory) else { return text };
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            text.push_str(&sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(&path).expect("a source"));
        }
    }
    text
}

fn core() -> String {
    sources(&root().join("crates/ddi-dma/src"))
}

fn tests() -> String {
    let crates = fs::read_dir(root().join("crates")).expect("crates");
    crates.map(|entry| sources(&entry.expect("an entry").path().join("tests"))).collect()
}

/// Whether the sources define a function, type, constant, variant or member of this name.
fn defines(sources: &str, name: &str) -> bool {
    let item = ["fn ", "struct ", "enum ", "trait ", "const "].map(|kind| format!("{kind}{name}"));
    let member = format!("pub {name}:");
    let starts = |line: &str, with: &str| {
        let rest = line.strip_prefix(with);
        rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_'))
    };
    let defined = |line: &str| {
        let bare = line.strip_prefix("pub ").unwrap_or(line);
        let bare = bare.strip_prefix("unsafe ").unwrap_or(bare);
        item.iter().any(|item| starts(bare, item)) || line.starts_with(&member) || starts(line, name)
    };
    sources.lines().map(str::trim).any(defined)
}

#[test]
fn everything_that_the_manual_names_has_a_row() {
    let rows = rows();
    for name in NAMES {
        let of_name = |row: &&Row| row.manual == format!("`{name}`");
        assert_eq!(rows.iter().filter(of_name).count(), 1, "{name} has one row");
    }
    for listing in LISTINGS {
        assert!(rows.iter().any(|row| row.manual.starts_with(listing)), "{listing} has no row");
    }
    for (list, count) in STEPS {
        for step in 1..=count {
            let start = format!("{list} {step}: ");
            assert!(rows.iter().any(|row| row.manual.starts_with(&start)), "{list}, step {step} has no row");
        }
    }
    let expected = NAMES.len() + LISTINGS.len() + STEPS.iter().map(|(_, count)| count).sum::<usize>();
    assert_eq!(rows.len(), expected, "a row that is not in the manual, or one that does not parse");
}

#[test]
fn every_rust_name_is_one_of_the_core() {
    let core = core();
    for row in rows() {
        for name in quoted(&row.rust).flat_map(|path| path.split("::")) {
            assert!(defines(&core, name), "{}: the core has no {name}", row.manual);
        }
    }
}

#[test]
fn every_row_names_tests_that_exist() {
    let tests = tests();
    for row in rows() {
        assert!(quoted(&row.tests).count() > 0, "{} is shown by no test", row.manual);
        for name in quoted(&row.tests) {
            let test = format!("#[test]\nfn {name}()");
            let case = format!("    fn {name}("); // of a property
            assert!(tests.contains(&test) || tests.contains(&case), "{}: no test {name}", row.manual);
        }
    }
}

/// Where a C header or program is.
fn c_file(name: &str) -> PathBuf {
    let directory = root().join("crates/ddi-dma-c");
    let places = ["include", "examples", "tests/c"].map(|place| directory.join(place).join(name));
    let found = places.into_iter().find(|place| place.exists());
    found.unwrap_or_else(|| panic!("{name} is neither a header nor a program in C"))
}

#[test]
fn every_c_name_is_in_its_file() {
    for row in rows() {
        let [file] = quoted(&row.c).collect::<Vec<_>>()[..] else {
            panic!("{}: the column for C names one file", row.manual)
        };
        let text = fs::read_to_string(c_file(file)).expect("a text");
        for name in quoted(&row.manual) {
            assert!(text.contains(name), "{file} does not have {name}");
        }
    }
}
