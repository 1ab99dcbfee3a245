//! Callers shaped as drivers of today and of thirty years ago are, on every simulated device: the device's side of each
//! cookie holds what the caller's memory does.

mod common;

use common::Compile;

/// Runs it natively and under valgrind; it prints this line.
fn shape(name: &str, line: &str) {
    let program = Compile::test(name).standard("gnu17").program();
    assert_eq!(program.run(&[]).expect_success().stdout, format!("{line}\n"));
    assert_eq!(program.valgrind(&[]).expect_success().stdout, format!("{line}\n"));
}

#[test]
fn private_memory_in_an_array_of_cookies() {
    shape("shape_private", "12 devices share private memory");
}

#[test]
fn bufs_in_windows_with_an_undeclared_callback() {
    shape("shape_windows", "12 devices, the last in 8 windows");
}

#[test]
fn memory_that_nobody_chose_for_the_device() {
    shape("shape_memory", "12 devices reach memory of all kinds");
}

#[test]
fn cookies_walked_in_every_way() {
    shape("shape_cookies", "12 devices: cookies are the same by every way");
}
