//! A controller that fails, lies or stops answering.

use std::time::{Duration, Instant};

use ddi_dma::Wait;
use ddi_dma_sim::Iommu;
use nvme_driver::{AdminCommand, Code, Config, Fault, Goal, Request, RequestErrorKind, Retry};

use crate::bench::{Bench, Notice, iommus, quick};
use crate::model::{Spec, status};

#[test]
fn a_silent_controller_is_reset_and_works_again() {
    for iommu in iommus() {
        let bench = Bench::new(iommu, Spec::default());
        let mut nvme = bench.attach(quick());
        bench.model.mischief(|mischief| mischief.silent = true);
        let (buffer, bytes) = bench.filled(100 << 10, 4, 1);
        let first = nvme.submit(&Request::write(1, 0), buffer, Wait::DontWait).unwrap();
        let second = nvme.submit(&Request::read(1, 0), bench.buffer(512, 0), Wait::DontWait).unwrap();
        let since = Instant::now();
        let error = nvme.wait(first).unwrap_err();
        assert!(since.elapsed() >= quick().timeout && since.elapsed() < 5 * quick().timeout);
        let within = quick().timeout;
        assert_eq!(error.kind(), RequestErrorKind::TimedOut { within, interrupts: 0 });
        assert!(error.kind().to_string().contains("within 1000 ms"));
        assert!(error.object.unwrap().to_vec() == bytes, "the object comes back");
        let error = nvme.wait(second).unwrap_err();
        assert_eq!(error.kind(), RequestErrorKind::Reset);
        assert!(error.object.is_some());
        drop(error);
        assert_eq!((nvme.counts().resets, nvme.in_flight()), (1, 0));
        let (buffer, bytes) = bench.filled(100 << 10, 4, 2);
        drop(nvme.write(1, 0, buffer).unwrap());
        assert!(bench.model.medium(1, |medium| medium.from(0)[..bytes.len()] == bytes));
        drop(nvme);
        bench.check();
    }
}

#[test]
fn a_controller_that_stays_silent_fails_each_request_in_time() {
    let bench = Bench::new(Iommu::Off, Spec::default());
    let mut nvme = bench.attach(quick());
    bench.model.mischief(|mischief| mischief.silent_for_good = true);
    for resets in 1..=3 {
        let error = nvme.read(1, 0, bench.buffer(4096, 0)).unwrap_err();
        assert!(matches!(error.kind(), RequestErrorKind::TimedOut { .. }));
        assert_eq!(nvme.counts().resets, resets);
    }
    let since = Instant::now();
    drop(nvme.submit(&Request::read(1, 0), bench.buffer(4096, 0), Wait::DontWait).unwrap());
    drop(nvme);
    assert!(since.elapsed() < quick().timeout, "dropping the driver does not wait for commands");
    bench.check();
}

#[test]
fn a_controller_that_does_not_stop_keeps_what_it_may_reach() {
    for (iommu, kept) in [(Iommu::Off, 100 << 10), (Iommu::on(), 0)] {
        let bench = Bench::new(iommu, Spec::default());
        let mut nvme = bench.attach(quick());
        bench.model.mischief(|mischief| {
            mischief.silent = true;
            mischief.refuses_to_stop = true;
        });
        let (buffer, _) = bench.filled(100 << 10, 0, 1);
        let error = nvme.write(1, 0, buffer).unwrap_err();
        assert!(matches!(error.kind(), RequestErrorKind::TimedOut { .. }));
        assert!(error.object.is_none());
        assert_eq!(bench.device.quarantined_bytes(), kept, "without an IOMMU memory is kept from use");
        let error = nvme.flush(1).unwrap_err();
        let RequestErrorKind::Controller(Fault::NotReached { goal, .. }) = error.kind() else {
            panic!("{error}")
        };
        assert_eq!(goal, Goal::Stop);
        // Once a reset succeeds, everything is free again.
        bench.model.mischief(|mischief| mischief.refuses_to_stop = false);
        nvme.reset().unwrap();
        assert_eq!(bench.device.quarantined_bytes(), 0);
        nvme.flush(1).unwrap();
        drop(nvme);
        bench.check();
    }
}

