/*
 * Example 8-6: detaching a driver while its callback may be waiting for resources.
 *
 * One page of copy buffer serves all, and another handle holds it. The first transfer waits, and its callback starts it
 * when that handle is unbound. The second waits, too, and the driver is detached meanwhile: the callback is told not to
 * try again.
 */

#include <pthread.h>
#include <sched.h>
#include "xx.h"

struct xxstate {
    dev_info_t *dip;
    kmutex_t callback_mutex;
    kcondvar_t callback_cv;
    int cancel_callbacks;
    int callback_count;
    struct buf *bp;
    ddi_dma_handle_t handle;
    struct device_reg *regp;
    ddi_acc_handle_t access_hdl;
    int programmed;
};

/* The driver has one instance. */
static struct xxstate xxstate;

static void xxprogram(struct xxstate *xsp, ddi_dma_cookie_t *cookie, uint_t ccount);
static int xxdmacallback(caddr_t callbackarg);

/* ---- listing ---- */
static int
xxdetach(dev_info_t *dip, ddi_detach_cmd_t cmd)
{
    struct xxstate *xsp = &xxstate;                     /* the manual: ... */

    if (cmd != DDI_DETACH || dip != xsp->dip)
        return (DDI_FAILURE);
    mutex_enter(&xsp->callback_mutex);
    xsp->cancel_callbacks = 1;
    while (xsp->callback_count > 0) {
        cv_wait(&xsp->callback_cv, &xsp->callback_mutex);
    }
    mutex_exit(&xsp->callback_mutex);
    ddi_dma_free_handle(&xsp->handle);          /* the manual: ... */
    ddi_regs_map_free(&xsp->access_hdl);
    cv_destroy(&xsp->callback_cv);
    mutex_destroy(&xsp->callback_mutex);
    return (DDI_SUCCESS);
}

static int
xxstrategy(struct buf *bp)
{
    struct xxstate *xsp = &xxstate;                     /* the manual: ... */
    ddi_dma_cookie_t cookie;
    uint_t ccount;
    int error, flags = DDI_DMA_READ;

    mutex_enter(&xsp->callback_mutex);
    xsp->bp = bp;
    error = ddi_dma_buf_bind_handle(xsp->handle, xsp->bp, flags,
        xxdmacallback, (caddr_t)xsp, &cookie, &ccount);
    if (error == DDI_DMA_NORESOURCES)
        xsp->callback_count++;
    mutex_exit(&xsp->callback_mutex);
    if (error == DDI_DMA_MAPPED)                        /* the manual: ... */
        xxprogram(xsp, &cookie, ccount);
    return (0);
}

static int
xxdmacallback(caddr_t callbackarg)
{
    struct xxstate *xsp = (struct xxstate *)callbackarg;
    ddi_dma_cookie_t cookie;                    /* the manual: ... */
    uint_t ccount;
    int error, flags = DDI_DMA_READ;

    mutex_enter(&xsp->callback_mutex);
    if (xsp->cancel_callbacks) {
        /* do not reschedule, in process of detaching */
        xsp->callback_count--;
        if (xsp->callback_count == 0)
            cv_signal(&xsp->callback_cv);
        mutex_exit(&xsp->callback_mutex);
        return (DDI_DMA_CALLBACK_DONE); /* don't reschedule it */
    }
    /*
     * Presumably at this point the device is still active
     * and will not be detached until the DMA has completed.
     * A return of 0 means try again later
     */
    error = ddi_dma_buf_bind_handle(xsp->handle, xsp->bp, flags,
        DDI_DMA_DONTWAIT, NULL, &cookie, &ccount);
    if (error == DDI_DMA_MAPPED) {
        xxprogram(xsp, &cookie, ccount);        /* the manual: ... */
        /* program the DMA engine */
        xsp->callback_count--;
        mutex_exit(&xsp->callback_mutex);
        return (DDI_DMA_CALLBACK_DONE);
    }
    if (error != DDI_DMA_NORESOURCES) {
        xsp->callback_count--;
        mutex_exit(&xsp->callback_mutex);
        return (DDI_DMA_CALLBACK_DONE);
    }
    mutex_exit(&xsp->callback_mutex);
    return (DDI_DMA_CALLBACK_RUNOUT);
}
/* ---- end of the listing ---- */

