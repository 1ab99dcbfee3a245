//! Huge pages that the kernel keeps for whoever asks for them.

use super::Host;

/// The huge pages of one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HugePages {
    /// Bytes of a page.
    pub size: u64,
    /// How many there are.
    pub total: u64,
    /// How many of them nobody has.
    pub free: u64,
}

impl Host {
    /// Tells the huge pages of every size that the machine has, the smallest first.
    pub fn huge_pages(&self) -> Vec<HugePages> {
        let directory = "/sys/kernel/mm/hugepages";
        let sizes = self.tree.names(directory).into_iter().filter_map(|name| {
            let kib: u64 = name.strip_prefix("hugepages-")?.strip_suffix("kB")?.parse().ok()?;
            let count = |what: &str| self.tree.text(&format!("{directory}/{name}/{what}"))?.parse().ok();
            let size = kib.checked_mul(1024)?;
            Some(HugePages { size, total: count("nr_hugepages")?, free: count("free_hugepages")? })
        });
        let mut pages: Vec<HugePages> = sizes.collect();
        pages.sort_by_key(|pages| pages.size);
        pages
    }
}
