//! What the loader tells the kernel (`hvm_start_info` of the PVH protocol).

use core::ffi::CStr;

/// What `magic` must be.
const MAGIC: u32 = 0x336e_c578;

/// The start of a `hvm_start_info`: the members that this kernel reads.
#[repr(C)]
#[derive(Debug)]
pub struct StartInfo {
    magic: u32,
    _version: u32,
    _flags: u32,
    _modules: u32,
    _module_list: u64,
    command_line: u64,
}

impl StartInfo {
    /// Takes what the loader left at an address.
    ///
    /// # Safety
    ///
    /// The address is what the loader passed in EBX, and nothing was written below 1 MiB since, nor will be.
    pub unsafe fn at(address: u32) -> Option<&'static StartInfo> {
        // SAFETY: the loader put a structure there (the caller's promise), which is mapped to itself.
        let info = unsafe { (address as usize as *const StartInfo).as_ref() }?;
        (info.magic == MAGIC).then_some(info)
    }

    /// The command line; empty where there is none or it is not UTF-8.
    pub fn command_line(&self) -> &'static str {
        if self.command_line == 0 {
            return "";
        }
        // SAFETY: the protocol says that this is the address of a string that ends in a zero byte; it lies below 1 MiB or
        // in the loader's memory, which stays as it is (the promise made to `at`).
        let line = unsafe { CStr::from_ptr(self.command_line as usize as *const core::ffi::c_char) };
        line.to_str().unwrap_or("")
    }
}
