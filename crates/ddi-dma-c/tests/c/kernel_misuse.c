/* Callers' mistakes: the argument names one. Each ends the process with a message. */

#include <sys/types.h>
#include <sys/cmn_err.h>
#include <sys/ddi.h>
#include <sys/ddifm.h>
#include <sys/debug.h>
#include <sys/kmem.h>
#include <sys/ksynch.h>
#include <sys/list.h>
#include <sys/stddef.h>
#include <sys/sunddi.h>

#include <ddi_dma.h>

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static kmutex_t lock;
static kcondvar_t cv;
static kcondvar_t there;
static int arrived;
static krwlock_t rwlock;
static ksema_t semaphore;
static list_t list;
static list_t other;
static struct object {
    int number;
    list_node_t node;
} objects[2];

static ddi_dma_attr_t attr = { DMA_ATTR_V0, 0, 0xffffff, 0xffff, 1, 1, 1, 0xffffffff, 0xffff, 1, 1, 0 };

/* Has another thread do something to its end. */
static void elsewhere(void *(*body)(void *))
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, body, NULL) != 0 || pthread_join(thread, NULL) != 0)
        exit(1);
}

static void *take_mutex(void *arg)
{
    mutex_enter(&lock);
    return (arg);
}

static void *take_writer(void *arg)
{
    rw_enter(&rwlock, RW_WRITER);
    return (arg);
}

static void *wait_for_ever(void *arg)
{
    mutex_enter(&lock);
    arrived = 1;
    cv_signal(&there);
    for (;;)
        cv_wait(&cv, &lock);
    return (arg);
}

static void mistake_with_mutex(const char *which)
{
    mutex_init(&lock, NULL, MUTEX_DRIVER, NULL);
    if (strcmp(which, "null") == 0) {
        mutex_enter(NULL);
    } else if (strcmp(which, "twice") == 0) {
        mutex_enter(&lock);
        mutex_enter(&lock);
    } else if (strcmp(which, "not-held") == 0) {
        mutex_exit(&lock);
    } else if (strcmp(which, "of-another") == 0) {
        elsewhere(take_mutex);
        mutex_exit(&lock);
    } else if (strcmp(which, "destroy-held") == 0) {
        mutex_enter(&lock);
        mutex_destroy(&lock);
    } else if (strcmp(which, "destroy-of-another") == 0) {
        elsewhere(take_mutex);
        mutex_destroy(&lock);
    } else if (strcmp(which, "destroyed-enter") == 0) {
        mutex_destroy(&lock);
        mutex_enter(&lock);
    } else if (strcmp(which, "destroyed-tryenter") == 0) {
        mutex_destroy(&lock);
        (void) mutex_tryenter(&lock);
    } else if (strcmp(which, "destroyed-twice") == 0) {
        mutex_destroy(&lock);
        mutex_destroy(&lock);
    } else if (strcmp(which, "not-made") == 0) {
        memset(&lock, 0x41, sizeof (lock));
        mutex_enter(&lock);
    }
}

static void mistake_with_condvar(const char *which)
{
    pthread_t thread;

    mutex_init(&lock, NULL, MUTEX_DRIVER, NULL);
    cv_init(&cv, NULL, CV_DRIVER, NULL);
    cv_init(&there, NULL, CV_DRIVER, NULL);
    if (strcmp(which, "not-held") == 0) {
        cv_wait(&cv, &lock);
    } else if (strcmp(which, "past-not-held") == 0) {
        (void) cv_timedwait(&cv, &lock, 0);
    } else if (strcmp(which, "destroyed") == 0) {
        cv_destroy(&cv);
        cv_broadcast(&cv);
    } else if (strcmp(which, "destroy-waited-for") == 0) {
        mutex_enter(&lock);
        if (pthread_create(&thread, NULL, wait_for_ever, NULL) != 0)
            exit(1);
        while (!arrived)
            cv_wait(&there, &lock);
        cv_destroy(&cv);
    }
}

