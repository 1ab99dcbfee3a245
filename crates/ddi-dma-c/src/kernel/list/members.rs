//! Which list each object is in. An object's own memory cannot tell: before it is first inserted it may hold anything.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// All objects that are in lists.
pub(super) static MEMBERS: Members = Members { parts: [const { Mutex::new(BTreeMap::new()) }; PARTS] };

/// Lists of different threads seldom meet in one part.
const PARTS: usize = 16;

/// The list of each link. Addresses are inverted: a leaked object must not look as if somebody still held it.
pub(super) struct Members {
    parts: [Mutex<BTreeMap<usize, usize>>; PARTS],
}

impl Members {
    /// The list that a link is in.
    pub(super) fn list_of(&self, link: usize) -> Option<usize> {
        self.part(link).get(&!link).map(|list| !list)
    }

    /// Notes that a link is in a list; the list that it is in already where there is one.
    pub(super) fn add(&self, link: usize, list: usize) -> Result<(), usize> {
        match self.part(link).entry(!link) {
            Entry::Occupied(other) => Err(!*other.get()),
            Entry::Vacant(place) => {
                place.insert(!list);
                Ok(())
            }
        }
    }

    /// Notes that a link is in no list.
    pub(super) fn remove(&self, link: usize) {
        self.part(link).remove(&!link);
    }

    fn part(&self, link: usize) -> MutexGuard<'_, BTreeMap<usize, usize>> {
        // Objects of one list often lie a power of two apart.
        let part = ((link >> 4) ^ (link >> 8) ^ (link >> 12) ^ (link >> 16)) % PARTS;
        self.parts[part].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
