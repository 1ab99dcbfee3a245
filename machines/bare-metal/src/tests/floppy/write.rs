//! What is written is on the disk: it is read back, and looked for in the disk's image when the run is over.

use bare_metal_contents::Written;
use ddi_dma::Wait;

use super::{Failure, System, Test, attach};
use crate::ensure;
use crate::memory::Buffer;

pub(in crate::tests) const TESTS: &[Test] = &[
    (A_SECTOR, || write(A_SECTOR, &System::new(), |bytes| Ok(Buffer::at(0x28_0000, bytes)?))),
    (FROM_HEAP, || write(FROM_HEAP, &System::new(), |bytes| Ok(Buffer::on_heap(bytes, 0x3a5)))),
    (ACROSS, || write(ACROSS, &System::new(), |bytes| Ok(Buffer::at(0x28_0000 - 0x600, bytes)?))),
    (IN_WINDOWS, || {
        write(IN_WINDOWS, &System::with_copy_buffer(0x2000), |bytes| Ok(Buffer::on_heap(bytes, 0)))
    }),
];

const A_SECTOR: &str = "floppy-writes-a-sector";
const FROM_HEAP: &str = "floppy-writes-from-the-heap";
const ACROSS: &str = "floppy-writes-across-64-kib";
const IN_WINDOWS: &str = "floppy-writes-in-windows";

/// Writes what the test of this name is known to write, from a buffer of this kind, and reads it back.
fn write(
    test: &str,
    system: &System,
    buffer: impl Fn(usize) -> Result<Buffer, Failure>,
) -> Result<(), Failure> {
    let written = Written::by(test).ok_or_else(|| Failure::new("nobody knows what it writes"))?;
    let mut floppy = attach(system)?;
    let mut source = buffer(written.bytes())?;
    source.fill(written.seed);
    let (mut source, report) = floppy.write(written.sector as u64, source, Wait::DontWait)?;
    ensure!(report.moved == written.bytes() as u64 && report.retries == 0, "{report:?}");
    ensure!(source.first_difference(written.seed).is_none(), "writing changed the buffer");
    let target = Buffer::on_heap(written.bytes(), 0);
    let (mut target, _) = floppy.read(written.sector as u64, target, Wait::DontWait)?;
    let wrong = target.first_difference(written.seed);
    ensure!(wrong.is_none(), "read back, byte {wrong:?} differs");
    Ok(())
}
