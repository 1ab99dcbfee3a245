/*
 * Threads that share what there is too little of: half of them sleep for it, half are called back, as example 8-6 does.
 * Each finds its own bytes on the device's side. Arguments: device, rounds.
 */

#include "io.h"

#include <sys/ksynch.h>

#define THREADS 8
#define LENGTH 8192

/* 32 bits: the nexus adds its own limits. */
static ddi_dma_attr_t attributes = {
    DMA_ATTR_V0, 0, 0xFFFFFFFF, 0xFFFF, 1, 0x7F, 1, 0xFFFFFFFF, 0xFFFFFFFF, 17, 512, 0
};

struct worker {
    kmutex_t mutex;
    kcondvar_t called;
    int waits;
    int result;
    ddi_dma_handle_t handle;
    char *memory;
    ddi_dma_cookie_t cookie;
    uint_t count;
    unsigned char mark;
};

static dev_info_t *dip;
static int rounds;

static int
bind(struct worker *worker, int (*waitfp)(caddr_t))
{
    return (ddi_dma_addr_bind_handle(worker->handle, NULL, worker->memory, LENGTH, DDI_DMA_WRITE, waitfp,
        (caddr_t)worker, &worker->cookie, &worker->count));
}

/* The callback binds without waiting, and keeps its place where there is still too little. */
static int
resume(caddr_t arg)
{
    struct worker *worker = (struct worker *)(void *)arg;

    mutex_enter(&worker->mutex);
    worker->result = bind(worker, DDI_DMA_DONTWAIT);
    if (worker->result == DDI_DMA_NORESOURCES) {
        mutex_exit(&worker->mutex);
        return (DDI_DMA_CALLBACK_RUNOUT);
    }
    worker->waits = 0;
    cv_signal(&worker->called);
    mutex_exit(&worker->mutex);
    return (DDI_DMA_CALLBACK_DONE);
}

static void
bind_called(struct worker *worker)
{
    mutex_enter(&worker->mutex);
    worker->result = bind(worker, resume);
    if (worker->result == DDI_DMA_NORESOURCES) {
        worker->waits = 1;
        while (worker->waits)
            cv_wait(&worker->called, &worker->mutex);
    }
    CHECK(worker->result, DDI_DMA_MAPPED);
    mutex_exit(&worker->mutex);
}

static void *
work(void *argument)
{
    struct worker *worker = argument;

    for (int round = 0; round < rounds; round++) {
        unsigned char seen[16];

        if (worker->mark % 2 == 0)
            bind_called(worker);
        else
            CHECK(bind(worker, DDI_DMA_SLEEP), DDI_DMA_MAPPED);
        CHECK(ddi_dma_sim_read(dip, worker->cookie.dmac_laddress, seen, sizeof (seen)), 0);
        for (size_t i = 0; i < sizeof (seen); i++)
            CHECK(seen[i], worker->mark);
        CHECK(ddi_dma_unbind_handle(worker->handle), DDI_SUCCESS);
    }
    return (NULL);
}

int
main(int argc, char **argv)
{
    static struct worker workers[THREADS];
    pthread_t threads[THREADS];
    struct ddi_dma_statistics statistics;

    (void) argc;
    dip = ddi_dma_open(argv[1], NULL, 0);
    CHECK(dip != NULL, 1);
    rounds = atoi(argv[2]);
    for (int i = 0; i < THREADS; i++) {
        struct worker *worker = &workers[i];

        worker->mark = (unsigned char)(i + 1);
        mutex_init(&worker->mutex, NULL, MUTEX_DRIVER, NULL);
        cv_init(&worker->called, NULL, CV_DRIVER, NULL);
        CHECK(ddi_dma_alloc_handle(dip, &attributes, DDI_DMA_SLEEP, NULL, &worker->handle), DDI_SUCCESS);
        worker->memory = kmem_alloc(LENGTH, KM_SLEEP);
        (void) memset(worker->memory, worker->mark, LENGTH);
    }
    for (int i = 0; i < THREADS; i++)
        start_thread(&threads[i], work, &workers[i]);
    for (int i = 0; i < THREADS; i++)
        join_thread(threads[i]);
    ddi_dma_sim_settle(dip);
    ddi_dma_statistics(dip, &statistics);
    CHECK(statistics.binds, THREADS * rounds);
    for (int i = 0; i < THREADS; i++) {
        ddi_dma_free_handle(&workers[i].handle);
        kmem_free(workers[i].memory, LENGTH);
        cv_destroy(&workers[i].called);
        mutex_destroy(&workers[i].mutex);
    }
    ddi_dma_close(dip);
    return (0);
}
