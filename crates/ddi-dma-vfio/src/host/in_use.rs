//! What the running system does with a device, and would lose with it.

use core::fmt;

use super::tree::Tree;
use crate::PciAddress;

/// A use that the system makes of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SystemUse {
    /// A file system on it is mounted.
    Mounted {
        /// The block device.
        block: String,
        /// Where.
        at: String,
    },
    /// It holds memory that was swapped out.
    Swap {
        /// The block device.
        block: String,
    },
    /// It is a network interface that is up.
    Network {
        /// Its name.
        interface: String,
    },
}

impl fmt::Display for SystemUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SystemUse::Mounted { block, at } => write!(f, "{block} is mounted at {at}"),
            SystemUse::Swap { block } => write!(f, "{block} is swap space"),
            SystemUse::Network { interface } => write!(f, "the network interface {interface} is up"),
        }
    }
}

/// How many block devices may stand on each other: a partition, RAID, encryption and volumes, and some to spare.
const STACK_MOST: usize = 8;

/// All uses of a device.
pub(super) fn uses(tree: &Tree, device: PciAddress) -> Vec<SystemUse> {
    let mut uses = Vec::new();
    for block in stacked(tree, below(tree, "/sys/class/block", device)) {
        let number = tree.text(&format!("/sys/class/block/{block}/dev"));
        let at = number.map(|number| mounts(tree, &number, &block)).unwrap_or_default();
        uses.extend(at.into_iter().map(|at| SystemUse::Mounted { block: block.clone(), at }));
        if is_swap(tree, &block) {
            uses.push(SystemUse::Swap { block });
        }
    }
    for interface in below(tree, "/sys/class/net", device) {
        if tree.text(&format!("/sys/class/net/{interface}/operstate")).as_deref() == Some("up") {
            uses.push(SystemUse::Network { interface });
        }
    }
    uses
}

/// Block devices, and those that are made of them.
fn stacked(tree: &Tree, blocks: Vec<String>) -> Vec<String> {
    let mut all = blocks.clone();
    let mut layer = blocks;
    for _ in 0..STACK_MOST {
        let holders = layer.iter().flat_map(|block| tree.names(&format!("/sys/class/block/{block}/holders")));
        layer = holders.filter(|holder| !all.contains(holder)).collect();
        layer.dedup();
        all.extend(layer.iter().cloned());
    }
    all
}

/// The names in a class whose nearest PCI device is this one.
fn below(tree: &Tree, class: &str, device: PciAddress) -> Vec<String> {
    let is_below = |name: &String| {
        let path = tree.link(&format!("{class}/{name}")).unwrap_or_default();
        let nearest = path.rsplit('/').find_map(|part| part.parse::<PciAddress>().ok());
        nearest == Some(device)
    };
    tree.names(class).into_iter().filter(is_below).collect()
}

/// Where a block device is mounted. Lines of `mountinfo` have the number of the device third, the place fifth and, some
/// fields behind a hyphen, the source; file systems over several devices have a number of their own.
fn mounts(tree: &Tree, number: &str, block: &str) -> Vec<String> {
    let source = format!("/dev/{block}");
    let text = tree.text("/proc/self/mountinfo").unwrap_or_default();
    let places = text.lines().filter_map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        let from = words.iter().position(|word| *word == "-").and_then(|hyphen| words.get(hyphen + 2));
        let is_it = words.get(2) == Some(&number) || from.is_some_and(|from| *from == source);
        words.get(4).filter(|_| is_it).map(|place| plain(place))
    });
    places.collect()
}

/// A path without the octal numbers that stand for white space and backslashes.
fn plain(path: &str) -> String {
    let escapes = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    escapes.iter().fold(path.to_owned(), |path, (escape, meant)| path.replace(escape, meant))
}

fn is_swap(tree: &Tree, block: &str) -> bool {
    let swaps = tree.text("/proc/swaps").unwrap_or_default();
    swaps.lines().any(|line| line.split_whitespace().next() == Some(&format!("/dev/{block}")))
}
