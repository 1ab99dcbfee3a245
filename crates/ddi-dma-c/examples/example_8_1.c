/*
 * Example 8-1: a start routine that is its own resource callback.
 *
 * The copy buffer of the bus is a page, and another handle holds it: the first attempt finds no resources, and xxstart
 * is called again when the other handle is unbound.
 */

#include "xx.h"

struct xxstate {
    kmutex_t mu;
    int busy;
    struct device_reg *regp;
    ddi_acc_handle_t access_hdl;
    ddi_dma_handle_t handle;
    struct buf *bp;
    int calls;
};

static ddi_dma_cookie_t cookie;
static uint_t ccount;

static void xxprogram(struct xxstate *xsp, struct device_reg *regp);

/* ---- listing ---- */
static int
xxstart(caddr_t arg)
{
    struct xxstate *xsp = (struct xxstate *)arg;
    struct device_reg *regp;
    int flags;

    mutex_enter(&xsp->mu);
    xsp->calls++;                                       /* added */
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
/* ---- end of the listing ---- */

/* Gives the engine, which has no list, the one cookie. */
static void
xxprogram(struct xxstate *xsp, struct device_reg *regp)
{
    uint8_t way = (xsp->bp->b_flags & B_READ) ? TO_MEMORY : 0;

    XX_CHECK(ccount == 1);
    ddi_put64(xsp->access_hdl, &regp->block, (uint64_t)xsp->bp->b_lblkno);
    ddi_put32(xsp->access_hdl, &regp->sglist[0].dma_addr, cookie.dmac_address);
    ddi_put32(xsp->access_hdl, &regp->sglist[0].dma_size, (uint32_t)cookie.dmac_size);
    ddi_put8(xsp->access_hdl, &regp->csr, START_TRANSFER | way);
}

/*
 * The engine of an ISA disk without a list. It starts at multiples of 512 here, and the memory below lies elsewhere: all
 * of it takes copy buffer.
 */
static ddi_dma_attr_t attributes = {
    DMA_ATTR_V0, 0, 0xFFFFFF, 0xFFFF, 512, 0x7, 1, 0xFFFFFFFF, 0xFFFFF, 1, 512, 0
};

#define LENGTH 0x1000

int
main(void)
{
    dev_info_t *dip = xx_open("sim:isa-disk?copy_buffer=4096");
    struct xxstate state = { .busy = 0 }, *xsp = &state;
    caddr_t held = xx_odd_alloc(LENGTH), memory = xx_odd_alloc(LENGTH);
    ddi_dma_handle_t other;

    mutex_init(&xsp->mu, NULL, MUTEX_DRIVER, NULL);
    xsp->regp = xx_map(dip, &xsp->access_hdl);
    xsp->bp = xx_getbuf(memory, LENGTH, 3, B_READ);
    xx_fill_disk(dip, 3, LENGTH, 1);
    XX_CHECK(ddi_dma_alloc_handle(dip, &attributes, DDI_DMA_SLEEP, NULL, &xsp->handle) == DDI_SUCCESS);
    XX_CHECK(ddi_dma_alloc_handle(dip, &attributes, DDI_DMA_SLEEP, NULL, &other) == DDI_SUCCESS);

    /* Somebody else has all of the copy buffer. */
    XX_CHECK(ddi_dma_addr_bind_handle(other, NULL, held, LENGTH, DDI_DMA_WRITE, DDI_DMA_DONTWAIT, NULL,
        NULL, NULL) == DDI_DMA_MAPPED);
    XX_CHECK(xxstart((caddr_t)xsp) == DDI_DMA_CALLBACK_RUNOUT);
    XX_CHECK(xsp->calls == 1);

    /* It is given back: the callback starts the transfer. */
    XX_CHECK(ddi_dma_unbind_handle(other) == DDI_SUCCESS);
    ddi_dma_sim_settle(dip);
    XX_CHECK(xsp->calls == 2 && xsp->busy);
    XX_CHECK(ddi_get64(xsp->access_hdl, &xsp->regp->residue) == 0);
    XX_CHECK(ddi_dma_unbind_handle(xsp->handle) == DDI_SUCCESS);
    XX_CHECK(xx_filled(memory, LENGTH, 1));

    ddi_dma_free_handle(&other);
    ddi_dma_free_handle(&xsp->handle);
    ddi_regs_map_free(&xsp->access_hdl);
    freerbuf(xsp->bp);
    mutex_destroy(&xsp->mu);
    xx_odd_free(memory, LENGTH);
    xx_odd_free(held, LENGTH);
    ddi_dma_close(dip);
    (void) printf("example_8_1: called %d times, and read %d bytes\n", xsp->calls, LENGTH);
    return (0);
}
