//! The blocks of a namespace.

use super::spec::NamespaceSpec;

pub struct Medium {
    pub spec: NamespaceSpec,
    bytes: Vec<u8>,
}

impl Medium {
    pub fn new(spec: &NamespaceSpec) -> Self {
        Medium { spec: *spec, bytes: vec![0; (spec.blocks * spec.block()) as usize] }
    }

    /// Bytes from block `lba` on.
    pub fn from(&mut self, lba: u64) -> &mut [u8] {
        &mut self.bytes[(lba * self.spec.block()) as usize..]
    }
}