#[test]
fn a_driver_that_is_dropped_while_the_controller_does_not_stop() {
    let bench = Bench::new(Iommu::Off, Spec::default());
    let mut nvme = bench.attach(quick());
    bench.model.mischief(|mischief| {
        mischief.silent = true;
        mischief.refuses_to_stop = true;
    });
    let token = nvme.submit(&Request::read(1, 0), bench.buffer(4096, 0), Wait::DontWait).unwrap();
    drop(nvme);
    assert!(token.take().unwrap().unwrap_err().object.is_none());
    assert!(bench.device.quarantined_bytes() > 4096, "the object and the queues");
    bench.model.mischief(|mischief| mischief.refuses_to_stop = false);
    // The next driver resets it, and frees what the one before had to leave.
    drop(bench.attach(quick()));
    bench.check();
}

#[test]
fn lost_interrupts_cost_a_look_and_no_more() {
    let bench = Bench::new(Iommu::on(), Spec::default());
    let mut nvme = bench.attach(quick());
    bench.model.mischief(|mischief| mischief.loses_interrupts = true);
    for lba in 0..5 {
        drop(nvme.read(1, lba, bench.buffer(512, 0)).unwrap());
    }
    assert_eq!((nvme.counts().interrupts, nvme.counts().resets), (0, 0));
    drop(nvme);
    bench.check();
}

#[test]
fn a_storm_of_interrupts_ends_in_time_and_is_named() {
    let bench = Bench::new(Iommu::on(), Spec::default());
    let mut nvme = bench.attach(quick());
    bench.model.mischief(|mischief| {
        mischief.storm = true;
        mischief.silent = true;
    });
    let since = Instant::now();
    let error = nvme.read(1, 0, bench.buffer(512, 0)).unwrap_err();
    assert!(since.elapsed() < 5 * quick().timeout);
    let RequestErrorKind::TimedOut { interrupts, .. } = error.kind() else { panic!("{error}") };
    assert!(interrupts > 10, "{error}");
    drop(error);
    // Under the storm alone it goes on.
    drop(nvme.read(1, 0, bench.buffer(512, 0)).unwrap());
    drop(nvme);
    bench.check();
}

#[test]
fn status_errors_are_decoded_and_the_rest_goes_on() {
    let bench = Bench::new(Iommu::Off, Spec::default());
    let mut nvme = bench.attach(Config { most_bytes: 4096, ..quick() });
    // The third of four commands.
    bench.model.mischief(|mischief| mischief.fail = vec![None, None, Some(0x0281), None]);
    let (buffer, bytes) = bench.filled(16384, 0, 1);
    let error = nvme.write(1, 8, buffer).unwrap_err();
    let RequestErrorKind::Status { status, blocks, .. } = error.kind() else { panic!("{error}") };
    assert_eq!((status.code, status.retry, blocks), (Code::UnrecoveredRead, Retry::Possible, 8));
    assert_eq!((error.report().moved, error.report().length), (12288, 16384));
    assert!(error.object.unwrap().to_vec() == bytes);
    // Those that the controller finds by itself: namespace 2 is not active, and 7 cannot be.
    for (namespace, code) in [(2, Code::InvalidField), (7, Code::InvalidNamespaceOrFormat)] {
        let error = nvme.flush(namespace).unwrap_err();
        let RequestErrorKind::Status { status, .. } = error.kind() else { panic!("{error}") };
        assert_eq!((status.code, status.retry), (code, Retry::Useless));
    }
    bench.model.mischief(|mischief| mischief.fail = vec![Some(status::DO_NOT_RETRY | 0x286)]);
    let error = nvme.write_zeroes(1, 0, 1).unwrap_err();
    assert_eq!(error.to_string(), "blocks 0..1: access denied (type 2, code 0x86; a retry will fail too)");
    assert_eq!(nvme.counts().resets, 0);
    drop(nvme.read(1, 0, bench.buffer(512, 0)).unwrap());
    drop(nvme);
    bench.check();
}

