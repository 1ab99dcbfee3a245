//! Free ranges in order of their addresses: a treap that knows the largest range and the bytes below each node.
//!
//! A node's priority is computed from its start, so that equal sets of ranges make equal trees. Nodes live in one vector
//! and are used again: in the steady state nothing is allocated.

use super::Request;

/// The number of a node; [`NONE`] for no node.
type Link = u32;
const NONE: Link = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Node {
    start: u64,
    /// Behind the last address.
    end: u64,
    left: Link,
    right: Link,
    /// Bytes of the largest range of the subtree.
    largest: u64,
    /// Bytes of all ranges of the subtree.
    total: u64,
}

/// # Invariants
///
/// Ranges are not empty and do not overlap. `largest` and `total` of each node are those of its subtree.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    /// Nodes that are not in the tree.
    spare: Vec<Link>,
    root: Link,
}

impl Tree {
    pub(super) fn new() -> Self {
        Tree { nodes: Vec::new(), spare: Vec::new(), root: NONE }
    }

    /// Adds a range that overlaps none.
    pub(super) fn insert(&mut self, start: u64, end: u64) {
        let fresh = Node { start, end, left: NONE, right: NONE, largest: end - start, total: end - start };
        let link = match self.spare.pop() {
            Some(link) => {
                self.nodes[link as usize] = fresh;
                link
            }
            None => {
                self.nodes.push(fresh);
                (self.nodes.len() - 1) as Link
            }
        };
        let (below, above) = self.split(self.root, start);
        let below = self.merge(below, link);
        self.root = self.merge(below, above);
    }

    /// Takes out the range that starts here; returns its end.
    pub(super) fn remove(&mut self, start: u64) -> Option<u64> {
        let (below, rest) = self.split(self.root, start);
        let (link, above) = self.split(rest, start.saturating_add(1));
        self.root = self.merge(below, above);
        let end = self.nodes.get(link as usize)?.end;
        self.spare.push(link);
        Some(end)
    }

    /// The last range that starts below an address.
    pub(super) fn last_below(&self, address: u64) -> Option<(u64, u64)> {
        let (mut link, mut found) = (self.root, None);
        while let Some(node) = self.nodes.get(link as usize) {
            if node.start < address {
                found = Some((node.start, node.end));
                link = node.right;
            } else {
                link = node.left;
            }
        }
        found
    }

    /// The highest place for a request: the range's start and the place.
    pub(super) fn highest(&self, request: &Request) -> Option<(u64, u64)> {
        self.highest_below(self.root, request)
    }

    fn highest_below(&self, link: Link, request: &Request) -> Option<(u64, u64)> {
        let node = self.nodes.get(link as usize)?;
        if node.largest < request.held() {
            return None;
        }
        if node.start <= request.hi {
            let found = self
                .highest_below(node.right, request)
                .or_else(|| request.highest_in(node.start, node.end).map(|at| (node.start, at)));
            if found.is_some() {
                return found;
            }
        }
        // Ranges on the left end where this one starts, or before.
        if node.start > request.lo { self.highest_below(node.left, request) } else { None }
    }

    /// Bytes free in `lo..hi`, and of the largest range there.
    pub(super) fn free(&self, lo: u64, hi: u64) -> (u64, u64) {
        self.free_below(self.root, (lo, hi), (0, u64::MAX))
    }

    /// The same for a subtree, whose ranges lie within `span`.
    fn free_below(&self, link: Link, within: (u64, u64), span: (u64, u64)) -> (u64, u64) {
        let (Some(node), (lo, hi)) = (self.nodes.get(link as usize), within) else { return (0, 0) };
        if span.1 <= lo || span.0 >= hi {
            return (0, 0);
        }
        if lo <= span.0 && span.1 <= hi {
            return (node.total, node.largest);
        }
        let own = node.end.min(hi).saturating_sub(node.start.max(lo));
        let left = self.free_below(node.left, within, (span.0, node.start));
        let right = self.free_below(node.right, within, (node.end, span.1));
        (own + left.0 + right.0, own.max(left.1).max(right.1))
    }

    /// All ranges in order.
    pub(super) fn ranges(&self) -> Vec<(u64, u64)> {
        let (mut ranges, mut path, mut link) = (Vec::new(), Vec::new(), self.root);
        loop {
            while let Some(node) = self.nodes.get(link as usize) {
                path.push(node);
                link = node.left;
            }
            let Some(node) = path.pop() else { return ranges };
            ranges.push((node.start, node.end));
            link = node.right;
        }
    }

    /// Cuts a subtree into ranges that start below an address, and the others.
    fn split(&mut self, link: Link, address: u64) -> (Link, Link) {
        let Some(&node) = self.nodes.get(link as usize) else { return (NONE, NONE) };
        if node.start < address {
            let (below, above) = self.split(node.right, address);
            self.nodes[link as usize].right = below;
            self.sum(link);
            (link, above)
        } else {
            let (below, above) = self.split(node.left, address);
            self.nodes[link as usize].left = above;
            self.sum(link);
            (below, link)
        }
    }

    /// Joins two subtrees, all of the first below the second.
    fn merge(&mut self, below: Link, above: Link) -> Link {
        let (Some(&low), Some(&high)) = (self.nodes.get(below as usize), self.nodes.get(above as usize))
        else {
            return if below == NONE { above } else { below };
        };
        if priority(low.start) >= priority(high.start) {
            self.nodes[below as usize].right = self.merge(low.right, above);
            self.sum(below);
            below
        } else {
            self.nodes[above as usize].left = self.merge(below, high.left);
            self.sum(above);
            above
        }
    }

    /// Sums up a node whose children changed.
    fn sum(&mut self, link: Link) {
        let node = self.nodes[link as usize];
        let own = node.end - node.start;
        let (mut total, mut largest) = (own, own);
        for child in [node.left, node.right] {
            if let Some(child) = self.nodes.get(child as usize) {
                total += child.total;
                largest = largest.max(child.largest);
            }
        }
        self.nodes[link as usize].total = total;
        self.nodes[link as usize].largest = largest;
    }
}

/// Spreads starts, which are regular, over all priorities.
fn priority(start: u64) -> u64 {
    let mixed = (start ^ (start >> 31)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9)
}

#[cfg(test)]
impl Tree {
    /// Nodes on the longest way down.
    pub(super) fn depth(&self) -> usize {
        fn below(tree: &Tree, link: Link) -> usize {
            tree.nodes
                .get(link as usize)
                .map_or(0, |node| 1 + below(tree, node.left).max(below(tree, node.right)))
        }
        below(self, self.root)
    }
}
