//! Devices in a tree of files that looks like the kernel's.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{FileExt, symlink};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ddi_dma::{Interrupt, Raised, Registers};
use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::*;

const ADDRESS: &str = "0000:00:04.0";

/// A tree with an edu: a page of registers, and I/O ports that it does not have in truth.
struct Tree {
    root: tempfile::TempDir,
    device: PathBuf,
}

impl Tree {
    fn new(driver: Option<&str>) -> Self {
        let root = tempfile::tempdir().unwrap();
        let device = root.path().join("sys/bus/pci/devices").join(ADDRESS);
        fs::create_dir_all(device.join("uio/uio3")).unwrap();
        fs::create_dir_all(root.path().join("dev")).unwrap();
        if let Some(driver) = driver {
            symlink(Path::new("../../../../bus/pci/drivers").join(driver), device.join("driver")).unwrap();
        }
        let mut config = [0u8; 256];
        config[..12].copy_from_slice(&[0x34, 0x12, 0xe8, 0x11, 0x07, 0x00, 0x10, 0x00, 0x10, 0, 0, 0xff]);
        fs::write(device.join("config"), config).unwrap();
        let resources = "0x00000000fea00000 0x00000000fea01fff 0x0000000000040200\n\
                         0x0000000000000000 0x0000000000000000 0x0000000000000000\n\
                         0x000000000000c000 0x000000000000c01f 0x0000000000040101\n\
                         0x00000000fea02000 0x00000000fea020ff 0x0000000000040200\n";
        fs::write(device.join("resource"), resources).unwrap();
        for (bar, length) in [(0, 0x2000), (2, 0x20), (3, 0x100)] {
            fs::write(device.join(format!("resource{bar}")), vec![0; length]).unwrap();
        }
        fs::write(device.join("irq"), "10\n").unwrap();
        let uio = root.path().join("dev/uio3");
        mknodat(CWD, &uio, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        Tree { root, device }
    }

    fn open(&self) -> Result<UioDevice, UioError> {
        UioDevice::open_below(self.root.path(), ADDRESS.parse().unwrap())
    }

    fn command(&self) -> u16 {
        let mut bytes = [0; 2];
        File::open(self.device.join("config")).unwrap().read_exact_at(&mut bytes, 4).unwrap();
        u16::from_le_bytes(bytes)
    }

    /// What the kernel does when the line is raised.
    fn raise(&self) {
        let config = fs::OpenOptions::new().write(true).open(self.device.join("config")).unwrap();
        config.write_all_at(&(self.command() | LINE_MASKED).to_le_bytes(), 4).unwrap();
        let mut uio =
            fs::OpenOptions::new().read(true).write(true).open(self.root.path().join("dev/uio3")).unwrap();
        uio.write_all(&1u32.to_ne_bytes()).unwrap();
    }
}

#[test]
fn a_device_is_prepared_used_and_left_without_dma() {
    let tree = Tree::new(Some("uio_pci_generic"));
    let device = tree.open().unwrap();
    assert_eq!((device.ids().unwrap().vendor, device.ids().unwrap().device), (0x1234, 0x11e8));
    assert_eq!((tree.command(), device.bus_master().unwrap()), (0x402 | 1, BusMaster::Off));
    device.set_bus_master(BusMaster::On).unwrap();
    assert_eq!(device.bus_master().unwrap(), BusMaster::On);
    let registers = device.region(Bar::Bar0).unwrap();
    drop(device);
    // The region keeps the device open.
    assert_eq!(tree.command() & 4, 4);
    registers.write32(0x1004, 0x1234_5678);
    assert_eq!((registers.length(), registers.read32(0x1004)), (0x2000, 0x1234_5678));
    drop(registers);
    assert_eq!(tree.command(), 0x402 | 1);
}

#[test]
fn regions_are_memory_or_ports_or_absent() {
    let tree = Tree::new(Some("uio_pci_generic"));
    let device = tree.open().unwrap();
    let ports = device.region(Bar::Bar2).unwrap();
    ports.write32(4, 7);
    assert_eq!((ports.length(), ports.read32(4), ports.read32(0x20)), (0x20, 7, u32::MAX));
    assert!(matches!(device.region(Bar::Bar1), Err(RegionError::Absent { .. })));
    assert!(matches!(device.region(Bar::Rom), Err(RegionError::Absent { .. })));
    let small = device.region(Bar::Bar3).unwrap_err().to_string();
    assert!(small.contains("0x0..0x100") && small.contains("whole pages"), "{small}");
}

#[test]
fn the_line_is_opened_by_a_look_and_masked_by_an_interrupt() {
    let tree = Tree::new(Some("uio_pci_generic"));
    let device = tree.open().unwrap();
    let interrupt = device.interrupt().unwrap();
    assert_eq!(tree.command() & LINE_MASKED, LINE_MASKED);
    assert_eq!(interrupt.take(), Raised::No);
    assert_eq!(tree.command() & LINE_MASKED, 0);
    tree.raise();
    assert_eq!(interrupt.take(), Raised::Yes);
    // Only the next look opens it: by then the driver has quieted its device.
    assert_eq!(tree.command() & LINE_MASKED, LINE_MASKED);
    let started = Instant::now();
    let limit = Duration::from_millis(30);
    assert_eq!(interrupt.wait(limit).unwrap_err().limit, limit);
    assert!(started.elapsed() >= limit);
    assert_eq!(tree.command() & LINE_MASKED, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| tree.raise());
        interrupt.wait(Duration::from_secs(20)).unwrap();
    });
    assert_eq!(interrupt.take(), Raised::No);
}