#[test]
fn completions_that_name_no_command_are_counted_and_ignored() {
    let bench = Bench::new(Iommu::on(), Spec::default());
    let mut nvme = bench.attach(quick());
    bench.model.mischief(|mischief| {
        mischief.repeats_completions = true;
        mischief.strays = vec![0, 5, 0x3FF, 0x8001, u16::MAX];
    });
    for lba in 0..100 {
        let (buffer, bytes) = bench.filled(512, 0, lba);
        drop(nvme.write(1, lba, buffer).unwrap());
        assert!(bench.model.medium(1, |medium| medium.from(lba)[..512] == bytes));
    }
    assert!(nvme.counts().strays >= 100, "{:?}", nvme.counts());
    drop(nvme);
    bench.check();
}

#[test]
fn a_fatal_state_is_seen_without_a_time_out() {
    let bench = Bench::new(Iommu::on(), Spec::default());
    let mut nvme = bench.attach(Config { timeout: Duration::from_secs(60), ..quick() });
    bench.model.mischief(|mischief| mischief.silent = true);
    let token = nvme.submit(&Request::read(1, 0), bench.buffer(512, 0), Wait::DontWait).unwrap();
    bench.model.fail_fatally();
    let error = nvme.wait(token).unwrap_err();
    assert!(matches!(error.kind(), RequestErrorKind::Controller(Fault::Fatal { .. })), "{error}");
    drop(error);
    drop(nvme.read(1, 0, bench.buffer(512, 0)).unwrap());
    drop(nvme);
    bench.check();
}

#[test]
fn a_controller_that_is_gone_is_said_to_be() {
    let bench = Bench::new(Iommu::on(), Spec::default());
    let mut nvme = bench.attach(Config { timeout: Duration::from_secs(60), ..quick() });
    bench.model.mischief(|mischief| (mischief.silent, mischief.absent) = (true, true));
    let token = nvme.submit(&Request::read(1, 0), bench.buffer(512, 0), Wait::DontWait).unwrap();
    let error = nvme.wait(token).unwrap_err();
    assert_eq!(error.kind(), RequestErrorKind::Controller(Fault::Absent));
    assert!(error.object.is_none());
    assert_eq!(nvme.flush(1).unwrap_err().kind(), RequestErrorKind::Controller(Fault::Absent));
    assert_eq!(nvme.reset(), Err(Fault::Absent));
    drop(nvme);
    assert_eq!(bench.try_attach(quick(), Notice::Polling).unwrap_err(), Fault::Absent);
    bench.check();
}

#[test]
fn a_controller_that_does_not_start_or_does_not_answer() {
    let bench = Bench::new(Iommu::Off, Spec::default());
    bench.model.mischief(|mischief| mischief.refuses_to_start = true);
    let fault = bench.try_attach(quick(), Notice::TwoInterrupts).unwrap_err();
    assert!(matches!(fault, Fault::NotReached { goal: Goal::Start, .. }), "{fault}");
    bench.model.mischief(|mischief| (mischief.refuses_to_start, mischief.silent_admin) = (false, true));
    let fault = bench.try_attach(quick(), Notice::TwoInterrupts).unwrap_err();
    let expected = Fault::AdminTimedOut { command: AdminCommand::Identify, within: quick().timeout };
    assert_eq!(fault, expected);
    bench.model.mischief(|mischief| mischief.silent_admin = false);
    let fault = bench.try_attach(Config { entries: 300, ..quick() }, Notice::TwoInterrupts);
    assert_eq!(fault.unwrap().capacity(), 255, "as many entries as the controller has");
    bench.check();
}
