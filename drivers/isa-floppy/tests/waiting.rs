//! Several drivers and one channel: whoever finds it taken is told, sleeps, or is called.

mod common;

use std::sync::{Arc, Mutex};
use std::thread;

use common::{Rig, SECTOR, failed, pattern};
use ddi_dma::dmae::ChannelError;
use ddi_dma::{Attempt, BindFlags, BusConfig, Callback, Direction, DmaAttr, DmaHandle, Resource, Wait};
use ddi_dma_sim::{Buffer, BufferSpec, MachineConfig, Placement};
use isa_floppy::{Config, Floppy, Order, TransferErrorKind as Kind};

#[test]
fn who_does_not_wait_is_told_that_the_channel_is_taken() {
    let mut rig = Rig::new();
    let (_, other) = rig.another();
    let held = rig.floppy.prepare(&Order::read(0), rig.sectors(1, 1), Wait::DontWait).unwrap();
    let (kind, _, object) = failed(other.prepare(&Order::read(0), rig.sectors(1, 2), Wait::DontWait), 1);
    assert!(matches!(kind, Kind::Channel(ChannelError::NoResources(_))));
    assert_eq!(kind.shortage().unwrap().resource, Resource::DmaChannel(2));
    assert_eq!(
        kind.to_string(),
        "cannot have the channel: DMA channel 2: 1 asked, 0 free, the largest piece 0"
    );
    held.run(&mut rig.floppy).unwrap();
    other.prepare(&Order::read(0), object, Wait::DontWait).expect("it is free again");
}

#[test]
fn two_drivers_sleep_for_the_channel_in_turn() {
    let rig = Rig::new();
    let held = rig.dmae.alloc(2, Wait::DontWait).unwrap();
    let (first, second) = (rig.another(), rig.another());
    thread::scope(|scope| {
        let rig = &rig;
        let transfer = |(drive, mut floppy): (_, Floppy), seed: u64| {
            move || {
                for round in 0..10 {
                    let (lba, seed) = (round * 50, seed + round);
                    let (buffer, _) = floppy.write(lba, rig.sectors(40, seed), Wait::Sleep).unwrap();
                    let (read, _) = floppy.read(lba, buffer, Wait::Sleep).unwrap();
                    assert!(read.to_vec() == pattern(40 * SECTOR, seed));
                }
                drive
            }
        };
        let threads = [scope.spawn(transfer(first, 100)), scope.spawn(transfer(second, 200))];
        // Both find it taken.
        while rig.dmae.stats().waits < 2 {
            thread::yield_now();
        }
        drop(held);
        for (thread, seed) in threads.into_iter().zip([100, 200]) {
            let drive = thread.join().unwrap();
            let mut bytes = vec![0; 40 * 512];
            drive.read_medium(9 * 50 * SECTOR, &mut bytes).unwrap();
            assert!(bytes == pattern(40 * SECTOR, seed + 9), "each wrote to its own disk");
        }
    });
    assert!(rig.dmae.stats().waits >= 2);
}

/// What a callback works with: the driver, and the object until it is on its way.
type Desk = Arc<Mutex<(Floppy, Option<Buffer>, Vec<String>)>>;

fn xxstart(desk: &Desk, me: &Callback) -> Attempt {
    let mut desk = desk.lock().unwrap();
    let (floppy, object, log) = &mut *desk;
    let Some(waiting) = object.take() else { return Attempt::Done };
    match floppy.prepare(&Order::write(7), waiting, Wait::Callback(me)) {
        Ok(transfer) => {
            let (_, report) = transfer.run(floppy).unwrap();
            log.push(format!("moved {}", report.moved));
            Attempt::Done
        }
        Err(error) => {
            log.push(error.kind().shortage().expect("something is short").resource.to_string());
            *object = Some(error.object);
            Attempt::Runout
        }
    }
}

#[test]
fn a_callback_is_called_when_the_channel_is_free_again() {
    let mut rig = Rig::new();
    let (drive, other) = rig.another();
    let held = rig.floppy.prepare(&Order::read(0), rig.sectors(1, 1), Wait::DontWait).unwrap();
    let desk: Desk = Arc::new(Mutex::new((other, Some(rig.sectors(3, 2)), Vec::new())));
    let callback = Callback::new({
        let desk = desk.clone();
        move |me| xxstart(&desk, me)
    });
    assert_eq!(xxstart(&desk, &callback), Attempt::Runout);
    assert_eq!(desk.lock().unwrap().2, ["DMA channel 2"]);
    held.run(&mut rig.floppy).unwrap();
    assert_eq!(desk.lock().unwrap().2, ["DMA channel 2", "moved 1536"]);
    let mut bytes = vec![0; 3 * 512];
    drive.read_medium(7 * SECTOR, &mut bytes).unwrap();
    assert_eq!(bytes, pattern(3 * SECTOR, 2));
    let stats = rig.dmae.stats();
    assert_eq!((stats.waits, stats.callbacks), (1, 1));
    callback.cancel();
}

#[test]
fn who_waits_for_copy_buffer_does_not_keep_the_channel() {
    let page = BusConfig { copy_buffer_limit: 4096, ..BusConfig::default() };
    let rig = Rig::with(MachineConfig::default(), page, Config::default());
    // Another device of the bus has the only page.
    let attr = DmaAttr { addr_hi: 0xFF_FFFF, ..DmaAttr::UNRESTRICTED };
    let handle: DmaHandle<Buffer> = rig.bus.device("other").alloc_handle(&attr, Wait::DontWait).unwrap();
    let above = BufferSpec::new(512).placement(Placement::ABOVE_16M);
    let object = rig.machine.buffer(&above).unwrap();
    let binding = handle.bind(object, Direction::ToDevice, BindFlags::PARTIAL, Wait::DontWait).unwrap();

    let waiting = rig.filled(&above, &pattern(SECTOR, 2));
    let (drive, other) = rig.another();
    let desk: Desk = Arc::new(Mutex::new((other, Some(waiting), Vec::new())));
    let callback = Callback::new({
        let desk = desk.clone();
        move |me| xxstart(&desk, me)
    });
    assert_eq!(xxstart(&desk, &callback), Attempt::Runout);
    rig.dmae.alloc(2, Wait::DontWait).expect("nobody keeps the channel and waits");
    drop(binding.unbind());
    assert_eq!(desk.lock().unwrap().2, ["copy buffer", "moved 512"]);
    let mut bytes = vec![0; 512];
    drive.read_medium(7 * SECTOR, &mut bytes).unwrap();
    assert_eq!(bytes, pattern(SECTOR, 2));
    callback.cancel();
}
