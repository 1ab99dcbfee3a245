//! The disk behind the NVMe controller.

/// Bytes of a block.
pub const BLOCK: usize = 512;

/// Blocks of the disk: 64 MiB.
pub const DISK_BLOCKS: u64 = 64 << 20 >> 9;

/// The controller's serial number.
pub const SERIAL: &str = "ddi-dma-test";

/// What a block holds when the machine starts: nothing is equal anywhere else on the disk.
///
/// What the guest writes is forgotten when it ends.
///
/// # Examples
///
/// ```
/// use vfio_guest_contents::block;
///
/// assert_ne!(block(0), block(1));
/// ```
pub fn block(number: u64) -> [u8; BLOCK] {
    let mut bytes = [0; BLOCK];
    for (place, word) in (0..).zip(bytes.chunks_exact_mut(8)) {
        // An odd factor keeps words distinct, and leaves no byte of them constant.
        let value: u64 = (number * (BLOCK as u64 / 8) + place + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        word.copy_from_slice(&value.to_le_bytes());
    }
    bytes
}