static void mistake_with_rwlock(const char *which)
{
    rw_init(&rwlock, NULL, RW_DRIVER, NULL);
    if (strcmp(which, "not-held") == 0) {
        rw_exit(&rwlock);
    } else if (strcmp(which, "of-another") == 0) {
        elsewhere(take_writer);
        rw_exit(&rwlock);
    } else if (strcmp(which, "twice") == 0) {
        rw_enter(&rwlock, RW_WRITER);
        rw_enter(&rwlock, RW_READER);
    } else if (strcmp(which, "destroy-read") == 0) {
        rw_enter(&rwlock, RW_READER);
        rw_destroy(&rwlock);
    } else if (strcmp(which, "destroyed") == 0) {
        rw_destroy(&rwlock);
        rw_enter(&rwlock, RW_READER);
    } else if (strcmp(which, "downgrade-reader") == 0) {
        rw_enter(&rwlock, RW_READER);
        rw_downgrade(&rwlock);
    } else if (strcmp(which, "upgrade-writer") == 0) {
        rw_enter(&rwlock, RW_WRITER);
        (void) rw_tryupgrade(&rwlock);
    } else if (strcmp(which, "type") == 0) {
        rw_enter(&rwlock, (krw_t)7);
    }
}

static void mistake_with_semaphore(const char *which)
{
    sema_init(&semaphore, UINT_MAX, NULL, SEMA_DRIVER, NULL);
    if (strcmp(which, "full") == 0) {
        sema_v(&semaphore);
    } else if (strcmp(which, "destroyed") == 0) {
        sema_destroy(&semaphore);
        sema_p(&semaphore);
    } else if (strcmp(which, "not-made") == 0) {
        memset(&semaphore, 0x41, sizeof (semaphore));
        sema_v(&semaphore);
    }
}

static void mistake_with_kmem(const char *which)
{
    char *memory = kmem_alloc(100, KM_SLEEP);

    if (strcmp(which, "size") == 0) {
        kmem_free(memory, 96);
    } else if (strcmp(which, "twice") == 0) {
        kmem_free(memory, 100);
        kmem_free(memory, 100);
    } else if (strcmp(which, "within") == 0) {
        kmem_free(memory + 16, 84);
    } else if (strcmp(which, "null") == 0) {
        kmem_free(NULL, 100);
    } else if (strcmp(which, "flag") == 0) {
        (void) kmem_alloc(100, 0x100);
    } else if (strcmp(which, "none") == 0) {
        (void) kmem_alloc((size_t)1 << 62, KM_SLEEP);
    }
}

static void mistake_with_list(const char *which)
{
    if (strcmp(which, "not-created") == 0)
        list_insert_head(&list, &objects[0]);
    if (strcmp(which, "offset") == 0)
        list_create(&list, sizeof (struct object), sizeof (struct object) - 8);
    list_create(&list, sizeof (struct object), offsetof(struct object, node));
    list_create(&other, sizeof (struct object), offsetof(struct object, node));
    list_insert_tail(&list, &objects[0]);
    if (strcmp(which, "destroy") == 0) {
        list_destroy(&list);
    } else if (strcmp(which, "twice") == 0) {
        list_insert_head(&list, &objects[0]);
    } else if (strcmp(which, "in-another") == 0) {
        list_insert_head(&other, &objects[0]);
    } else if (strcmp(which, "remove-none") == 0) {
        list_remove(&list, &objects[1]);
    } else if (strcmp(which, "remove-of-another") == 0) {
        list_remove(&other, &objects[0]);
    } else if (strcmp(which, "next-of-none") == 0) {
        (void) list_next(&list, &objects[1]);
    } else if (strcmp(which, "after-itself") == 0) {
        list_insert_after(&list, &objects[0], &objects[0]);
    } else if (strcmp(which, "move") == 0) {
        list_create(&other, 64, 0);
        list_move_tail(&list, &other);
    } else if (strcmp(which, "replace-none") == 0) {
        list_link_replace(&objects[1].node, &objects[0].node);
    } else if (strcmp(which, "null") == 0) {
        list_insert_head(&list, NULL);
    }
}

static void pass_on(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    vpanic(format, ap);
    va_end(ap);
}

