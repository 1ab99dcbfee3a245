/*
 * Example 8-2: which burst to program: one that the device has and the bus carries.
 */

#include "xx.h"

struct xxstate {
    struct device_reg *regp;
    ddi_acc_handle_t access_hdl;
    ddi_dma_handle_t handle;
    struct buf *bp;
};

static ddi_dma_cookie_t cookie;
static uint_t ccount;

/* Nobody else uses the bus: it is never called. */
static int
xxstart(caddr_t arg)
{
    (void) arg;
    return (DDI_DMA_CALLBACK_DONE);
}

/* Binds, and programs the engine with the best burst. Returns its bytes. */
static int
xxburst(struct xxstate *xsp, int flags)
{
    int burst;

/* ---- listing ---- */
#define BEST_BURST_SIZE 0x20 /* 32 bytes */

    if (ddi_dma_buf_bind_handle(xsp->handle,xsp->bp, flags, xxstart,
        (caddr_t)xsp, &cookie, &ccount) != DDI_DMA_MAPPED) {
        /* error handling */
        return (0);                             /* added */
    }
    burst = ddi_dma_burstsizes(xsp->handle);
    /* check which bit is set and choose one burstsize to */
    /* program the DMA engine */
    if (burst & BEST_BURST_SIZE) {
        /* the manual: program DMA engine to use this burst size */
        burst = BEST_BURST_SIZE;
    } else {
        /* the manual: other cases */
        burst = (burst & 0x10) ? 0x10 : (burst & 0x8) ? 0x8 : (burst & 0x4) ? 0x4 : 0x1;
    }
/* ---- end of the listing ---- */
    ddi_put16(xsp->access_hdl, &xsp->regp->burst, (uint16_t)burst);
    return (burst);
}

/* The engine of the manual's SBus machine. */
static ddi_dma_attr_t attributes = {
    DMA_ATTR_V0, 0xFF000000, 0xFFFFFFFF, 0xFFFFFFFF, 1, 0x7, 1, 0xFFFFFFFF, 0xFFFFFFFF, 1, 512, 0
};

#define LENGTH  100000

int
main(void)
{
    dev_info_t *dip = xx_open("sim:sbus-disk");
    struct xxstate state, *xsp = &state;
    caddr_t memory = ddi_dma_sim_alloc(dip, LENGTH);

    XX_CHECK(memory != NULL);
    xx_fill(memory, LENGTH, 2);
    xsp->regp = xx_map(dip, &xsp->access_hdl);
    xsp->bp = xx_getbuf(memory, LENGTH, 8, B_WRITE);
    XX_CHECK(ddi_dma_alloc_handle(dip, &attributes, DDI_DMA_SLEEP, NULL, &xsp->handle) == DDI_SUCCESS);

    /* The engine has bursts of 1, 2 and 4 bytes. */
    XX_CHECK(xxburst(xsp, DDI_DMA_WRITE) == 4);
    XX_CHECK(ddi_get16(xsp->access_hdl, &xsp->regp->burst) == 4);
    XX_CHECK(ccount == 1);
    ddi_put64(xsp->access_hdl, &xsp->regp->block, (uint64_t)xsp->bp->b_lblkno);
    ddi_put32(xsp->access_hdl, &xsp->regp->sglist[0].dma_addr, cookie.dmac_address);
    ddi_put32(xsp->access_hdl, &xsp->regp->sglist[0].dma_size, (uint32_t)cookie.dmac_size);
    ddi_put8(xsp->access_hdl, &xsp->regp->csr, START_TRANSFER);
    ddi_dma_sim_settle(dip);
    XX_CHECK(!(ddi_get8(xsp->access_hdl, &xsp->regp->csr) & XX_ERROR));
    XX_CHECK(ddi_dma_unbind_handle(xsp->handle) == DDI_SUCCESS);
    XX_CHECK(xx_on_disk(dip, 8, LENGTH, 2));

    ddi_dma_free_handle(&xsp->handle);
    ddi_regs_map_free(&xsp->access_hdl);
    freerbuf(xsp->bp);
    ddi_dma_sim_free(dip, memory);
    ddi_dma_close(dip);
    (void) printf("example_8_2: %d bytes written in bursts of 4\n", LENGTH);
    return (0);
}
