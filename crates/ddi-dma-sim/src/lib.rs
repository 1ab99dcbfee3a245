//! Simulated machines for ddi-dma.
