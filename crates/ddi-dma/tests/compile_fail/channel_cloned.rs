//! A channel has one owner.
use ddi_dma::Channel;

fn both(channel: Channel) -> (Channel, Channel) {
    (channel.clone(), channel)
}

fn main() {}
