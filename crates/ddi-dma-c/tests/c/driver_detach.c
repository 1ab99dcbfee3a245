/*
 * The block driver is detached while all of its bufs wait for the copy buffer, and while some are in flight.
 */

#include <pthread.h>

#include "driver_common.h"

#define LENGTH 0x1000
#define BUFS 5

/* Gives the copy buffer back when the driver refuses what is new: it is being detached. */
static void *
release(void *arg)
{
    ddi_dma_handle_t holder = arg;

    XX_CHECK(ddi_dma_unbind_handle(holder) == DDI_SUCCESS);
    return (NULL);
}

/* Bufs that wait end with ENXIO, or are transferred where the release came first. */
static void
while_waiting(void)
{
    ddi_dma_attr_t attr = isa_disk;
    caddr_t memory = xx_odd_alloc(LENGTH * (BUFS + 1));
    dev_info_t *dip;
    ddi_dma_handle_t holder;
    struct buf *bufs[BUFS];
    struct xxcounts counts;
    pthread_t thread;
    size_t resid;
    int i;

    /* All of the memory takes copy buffer. */
    attr.dma_attr_align = 512;
    dip = driver_attach("sim:isa-disk?copy_buffer=4096", &attr);
    XX_CHECK(ddi_dma_alloc_handle(dip, &attr, DDI_DMA_SLEEP, NULL, &holder) == DDI_SUCCESS);
    XX_CHECK(ddi_dma_addr_bind_handle(holder, NULL, memory + LENGTH * BUFS, LENGTH, DDI_DMA_WRITE,
        DDI_DMA_DONTWAIT, NULL, NULL, NULL) == DDI_DMA_MAPPED);
    xx_fill_disk(dip, 0, LENGTH * BUFS, 1);
    for (i = 0; i < BUFS; i++)
        bufs[i] = driver_start(dip, memory + i * LENGTH, LENGTH, i * 8, B_READ);
    xx_counts(dip, &counts);
    XX_CHECK(counts.waits == 1 && counts.requests == 0 && counts.transfers == 0);

    XX_CHECK(pthread_create(&thread, NULL, release, holder) == 0);
    XX_CHECK(xx_dev_ops.devo_detach(dip, DDI_DETACH) == DDI_SUCCESS);
    XX_CHECK(pthread_join(thread, NULL) == 0);
    for (i = 0; i < BUFS; i++) {
        int error = driver_wait(bufs[i], &resid);

        XX_CHECK((error == 0 && resid == 0) || (error == ENXIO && resid == LENGTH));
        XX_CHECK(error != 0 || memory[i * LENGTH + 9] != 0);
        XX_CHECK(error == 0 || memory[i * LENGTH + 9] == 0);
    }
    ddi_dma_free_handle(&holder);
    ddi_dma_close(dip);
    xx_odd_free(memory, LENGTH * (BUFS + 1));
}

/* What is in flight is waited for, whenever detach comes. */
static void
in_flight(void)
{
    dev_info_t *dip = driver_attach("sim:isa-disk", &isa_disk);
    caddr_t memory = kmem_zalloc(LENGTH * BUFS, KM_SLEEP);
    struct buf *bufs[BUFS];
    size_t resid;
    int i, error;

    for (i = 0; i < BUFS; i++)
        bufs[i] = driver_start(dip, memory + i * LENGTH, LENGTH, i * 8, B_READ);
    driver_detach(dip);
    for (i = 0; i < BUFS; i++) {
        error = driver_wait(bufs[i], &resid);
        XX_CHECK((error == 0 && resid == 0) || (error == ENXIO && resid == LENGTH));
    }
    kmem_free(memory, LENGTH * BUFS);
}

int
main(void)
{
    XX_CHECK(_init() == 0);
    while_waiting();
    in_flight();
    XX_CHECK(_fini() == 0);
    (void) printf("detached twice\n");
    return (0);
}
