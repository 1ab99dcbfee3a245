/*
 * Synchronising a DMA object for the CPU, from the manual's section on ddi_dma_sync(9F).
 *
 * The SBus has a cache between devices and memory: until somebody synchronises, what the device wrote may be there.
 * The object stays bound, and is used again and again.
 */

#include "xx.h"

struct xxstate {
    struct device_reg *regp;
    ddi_acc_handle_t access_hdl;
    ddi_dma_handle_t handle;
    struct buf *bp;
    unsigned seen;
};

/* Looks at what the device has transferred. */
static int
xxlook(struct xxstate *xsp, size_t length, unsigned seed)
{
/* ---- listing ---- */
    if (ddi_dma_sync(xsp->handle, 0, length, DDI_DMA_SYNC_FORCPU)
        == DDI_SUCCESS) {
        /* the CPU can now access the transferred data */
        if (xx_filled(xsp->bp->b_un.b_addr, length, seed))      /* the manual: ... */
            xsp->seen++;
    } else {
        /* the manual: error handling */
        return (EIO);
    }
/* ---- end of the listing ---- */
    return (0);
}

/* The engine of the manual's SBus machine. */
static ddi_dma_attr_t attributes = {
    DMA_ATTR_V0, 0xFF000000, 0xFFFFFFFF, 0xFFFFFFFF, 1, 0x7, 1, 0xFFFFFFFF, 0xFFFFFFFF, 1, 512, 0
};

#define LENGTH  10000
#define ROUNDS  4

int
main(void)
{
    dev_info_t *dip = xx_open("sim:sbus-disk");
    struct xxstate state = { .seen = 0 }, *xsp = &state;
    caddr_t memory = ddi_dma_sim_alloc(dip, LENGTH);
    ddi_dma_cookie_t cookie;
    uint_t ccount;
    unsigned round;

    XX_CHECK(memory != NULL);
    xsp->regp = xx_map(dip, &xsp->access_hdl);
    xsp->bp = xx_getbuf(memory, LENGTH, 0, B_READ);
    XX_CHECK(ddi_dma_alloc_handle(dip, &attributes, DDI_DMA_SLEEP, NULL, &xsp->handle) == DDI_SUCCESS);
    XX_CHECK(ddi_dma_buf_bind_handle(xsp->handle, xsp->bp, DDI_DMA_READ, DDI_DMA_SLEEP, NULL, &cookie,
        &ccount) == DDI_DMA_MAPPED && ccount == 1);
    ddi_put32(xsp->access_hdl, &xsp->regp->sglist[0].dma_addr, cookie.dmac_address);
    ddi_put32(xsp->access_hdl, &xsp->regp->sglist[0].dma_size, (uint32_t)cookie.dmac_size);
    for (round = 0; round < ROUNDS; round++) {
        xx_fill_disk(dip, 100 * round, LENGTH, round);
        ddi_put64(xsp->access_hdl, &xsp->regp->block, 100 * round);
        ddi_put8(xsp->access_hdl, &xsp->regp->csr, START_TRANSFER | TO_MEMORY);
        ddi_dma_sim_settle(dip);
        XX_CHECK(xxlook(xsp, LENGTH, round) == 0);
    }
    XX_CHECK(xsp->seen == ROUNDS);
    /* The device only writes: there is nothing to synchronise for it. */
    XX_CHECK(ddi_dma_sync(xsp->handle, 0, LENGTH, DDI_DMA_SYNC_FORDEV) == DDI_FAILURE);

    XX_CHECK(ddi_dma_unbind_handle(xsp->handle) == DDI_SUCCESS);
    ddi_dma_free_handle(&xsp->handle);
    ddi_regs_map_free(&xsp->access_hdl);
    freerbuf(xsp->bp);
    ddi_dma_sim_free(dip, memory);
    ddi_dma_close(dip);
    (void) printf("example_sync: %u times the CPU saw what the device had written\n", xsp->seen);
    return (0);
}
