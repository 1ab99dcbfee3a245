//! What the controller tells, queues, refusals, tokens, shutdown.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use ddi_dma::Wait;
use ddi_dma_sim::Iommu;
use nvme_driver::{Config, Namespace, Request, RequestErrorKind, SglSupport, Support};

use crate::bench::{Bench, pattern, quick};
use crate::model::{NamespaceSpec, Spec};

#[test]
fn the_controller_and_its_namespaces_are_known() {
    let bench = Bench::new(Iommu::on(), Spec { sgl: 2, ..Spec::default() });
    let nvme = bench.attach(Config::default());
    let info = nvme.controller();
    assert_eq!((info.model.as_str(), info.serial.as_str()), ("A model of a controller", "MODEL-0001"));
    assert_eq!((info.firmware.as_str(), info.vendor, info.version), ("1.4", 0x1D1D, 0x1_0400));
    assert_eq!(
        (info.sgl, info.write_zeroes, info.volatile_cache),
        (SglSupport::Dwords, Support::Yes, Support::Yes)
    );
    assert_eq!(info.most_bytes, Some(512 << 10));
    let numbers: Vec<u32> = nvme.namespaces().iter().map(|namespace| namespace.number).collect();
    assert_eq!(numbers, [1, 3, 4]);
    let third = Namespace { number: 3, blocks: 2048, block_size: 4096, metadata: 0 };
    assert_eq!(nvme.namespace(3), Some(&third));
    drop(nvme);
    bench.check();
}

#[test]
fn a_controller_of_1_0_has_no_list_of_namespaces() {
    let bench = Bench::new(Iommu::Off, Spec { version: 0x1_0000, ..Spec::default() });
    let nvme = bench.attach(Config::default());
    assert_eq!(nvme.namespaces().len(), 3);
    drop(nvme);
    bench.check();
}

#[test]
fn more_namespaces_than_a_list_holds() {
    let namespace = |number| NamespaceSpec { number, blocks: 1, block_exponent: 9, metadata: 0 };
    let spec = Spec { namespaces: (1..=1030).map(namespace).collect(), ..Spec::default() };
    let bench = Bench::new(Iommu::on(), spec);
    let nvme = bench.attach(Config::default());
    assert_eq!(nvme.namespaces().last().map(|namespace| namespace.number), Some(1030));
    drop(nvme);
    bench.check();
}

#[test]
fn what_cannot_be_is_refused_before_anything_moves() {
    let bench = Bench::new(Iommu::on(), Spec { write_zeroes: false, ..Spec::default() });
    let mut nvme = bench.attach(Config::default());
    let refused = |nvme: &mut nvme_driver::Nvme, namespace, lba, length| {
        let error = nvme.write(namespace, lba, bench.buffer(length, 0)).unwrap_err();
        assert!(error.object.is_some());
        error.kind()
    };
    assert_eq!(refused(&mut nvme, 2, 0, 512), RequestErrorKind::NoNamespace { namespace: 2 });
    assert_eq!(refused(&mut nvme, 4, 0, 512), RequestErrorKind::Metadata { namespace: 4, metadata: 8 });
    assert_eq!(refused(&mut nvme, 1, 0, 513), RequestErrorKind::Length { length: 513, block: 512 });
    let behind = RequestErrorKind::OutOfRange { lba: 65535, blocks: 2, capacity: 65536 };
    assert_eq!(refused(&mut nvme, 1, 65535, 1024), behind);
    assert_eq!(behind.to_string(), "blocks 65535..65537 are not all in the namespace, which has 65536");
    let overflow = refused(&mut nvme, 1, u64::MAX, 1024);
    assert!(matches!(overflow, RequestErrorKind::OutOfRange { .. }));
    assert_eq!(nvme.write_zeroes(1, 0, 1).unwrap_err().kind(), RequestErrorKind::NoWriteZeroes);
    assert_eq!(bench.model.seen().io_commands, 0);
    drop(nvme);
    bench.check();
}

#[test]
fn a_full_queue_gives_the_object_back() {
    let bench = Bench::new(Iommu::on(), Spec::default());
    let mut nvme = bench.attach(Config { entries: 8, ..Config::default() });
    assert_eq!(nvme.capacity(), 7);
    bench.model.mischief(|mischief| mischief.silent = true);
    let tokens: Vec<_> = (0..7)
        .map(|n| nvme.submit(&Request::read(1, n), bench.buffer(512, 0), Wait::DontWait).unwrap())
        .collect();
    let (buffer, bytes) = bench.filled(512, 0, 3);
    let error = nvme.submit(&Request::write(1, 9), buffer, Wait::DontWait).unwrap_err();
    assert_eq!(error.kind(), RequestErrorKind::QueueFull { requests: 7 });
    assert!(error.object.unwrap().to_vec() == bytes);
    assert!(nvme.submit_flush(1).is_err());
    nvme.reset().unwrap();
    for token in tokens {
        let error = nvme.wait(token).unwrap_err();
        assert_eq!(error.kind(), RequestErrorKind::Reset);
        assert!(error.object.is_some());
    }
    drop(nvme);
    bench.check();
}

