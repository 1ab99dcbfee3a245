//! What the controller tells of itself and of its namespaces (section 5.15). Copied out, then checked.

use std::time::Duration;

/// Bytes of everything that Identify tells.
pub(crate) const IDENTIFY_BYTES: usize = 4096;

/// What Identify tells, copied out of the memory that the controller wrote.
pub(crate) struct Identified(pub(crate) Box<[u8; IDENTIFY_BYTES]>);

impl Identified {
    fn bytes<const N: usize>(&self, at: usize) -> [u8; N] {
        self.0.get(at..at + N).and_then(|bytes| bytes.try_into().ok()).unwrap_or([0; N])
    }

    fn byte(&self, at: usize) -> u8 {
        let [byte] = self.bytes(at);
        byte
    }

    fn u16(&self, at: usize) -> u16 {
        u16::from_le_bytes(self.bytes(at))
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.bytes(at))
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.bytes(at))
    }

    /// ASCII, padded with spaces. What is not printable becomes a question mark.
    fn text<const N: usize>(&self, at: usize) -> String {
        let printable = |byte: u8| if matches!(byte, b' '..=b'~') { char::from(byte) } else { '?' };
        let bytes: [u8; N] = self.bytes(at);
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(N);
        bytes.into_iter().take(end).map(printable).collect::<String>().trim().to_owned()
    }

    /// The numbers of a namespace list: ascending, ended by 0.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u32> {
        (0..IDENTIFY_BYTES).step_by(4).map(|at| self.u32(at)).take_while(|number| *number != 0)
    }
}

/// What a controller tells of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControllerInfo {
    /// PCI vendor (VID).
    pub vendor: u16,
    /// Serial number (SN).
    pub serial: String,
    /// Model (MN).
    pub model: String,
    /// Revision of the firmware (FR).
    pub firmware: String,
    /// Version of the specification: major << 16 | minor << 8 | tertiary (VS).
    pub version: u32,
    /// Most bytes that one command moves (MDTS); `None` where the controller names no limit.
    pub most_bytes: Option<u64>,
    /// Highest number of a namespace (NN).
    pub namespaces: u32,
    /// Whether scatter/gather lists are taken for data (SGLS).
    pub sgl: SglSupport,
    /// Whether blocks can be zeroed without sending zeros (ONCS).
    pub write_zeroes: Support,
    /// Whether there is a cache that a flush writes to the medium (VWC).
    pub volatile_cache: Support,
    /// How long an orderly shutdown may take (RTD3E); `None` where the controller does not say.
    pub shutdown_within: Option<Duration>,
}

/// Whether something is supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Support {
    /// It is.
    Yes,
    /// It is not.
    No,
}

/// Whether scatter/gather lists are taken for data (SGLS).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SglSupport {
    /// Only PRPs are.
    None,
    /// Of bytes that lie anywhere.
    Any,
    /// Of whole dwords alone.
    Dwords,
}

impl ControllerInfo {
    /// Reads what Identify Controller tells. `page` is the least page of the controller, the unit of MDTS.
    pub(crate) fn read(told: &Identified, version: u32, page: u64) -> Self {
        let yes = |bit: u16| if bit == 0 { Support::No } else { Support::Yes };
        let (exponent, shutdown) = (told.byte(77), told.u32(88));
        ControllerInfo {
            vendor: told.u16(0),
            serial: told.text::<20>(4),
            model: told.text::<40>(24),
            firmware: told.text::<8>(64),
            version,
            // 2^48 bytes and more are no limit.
            most_bytes: (1..=36).contains(&exponent).then(|| page << exponent),
            namespaces: told.u32(516),
            sgl: match told.u32(536) & 3 {
                1 => SglSupport::Any,
                2 => SglSupport::Dwords,
                _ => SglSupport::None,
            },
            write_zeroes: yes(told.u16(520) & 1 << 3),
            volatile_cache: yes(u16::from(told.byte(525)) & 1),
            shutdown_within: (shutdown != 0).then(|| Duration::from_micros(shutdown.into())),
        }
    }
}

/// A namespace: blocks of one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Namespace {
    /// Its number, from 1.
    pub number: u32,
    /// Blocks that it has (NSZE).
    pub blocks: u64,
    /// Bytes of a block (LBADS of the format in use).
    pub block_size: u32,
    /// Bytes of metadata that each block has besides (MS). This driver transfers no block that has some.
    pub metadata: u16,
}

impl Namespace {
    /// Bytes that it holds.
    pub fn bytes(&self) -> u64 {
        self.blocks.saturating_mul(self.block_size.into())
    }

    /// Reads what Identify Namespace tells; `None` where the namespace is not active or its format makes no sense.
    pub(crate) fn read(told: &Identified, number: u32) -> Option<Self> {
        let format = told.u32(128 + 4 * usize::from(told.byte(26) & 0xF));
        let exponent = format >> 16 & 0xFF;
        let blocks = told.u64(0);
        // The specification has blocks of 512 bytes or more; more than a gigabyte is no format either.
        let sound = blocks > 0 && (9..=30).contains(&exponent);
        sound.then(|| Namespace { number, blocks, block_size: 1 << exponent, metadata: format as u16 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(fields: &[(usize, &[u8])]) -> Identified {
        let mut bytes = Box::new([0; IDENTIFY_BYTES]);
        for (at, field) in fields {
            bytes[*at..at + field.len()].copy_from_slice(field);
        }
        Identified(bytes)
    }

    #[test]
    fn a_controller_tells_its_names_and_limits() {
        let told =
            told(&[(4, b"S123  "), (24, b"A model\x07 "), (77, &[5]), (520, &[8]), (536, &[1]), (88, &[64])]);
        let info = ControllerInfo::read(&told, 0x1_0400, 4096);
        assert_eq!((info.serial.as_str(), info.model.as_str()), ("S123", "A model?"));
        assert_eq!(info.most_bytes, Some(128 << 10));
        assert_eq!((info.sgl, info.write_zeroes), (SglSupport::Any, Support::Yes));
        assert_eq!(info.shutdown_within, Some(Duration::from_micros(64)));
    }

    #[test]
    fn no_limit_and_an_absurd_one() {
        assert_eq!(ControllerInfo::read(&told(&[]), 0, 4096).most_bytes, None);
        assert_eq!(ControllerInfo::read(&told(&[(77, &[255])]), 0, 4096).most_bytes, None);
    }

    #[test]
    fn the_format_in_use_tells_the_block_size() {
        let format = told(&[(0, &[0, 1]), (26, &[1]), (128, &[0, 0, 9, 0]), (132, &[8, 0, 12, 0])]);
        let namespace = Namespace::read(&format, 7).unwrap();
        assert_eq!(namespace, Namespace { number: 7, blocks: 256, block_size: 4096, metadata: 8 });
        assert_eq!(namespace.bytes(), 1 << 20);
        assert_eq!(Namespace::read(&told(&[(0, &[1]), (130, &[63])]), 1), None);
        assert_eq!(Namespace::read(&told(&[]), 1), None);
    }

    #[test]
    fn a_list_ends_at_zero() {
        assert_eq!(told(&[(0, &[1]), (4, &[9]), (12, &[3])]).numbers().collect::<Vec<_>>(), [1, 9]);
    }
}
