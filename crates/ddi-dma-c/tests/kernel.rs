//! What driver code around its DMA needs of a kernel, used from C: natively and under valgrind, with both forms of the
//! library.

mod common;

use common::{Compile, Compiler, Linkage, Output, Program};

/// Standard error, each address of this run as `0x`.
fn without_addresses(output: &Output) -> String {
    let mut parts = output.stderr.split("0x");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str("0x");
        text.push_str(part.trim_start_matches(|c: char| c.is_ascii_hexdigit()));
    }
    text
}

/// Runs a test of a program natively and under valgrind; nothing is to be said.
#[track_caller]
fn both(program: &Program, native: &[&str], checked: &[&str]) {
    for output in [program.run(native), program.valgrind(checked)] {
        output.expect_success();
        assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", ""));
    }
}

#[test]
fn a_mutex_lets_one_thread_in() {
    both(&Compile::test("kernel_locks").program(), &["mutex", "20000"], &["mutex", "300"]);
}

#[test]
fn no_wake_up_of_a_condition_variable_is_lost() {
    let program = Compile::test("kernel_locks").linkage(Linkage::Shared).program();
    both(&program, &["condvar", "10000"], &["condvar", "200"]);
}

#[test]
fn a_timed_wait_ends_when_its_time_comes_or_it_is_woken() {
    both(
        &Compile::test("kernel_locks").compiler(Compiler::Clang).program(),
        &["timed", "1"],
        &["timed", "1"],
    );
}

#[test]
fn a_lock_has_many_readers_or_one_writer() {
    both(&Compile::test("kernel_locks").program(), &["rwlock", "10000"], &["rwlock", "200"]);
}

#[test]
fn a_semaphore_lets_its_count_in() {
    both(&Compile::test("kernel_locks").program(), &["semaphore", "10000"], &["semaphore", "200"]);
}

#[test]
fn lists_do_what_their_model_does() {
    both(&Compile::test("kernel_list").program(), &["100000"], &["2000"]);
}

#[test]
fn memory_time_properties_and_modules() {
    for linkage in [Linkage::Static, Linkage::Shared] {
        let program = Compile::test("kernel_services").linkage(linkage).program();
        for test in ["kmem", "properties", "device", "time", "module", "entry"] {
            both(&program, &[test], &[test]);
        }
    }
}

#[test]
fn kernel_memory_that_nobody_frees_is_a_leak() {
    let output = Compile::test("kernel_services").program().valgrind(&["kmem-leak"]);
    assert_eq!(output.status, Some(97), "{output}");
    assert!(output.valgrind.contains("definitely lost: 4,144 bytes in 2 blocks"), "{output}");
}

#[test]
fn messages_have_their_level_before_them() {
    let long = "x".repeat(2000);
    let expected = format!(
        "continued 17 times\n\
         NOTICE: a notice of 4096 bytes\n\
         WARNING: a warning for the log\n\
         NOTICE: a notice for the console\n\
         a word for who wants many\n\
         NOTICE: ?%\n\
         NOTICE: 1 2 3 4 5 6 7 8.5 9\n\
         WARNING: passed on !\n\
         reg=0xd<Intr,Enable>\n\
         11<Low> and 80000000<High>.\n\
         \x20  42|ab   |-1|fedcba9876543210|c|1.50|2.25|   7|wx| 99.4%|0\n\
         WARNING: isa-disk0: no answer in 5 s\n\
         isa-disk0: sector 123456789abc\n\
         isa-disk0 is sim:isa-disk?seed=7\n\
         NOTICE: isa-disk0: service lost\n\
         NOTICE: isa-disk0: service degraded\n\
         NOTICE: isa-disk0: service unaffected\n\
         NOTICE: isa-disk0: service restored\n\
         NOTICE: {long}.\n"
    );
    for linkage in [Linkage::Static, Linkage::Shared] {
        let program = Compile::test("kernel_services").linkage(linkage).program();
        for output in [program.run(&["messages"]), program.valgrind(&["messages"])] {
            output.expect_success();
            assert_eq!(output.stderr, expected, "{linkage:?}");
        }
    }
}