#[test]
fn flush_and_zeroes() {
    let bench = Bench::new(Iommu::Off, Spec::default());
    let mut nvme = bench.attach(Config::default());
    bench.model.medium(1, |medium| medium.from(0).fill(0xFF));
    let report = nvme.flush(1).unwrap();
    assert_eq!((report.commands, report.length), (1, 0));
    // All blocks are 65,536, which one command can just name.
    assert_eq!(nvme.write_zeroes(1, 0, 65536).unwrap().commands, 1);
    assert!(bench.model.medium(1, |medium| medium.from(0).iter().all(|byte| *byte == 0)));
    assert_eq!(bench.model.seen().flushes, 1);
    assert_eq!(nvme.write_zeroes(1, 5, 0).unwrap().commands, 0);
    drop(nvme);
    bench.check();
}

#[test]
fn queues_come_around_many_times() {
    let bench = Bench::new(Iommu::on(), Spec::default());
    // The least that there is: one command at a time.
    let mut nvme = bench.attach(Config { entries: 2, ..Config::default() });
    for n in 0..50 {
        let (buffer, bytes) = bench.filled(1024, 0, n);
        drop(nvme.write(1, n, buffer).unwrap());
        let (buffer, _) = nvme.read(1, n, bench.buffer(1024, 0)).unwrap();
        assert!(buffer.to_vec() == bytes);
    }
    assert_eq!(bench.model.seen().wraps, 50);
    drop(nvme);
    bench.check();
}

#[test]
fn a_token_can_be_awaited_and_dropped() {
    struct Count(AtomicU32);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let bench = Bench::new(Iommu::on(), Spec::default());
    let mut nvme = bench.attach(Config::default());
    let (buffer, _) = bench.filled(4096, 0, 4);
    let mut token = pin!(nvme.submit(&Request::write(1, 0), buffer, Wait::DontWait).unwrap());
    let count = Arc::new(Count(AtomicU32::new(0)));
    let waker = Waker::from(count.clone());
    let mut context = Context::from_waker(&waker);
    assert!(token.as_mut().poll(&mut context).is_pending());
    while nvme.in_flight() > 0 {
        nvme.serve(std::time::Duration::from_secs(1));
    }
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
    assert!(matches!(token.as_mut().poll(&mut context), Poll::Ready(Ok(_))));
    // Who drops a token does not stop the request.
    let (buffer, bytes) = bench.filled(4096, 0, 9);
    drop(nvme.submit(&Request::write(1, 100), buffer, Wait::DontWait).unwrap());
    let foreign = nvme.submit(&Request::read(1, 0), bench.buffer(512, 0), Wait::DontWait).unwrap();
    nvme.shutdown().unwrap();
    assert!(foreign.take().unwrap().is_ok());
    assert!(bench.model.medium(1, |medium| medium.from(100)[..4096] == bytes));
    bench.check();
}

#[test]
fn a_token_of_another_driver_is_told_apart() {
    let (bench, other) = (Bench::new(Iommu::on(), Spec::default()), Bench::new(Iommu::on(), Spec::default()));
    let (mut nvme, mut theirs) = (bench.attach(quick()), other.attach(quick()));
    other.model.mischief(|mischief| mischief.silent = true);
    let token = theirs.submit(&Request::read(1, 0), other.buffer(512, 0), Wait::DontWait).unwrap();
    assert_eq!(nvme.wait(token).unwrap_err().kind(), RequestErrorKind::NotHere);
    drop((nvme, theirs));
    bench.check();
    other.check();
}

#[test]
fn shutdown_lets_everything_end_first() {
    let bench = Bench::new(Iommu::Off, Spec::default());
    let mut nvme = bench.attach(Config { most_bytes: 16 << 10, ..Config::default() });
    let (buffer, bytes) = bench.filled(8 << 20, 0, 2);
    let token = nvme.submit(&Request::write(1, 0), buffer, Wait::DontWait).unwrap();
    nvme.shutdown().unwrap();
    assert!(token.take().unwrap().is_ok());
    assert!(bench.model.medium(1, |medium| medium.from(0)[..bytes.len()] == bytes));
    assert_eq!(bench.model.seen().shutdowns, 1);
    assert!(!bench.model.is_ready());
    // And the controller can be attached again.
    let mut nvme = bench.attach(Config::default());
    let (buffer, _) = nvme.read(1, 0, bench.buffer(4096, 0)).unwrap();
    assert!(buffer.to_vec() == pattern(8 << 20, 2)[..4096]);
    drop((buffer, nvme));
    bench.check();
}
