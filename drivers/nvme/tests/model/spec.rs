//! What a controller is like.

/// What a controller is like.
#[derive(Debug, Clone)]
pub struct Spec {
    pub seed: u64,
    /// Entries of an I/O queue at the most.
    pub most_entries: u32,
    /// CAP.DSTRD.
    pub stride_exponent: u32,
    /// CAP.MPSMIN: pages of 4096 << this.
    pub page_exponent: u32,
    /// CAP.TO, in units of 500 ms.
    pub timeout_units: u64,
    /// MDTS.
    pub most_transfer_exponent: u8,
    /// Bits 1:0 of SGLS.
    pub sgl: u32,
    pub version: u32,
    pub write_zeroes: bool,
    pub vectors: u16,
    pub namespaces: Vec<NamespaceSpec>,
}

/// What a namespace is like.
#[derive(Debug, Clone, Copy)]
pub struct NamespaceSpec {
    pub number: u32,
    pub blocks: u64,
    pub block_exponent: u8,
    pub metadata: u16,
}

impl NamespaceSpec {
    pub fn block(&self) -> u64 {
        1 << self.block_exponent
    }
}

impl Default for Spec {
    /// 1.4, queues of 256 entries, transfers of 512 KiB, no SGLs, namespaces 1 (32 MiB in blocks of 512 bytes), 3 (8 MiB in
    /// blocks of 4 KiB) and 4 (with metadata).
    fn default() -> Self {
        Spec {
            seed: 1,
            most_entries: 256,
            stride_exponent: 0,
            page_exponent: 0,
            timeout_units: 1,
            most_transfer_exponent: 7,
            sgl: 0,
            version: 0x1_0400,
            write_zeroes: true,
            vectors: 2,
            namespaces: vec![
                NamespaceSpec { number: 1, blocks: 65536, block_exponent: 9, metadata: 0 },
                NamespaceSpec { number: 3, blocks: 2048, block_exponent: 12, metadata: 0 },
                NamespaceSpec { number: 4, blocks: 16, block_exponent: 9, metadata: 8 },
            ],
        }
    }
}

impl Spec {
    /// Bytes of a page.
    pub fn page(&self) -> u64 {
        4096 << self.page_exponent
    }

    pub fn capabilities(&self) -> u64 {
        const CONTIGUOUS_QUEUES: u64 = 1 << 16;
        const NVM_COMMANDS: u64 = 1 << 37;
        let page = u64::from(self.page_exponent);
        u64::from(self.most_entries - 1)
            | CONTIGUOUS_QUEUES
            | self.timeout_units << 24
            | u64::from(self.stride_exponent) << 32
            | NVM_COMMANDS
            | page << 48
            | page << 52
    }
}