#[test]
fn soft_state_warns_of_what_the_manual_page_names() {
    let program = Compile::test("kernel_services").program();
    for output in [program.run(&["soft-state"]), program.valgrind(&["soft-state"])] {
        output.expect_success();
        assert_eq!(
            output.stderr,
            "WARNING: ddi_soft_state_free: item 3 is not allocated\n\
             WARNING: ddi_soft_state_fini: null handle\n\
             WARNING: ddi_soft_state_free: null handle\n\
             WARNING: ddi_soft_state_zalloc: bad handle: the handle is NULL\n"
        );
    }
}

/// What, which mistake, and the message without `panic: `.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("mutex", "null", "mutex_enter: mp is 0x: give the address of a kmutex_t"),
    ("mutex", "twice", "mutex_enter: mutex 0x is held by this thread already: exit it before"),
    ("mutex", "not-held", "mutex_exit: mutex 0x is not held: enter it before"),
    ("mutex", "of-another", "mutex_exit: mutex 0x is held by another thread, which alone can exit it"),
    ("mutex", "destroy-held", "mutex_destroy: mutex 0x is held by this thread: exit it before"),
    ("mutex", "destroy-of-another", "mutex_destroy: mutex 0x is held by another thread: exit it before"),
    (
        "mutex",
        "destroyed-enter",
        "mutex_enter: mutex 0x was destroyed: call mutex_init before it is used again",
    ),
    (
        "mutex",
        "destroyed-tryenter",
        "mutex_tryenter: mutex 0x was destroyed: call mutex_init before it is used again",
    ),
    (
        "mutex",
        "destroyed-twice",
        "mutex_destroy: mutex 0x was destroyed: call mutex_init before it is used again",
    ),
    ("mutex", "not-made", "mutex_enter: there is no mutex at 0x: call mutex_init before it is used"),
    ("condvar", "not-held", "cv_wait: the caller does not hold mutex 0x: enter it before"),
    ("condvar", "past-not-held", "cv_timedwait: the caller does not hold mutex 0x: enter it before"),
    (
        "condvar",
        "destroyed",
        "cv_broadcast: condition variable 0x was destroyed: call cv_init before it is used again",
    ),
    (
        "condvar",
        "destroy-waited-for",
        "cv_destroy: 1 threads wait for condition variable 0x: wake them before",
    ),
    ("rwlock", "not-held", "rw_exit: lock 0x is not held: enter it before"),
    ("rwlock", "of-another", "rw_exit: lock 0x is held by another thread, which alone can exit it"),
    ("rwlock", "twice", "rw_enter: lock 0x is held by this thread for writing: exit it before"),
    ("rwlock", "destroy-read", "rw_destroy: lock 0x has 1 readers: let them exit before"),
    ("rwlock", "destroyed", "rw_enter: lock 0x was destroyed: call rw_init before it is used again"),
    (
        "rwlock",
        "downgrade-reader",
        "rw_downgrade: lock 0x is not held by this thread for writing: enter it as RW_WRITER before",
    ),
    (
        "rwlock",
        "upgrade-writer",
        "rw_tryupgrade: lock 0x is not held for reading: enter it as RW_READER before",
    ),
    ("rwlock", "type", "rw_enter: enter type 7 is unknown: give RW_WRITER (0) or RW_READER (1)"),
    ("semaphore", "full", "sema_v: semaphore 0x counts 4294967295 already, the most that it can"),
    ("semaphore", "destroyed", "sema_p: semaphore 0x was destroyed: call sema_init before it is used again"),
    ("semaphore", "not-made", "sema_v: there is no semaphore at 0x: call sema_init before it is used"),
    ("kmem", "size", "kmem_free: 0x was allocated with 100 bytes and is freed with 96"),
    (
        "kmem",
        "twice",
        "kmem_free: 0x with 100 bytes is not from kmem_alloc, or was freed: give the address that kmem_alloc gave",
    ),
    (
        "kmem",
        "within",
        "kmem_free: 0x with 84 bytes is not from kmem_alloc, or was freed: give the address that kmem_alloc gave",
    ),
    ("kmem", "null", "kmem_free: NULL with a size of 100: only 0 bytes are NULL"),
    ("kmem", "flag", "kmem_alloc: flag 0x is unknown: give KM_SLEEP (0) or KM_NOSLEEP (1)"),
    (
        "kmem",
        "none",
        "kmem_alloc: there are no 4611686018427387904 bytes, and with KM_SLEEP there is no way to say so: give KM_NOSLEEP",
    ),
    ("list", "not-created", "list_insert_head: there is no list at 0x: call list_create before"),
    (
        "list",
        "offset",
        "list_create: a link at 16 does not fit in an object of 24 bytes: give sizeof and offsetof",
    ),
    ("list", "destroy", "list_destroy: the list at 0x is not empty: remove its objects before"),
    ("list", "twice", "list_insert_head: object 0x is in the list at 0x already: remove it there before"),
    (
        "list",
        "in-another",
        "list_insert_head: object 0x is in the list at 0x already: remove it there before",
    ),
    ("list", "remove-none", "list_remove: object 0x is in no list: insert it before"),
    ("list", "remove-of-another", "list_remove: object 0x is in the list at 0x, not in the one at 0x"),
    ("list", "next-of-none", "list_next: object 0x is in no list: insert it before"),
    (
        "list",
        "after-itself",
        "list_insert_after: object 0x is in the list at 0x already: remove it there before",
    ),
    ("list", "move", "list_move_tail: size and offset are (24, 8) in one list and (64, 0) in the other"),
    ("list", "replace-none", "list_link_replace: node 0x is in no list: insert it before"),
    ("list", "null", "list_insert_head: the object is NULL"),
    (
        "message",
        "level",
        "cmn_err: level 9 is unknown, of the message \"some text\": give CE_CONT (0) to CE_IGNORE (4)",
    ),
    ("message", "panic", "the end of 1"),
    ("message", "vpanic", "the end of 2"),
    ("message", "ce-panic", "the end of 3"),
    ("message", "dev-panic", "isa-disk0: the end of 4"),
    ("message", "assfail", "assertion failed: a > b, driver.c:12"),
    ("message", "verify3", "assertion failed: a == b (0x == 0x), driver.c:12"),
    ("message", "closed", "dev_err: dip 0x: the handle was freed: give what ddi_dma_open returned"),
    (
        "message",
        "fm-dma-handle",
        "ddi_fm_dma_err_get: DMA handle 0x: the handle is NULL: give one of ddi_dma_alloc_handle that was not freed",
    ),
    (
        "message",
        "fm-acc-handle",
        "ddi_fm_acc_err_get: access handle 0x: the handle is NULL: give one of ddi_dma_mem_alloc or ddi_regs_map_setup that was not freed",
    ),
    ("message", "fm-version", "ddi_fm_dma_err_clear: version 2 is unknown: give DDI_FME_VERSION (1)"),
    (
        "message",
        "impact",
        "ddi_fm_service_impact: impact 1 is unknown: give DDI_SERVICE_LOST (-32), DEGRADED (-16), UNAFFECTED (0) or RESTORED (16)",
    ),
    (
        "soft-state",
        "none",
        "ddi_get_soft_state: state 0x: the handle is NULL: call ddi_soft_state_init before",
    ),
    (
        "soft-state",
        "stale",
        "ddi_get_soft_state: state 0x: the handle was freed: call ddi_soft_state_init before",
    ),
    (
        "callback",
        "delay",
        "delay: called in interrupt context, which cannot sleep: use drv_usecwait, or leave it to a thread",
    ),
    (
        "callback",
        "kmem",
        "kmem_alloc: KM_SLEEP in interrupt context: a handler or callback cannot sleep; give KM_NOSLEEP",
    ),
];

#[test]
fn mistakes_end_the_process_with_a_message() {
    let program = Compile::test("kernel_misuse").program();
    for (what, which, message) in MISTAKES {
        let output = program.run(&[what, which]);
        assert_eq!((output.status, output.signal), (None, Some(6)), "{what} {which}: {output}");
        assert_eq!(without_addresses(&output), format!("panic: {message}\n"), "{what} {which}");
    }
}
