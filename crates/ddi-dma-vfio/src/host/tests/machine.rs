//! A machine made of files, as its kernel would show itself.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use tempfile::TempDir;

use crate::host::Host;

/// A machine that is built file by file.
pub(super) struct Machine {
    root: TempDir,
}

/// A user in whose name nothing here belongs to anybody.
const SOMEBODY: &str = "Uid:\t4242\t4242\t4242\t4242\nGid:\t4242\t4242\t4242\t4242\nGroups:\t4343 4344\n";

impl Machine {
    /// A machine with a kernel, a processor and nothing else.
    pub(super) fn bare() -> Self {
        let machine = Machine { root: TempDir::new().unwrap() };
        machine
            .file("proc/version", "Linux version 6.1.0")
            .file("proc/modules", "")
            .file("proc/sys/kernel/osrelease", "6.1.0-30-amd64\n")
            .file("proc/cmdline", "quiet root=/dev/sda1 -- intel_iommu=off\n")
            .file("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu vme sse2\n")
            .file("proc/interrupts", "  1:  0  IO-APIC  1-edge  i8042\n")
            .file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\njo:x:4242:4242::/home/jo:/bin/sh\n")
            .user("0000000000000000")
            .memlock("8388608", "unlimited")
    }

    /// A machine on which everything is there for VFIO: an Intel IOMMU, the modules, an NVMe controller given to `jo`.
    pub(super) fn intel() -> Self {
        Machine::bare()
            .file("proc/cmdline", "quiet intel_iommu=on iommu=pt\n")
            .file("sys/firmware/acpi/tables/DMAR", "")
            .file("sys/class/iommu/dmar0/intel-iommu/version", "1:0")
            .file("proc/interrupts", " 24:  0  IR-PCI-MSI-0000:00:03.0  0-edge  nvme0q0\n")
            .loaded("vfio")
            .loaded("vfio_iommu_type1")
            .loaded("vfio_pci")
            .file("sys/module/vfio_iommu_type1/parameters/dma_entry_limit", "65535\n")
            .file("sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", "N\n")
            .file("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "64\n")
            .file("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "60\n")
            .memlock("unlimited", "unlimited")
            .node("dev/vfio/vfio", 0o666)
            .node("dev/vfio/3", 0o666)
            .device("0000:00:03.0", "1b36", "0010", "010802", Some("vfio-pci"), Some(3))
    }

    /// Where it lies.
    pub(super) fn root(&self) -> PathBuf {
        self.root.path().to_owned()
    }

    pub(super) fn host(&self) -> Host {
        Host::at(self.root.path())
    }

    pub(super) fn file(self, path: &str, text: &str) -> Self {
        self.bytes(path, text.as_bytes())
    }

    pub(super) fn bytes(self, path: &str, bytes: &[u8]) -> Self {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    pub(super) fn link(self, path: &str, to: &str) -> Self {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&path);
        symlink(to, path).unwrap();
        self
    }

    pub(super) fn without(self, path: &str) -> Self {
        let path = self.root.path().join(path);
        if path.symlink_metadata().unwrap().is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
        self
    }

    pub(super) fn node(self, path: &str, mode: u32) -> Self {
        let machine = self.file(path, "");
        fs::set_permissions(machine.root.path().join(path), fs::Permissions::from_mode(mode)).unwrap();
        machine
    }

    /// The user `jo` with these capabilities, in hex.
    pub(super) fn user(self, capabilities: &str) -> Self {
        self.file("proc/self/status", &format!("Name:\tx\n{SOMEBODY}CapEff:\t{capabilities}\n"))
    }

    /// The user root.
    pub(super) fn root_asks(self) -> Self {
        let status = "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t0\nCapEff:\t000001ffffffffff\n";
        self.file("proc/self/status", status)
    }

    pub(super) fn memlock(self, soft: &str, hard: &str) -> Self {
        let limits = format!(
            "Limit                     Soft Limit           Hard Limit           Units\n\
             Max processes             1024                 1024                 processes\n\
             Max locked memory         {soft:<20} {hard:<20} bytes\n"
        );
        self.file("proc/self/limits", &limits)
    }

    pub(super) fn loaded(self, module: &str) -> Self {
        self.file(&format!("sys/module/{module}/initstate"), "live\n")
    }

    /// A PCI device below the root complex.
    pub(super) fn device(
        self,
        address: &str,
        vendor: &str,
        device: &str,
        class: &str,
        driver: Option<&str>,
        group: Option<u32>,
    ) -> Self {
        let directory = format!("sys/bus/pci/devices/{address}");
        let mut machine = self
            .file(&format!("{directory}/vendor"), &format!("0x{vendor}\n"))
            .file(&format!("{directory}/device"), &format!("0x{device}\n"))
            .file(&format!("{directory}/class"), &format!("0x{class}\n"))
            .file(&format!("{directory}/driver_override"), "(null)\n")
            .file(&format!("{directory}/numa_node"), "-1\n");
        if let Some(driver) = driver {
            let to = format!("../../../bus/pci/drivers/{driver}");
            machine = machine.link(&format!("{directory}/driver"), &to);
        }
        if let Some(group) = group {
            let members = format!("sys/kernel/iommu_groups/{group}/devices/{address}");
            machine = machine
                .link(&format!("{directory}/iommu_group"), &format!("../../../kernel/iommu_groups/{group}"))
                .link(&members, &format!("../../../../devices/pci0000:00/{address}"));
        }
        machine
    }
}
