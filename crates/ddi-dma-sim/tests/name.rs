//! Names of devices: what they say of a machine, that they read as they print, and what is none.

use ddi_dma::plan::Lists;
use ddi_dma::{BindErrorKind, BindFlags, Bus, BusConfig};
use ddi_dma_sim::{
    BufferSpec, DeviceName, DeviceOptions, DiskDriver, Iommu, IommuSwitch, Machine, MachineConfig, Model,
    NameError, NexusKind, OptionKey, PageSize, Physical, SbusConfig, StreamingCache, TransferErrorKind,
    memory_map,
};
use proptest::prelude::*;

fn name(text: &str) -> DeviceName {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> String {
    text.parse::<DeviceName>().expect_err(text).to_string()
}

#[test]
fn every_device_has_a_name() {
    let names: Vec<&str> = Model::all().map(Model::name).collect();
    assert_eq!(
        names,
        [
            "isa-disk",
            "isa-sg-disk",
            "pci-disk",
            "latch-disk",
            "pci64-disk",
            "sbus-disk",
            "isa-master",
            "sbus-ether",
            "floppy"
        ]
    );
    for model in Model::all() {
        let text = format!("sim:{}", model.name());
        let name = name(&text);
        assert_eq!((name.model(), name.to_string()), (model, text));
        assert_eq!(name.options(), &DeviceOptions::default());
        assert_eq!(DeviceName::new(model, DeviceOptions::default()), Ok(name.clone()));
        assert_eq!(DeviceName::from(model), name);
        assert_eq!((name.bus_config(), name.lists(), name.slot()), (BusConfig::default(), Lists::Many, None));
        let page_size = if model.nexus() == NexusKind::Sbus { PageSize::Kib8 } else { PageSize::Kib4 };
        let config = MachineConfig {
            seed: 1,
            page_size,
            dma_pool: 0x10_1000_u64.next_multiple_of(page_size.bytes()),
            copy_buffer_limit: 0x10_1000_u64.next_multiple_of(page_size.bytes()),
            ..MachineConfig::default()
        };
        assert_eq!(name.machine_config(), config);
    }
}

#[test]
fn everything_that_a_name_says_is_in_the_machine() {
    let said = name(
        "sim:pci-disk?dvma=1M&iommu=on&seed=0x7&page_size=8K&memory=64M&frame_limit=1_000_000&dma_pool=128K&\
         copy_buffer=4096&handle_limit=3&one_list=on",
    );
    let config = MachineConfig {
        seed: 7,
        page_size: PageSize::Kib8,
        memory: memory_map(64 << 20),
        frame_limit: Some(1_000_000),
        dma_pool: 128 << 10,
        copy_buffer_limit: 8192,
        iommu: Iommu::On { space: 8192..=8192 + (1 << 20) - 1 },
        ..MachineConfig::default()
    };
    assert_eq!(said.machine_config(), config);
    assert_eq!(said.bus_config(), BusConfig { copy_buffer_limit: 4096, handle_limit: 3 });
    assert_eq!((said.lists(), said.slot()), (Lists::One, None));
    assert_eq!(
        said.to_string(),
        "sim:pci-disk?seed=7&page_size=8192&memory=67108864&frame_limit=1000000&dma_pool=131072&copy_buffer=4096&\
         handle_limit=3&one_list=on&iommu=on&dvma=1048576"
    );

    let said = name(
        "sim:sbus-disk?slot=3&slave_only_slots=3,0,0x10&physical=honoured&streaming_cache=off&dvma=70000&iommu=on",
    );
    let sbus = SbusConfig {
        dvma: 0xFF00_0000..=0xFF00_FFFF,
        physical: Physical::Honoured,
        cache: StreamingCache::Off,
        slave_only_slots: vec![3, 0, 16],
    };
    assert_eq!((said.machine_config().sbus, said.machine_config().iommu), (sbus, Iommu::Off));
    assert_eq!(said.slot(), Some(3));
    assert_eq!(
        said.to_string(),
        "sim:sbus-disk?iommu=on&dvma=70000&streaming_cache=off&physical=honoured&slave_only_slots=3,0,16&slot=3"
    );
    let pci = name("sim:pci64-disk?iommu=on").machine_config();
    assert_eq!(pci.iommu, Iommu::on());
    assert_eq!(name("sim:pci64-disk?iommu=off").machine_config().iommu, Iommu::Off);
    assert_eq!(name("sim:isa-disk?iommu=off").machine_config().iommu, Iommu::Off);
}

#[test]
fn the_pool_below_16_mib_follows_the_copy_buffer_and_the_memory() {
    for (text, pool) in [
        ("sim:isa-disk?copy_buffer=1", 4096),
        ("sim:isa-disk?copy_buffer=64M", 8 << 20),
        ("sim:isa-disk?copy_buffer=64M&memory=1M", 256 << 10),
        ("sim:isa-disk?copy_buffer=64M&dma_pool=0", 0),
        ("sim:isa-disk?memory=8K", 0),
    ] {
        assert_eq!(name(text).machine_config().dma_pool, pool, "{text}");
    }
}

#[test]
fn machines_of_names_run() {
    for text in [
        "sim:isa-disk?memory=1M",
        "sim:isa-disk?memory=100001",
        "sim:isa-sg-disk?memory=16T&copy_buffer=16T",
        "sim:pci-disk?iommu=on&dvma=4096&memory=8192",
        "sim:sbus-disk?dvma=16M&physical=honoured",
        "sim:sbus-disk?page_size=4096&slave_only_slots=0",
        "sim:floppy?dma_pool=6G&seed=0xffff_ffff_ffff_ffff",
    ] {
        let machine = Machine::new(name(text).machine_config()).expect(text);
        assert_eq!(machine.memory().page_size(), name(text).machine_config().page_size.bytes());
    }
}

#[test]
fn the_limits_of_a_name_hold() {
    let said = name("sim:isa-disk?copy_buffer=4096&seed=3");
    let machine = Machine::new(said.machine_config()).expect("a machine");
    let bus = Bus::new(machine.nexus(said.model().nexus()), said.bus_config());
    let disk = machine.device(said.model().name()).expect("a device");
    let mut driver = DiskDriver::on_bus(disk, &bus).expect("attached");
    let buffer = machine.buffer(&BufferSpec::new(65_536)).expect("memory");
    let error = driver.write(0, buffer, BindFlags::empty()).expect_err("a page of copy buffer");
    assert!(
        matches!(error.kind, TransferErrorKind::Bind { kind: BindErrorKind::TooBig(_), .. }),
        "{error:?}"
    );
    let (_, report) = driver.write(0, error.object, BindFlags::PARTIAL).expect("written");
    assert_eq!(report.moved, 65_536);
}

#[test]
fn what_is_no_name() {
    let devices =
        "isa-disk, isa-sg-disk, pci-disk, latch-disk, pci64-disk, sbus-disk, isa-master, sbus-ether, floppy";
    let keys = "seed, page_size, memory, frame_limit, dma_pool, copy_buffer, handle_limit, one_list, iommu, dvma, \
                streaming_cache, physical, slave_only_slots, slot";
    for (text, told) in [
        (
            "",
            "`` is no name of a simulated device: write sim:DEVICE or sim:DEVICE?KEY=VALUE&KEY=VALUE"
                .to_owned(),
        ),
        (
            "pci-disk",
            "`pci-disk` is no name of a simulated device: write sim:DEVICE or sim:DEVICE?KEY=VALUE&KEY=VALUE"
                .to_owned(),
        ),
        ("SIM:pci-disk", "`SIM:pci-disk` is no name of a simulated device: write ".to_owned()),
        ("sim", "`sim` is no name".to_owned()),
        ("sim:", format!("there is no device ``: there are {devices}")),
        ("sim:tape", format!("there is no device `tape`: there are {devices}")),
        ("sim:PCI-disk", "there is no device `PCI-disk`".to_owned()),
        ("sim: pci-disk", "there is no device ` pci-disk`".to_owned()),
        ("sim:pci-disk&seed=1", "there is no device `pci-disk&seed=1`".to_owned()),
        ("sim:pci-disk?", format!("`` is not KEY=VALUE: the keys are {keys}")),
        ("sim:pci-disk?seed", format!("`seed` is not KEY=VALUE: the keys are {keys}")),
        ("sim:pci-disk?seed=1&", "`` is not KEY=VALUE".to_owned()),
        ("sim:pci-disk?seed=1&&memory=1G", "`` is not KEY=VALUE".to_owned()),
        ("sim:pci-disk?colour=red", format!("colour=red: there is no key `colour`: the keys are {keys}")),
        ("sim:pci-disk?=1", "=1: there is no key ``".to_owned()),
        ("sim:pci-disk? seed=1", " seed=1: there is no key ` seed`".to_owned()),
        ("sim:pci-disk?copy-buffer=1", "copy-buffer=1: there is no key `copy-buffer`".to_owned()),
        ("sim:pci-disk?seed=1?memory=1G", "seed=1?memory=1G: `1?memory=1G` is no number".to_owned()),
        ("sim:pci-disk?seed=1&seed=2", "seed is given twice, as 1 and as 2: leave one out".to_owned()),
        ("sim:pci-disk?seed=1&seed=1", "seed is given twice, as 1 and as 1: leave one out".to_owned()),
        ("sim:pci-disk?iommu=on&iommu=of", "iommu is given twice, as on and as of".to_owned()),
    ] {
        let error = refused(text);
        assert!(error.starts_with(&told), "{text}: {error}");
    }
}

#[test]
fn values_that_cannot_be() {
    for (text, told) in [
        ("sim:pci-disk?seed=", "seed=: `` is no number: write 65536, 0x10000 or 64K"),
        ("sim:pci-disk?seed=seven", "seed=seven: `seven` is no number: write 65536, 0x10000 or 64K"),
        ("sim:pci-disk?seed=-1", "seed=-1: `-1` is negative: write 0 or more"),
        ("sim:pci-disk?copy_buffer=64Q", "copy_buffer=64Q: `64Q` is no number"),
        ("sim:pci-disk?memory=16777216T", "memory=16777216T: `16777216T` is too large"),
        ("sim:pci-disk?page_size=16K", "page_size=16K: write 4096 or 8192"),
        ("sim:pci-disk?page_size=large", "page_size=large: `large` is no number"),
        ("sim:pci-disk?iommu=yes", "iommu=yes: write on or off"),
        ("sim:pci-disk?iommu=", "iommu=: write on or off"),
        ("sim:pci-disk?one_list=1", "one_list=1: write on or off"),
        ("sim:sbus-disk?streaming_cache=ON", "streaming_cache=ON: write on or off"),
        ("sim:sbus-disk?physical=on", "physical=on: write honoured or refused"),
        (
            "sim:sbus-disk?slot=4294967296",
            "slot=4294967296: this is more than the number of a slot can be: give at most 4294967295",
        ),
        ("sim:sbus-disk?slave_only_slots=", "slave_only_slots=: `` is no number"),
        ("sim:sbus-disk?slave_only_slots=1,", "slave_only_slots=1,: `` is no number"),
        ("sim:sbus-disk?slave_only_slots=1;2", "slave_only_slots=1;2: `1;2` is no number"),
        // What a machine cannot have.
        (
            "sim:pci-disk?memory=8191",
            "memory=8191: this is less than two pages, without which nothing can be bound: give at least 8192",
        ),
        (
            "sim:sbus-disk?memory=16383",
            "memory=16383: this is less than two pages, without which nothing can be bound: give at least 16384",
        ),
        (
            "sim:pci-disk?memory=17T",
            "memory=18691697672192: this is more than memory can be: give at most 17592186044416",
        ),
        (
            "sim:pci-disk?copy_buffer=0xffffffffffffffff",
            "copy_buffer=18446744073709551615: this is more than any memory can be: give at most 17592186044416",
        ),
        (
            "sim:pci-disk?dma_pool=7G",
            "dma_pool=7516192768: this is more than a pool in this memory can be: give at most 6442450944",
        ),
        (
            "sim:pci-disk?dma_pool=2M&memory=1M",
            "dma_pool=2097152: this is more than a pool in this memory can be: give at most 1048576",
        ),
        // What does not go together.
        (
            "sim:isa-disk?iommu=on",
            "iommu=on: isa-disk sits on the ISA bus, which has no IOMMU: take a PCI device, or leave it out",
        ),
        ("sim:floppy?iommu=on", "iommu=on: floppy sits on the ISA bus, which has no IOMMU"),
        (
            "sim:sbus-disk?iommu=off",
            "iommu=off: sbus-disk sits on the SBus, whose IOMMU is always on: leave it out",
        ),
        (
            "sim:isa-disk?dvma=64K",
            "dvma=65536: isa-disk sits on the ISA bus, which has no IOMMU: take a PCI device, or leave it out",
        ),
        (
            "sim:pci-disk?dvma=64K",
            "dvma=65536: this limits the addresses of an IOMMU: add iommu=on, or leave it out",
        ),
        (
            "sim:pci-disk?dvma=64K&iommu=off",
            "dvma=65536: this limits the addresses of an IOMMU: add iommu=on",
        ),
        ("sim:pci-disk?dvma=4095&iommu=on", "dvma=4095: this is less than a page: give at least 4096"),
        ("sim:sbus-ether?dvma=8191", "dvma=8191: this is less than a page: give at least 8192"),
        (
            "sim:sbus-disk?dvma=17M",
            "dvma=17825792: this is more than the I/O addresses of the bus can be: give at most 16777216",
        ),
        (
            "sim:pci-disk?dvma=0x1000000000000&iommu=on",
            "dvma=281474976710656: this is more than the I/O addresses of the bus can be: give at most 281474976706560",
        ),
        (
            "sim:pci-disk?streaming_cache=off",
            "streaming_cache=off: pci-disk sits on the PCI bus, and this is said of the SBus: leave it out, or take a device there",
        ),
        (
            "sim:isa-disk?physical=refused",
            "physical=refused: isa-disk sits on the ISA bus, and this is said of the SBus",
        ),
        ("sim:pci-disk?slave_only_slots=1,3", "slave_only_slots=1,3: pci-disk sits on the PCI bus"),
        ("sim:floppy?slot=1", "slot=1: floppy sits on the ISA bus"),
    ] {
        let error = refused(text);
        assert!(error.starts_with(told), "{text}: {error}");
    }
    let sbus = Model::find("sbus-disk").expect("it is there");
    let empty = DeviceOptions { slave_only_slots: Some(Vec::new()), ..DeviceOptions::default() };
    let error = DeviceName::new(sbus, empty).expect_err("no slot");
    assert_eq!(error.key, OptionKey::SlaveOnlySlots);
    assert_eq!(
        error.to_string(),
        "slave_only_slots=: this names no slot: give one at least, or leave it out"
    );
}

fn any_options(nexus: NexusKind) -> impl Strategy<Value = DeviceOptions> {
    let number = || prop::option::of(any::<u64>());
    let below = |most: u64| prop::option::of(0..=most);
    let page_size = prop::option::of(prop_oneof![Just(PageSize::Kib4), Just(PageSize::Kib8)]);
    let lists = prop::option::of(prop_oneof![Just(Lists::One), Just(Lists::Many)]);
    let (iommu, dvma) = match nexus {
        NexusKind::Isa => (Just(Some(IommuSwitch::Off)).boxed(), Just(None).boxed()),
        NexusKind::Pci => (Just(Some(IommuSwitch::On)).boxed(), prop::option::of(8192u64..1 << 47).boxed()),
        NexusKind::Sbus => (Just(None).boxed(), prop::option::of(8192u64..=1 << 24).boxed()),
    };
    let memory = prop::option::of(16_384u64..=1 << 44);
    let plain = (number(), page_size, memory, number(), below(16_384), below(1 << 44), number());
    let rest = (lists, iommu, dvma, sbus_options(nexus));
    (plain, rest).prop_map(|(plain, (one_list, iommu, dvma, sbus))| {
        let (seed, page_size, memory, frame_limit, dma_pool, copy_buffer, handle_limit) = plain;
        DeviceOptions {
            seed,
            page_size,
            memory,
            frame_limit,
            dma_pool,
            copy_buffer,
            handle_limit,
            one_list,
            iommu,
            dvma,
            ..sbus
        }
    })
}

fn sbus_options(nexus: NexusKind) -> BoxedStrategy<DeviceOptions> {
    if nexus != NexusKind::Sbus {
        return Just(DeviceOptions::default()).boxed();
    }
    let cache = prop::option::of(prop_oneof![Just(StreamingCache::On), Just(StreamingCache::Off)]);
    let physical = prop::option::of(prop_oneof![Just(Physical::Honoured), Just(Physical::Refused)]);
    let slots = prop::option::of(prop::collection::vec(any::<u32>(), 1..5));
    let sbus = (cache, physical, slots, prop::option::of(any::<u32>()));
    sbus.prop_map(|(streaming_cache, physical, slave_only_slots, slot)| DeviceOptions {
        streaming_cache,
        physical,
        slave_only_slots,
        slot,
        ..DeviceOptions::default()
    })
    .boxed()
}

fn any_name() -> impl Strategy<Value = DeviceName> {
    let models: Vec<Model> = Model::all().collect();
    prop::sample::select(models).prop_flat_map(|model| {
        any_options(model.nexus())
            .prop_map(move |options| DeviceName::new(model, options).expect("good options"))
    })
}

#[test]
fn what_is_said_twice_is_said_once_or_contradicts() {
    let all = name(
        "sim:sbus-disk?seed=1&page_size=4096&memory=1M&frame_limit=1M&dma_pool=8K&copy_buffer=1&handle_limit=2&\
                    one_list=on&iommu=on&dvma=1M&streaming_cache=off&physical=refused&slave_only_slots=1,2&slot=4",
    );
    let other = name(
        "sim:sbus-disk?seed=2&page_size=8192&memory=2M&frame_limit=2M&dma_pool=4K&copy_buffer=2&handle_limit=3&\
                      one_list=off&dvma=2M&streaming_cache=on&physical=honoured&slave_only_slots=2,1&slot=5",
    );
    let (all, other, none) = (all.options(), other.options(), DeviceOptions::default());
    assert_eq!(none.clone().join(all.clone()), Ok(all.clone()));
    assert_eq!(all.clone().join(none.clone()), Ok(all.clone()));
    assert_eq!(all.clone().join(all.clone()), Ok(all.clone()));
    assert_eq!(none.clone().join(none), Ok(DeviceOptions::default()));
    let error = all.clone().join(other.clone()).expect_err("two seeds");
    assert_eq!((error.key, &*error.first, &*error.second), (OptionKey::Seed, "1", "2"));
    let seedless = DeviceOptions { seed: None, page_size: None, memory: None, ..other.clone() };
    let error = all.clone().join(seedless).expect_err("two limits");
    assert_eq!(error.to_string(), "frame_limit is given as 1048576 and as 2097152: leave one out");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_name_reads_as_it_prints(name in any_name()) {
        let text = name.to_string();
        prop_assert_eq!(text.parse::<DeviceName>(), Ok(name.clone()), "{}", text);
        let config = name.machine_config();
        prop_assert_eq!(config.copy_buffer_limit % config.page_size.bytes(), 0);
        prop_assert_eq!(config.seed, name.options().seed.unwrap_or(1));
    }

    #[test]
    fn any_text_is_a_name_or_says_why_not(text in "(sim:)?[a-z0-9-]{0,8}[?&=,a-zKM0-9_ -]{0,30}") {
        if let Err(error) = text.parse::<DeviceName>() {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn any_pairs_are_options_or_are_named(
        model in prop::sample::select(Model::all().collect::<Vec<_>>()),
        pairs in prop::collection::vec(
            (prop::sample::select(OptionKey::ALL.to_vec()), "(on|off|honoured|[0-9]{1,6}[KMGT]?|0x[0-9a-f]{1,16}|x)"), 1..4
        ),
    ) {
        let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let text = format!("sim:{}?{}", model.name(), pairs.join("&"));
        match text.parse::<DeviceName>() {
            Ok(name) => prop_assert_eq!(name.to_string().parse(), Ok(name)),
            Err(NameError::Option(error)) => {
                prop_assert!(text.contains(error.key.name()), "{}: {}", text, error);
                let told = error.to_string();
                prop_assert!(told.starts_with(&format!("{}={}: ", error.key, error.value)), "{}", told);
            }
            Err(NameError::Twice { key, .. }) => {
                prop_assert_eq!(text.matches(&format!("{key}=")).count() > 1, true, "{}", text);
            }
            Err(other) => prop_assert!(false, "{}: {}", text, other),
        }
    }
}
