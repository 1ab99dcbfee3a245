//! Every device moves objects of every size class, both ways, from memory that lies awkwardly.

mod common;

use common::{Case, machine, pattern, round_trip};
use ddi_dma::{BindFlags, Bus, BusConfig, Dmae};
use ddi_dma_sim::{BufferSpec, DEVICES, DiskDriver, Fragmentation, Iommu, NexusKind, PageSize, Placement};

const SIZES: [u64; 9] = [1, 511, 512, 513, 4096, 64 << 10, (64 << 10) + 1, (1 << 20) + 3, 5 << 20];

fn all_sizes(page_size: PageSize, iommu: Iommu, specs: impl Fn(u64) -> BufferSpec, config: BusConfig) {
    let machine = machine(SIZES.len() as u64, page_size, iommu);
    for device in &DEVICES {
        for length in SIZES {
            let (spec, seed) = (specs(length), length);
            let flags = BindFlags::PARTIAL;
            round_trip(&machine, &Case { device: device.name, spec, config, flags, block: 7, seed });
        }
    }
}

#[test]
fn scattered_pages() {
    all_sizes(PageSize::Kib4, Iommu::Off, BufferSpec::new, BusConfig::default());
}

#[test]
fn scattered_pages_behind_an_iommu() {
    all_sizes(PageSize::Kib4, Iommu::on(), |length| BufferSpec::new(length).offset(3), BusConfig::default());
}

#[test]
fn contiguous_pages_of_8_kib() {
    let spec = |length| BufferSpec::new(length).fragmentation(Fragmentation::Contiguous).offset(8191);
    all_sizes(PageSize::Kib8, Iommu::Off, spec, BusConfig::default());
}

#[test]
fn runs_of_pages_of_8_kib_behind_an_iommu() {
    let spec = |length| BufferSpec::new(length).fragmentation(Fragmentation::Mixed).offset(4097);
    all_sizes(PageSize::Kib8, Iommu::on(), spec, BusConfig::default());
}

#[test]
fn a_copy_buffer_of_one_page() {
    let spec = |length| BufferSpec::new(length).offset(1000);
    all_sizes(
        PageSize::Kib4,
        Iommu::Off,
        spec,
        BusConfig { copy_buffer_limit: 4096, ..BusConfig::default() },
    );
}

#[test]
fn a_copy_buffer_of_one_page_and_all_memory_above_4_gib() {
    let spec = |length| BufferSpec::new(length).offset(1).placement(Placement::ABOVE_4G);
    all_sizes(
        PageSize::Kib8,
        Iommu::Off,
        spec,
        BusConfig { copy_buffer_limit: 8192, ..BusConfig::default() },
    );
}

#[test]
fn what_is_reachable_is_not_copied() {
    let machine = machine(3, PageSize::Kib4, Iommu::Off);
    let reach = [
        ("isa-sg-disk", Placement::BELOW_16M),
        ("pci-disk", Placement::BELOW_4G),
        ("pci64-disk", Placement::ANYWHERE),
    ];
    for (device, placement) in reach {
        let spec = BufferSpec::new(1 << 20).placement(placement);
        let (config, flags) = (BusConfig::default(), BindFlags::empty());
        let case = Case { device, spec, config, flags, block: 1, seed: 1 };
        let (written, read) = round_trip(&machine, &case);
        assert_eq!((written.copied, read.copied), (0, 0), "{device}");
        assert_eq!((written.cookies, written.windows), (256, 1), "{device}");
    }
}

#[test]
fn what_is_out_of_reach_is_copied() {
    let machine = machine(4, PageSize::Kib4, Iommu::Off);
    for device in ["isa-disk", "isa-sg-disk", "pci-disk", "latch-disk"] {
        let spec = BufferSpec::new(300_000).placement(Placement::ABOVE_4G);
        let (config, flags) = (BusConfig::default(), BindFlags::empty());
        let (written, _) = round_trip(&machine, &Case { device, spec, config, flags, block: 1, seed: 1 });
        assert_eq!(written.copied, 300_000, "{device}");
    }
}

#[test]
fn an_iommu_makes_one_cookie_of_scattered_pages() {
    let machine = machine(5, PageSize::Kib4, Iommu::on());
    for device in ["pci-disk", "pci64-disk", "latch-disk"] {
        let spec = BufferSpec::new(1 << 20).offset(100);
        let (config, flags) = (BusConfig::default(), BindFlags::ONE_LIST);
        let (written, read) = round_trip(&machine, &Case { device, spec, config, flags, block: 1, seed: 1 });
        assert_eq!((written.cookies, written.copied), (1, 0), "{device}");
        assert_eq!((read.cookies, read.copied), (1, 0), "{device}");
    }
}

#[test]
fn the_same_seed_gives_the_same_transfer() {
    let report = |seed| {
        let machine = machine(seed, PageSize::Kib4, Iommu::Off);
        let spec = BufferSpec::new(777_777).fragmentation(Fragmentation::Mixed).offset(77);
        let (config, flags) = (BusConfig::default(), BindFlags::PARTIAL);
        round_trip(&machine, &Case { device: "isa-sg-disk", spec, config, flags, block: 1, seed })
    };
    assert_eq!(report(11), report(11));
    assert_ne!(report(11), report(12));
}

#[test]
fn drivers_on_one_bus_do_not_disturb_each_other() {
    let machine = machine(6, PageSize::Kib4, Iommu::on());
    // Two of the three on ISA may have all that they ask for, and something is left for the third.
    let config = BusConfig { copy_buffer_limit: 160 << 10, ..BusConfig::default() };
    let isa = Bus::new(machine.nexus(NexusKind::Isa), config);
    let pci = Bus::new(machine.nexus(NexusKind::Pci), config);
    let sbus = Bus::new(machine.nexus(NexusKind::Sbus), config);
    std::thread::scope(|scope| {
        let dmae = Dmae::new(machine.ports());
        for (seed, disk) in (1..).zip(machine.devices()) {
            let bus = match disk.spec().nexus {
                NexusKind::Isa => &isa,
                NexusKind::Pci => &pci,
                NexusKind::Sbus => &sbus,
            };
            let (machine, dmae) = (&machine, dmae.clone());
            scope.spawn(move || {
                let mut driver = DiskDriver::on_engine(disk, bus, &dmae).expect("attached");
                for round in 0..20 {
                    let bytes = pattern(70_000 + round, seed);
                    let spec = BufferSpec::new(bytes.len() as u64).offset(round);
                    let mut buffer = machine.buffer(&spec).expect("memory");
                    buffer.write(0, &bytes).expect("inside");
                    let (mut buffer, _) = driver.write(round, buffer, BindFlags::PARTIAL).expect("written");
                    buffer.write(0, &vec![0; bytes.len()]).expect("inside");
                    let (buffer, _) = driver.read(round, buffer, BindFlags::PARTIAL).expect("read");
                    assert!(buffer.to_vec() == bytes, "{}", disk.spec().name);
                }
            });
        }
    });
    drop((isa, pci, sbus));
    assert_eq!(machine.memory().used(), 0);
}
