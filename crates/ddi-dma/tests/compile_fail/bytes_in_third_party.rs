//! The bytes are the engine's until the transfer is complete.
use ddi_dma::DmaObject;
use ddi_dma::dmae::ThirdParty;

fn peek<O: DmaObject>(transfer: &ThirdParty<O>) {
    let mut byte = [0];
    let _ = transfer.read(0, &mut byte);
}

fn main() {}
