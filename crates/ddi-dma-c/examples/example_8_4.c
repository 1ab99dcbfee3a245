/*
 * Example 8-4: loading a scatter/gather list, and what the manual says below it: a bind can return more cookies than
 * fit, and the driver then goes on in its interrupt routine, SGLLEN cookies at a time.
 */

#include "xx.h"

struct xxstate {
    kmutex_t mu;
    kcondvar_t cv;
    struct device_reg *regp;
    ddi_acc_handle_t access_hdl;
    ddi_dma_handle_t handle;
    struct buf *bp;
    uint_t ccount;
    uint_t left;                /* cookies that were not loaded yet */
    size_t loaded;              /* bytes of those that were */
    uint_t interrupts;
    int done;
};

/* Nobody else uses the bus: it is never called. */
static int
xxstart(caddr_t arg)
{
    (void) arg;
    return (DDI_DMA_CALLBACK_DONE);
}

/* ---- listing ---- */
ddi_dma_cookie_t cookie;
/* ---- which goes on below ---- */

static int
xxtransfer(struct xxstate *xsp, int flags)
{
    struct device_reg *regp = xsp->regp;
    struct sglentry *sglp;
    uint_t cnt;

/* ---- listing ---- */
    if (ddi_dma_buf_bind_handle(xsp->handle,xsp->bp, flags, xxstart,
        (caddr_t)xsp, &cookie, &xsp->ccount) != DDI_DMA_MAPPED) {
        /* error handling */
        return (EIO);                                   /* added */
    }
    sglp = regp->sglist;
    for (cnt = 1; cnt <= SGLLEN; cnt++, sglp++) {
        /* store the cookie parms into the S/G list */
        ddi_put32(xsp->access_hdl, &sglp->dma_size,
            (uint32_t)cookie.dmac_size);
        ddi_put32(xsp->access_hdl, &sglp->dma_addr,
            cookie.dmac_address);
        xsp->loaded += cookie.dmac_size;                /* added */
        /* Check for end of cookie list */
        if (cnt == xsp->ccount)
            break;
        /* Get next DMA cookie */
        (void) ddi_dma_nextcookie(xsp->handle, &cookie);
    }
    xsp->left = xsp->ccount - MIN(cnt, SGLLEN);         /* added: for the interrupt routine */
    ddi_put16(xsp->access_hdl, &regp->entries,          /* added */
        (uint16_t)MIN(cnt, SGLLEN));
    ddi_put64(xsp->access_hdl, &regp->block,            /* added */
        (uint64_t)xsp->bp->b_lblkno);
    /* start DMA transfer */
    ddi_put8(xsp->access_hdl, &regp->csr,
        ENABLE_INTERRUPTS | START_TRANSFER);
/* ---- end of the listing ---- */
    return (0);
}

/* Loads the next cookies, the first of which was retrieved already, and starts the engine again. */
static void
xxcontinue(struct xxstate *xsp)
{
    struct device_reg *regp = xsp->regp;
    struct sglentry *sglp = regp->sglist;
    uint_t cnt;

    ddi_put64(xsp->access_hdl, &regp->block, (uint64_t)xsp->bp->b_lblkno + xsp->loaded / XX_BLOCK);
    for (cnt = 1; cnt <= SGLLEN; cnt++, sglp++) {
        ddi_put32(xsp->access_hdl, &sglp->dma_size, (uint32_t)cookie.dmac_size);
        ddi_put32(xsp->access_hdl, &sglp->dma_addr, cookie.dmac_address);
        xsp->loaded += cookie.dmac_size;
        if (--xsp->left == 0)
            break;
        ddi_dma_nextcookie(xsp->handle, &cookie);
    }
    ddi_put16(xsp->access_hdl, &regp->entries, (uint16_t)MIN(cnt, SGLLEN));
    ddi_put8(xsp->access_hdl, &regp->csr, ENABLE_INTERRUPTS | START_TRANSFER);
}

static uint_t
xxintr(caddr_t arg)
{
    struct xxstate *xsp = (struct xxstate *)arg;
    uint8_t status;

    mutex_enter(&xsp->mu);
    status = ddi_get8(xsp->access_hdl, &xsp->regp->csr);
    if (!(status & INTERRUPTING)) {
        mutex_exit(&xsp->mu);
        return (DDI_INTR_UNCLAIMED);
    }
    ddi_put8(xsp->access_hdl, &xsp->regp->csr, CLEAR_INTERRUPT);
    xsp->interrupts++;
    XX_CHECK(!(status & XX_ERROR));
    if (xsp->left > 0) {
        xxcontinue(xsp);
    } else {
        xsp->done = 1;
        cv_signal(&xsp->cv);
    }
    mutex_exit(&xsp->mu);
    return (DDI_INTR_CLAIMED);
}

/* A 32-bit engine. */
static ddi_dma_attr_t attributes = {
    DMA_ATTR_V0, 0, 0xFFFFFFFF, 0xFFFFFFFF, 1, 1, 1, 0xFFFFFFFF, 0xFFFFFFFF, SGLLEN, XX_BLOCK, 0
};

#define LENGTH  300001

int
main(void)
{
    /* Bus addresses are physical here, and pages lie anywhere: about one cookie a page. */
    dev_info_t *dip = xx_open("sim:pci-disk");
    struct xxstate state = { .done = 0 }, *xsp = &state;
    caddr_t memory = ddi_dma_sim_alloc(dip, LENGTH);
    ddi_iblock_cookie_t iblock;

    XX_CHECK(memory != NULL);
    xx_fill(memory, LENGTH, 4);
    xsp->bp = xx_getbuf(memory, LENGTH, 64, B_WRITE);
    XX_CHECK(ddi_get_iblock_cookie(dip, 0, &iblock) == DDI_SUCCESS);
    mutex_init(&xsp->mu, NULL, MUTEX_DRIVER, iblock);
    cv_init(&xsp->cv, NULL, CV_DRIVER, NULL);
    xsp->regp = xx_map(dip, &xsp->access_hdl);
    XX_CHECK(ddi_add_intr(dip, 0, NULL, NULL, xxintr, (caddr_t)xsp) == DDI_SUCCESS);
    XX_CHECK(ddi_dma_alloc_handle(dip, &attributes, DDI_DMA_SLEEP, NULL, &xsp->handle) == DDI_SUCCESS);

    mutex_enter(&xsp->mu);
    XX_CHECK(xxtransfer(xsp, DDI_DMA_WRITE) == 0);
    while (!xsp->done)
        cv_wait(&xsp->cv, &xsp->mu);
    mutex_exit(&xsp->mu);
    XX_CHECK(xsp->ccount > SGLLEN && xsp->loaded == LENGTH);
    XX_CHECK(xsp->interrupts == howmany(xsp->ccount, SGLLEN));
    XX_CHECK(ddi_dma_unbind_handle(xsp->handle) == DDI_SUCCESS);
    XX_CHECK(xx_on_disk(dip, 64, LENGTH, 4));

    ddi_remove_intr(dip, 0, iblock);
    ddi_dma_free_handle(&xsp->handle);
    ddi_regs_map_free(&xsp->access_hdl);
    freerbuf(xsp->bp);
    cv_destroy(&xsp->cv);
    mutex_destroy(&xsp->mu);
    ddi_dma_sim_free(dip, memory);
    ddi_dma_close(dip);
    (void) printf("example_8_4: %u cookies in %u lists\n", xsp->ccount, xsp->interrupts);
    return (0);
}
