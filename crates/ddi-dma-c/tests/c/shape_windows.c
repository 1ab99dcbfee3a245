/*
 * A caller as host adapters' drivers have been since the DDI's first days: its allocation function takes a callback
 * whose arguments it does not declare, binds a buf with DDI_DMA_PARTIAL, and goes through the windows. What it has is
 * freed where a step fails.
 */

#include "shape_common.h"

struct transfer {
    ddi_dma_handle_t handle;
    ddi_dma_cookie_t cookie;
    uint_t cookies, windows, window;
    off_t offset;
    size_t length;
};

/* Gives back a transfer of which this much was got. */
static void
transfer_free(struct transfer *t, int bound)
{
    if (bound)
        VERIFY3S(ddi_dma_unbind_handle(t->handle), ==, DDI_SUCCESS);
    ddi_dma_free_handle(&t->handle);
    t->handle = NULL;
}

/* Binds a buf. Returns 0 or an errno; the callback is called where waiting helps. */
static int
transfer_alloc(dev_info_t *dip, struct transfer *t, struct buf *bp, int (*callback)(), caddr_t arg,
    ddi_dma_attr_t *attr)
{
    uint_t flags = (bp->b_flags & B_READ) ? DDI_DMA_READ : DDI_DMA_WRITE;
    int status;

    status = ddi_dma_alloc_handle(dip, attr, callback, arg, &t->handle);
    if (status != DDI_SUCCESS)
        return (status == DDI_DMA_BADATTR ? EFAULT : ENOMEM);
    status = ddi_dma_buf_bind_handle(t->handle, bp, flags | DDI_DMA_PARTIAL, callback, arg, &t->cookie,
        &t->cookies);
    switch (status) {
    case DDI_DMA_MAPPED:
        t->windows = 1;
        break;
    case DDI_DMA_PARTIAL_MAP:
        if (ddi_dma_numwin(t->handle, &t->windows) != DDI_SUCCESS) {
            transfer_free(t, 1);
            return (EINVAL);
        }
        break;
    case DDI_DMA_NORESOURCES:
        transfer_free(t, 0);
        return (ENOMEM);
    case DDI_DMA_NOMAPPING:
        transfer_free(t, 0);
        return (EFAULT);
    case DDI_DMA_INUSE:
    case DDI_DMA_TOOBIG:
    default:
        transfer_free(t, 0);
        return (EINVAL);
    }
    t->window = 0;
    return (0);
}

/* Moves to the next window and takes its first cookie. Returns 0 where there is none. */
static int
transfer_next(struct transfer *t)
{
    if (t->window == t->windows)
        return (0);
    if (ddi_dma_getwin(t->handle, t->window, &t->offset, &t->length, &t->cookie, &t->cookies) != DDI_SUCCESS)
        return (0);
    t->window++;
    return (1);
}

/* Never called here: nothing is short. */
static int
callback(caddr_t arg)
{
    (void) arg;
    return (DDI_DMA_CALLBACK_DONE);
}

#define LENGTH 150001

/* The device's side of a transfer, a window at a time. */
static void
run(dev_info_t *dip, ddi_dma_attr_t *attr, caddr_t memory, int way, uint_t *windows)
{
    unsigned char *expected = malloc(LENGTH);
    struct buf *bp = xx_getbuf(memory, LENGTH, 0, way);
    struct transfer t;
    size_t done = 0;
    uint_t i;

    XX_CHECK(expected != NULL);
    xx_fill(expected, LENGTH, 21);
    xx_fill(memory, LENGTH, (way == B_READ) ? 0 : 21);
    XX_CHECK(transfer_alloc(dip, &t, bp, callback, NULL, attr) == 0);
    while (transfer_next(&t)) {
        size_t in_window = 0;

        XX_CHECK((size_t)t.offset == done);
        XX_CHECK(t.cookies <= (uint_t)attr->dma_attr_sgllen);
        for (i = 0; i < t.cookies; i++) {
            if (i > 0)
                ddi_dma_nextcookie(t.handle, &t.cookie);
            if (way == B_READ)
                shape_device_writes(dip, &t.cookie, expected, done + in_window);
            else
                XX_CHECK(shape_device_sees(dip, &t.cookie, expected, done + in_window));
            in_window += t.cookie.dmac_size;
        }
        XX_CHECK(in_window == t.length);
        done += in_window;
        XX_CHECK(done == LENGTH || done % attr->dma_attr_granular == 0);
    }
    XX_CHECK(done == LENGTH);
    *windows = t.windows;
    transfer_free(&t, 1);
    XX_CHECK(memcmp(memory, expected, LENGTH) == 0);
    freerbuf(bp);
    free(expected);
}

/* Errors come as the driver expects them, and nothing is left of what it had. */
static void
refusals(dev_info_t *dip, ddi_dma_attr_t *attr, caddr_t memory)
{
    struct buf *bp = xx_getbuf(memory, LENGTH, 0, B_READ);
    ddi_dma_attr_t bad = *attr;
    struct transfer t;

    bad.dma_attr_seg = 12345;
    XX_CHECK(transfer_alloc(dip, &t, bp, callback, NULL, &bad) == EFAULT);
    bp->b_bcount = 0;
    XX_CHECK(transfer_alloc(dip, &t, bp, callback, NULL, attr) == EFAULT);
    freerbuf(bp);
}

int
main(void)
{
    /* Lists of three cookies, requests of at most 40 blocks. */
    ddi_dma_attr_t attr = {
        DMA_ATTR_V0, 0, 0xFFFFFFFF, 0xFFFFFF, 1, 0x7, 1, 40 * 512, 0xFFFFFFFF, 3, 512, 0
    };
    uint_t windows = 0;
    size_t d;

    for (d = 0; d < SHAPE_DEVICES; d++) {
        dev_info_t *dip = xx_open(shape_devices[d]);
        caddr_t memory = ddi_dma_sim_alloc(dip, LENGTH);

        XX_CHECK(memory != NULL);
        run(dip, &attr, memory, B_WRITE, &windows);
        XX_CHECK(windows >= howmany(LENGTH, 40 * 512));
        run(dip, &attr, memory, B_READ, &windows);
        XX_CHECK(windows >= howmany(LENGTH, 40 * 512));
        refusals(dip, &attr, memory);
        ddi_dma_sim_free(dip, memory);
        ddi_dma_close(dip);
    }
    (void) printf("%zu devices, the last in %u windows\n", SHAPE_DEVICES, windows);
    return (0);
}
