//! Parts of lists through a channel: what is refused, by which words, and that nothing was programmed then.

use ddi_dma::dmae::{BufProcess, Command, DmaeError, Request, ThirdParty, Trans};
use ddi_dma::{BindFlags, Bus, BusConfig, Direction, DmaAttr, Dmae, Wait};
use ddi_dma_sim::{
    Buffer, BufferSpec, Fragmentation, Machine, MachineConfig, NexusKind, Placement, PortAccess,
};

/// 8 KiB that go to a device by a channel, in lists of so many cookies at the most.
fn transfer(channel: u8, sgllen: u32) -> (Machine, ThirdParty<Buffer>) {
    let machine = Machine::new(MachineConfig::default()).unwrap();
    let channel = Dmae::new(machine.ports()).alloc(channel, Wait::DontWait).unwrap();
    let bus = Bus::new(machine.nexus(NexusKind::Isa), BusConfig::default());
    let attr = DmaAttr { sgllen, ..channel.attributes() };
    let handle = bus.device("device").alloc_handle(&attr, Wait::DontWait).unwrap();
    let spec = BufferSpec::new(8192).placement(Placement::BELOW_16M);
    let fragmentation = if sgllen > 1 { Fragmentation::Scattered } else { Fragmentation::Contiguous };
    let buffer = machine.buffer(&spec.fragmentation(fragmentation)).unwrap();
    let binding = handle.bind(buffer, Direction::ToDevice, BindFlags::empty(), Wait::DontWait).unwrap();
    let transfer = channel.carry(binding.start());
    (machine, transfer)
}

#[test]
fn parts_that_are_refused() {
    let out = Request::new(Command::ToDevice);
    let (machine, mut bytes) = transfer(2, 1);
    let (_, mut words) = transfer(5, 1);
    let (_, mut several) = transfer(2, 17);
    machine.ports().start_trace(100);
    let whole = bytes.current_window().unwrap().list(0).unwrap().length();
    for (from, to) in [(0, whole + 1), (whole, whole + 1), (512, 0), (0, u64::MAX), (u64::MAX, u64::MAX)] {
        let refused = bytes.program_part(&out, 0, from..to);
        assert_eq!(refused, Err(DmaeError::Part { from, to, list: 0, length: whole }));
    }
    let address = bytes.current_window().unwrap().cookies()[0].address;
    assert_eq!(bytes.program_part(&out, 0, 7..7), Err(DmaeError::NoBytes { address: address + 7 }));
    assert_eq!(bytes.program_part(&out, 9, 0..1), Err(DmaeError::NoSuchList { list: 9, count: 1 }));
    let chain = Request { bufprocess: BufProcess::Chain, ..out };
    assert_eq!(bytes.program_part(&chain, 0, 0..1), Err(DmaeError::ChainOfOne));
    let cascade = Request { trans: Trans::Cascade, ..out };
    assert_eq!(bytes.program_part(&cascade, 0, 0..1), Err(DmaeError::Trans));
    let against = bytes.program_part(&Request::new(Command::FromDevice), 0, 0..1);
    let (command, direction) = (Command::FromDevice, Direction::ToDevice);
    assert_eq!(against, Err(DmaeError::Direction { command, direction }));
    assert_eq!(several.program_part(&chain, 0, 0..1), Err(DmaeError::Unchained { cookies: 2 }));
    let refused = words.program_part(&out, 0, 0..3);
    assert_eq!(refused, Err(DmaeError::Words { size: 3, channel: 5, unit: 2 }));
    assert!(matches!(words.program_part(&out, 0, 1..3), Err(DmaeError::Address { unit: 2, .. })));
    // Nothing was programmed.
    let writes = machine.ports().take_trace().into_iter();
    assert_eq!(writes.filter(|access| matches!(access, PortAccess::Write { .. })).count(), 0);
    assert_eq!(bytes.remaining(), Err(DmaeError::NotProgrammed { channel: 2 }));
}

#[test]
fn what_remains_is_of_the_part() {
    let (_, mut transfer) = transfer(2, 1);
    let out = Request::new(Command::ToDevice);
    for part in [0..8192, 0..1, 8191..8192, 100..612] {
        transfer.program_part(&out, 0, part.clone()).unwrap();
        assert_eq!(transfer.remaining(), Ok(part.end - part.start));
    }
    transfer.program(&out, 0).unwrap();
    assert_eq!(transfer.remaining(), Ok(8192));
}
