//! The host's limit on mappings. Alone in its program: whoever maps meanwhile would meet the limit too.

mod common;

use common::machine;
use ddi_dma_sim::{BufferSpec, Iommu, MemoryError, PageSize, Placement};

#[test]
fn more_mappings_than_the_host_has_are_an_error() {
    let machine = machine(51, PageSize::Kib4, Iommu::Off);
    // Half a million pages, each of which would take a mapping; hosts allow some ten thousand by default.
    let spec = BufferSpec::new(2 << 30).placement(Placement::ABOVE_4G);
    match machine.buffer(&spec) {
        Err(error @ MemoryError::Map { .. }) => {
            assert!(error.to_string().contains("max_map_count"), "{error}")
        }
        Err(other) => panic!("{other}"),
        Ok(buffer) => assert_eq!(buffer.len(), 2 << 30, "a host that allows more"),
    }
    assert_eq!(machine.memory().used(), 0);
}
