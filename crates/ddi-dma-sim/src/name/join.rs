//! What is said in two places, put together.

use super::options::{DeviceOptions, OptionKey};

/// Two values of one thing that should have one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} is given as {first} and as {second}: leave one out")]
pub struct Contradiction {
    /// What they are values of.
    pub key: OptionKey,
    /// What was said first.
    pub first: String,
    /// What was said then.
    pub second: String,
}

impl DeviceOptions {
    /// Puts together what is said here and what is said elsewhere. The same may be said twice.
    ///
    /// # Errors
    ///
    /// [`Contradiction`] where not the same is said.
    ///
    /// # Examples
    ///
    /// ```
    /// use ddi_dma_sim::DeviceOptions;
    ///
    /// let seeded = DeviceOptions { seed: Some(7), ..DeviceOptions::default() };
    /// let short = DeviceOptions { seed: Some(7), copy_buffer: Some(4096), ..DeviceOptions::default() };
    /// let both = seeded.join(short.clone())?;
    /// assert_eq!(both, short);
    /// let other = DeviceOptions { seed: Some(8), ..DeviceOptions::default() };
    /// let error = both.join(other).expect_err("two seeds");
    /// assert_eq!(error.to_string(), "seed is given as 7 and as 8: leave one out");
    /// # Ok::<(), ddi_dma_sim::Contradiction>(())
    /// ```
    pub fn join(self, other: DeviceOptions) -> Result<DeviceOptions, Contradiction> {
        for key in OptionKey::ALL {
            match (self.value(key), other.value(key)) {
                (Some(first), Some(second)) if first != second => {
                    return Err(Contradiction { key, first, second });
                }
                _ => {}
            }
        }
        Ok(DeviceOptions {
            seed: self.seed.or(other.seed),
            page_size: self.page_size.or(other.page_size),
            memory: self.memory.or(other.memory),
            frame_limit: self.frame_limit.or(other.frame_limit),
            dma_pool: self.dma_pool.or(other.dma_pool),
            copy_buffer: self.copy_buffer.or(other.copy_buffer),
            handle_limit: self.handle_limit.or(other.handle_limit),
            one_list: self.one_list.or(other.one_list),
            iommu: self.iommu.or(other.iommu),
            dvma: self.dvma.or(other.dvma),
            streaming_cache: self.streaming_cache.or(other.streaming_cache),
            physical: self.physical.or(other.physical),
            slave_only_slots: self.slave_only_slots.or(other.slave_only_slots),
            slot: self.slot.or(other.slot),
        })
    }
}
