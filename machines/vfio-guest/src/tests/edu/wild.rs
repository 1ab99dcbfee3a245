//! The device as it runs wild: registers written by hand, with any address at all.

use std::thread::sleep;
use std::time::{Duration, Instant};

use ddi_dma::Registers;
use ddi_dma_vfio::Region;

use crate::failure::Failure;

/// Where the engine finds the device's buffer.
const BUFFER: u64 = 0x4_0000;
const RUN: u64 = 1;
const TO_MEMORY: u64 = 2;

/// The device's engine, without a driver.
pub struct Wild(pub Region);

impl Wild {
    /// Writes the first `size` bytes of its buffer to memory, and waits until it has tried.
    pub fn write(&self, address: u64, size: u64) -> Result<(), Failure> {
        self.start(BUFFER, address, size, RUN | TO_MEMORY);
        self.wait()
    }

    /// Reads memory to the start of its buffer, and waits until it has tried.
    pub fn read(&self, address: u64, size: u64) -> Result<(), Failure> {
        self.start(address, BUFFER, size, RUN);
        self.wait()
    }

    /// Starts writing the first `size` bytes of its buffer to memory.
    pub fn start_write(&self, address: u64, size: u64) {
        self.start(BUFFER, address, size, RUN | TO_MEMORY);
    }

    fn start(&self, source: u64, destination: u64, size: u64, command: u64) {
        self.0.write64(0x80, source);
        self.0.write64(0x88, destination);
        self.0.write64(0x90, size);
        self.0.write64(0x98, command);
    }

    /// Waits until the engine is stopped.
    pub fn wait(&self) -> Result<(), Failure> {
        let started = Instant::now();
        while self.0.read64(0x98) & RUN != 0 {
            ensure!(started.elapsed() < Duration::from_secs(5), "the engine does not stop");
            sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}
