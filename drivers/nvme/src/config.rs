//! How the driver is set up.

use std::time::Duration;

/// How the driver is set up.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// let config = nvme_driver::Config { timeout: Duration::from_secs(2), ..Default::default() };
/// assert_eq!(config.entries, 64);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Entries of the I/O queues; one less is how many commands, and how many requests, are in flight at the most. Brought
    /// into what the controller and this driver can do, 2 to 1,024.
    pub entries: u16,
    /// How long a command may take before the controller is reset.
    pub timeout: Duration,
    /// How often the driver looks for completions and for the controller's state though no interrupt came, so that a lost
    /// one costs no more than this.
    pub look_interval: Duration,
    /// Most bytes that a command moves, where the controller allows as many; larger objects take several commands.
    pub most_bytes: u64,
    /// How commands say where their bytes are.
    pub pointers: Pointers,
}

/// How commands say where their bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pointers {
    /// By PRPs; by an SGL where PRPs cannot say it and the controller takes SGLs.
    Automatic,
    /// By PRPs alone, which every controller takes. What they cannot say is copied.
    Prp,
    /// By SGLs, where the controller takes them.
    Sgl,
}

impl Default for Config {
    /// 64 entries, time-outs of 5 seconds, a look every 50 ms, commands of 1 MiB at the most, pointers as they are best.
    fn default() -> Self {
        Config {
            entries: 64,
            timeout: Duration::from_secs(5),
            look_interval: Duration::from_millis(50),
            most_bytes: 1 << 20,
            pointers: Pointers::Automatic,
        }
    }
}
