/*
 * Example 8-5: the interrupt routine that releases the DMA resources, with its mutex held; and example 8-1's start
 * routine, which takes the same mutex, as the callback that this release calls.
 *
 * One page of copy buffer serves all. Another handle holds it when the first transfer is asked for, so the callback
 * starts that; the interrupt routine starts those that follow.
 */

#include "xx.h"

#define TRANSFERS 3
#define LENGTH 0x1000

struct xxstate {
    kmutex_t mu;
    kcondvar_t cv;
    int busy;
    struct device_reg *regp;
    ddi_acc_handle_t access_hdl;
    ddi_dma_handle_t handle;
    struct buf *bp;
    struct buf *bufs[TRANSFERS];
    int finished;               /* of these */
    int errors;
};

static ddi_dma_cookie_t cookie;
static uint_t ccount;

static void xxprogram(struct xxstate *xsp, struct device_reg *regp);

/* ---- listing 8-1 ---- */
static int
xxstart(caddr_t arg)
{
    struct xxstate *xsp = (struct xxstate *)arg;
    struct device_reg *regp;
    int flags;

    mutex_enter(&xsp->mu);
    if (xsp->busy) {
        /* transfer in progress */
        mutex_exit(&xsp->mu);
        return (DDI_DMA_CALLBACK_RUNOUT);
    }
    xsp->busy = 1;
    regp = xsp->regp;
    if (xsp->bp->b_flags & B_READ) {            /* the manual: transfer is a read */
        flags = DDI_DMA_READ;
    } else {
        flags = DDI_DMA_WRITE;
    }
    mutex_exit(&xsp->mu);
    if (ddi_dma_buf_bind_handle(xsp->handle,xsp->bp,flags, xxstart,
        (caddr_t)xsp, &cookie, &ccount) != DDI_DMA_MAPPED) {
        /* really should check all return values in a switch */
        mutex_enter(&xsp->mu);
        xsp->busy=0;
        mutex_exit(&xsp->mu);
        return (DDI_DMA_CALLBACK_RUNOUT);
    }
    xxprogram(xsp, regp);                               /* the manual: program the DMA engine */
    return (DDI_DMA_CALLBACK_DONE);
}

/* ---- listing 8-5 ---- */
static uint_t
xxintr(caddr_t arg)
{
    struct xxstate *xsp = (struct xxstate *)arg;
    uint8_t status;
    volatile uint8_t temp;

    mutex_enter(&xsp->mu);
    /* read status */
    status = ddi_get8(xsp->access_hdl, &xsp->regp->csr);
    if (!(status & INTERRUPTING)) {
        mutex_exit(&xsp->mu);
        return (DDI_INTR_UNCLAIMED);
    }
    ddi_put8(xsp->access_hdl, &xsp->regp->csr, CLEAR_INTERRUPT);
    /* for store buffers */
    temp = ddi_get8(xsp->access_hdl, &xsp->regp->csr);
    ddi_dma_unbind_handle(xsp->handle);
    (void) temp;                                        /* the manual: ... */
    /* check for errors */
    if (status & XX_ERROR)                              /* the manual: ... */
        xsp->errors++;
    xsp->finished++;
    xsp->bp = xsp->finished < TRANSFERS ? xsp->bufs[xsp->finished] : NULL;
    cv_signal(&xsp->cv);
    xsp->busy = 0;
    mutex_exit(&xsp->mu);
    if (xsp->bp != NULL) {                              /* the manual: pending transfers */
        (void) xxstart((caddr_t)xsp);
    }
    return (DDI_INTR_CLAIMED);
}
/* ---- end of the listing ---- */

static void
xxprogram(struct xxstate *xsp, struct device_reg *regp)
{
    uint8_t way = (xsp->bp->b_flags & B_READ) ? TO_MEMORY : 0;

    XX_CHECK(ccount == 1);
    ddi_put64(xsp->access_hdl, &regp->block, (uint64_t)xsp->bp->b_lblkno);
    ddi_put32(xsp->access_hdl, &regp->sglist[0].dma_addr, cookie.dmac_address);
    ddi_put32(xsp->access_hdl, &regp->sglist[0].dma_size, (uint32_t)cookie.dmac_size);
    ddi_put8(xsp->access_hdl, &regp->csr, ENABLE_INTERRUPTS | START_TRANSFER | way);
}