static void
xxprogram(struct xxstate *xsp, ddi_dma_cookie_t *cookie, uint_t ccount)
{
    struct device_reg *regp = xsp->regp;

    XX_CHECK(ccount == 1);
    xsp->programmed++;
    ddi_put64(xsp->access_hdl, &regp->block, (uint64_t)xsp->bp->b_lblkno);
    ddi_put32(xsp->access_hdl, &regp->sglist[0].dma_addr, cookie->dmac_address);
    ddi_put32(xsp->access_hdl, &regp->sglist[0].dma_size, (uint32_t)cookie->dmac_size);
    ddi_put8(xsp->access_hdl, &regp->csr, START_TRANSFER | TO_MEMORY);
}

/*
 * The engine of an ISA disk without a list. It starts at multiples of 512 here, and the memory below lies elsewhere: all
 * of it takes copy buffer.
 */
static ddi_dma_attr_t attributes = {
    DMA_ATTR_V0, 0, 0xFFFFFF, 0xFFFF, 512, 0x7, 1, 0xFFFFFFFF, 0xFFFFF, 1, 512, 0
};

#define LENGTH 0x1000

static void
xxattach(dev_info_t *dip)
{
    struct xxstate *xsp = &xxstate;

    xsp->dip = dip;
    mutex_init(&xsp->callback_mutex, NULL, MUTEX_DRIVER, NULL);
    cv_init(&xsp->callback_cv, NULL, CV_DRIVER, NULL);
    xsp->regp = xx_map(dip, &xsp->access_hdl);
    XX_CHECK(ddi_dma_alloc_handle(dip, &attributes, DDI_DMA_SLEEP, NULL, &xsp->handle) == DDI_SUCCESS);
}

/* Gives the copy buffer back when the driver waits in its detach routine. */
static void *
release(void *arg)
{
    ddi_dma_handle_t other = arg;
    struct xxstate *xsp = &xxstate;
    int detaching;

    do {
        (void) sched_yield();
        mutex_enter(&xsp->callback_mutex);
        detaching = xsp->cancel_callbacks;
        mutex_exit(&xsp->callback_mutex);
    } while (!detaching);
    XX_CHECK(ddi_dma_unbind_handle(other) == DDI_SUCCESS);
    return (NULL);
}

static void
hold(ddi_dma_handle_t other, caddr_t held)
{
    XX_CHECK(ddi_dma_addr_bind_handle(other, NULL, held, LENGTH, DDI_DMA_WRITE, DDI_DMA_DONTWAIT, NULL,
        NULL, NULL) == DDI_DMA_MAPPED);
}

int
main(void)
{
    dev_info_t *dip = xx_open("sim:isa-disk?copy_buffer=4096");
    struct xxstate *xsp = &xxstate;
    caddr_t memory = xx_odd_alloc(LENGTH), held = xx_odd_alloc(LENGTH);
    struct buf *bp = xx_getbuf(memory, LENGTH, 16, B_READ);
    ddi_dma_handle_t other;
    pthread_t thread;

    xxattach(dip);
    xx_fill_disk(dip, 16, LENGTH, 6);
    XX_CHECK(ddi_dma_alloc_handle(dip, &attributes, DDI_DMA_SLEEP, NULL, &other) == DDI_SUCCESS);

    /* The callback starts the transfer. */
    hold(other, held);
    XX_CHECK(xxstrategy(bp) == 0 && xsp->callback_count == 1 && xsp->programmed == 0);
    XX_CHECK(ddi_dma_unbind_handle(other) == DDI_SUCCESS);
    ddi_dma_sim_settle(dip);
    XX_CHECK(xsp->callback_count == 0 && xsp->programmed == 1);
    XX_CHECK(ddi_dma_unbind_handle(xsp->handle) == DDI_SUCCESS);
    XX_CHECK(xx_filled(memory, LENGTH, 6));

    /* The driver goes while its callback waits. */
    bzero(memory, LENGTH);
    hold(other, held);
    XX_CHECK(xxstrategy(bp) == 0 && xsp->callback_count == 1);
    XX_CHECK(pthread_create(&thread, NULL, release, other) == 0);
    XX_CHECK(xxdetach(dip, DDI_DETACH) == DDI_SUCCESS);
    XX_CHECK(pthread_join(thread, NULL) == 0);
    XX_CHECK(xsp->callback_count == 0 && xsp->programmed == 1 && memory[1] == 0);

    ddi_dma_free_handle(&other);
    freerbuf(bp);
    xx_odd_free(held, LENGTH);
    xx_odd_free(memory, LENGTH);
    ddi_dma_close(dip);
    (void) printf("example_8_6: one callback started a transfer, one was told that the driver goes\n");
    return (0);
}
