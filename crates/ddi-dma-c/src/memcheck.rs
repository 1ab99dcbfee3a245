//! What valgrind is told where memory changes behind its back.
//!
//! Devices write memory elsewhere than where the program sees it. Valgrind's memcheck, which follows the program alone,
//! would take bytes for uninitialised that a device has written: those of a copy buffer that was filled from memory that
//! nobody had initialised, which is what a transfer to memory begins with.

/// Has memcheck take bytes for initialised, where the program runs under it. Otherwise nothing happens.
#[inline]
pub(crate) fn initialised(start: *const u8, length: usize) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        /// `VALGRIND_MAKE_MEM_DEFINED` of memcheck.
        const MAKE_MEM_DEFINED: usize = 0x4D43_0002;
        let request = [MAKE_MEM_DEFINED, start.addr(), length, 0, 0, 0];
        // SAFETY: on a processor the rotations add up to whole turns and the exchange is of a register with itself, so
        // that only rdx and the flags change. Valgrind knows the sequence, reads the request and answers in rdx; no
        // byte of the program's memory changes.
        unsafe {
            std::arch::asm!(
                "rol rdi, 3",
                "rol rdi, 13",
                "rol rdi, 61",
                "rol rdi, 51",
                "xchg rbx, rbx",
                in("rax") request.as_ptr(),
                inout("rdx") 0usize => _,
                in("rdi") 0usize,
                options(nostack),
            );
        }
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = (start, length);
}
