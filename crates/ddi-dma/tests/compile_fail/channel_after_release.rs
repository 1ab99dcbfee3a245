//! Who has released a channel does not program it any more.
use ddi_dma::Channel;

fn late(mut channel: Channel) {
    drop(channel);
    channel.first_party();
}

fn main() {}
