//! Where the bytes of a command are: PRPs (section 4.3) and SGLs (section 4.4).

use std::ops::Range;

use super::{Fetched, Inner, State, status};

/// Bus addresses, each with the bytes of the command that lie there.
pub(super) type Pieces = Vec<(u64, Range<usize>)>;

impl Inner {
    pub(super) fn data_of(&self, state: &mut State, command: &Fetched, length: usize) -> Result<Pieces, u16> {
        match command.flags() >> 6 {
            0 => self.walk_prps(state, command.data(), length),
            _ if self.spec.sgl == 0 => Err(status::INVALID_FIELD),
            _ => {
                state.seen.sgls += 1;
                self.walk_sgl(command.data(), length)
            }
        }
    }

    fn walk_prps(&self, state: &mut State, [first, second]: [u64; 2], length: usize) -> Result<Pieces, u16> {
        let page = self.spec.page();
        if !first.is_multiple_of(4) {
            return Err(status::INVALID_PRP_OFFSET);
        }
        let mut pieces = Vec::new();
        let mut at = 0;
        let mut add = |address: u64| {
            let size = ((page - address % page) as usize).min(length - at);
            pieces.push((address, at..at + size));
            at += size;
            length - at
        };
        let left = add(first);
        if left == 0 {
            if second != 0 {
                state.violations.push(format!("PRP 2 is reserved, and is {second:#x}"));
            }
            return Ok(pieces);
        }
        if left as u64 <= page {
            if !second.is_multiple_of(page) {
                return Err(status::INVALID_PRP_OFFSET);
            }
            add(second);
            return Ok(pieces);
        }
        state.seen.prp_lists += 1;
        if !second.is_multiple_of(8) {
            return Err(status::INVALID_PRP_OFFSET);
        }
        let (mut list, mut left) = (second, left as u64);
        loop {
            let mut entry = [0; 8];
            self.read_memory(list, &mut entry)?;
            let entry = u64::from_le_bytes(entry);
            let last_of_page = (list + 8).is_multiple_of(page);
            if last_of_page && left > page {
                // It points to the rest of the list.
                if !entry.is_multiple_of(page) {
                    return Err(status::INVALID_PRP_OFFSET);
                }
                list = entry;
                continue;
            }
            if !entry.is_multiple_of(page) {
                return Err(status::INVALID_PRP_OFFSET);
            }
            left = add(entry) as u64;
            if left == 0 {
                return Ok(pieces);
            }
            list += 8;
        }
    }

    fn walk_sgl(&self, descriptor: [u64; 2], length: usize) -> Result<Pieces, u16> {
        const DATA: u64 = 0;
        const SEGMENT: u64 = 2;
        const LAST_SEGMENT: u64 = 3;
        let mut pieces: Pieces = Vec::new();
        let mut descriptors = vec![descriptor];
        // Whether what is read now is the last segment.
        let mut last = true;
        let mut top = true;
        loop {
            let mut next = None;
            let count = descriptors.len();
            for (index, [address, word]) in descriptors.into_iter().enumerate() {
                let (kind, size) = (word >> 60, word & 0xFFFF_FFFF);
                if word >> 32 & 0x00FF_FFFF != 0 || word >> 56 & 0xF != 0 {
                    return Err(status::INVALID_SGL_TYPE);
                }
                match kind {
                    DATA => {
                        let at = pieces.last().map_or(0, |(_, range)| range.end);
                        let dwords = address.is_multiple_of(4) && size.is_multiple_of(4);
                        if self.spec.sgl == 2 && !dwords {
                            return Err(status::DO_NOT_RETRY | 0x1E);
                        }
                        if at + size as usize > length {
                            return Err(status::INVALID_SGL_LENGTH);
                        }
                        pieces.push((address, at..at + size as usize));
                    }
                    // Only the last descriptor of a segment leads to another, and none of the last segment.
                    SEGMENT | LAST_SEGMENT if index + 1 == count && (top || !last) => {
                        if size == 0 || !size.is_multiple_of(16) {
                            return Err(status::INVALID_SGL_SEGMENT);
                        }
                        next = Some((address, size));
                        last = kind == LAST_SEGMENT;
                    }
                    SEGMENT | LAST_SEGMENT => return Err(status::INVALID_SGL_SEGMENT),
                    _ => return Err(status::INVALID_SGL_TYPE),
                }
            }
            top = false;
            let Some((address, size)) = next else { break };
            let mut bytes = vec![0; size as usize];
            self.read_memory(address, &mut bytes)?;
            let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
            descriptors = bytes.chunks(16).map(|it| [word(&it[..8]), word(&it[8..])]).collect();
        }
        let described = pieces.last().map_or(0, |(_, range)| range.end);
        if described == length { Ok(pieces) } else { Err(status::INVALID_SGL_LENGTH) }
    }
}