static void mistake_with_message(const char *which)
{
    dev_info_t *dip = ddi_dma_open("sim:isa-disk", NULL, 0);
    ddi_dma_handle_t handle;
    ddi_fm_error_t error;

    if (strcmp(which, "level") == 0)
        cmn_err(9, "%s", "some text");
    else if (strcmp(which, "panic") == 0)
        panic("the end of %d", 1);
    else if (strcmp(which, "vpanic") == 0)
        pass_on("the end of %d", 2);
    else if (strcmp(which, "ce-panic") == 0)
        cmn_err(CE_PANIC, "!the end of %d", 3);
    else if (strcmp(which, "dev-panic") == 0)
        dev_err(dip, CE_PANIC, "the end of %d", 4);
    else if (strcmp(which, "assfail") == 0)
        (void) assfail("a > b", "driver.c", 12);
    else if (strcmp(which, "verify3") == 0)
        assfail3("a == b", 16, "==", 255, "driver.c", 12);
    else if (strcmp(which, "closed") == 0) {
        ddi_dma_close(dip);
        dev_err(dip, CE_NOTE, "who?");
    } else if (strcmp(which, "fm-version") == 0) {
        if (ddi_dma_alloc_handle(dip, &attr, DDI_DMA_DONTWAIT, NULL, &handle) != DDI_SUCCESS)
            exit(1);
        ddi_fm_dma_err_clear(handle, 2);
    } else if (strcmp(which, "fm-dma-handle") == 0) {
        ddi_fm_dma_err_get(NULL, &error, DDI_FME_VERSION);
    } else if (strcmp(which, "fm-acc-handle") == 0) {
        ddi_fm_acc_err_get(NULL, &error, DDI_FME_VERSION);
    } else if (strcmp(which, "impact") == 0) {
        ddi_fm_service_impact(dip, 1);
    }
}

static void mistake_with_soft_state(const char *which)
{
    static void *state;
    void *kept;

    if (strcmp(which, "none") == 0)
        (void) ddi_get_soft_state(state, 0);
    if (ddi_soft_state_init(&state, 8, 0) != 0)
        exit(1);
    kept = state;
    ddi_soft_state_fini(&state);
    (void) ddi_get_soft_state(kept, 0);
}

/* A callback, which is in interrupt context, does what sleeps. */
static int sleep_in_callback(caddr_t which)
{
    if (strcmp(which, "delay") == 0)
        delay(1);
    else
        (void) kmem_alloc(100, KM_SLEEP);
    return (DDI_DMA_CALLBACK_DONE);
}

static void mistake_in_callback(char *which)
{
    dev_info_t *dip = ddi_dma_open("sim:isa-disk?copy_buffer=4096", NULL, 0);
    ddi_dma_handle_t handles[2];
    caddr_t memory = aligned_alloc(4096, 8192);
    ddi_dma_cookie_t cookie;
    uint_t count;
    int i;

    for (i = 0; i < 2; i++) {
        if (ddi_dma_alloc_handle(dip, &attr, DDI_DMA_SLEEP, NULL, &handles[i]) != DDI_SUCCESS)
            exit(1);
    }
    memset(memory, 0, 8192);
    if (ddi_dma_addr_bind_handle(handles[0], NULL, memory, 4096, DDI_DMA_WRITE, DDI_DMA_DONTWAIT, NULL, &cookie,
        &count) != DDI_DMA_MAPPED)
        exit(3);
    if (ddi_dma_addr_bind_handle(handles[1], NULL, memory + 4096, 4096, DDI_DMA_WRITE, sleep_in_callback, which,
        &cookie, &count) != DDI_DMA_NORESOURCES)
        exit(4);
    (void) ddi_dma_unbind_handle(handles[0]);
    ddi_dma_sim_settle(dip);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return (2);
    if (strcmp(argv[1], "mutex") == 0)
        mistake_with_mutex(argv[2]);
    else if (strcmp(argv[1], "condvar") == 0)
        mistake_with_condvar(argv[2]);
    else if (strcmp(argv[1], "rwlock") == 0)
        mistake_with_rwlock(argv[2]);
    else if (strcmp(argv[1], "semaphore") == 0)
        mistake_with_semaphore(argv[2]);
    else if (strcmp(argv[1], "kmem") == 0)
        mistake_with_kmem(argv[2]);
    else if (strcmp(argv[1], "list") == 0)
        mistake_with_list(argv[2]);
    else if (strcmp(argv[1], "message") == 0)
        mistake_with_message(argv[2]);
    else if (strcmp(argv[1], "soft-state") == 0)
        mistake_with_soft_state(argv[2]);
    else if (strcmp(argv[1], "callback") == 0)
        mistake_in_callback(argv[2]);
    /* It was not found out. */
    return (0);
}
