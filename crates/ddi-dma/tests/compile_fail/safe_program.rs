//! Only who vouches for a cookie's memory gives it to the engine.
use ddi_dma::dmae::Request;
use ddi_dma::{Channel, Cookie};

fn anywhere(channel: &mut Channel, request: &Request) {
    let _ = channel.program(request, &Cookie { address: 0x1000, size: 512 });
}

fn main() {}
