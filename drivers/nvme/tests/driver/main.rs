//! The driver against a model of a controller, on a simulated machine with an IOMMU and without.

#[path = "../model/mod.rs"]
mod model;

mod bench;
mod lifecycle;
mod mishaps;
mod random;
mod transfers;
