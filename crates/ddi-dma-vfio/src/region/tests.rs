use super::*;

use std::io::{Read, Seek, SeekFrom};

use proptest::prelude::*;

const PAGE: u64 = 4096;

/// A region of three pages and a half at offset 0x4000 of a file; the first and the third page are mapped.
fn sparse(access: Access) -> (Region, std::fs::File) {
    let file = tempfile::tempfile().unwrap();
    file.set_len(0x4000 + 8 * PAGE).unwrap();
    for at in 0..8 * PAGE / 8 {
        std::os::unix::fs::FileExt::write_all_at(&file, &(at * 0x0101_0307).to_le_bytes(), 0x4000 + at * 8)
            .unwrap();
    }
    let areas = vec![0..PAGE, 2 * PAGE..3 * PAGE];
    let layout = Layout { offset: 0x4000, length: 3 * PAGE + PAGE / 2, access, areas };
    let region = Region::map(Arc::new(file.try_clone().unwrap()), layout).unwrap();
    (region, file)
}

/// What the file holds where the region's byte `offset` is.
fn byte(file: &mut std::fs::File, offset: u64) -> u8 {
    let mut byte = [0];
    file.seek(SeekFrom::Start(0x4000 + offset)).unwrap();
    file.read_exact(&mut byte).unwrap();
    byte[0]
}

/// Reads a value of this width; the bits above it are zero.
fn read(region: &Region, width: u64, offset: u64) -> u64 {
    match width {
        1 => region.read8(offset).into(),
        2 => region.read16(offset).into(),
        4 => region.read32(offset).into(),
        _ => region.read64(offset),
    }
}

fn write(region: &Region, width: u64, offset: u64, value: u64) {
    match width {
        1 => region.write8(offset, value as u8),
        2 => region.write16(offset, value as u16),
        4 => region.write32(offset, value as u32),
        _ => region.write64(offset, value),
    }
}

#[test]
fn whole_pages_inside_the_region_are_mapped() {
    assert_eq!(whole_pages(0..PAGE, PAGE), Some(0..PAGE));
    assert_eq!(whole_pages(1..3 * PAGE, 4 * PAGE), Some(PAGE..3 * PAGE));
    assert_eq!(whole_pages(0..8 * PAGE, 2 * PAGE + 1), Some(0..2 * PAGE));
    assert_eq!(whole_pages(0..PAGE - 1, PAGE), None);
    assert_eq!(whole_pages(PAGE..PAGE, 2 * PAGE), None);
    assert_eq!(whole_pages(u64::MAX - 1..u64::MAX, u64::MAX), None);
}

#[test]
fn what_was_mapped_shows() {
    let (region, _) = sparse(Access::ReadWrite);
    let shown = format!("{region:?}");
    assert!(shown.contains("[(0, 4096), (8192, 4096)]"), "{shown}");
    assert_eq!(region.length(), 3 * PAGE + PAGE / 2);
}

#[test]
fn what_cannot_be_mapped_is_named() {
    let file = std::fs::File::open("/proc/self/status").unwrap();
    let areas = std::iter::once(0..PAGE).collect();
    let layout = Layout { offset: 0, length: PAGE, access: Access::ReadOnly, areas };
    let (range, source) = Region::map(Arc::new(file), layout).unwrap_err();
    assert_eq!(range, 0..PAGE);
    let (address, bar) = ("00:03.0".parse().unwrap(), Bar::Bar2);
    let error = RegionError::Map { address, bar, range, source }.to_string();
    assert!(error.contains("0000:00:03.0: bytes 0x0..0x1000 of base address register 2"), "{error}");
}

#[test]
fn a_region_that_is_only_read_loses_what_is_written() {
    let (region, mut file) = sparse(Access::ReadOnly);
    for offset in [8, PAGE + 8, 2 * PAGE + 8, 3 * PAGE + 8] {
        let before = region.read64(offset);
        for width in [1, 2, 4, 8] {
            write(&region, width, offset, !before);
        }
        assert_eq!(region.read64(offset), before);
        assert_eq!(byte(&mut file, offset), before as u8);
    }
}

#[test]
fn nobody_answers_behind_the_end_of_the_file() {
    let file = tempfile::tempfile().unwrap();
    let layout = Layout { offset: 0, length: PAGE, access: Access::ReadWrite, areas: Vec::new() };
    let region = Region::map(Arc::new(file), layout).unwrap();
    assert_eq!((region.read8(1), region.read32(4), region.read64(8)), (0xff, !0, !0));
}

proptest! {
    #[test]
    fn all_widths_reach_the_bytes_of_the_file_and_no_others(
        width in prop::sample::select(vec![1u64, 2, 4, 8]),
        offset in prop_oneof![0..5 * PAGE, u64::MAX - 9..=u64::MAX],
        value: u64,
    ) {
        let (region, mut file) = sparse(Access::ReadWrite);
        let ones = u64::MAX >> (64 - 8 * width);
        let inside = offset % width == 0 && offset < region.length() && offset + width <= region.length();
        if !inside {
            prop_assert_eq!(read(&region, width, offset), ones);
            write(&region, width, offset, value);
            if offset < 5 * PAGE {
                let expected = (offset / 8 * 0x0101_0307).to_le_bytes()[(offset % 8) as usize];
                prop_assert_eq!(byte(&mut file, offset), expected);
            }
            return Ok(());
        }
        let expected = (0..width).rev().fold(0, |all, at| all << 8 | u64::from(byte(&mut file, offset + at)));
        prop_assert_eq!(read(&region, width, offset), expected);
        let neighbours = [offset.checked_sub(1), Some(offset + width)].map(|at| at.map(|at| (at, byte(&mut file, at))));
        write(&region, width, offset, value);
        prop_assert_eq!(read(&region, width, offset), value & ones);
        for at in 0..width {
            prop_assert_eq!(byte(&mut file, offset + at), value.to_le_bytes()[at as usize]);
        }
        for (at, before) in neighbours.into_iter().flatten() {
            prop_assert_eq!(byte(&mut file, at), before);
        }
    }
}
