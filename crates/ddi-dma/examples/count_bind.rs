//! What one bind + unbind costs in instructions: run under callgrind by `cargo xtask counts`.
//!
//! `count_bind CASE ROUNDS` binds, starts, looks at the cookies, completes and unbinds so many times. Two runs that
//! differ in their rounds alone differ in what these rounds cost.

#[path = "../benches/plain/mod.rs"]
mod plain;

use std::hint::black_box;

use ddi_dma::{DmaAttr, DmaObject, Extent, Wait};
use plain::{Pages, Run, bus, transfer};

/// Binds `rounds` times with one handle.
fn run<O: DmaObject>(rounds: u64, attr: &DmaAttr, object: O) {
    let device = bus().device("plain");
    let handle = match device.alloc_handle(attr, Wait::DontWait) {
        Ok(handle) => handle,
        Err(error) => panic!("{error}"),
    };
    let mut state = (handle, object);
    for _ in 0..rounds {
        let (handle, object) = black_box(state);
        state = transfer(handle, object);
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let case = arguments.next().unwrap_or_default();
    let rounds = arguments.next().and_then(|rounds| rounds.parse().ok()).unwrap_or(1);
    let attr =
        DmaAttr { addr_hi: 0xFFFF_FFFF, seg: 0xFFFF_FFFF, count_max: 0xFF_FFFF, ..DmaAttr::UNRESTRICTED };
    let near = DmaAttr { addr_hi: 0xFF_FFFF, ..attr };
    match case.as_str() {
        "pages-1" => run(rounds, &attr, Pages::scattered(1, 0x100_0000)),
        "pages-16" => run(rounds, &attr, Pages::scattered(16, 0x100_0000)),
        "pages-256" => run(rounds, &attr, Pages::scattered(256, 0x100_0000)),
        "copied-64k" => run(rounds, &near, Pages::scattered(16, 0x4000_0000)),
        "extent-1m" => run(rounds, &attr, Run([Extent { address: 0x100_0000, size: 1 << 20 }])),
        other => panic!("{other:?} is no case: pages-1, pages-16, pages-256, copied-64k, extent-1m"),
    }
}
