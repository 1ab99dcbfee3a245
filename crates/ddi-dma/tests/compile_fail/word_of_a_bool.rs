//! A word takes every pattern that a device may write; a bool does not.
use ddi_dma::Access;

fn ready(access: &Access) -> bool {
    access.get::<bool>(0).unwrap_or(false)
}

fn main() {}
