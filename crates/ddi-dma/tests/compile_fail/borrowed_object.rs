//! An object that only borrows its memory cannot be bound: forgetting the binding would end the borrow.
use ddi_dma::{BindFlags, Device, Direction, DmaAttr, DmaObject, View, Wait};

struct Borrowed<'a>(&'a mut [u8]);

unsafe impl<'a> DmaObject for Borrowed<'a> {
    fn view(&self) -> View<'_> {
        View::Extents(&[])
    }
    unsafe fn copy_out(&self, _: u64, _: *mut u8, _: u64) {}
    unsafe fn copy_in(&self, _: u64, _: *const u8, _: u64) {}
}

fn main() {}
