//! The kernel: its release and how it was started.

use super::Host;

/// The kernel that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// Its release, as `uname -r` prints it; empty where `/proc` is not mounted.
    pub release: String,
    /// The words of its command line, up to the `--` behind which words are for init.
    pub parameters: Vec<String>,
}

impl Kernel {
    /// The value of the last parameter of this name, as in `intel_iommu=on`.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let mut values = self.parameters.iter().filter_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        values.next_back()
    }
}

impl Host {
    /// Tells the kernel's release and parameters.
    pub fn kernel(&self) -> Kernel {
        let release = self.tree.text("/proc/sys/kernel/osrelease").unwrap_or_default();
        let line = self.tree.text("/proc/cmdline").unwrap_or_default();
        let words = line.split_whitespace().take_while(|word| *word != "--");
        Kernel { release, parameters: words.map(str::to_owned).collect() }
    }
}