#[test]
fn a_device_without_a_line_has_no_interrupt() {
    let tree = Tree::new(Some("uio_pci_generic"));
    fs::write(tree.device.join("irq"), "0\n").unwrap();
    let error = tree.open().unwrap().interrupt().unwrap_err().to_string();
    assert!(error.contains("poll"), "{error}");
}

#[test]
fn a_device_is_opened_once_at_a_time() {
    let tree = Tree::new(Some("uio_pci_generic"));
    let device = tree.open().unwrap();
    let error = tree.open().unwrap_err();
    assert!(matches!(error, UioError::InUse { .. }), "{error}");
    drop(device);
    tree.open().unwrap();
}

#[test]
fn another_driver_is_named_with_the_commands_that_bind() {
    let error = Tree::new(Some("nvme")).open().unwrap_err().to_string();
    for part in [
        "bound to the driver nvme",
        "modprobe uio_pci_generic",
        "echo uio_pci_generic > /sys/bus/pci/devices/0000:00:04.0/driver_override",
        "echo 0000:00:04.0 > /sys/bus/pci/devices/0000:00:04.0/driver/unbind",
        "echo 0000:00:04.0 > /sys/bus/pci/drivers_probe",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let error = Tree::new(None).open().unwrap_err().to_string();
    assert!(error.contains("no driver") && !error.contains("unbind"), "{error}");
}

#[test]
fn a_device_behind_an_iommu_is_refused_unless_it_passes_addresses_on() {
    let tree = Tree::new(Some("uio_pci_generic"));
    fs::create_dir(tree.device.join("iommu_group")).unwrap();
    assert!(matches!(tree.open().unwrap_err(), UioError::Translated { .. }));
    fs::write(tree.device.join("iommu_group/type"), "DMA-FQ\n").unwrap();
    assert!(matches!(tree.open().unwrap_err(), UioError::Translated { .. }));
    fs::write(tree.device.join("iommu_group/type"), "identity\n").unwrap();
    tree.open().unwrap();
}

#[test]
fn what_is_not_there_is_named() {
    let tree = Tree::new(Some("uio_pci_generic"));
    let absent = UioDevice::open_below(tree.root.path(), "00:05.0".parse().unwrap()).unwrap_err();
    assert!(absent.to_string().contains("lspci -D"), "{absent}");
    fs::remove_file(tree.root.path().join("dev/uio3")).unwrap();
    let error = tree.open().unwrap_err().to_string();
    assert!(error.contains("dev/uio3") && error.contains("root"), "{error}");
}

#[test]
fn a_reset_is_asked_of_the_kernel() {
    let tree = Tree::new(Some("uio_pci_generic"));
    let device = tree.open().unwrap();
    assert!(matches!(device.reset(), Err(ResetError::None { .. })));
    fs::write(tree.device.join("reset"), "").unwrap();
    device.reset().unwrap();
    assert_eq!(fs::read_to_string(tree.device.join("reset")).unwrap(), "1");
}