/*
 * The engine of an ISA disk without a list. It starts at multiples of 512 here, and the memory below lies elsewhere: all
 * of it takes copy buffer.
 */
static ddi_dma_attr_t attributes = {
    DMA_ATTR_V0, 0, 0xFFFFFF, 0xFFFF, 512, 0x7, 1, 0xFFFFFFFF, 0xFFFFF, 1, 512, 0
};

/* What attach(9E) does. */
static void
xxattach(dev_info_t *dip, struct xxstate *xsp, ddi_iblock_cookie_t *iblock)
{
    XX_CHECK(ddi_get_iblock_cookie(dip, 0, iblock) == DDI_SUCCESS);
    mutex_init(&xsp->mu, NULL, MUTEX_DRIVER, *iblock);
    cv_init(&xsp->cv, NULL, CV_DRIVER, NULL);
    xsp->regp = xx_map(dip, &xsp->access_hdl);
    XX_CHECK(ddi_add_intr(dip, 0, NULL, NULL, xxintr, (caddr_t)xsp) == DDI_SUCCESS);
    XX_CHECK(ddi_dma_alloc_handle(dip, &attributes, DDI_DMA_SLEEP, NULL, &xsp->handle) == DDI_SUCCESS);
}

/* What detach(9E) does. */
static void
xxdetach(dev_info_t *dip, struct xxstate *xsp, ddi_iblock_cookie_t iblock)
{
    ddi_remove_intr(dip, 0, iblock);
    ddi_dma_free_handle(&xsp->handle);
    ddi_regs_map_free(&xsp->access_hdl);
    cv_destroy(&xsp->cv);
    mutex_destroy(&xsp->mu);
}

int
main(void)
{
    dev_info_t *dip = xx_open("sim:isa-disk?copy_buffer=4096");
    struct xxstate state = { .busy = 0 }, *xsp = &state;
    caddr_t memory = xx_odd_alloc(TRANSFERS * LENGTH), held = xx_odd_alloc(LENGTH);
    ddi_iblock_cookie_t iblock;
    ddi_dma_handle_t other;
    int i;

    xxattach(dip, xsp, &iblock);
    for (i = 0; i < TRANSFERS; i++) {
        xsp->bufs[i] = xx_getbuf(memory + i * LENGTH, LENGTH, 8 * i, B_READ);
        xx_fill_disk(dip, 8 * (uint64_t)i, LENGTH, (unsigned)i + 5);
    }
    XX_CHECK(ddi_dma_alloc_handle(dip, &attributes, DDI_DMA_SLEEP, NULL, &other) == DDI_SUCCESS);
    XX_CHECK(ddi_dma_addr_bind_handle(other, NULL, held, LENGTH, DDI_DMA_WRITE, DDI_DMA_DONTWAIT, NULL,
        NULL, NULL) == DDI_DMA_MAPPED);

    xsp->bp = xsp->bufs[0];
    XX_CHECK(xxstart((caddr_t)xsp) == DDI_DMA_CALLBACK_RUNOUT);
    XX_CHECK(ddi_dma_unbind_handle(other) == DDI_SUCCESS);
    mutex_enter(&xsp->mu);
    while (xsp->finished < TRANSFERS)
        cv_wait(&xsp->cv, &xsp->mu);
    mutex_exit(&xsp->mu);
    XX_CHECK(xsp->errors == 0);
    for (i = 0; i < TRANSFERS; i++)
        XX_CHECK(xx_filled(memory + i * LENGTH, LENGTH, (unsigned)i + 5));

    xxdetach(dip, xsp, iblock);
    ddi_dma_free_handle(&other);
    for (i = 0; i < TRANSFERS; i++)
        freerbuf(xsp->bufs[i]);
    xx_odd_free(held, LENGTH);
    xx_odd_free(memory, TRANSFERS * LENGTH);
    ddi_dma_close(dip);
    (void) printf("example_8_5: %d transfers through one page of copy buffer\n", TRANSFERS);
    return (0);
}
