//! `ddi_device_acc_attr_t`: how words are accessed (`ddi_device_acc_attr(9S)`).

use std::mem::{offset_of, size_of};

use ddi_dma::{AccessAttr, AccessOrder, Endian};

/// The access attributes as C has them.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct ddi_device_acc_attr_t {
    pub(crate) devacc_attr_version: u16,
    pub(crate) devacc_attr_endian_flags: u8,
    pub(crate) devacc_attr_dataorder: u8,
    pub(crate) devacc_attr_access: u8,
}

const _: () = {
    assert!(size_of::<ddi_device_acc_attr_t>() == 6);
    assert!(offset_of!(ddi_device_acc_attr_t, devacc_attr_endian_flags) == 2);
    assert!(offset_of!(ddi_device_acc_attr_t, devacc_attr_dataorder) == 3);
    assert!(offset_of!(ddi_device_acc_attr_t, devacc_attr_access) == 4);
};

/// `DDI_DEVICE_ATTR_V0` and `DDI_DEVICE_ATTR_V1`.
const VERSIONS: [u16; 2] = [1, 2];

impl ddi_device_acc_attr_t {
    /// The attributes as the framework has them, or the member that is wrong.
    pub(crate) fn attr(&self) -> Result<AccessAttr, String> {
        let &ddi_device_acc_attr_t { devacc_attr_version: version, .. } = self;
        if !VERSIONS.contains(&version) {
            return Err(format!(
                "devacc_attr_version {version} is unknown: set it to DDI_DEVICE_ATTR_V0 (1) or DDI_DEVICE_ATTR_V1 (2)"
            ));
        }
        let endian = match self.devacc_attr_endian_flags {
            0 => Endian::Native,
            1 => Endian::Little,
            2 => Endian::Big,
            other => {
                return Err(format!(
                    "devacc_attr_endian_flags {other} is unknown: DDI_NEVERSWAP_ACC (0), DDI_STRUCTURE_LE_ACC (1) or DDI_STRUCTURE_BE_ACC (2)"
                ));
            }
        };
        let order = match self.devacc_attr_dataorder {
            0 => AccessOrder::Strict,
            1..=4 => AccessOrder::Unordered,
            other => {
                return Err(format!(
                    "devacc_attr_dataorder {other} is unknown: DDI_STRICTORDER_ACC (0) to DDI_STORECACHING_OK_ACC (4)"
                ));
            }
        };
        Ok(AccessAttr { endian, order })
    }
}
