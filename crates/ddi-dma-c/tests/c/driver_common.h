/*
 * What the tests of examples/xxdisk.c share: bufs that are waited for.
 */

#ifndef DRIVER_COMMON_H
#define DRIVER_COMMON_H

#include "../../examples/xxdisk.h"

/* The engine of isa-disk. */
static const ddi_dma_attr_t isa_disk = {
    DMA_ATTR_V0, 0, 0xFFFFFF, 0xFFFF, 1, 0x7, 1, 0xFFFFFFFF, 0xFFFFF, 1, 512, 0
};

static inline dev_info_t *
driver_attach(const char *name, const ddi_dma_attr_t *attr)
{
    dev_info_t *dip = xx_open(name);

    xx_dma_attr = *attr;
    XX_CHECK(xx_dev_ops.devo_attach(dip, DDI_ATTACH) == DDI_SUCCESS);
    return (dip);
}

static inline void
driver_detach(dev_info_t *dip)
{
    XX_CHECK(xx_dev_ops.devo_detach(dip, DDI_DETACH) == DDI_SUCCESS);
    ddi_dma_close(dip);
}

/* Hands a buf to the driver. */
static inline struct buf *
driver_start(dev_info_t *dip, caddr_t memory, size_t length, daddr_t block, int way)
{
    struct buf *bp = xx_getbuf(memory, length, block, way);

    bp->b_edev = makedevice(0, (minor_t)ddi_get_instance(dip));
    (void) xx_dev_ops.devo_cb_ops->cb_strategy(bp);
    return (bp);
}

/* Waits for a buf: the error, and in `resid` what was not moved. */
static inline int
driver_wait(struct buf *bp, size_t *resid)
{
    int error = biowait(bp);

    *resid = bp->b_resid;
    freerbuf(bp);
    return (error);
}

#endif /* DRIVER_COMMON_H */
