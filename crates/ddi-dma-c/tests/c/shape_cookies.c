/*
 * Cookies as newer drivers walk them: ddi_dma_ncookies(9F), ddi_dma_cookie_iter(9F), ddi_dma_cookie_get(9F) and
 * ddi_dma_cookie_one(9F), over the whole object and over windows.
 */

#include "shape_common.h"

#define LENGTH 50000

static ddi_dma_attr_t many = {
    DMA_ATTR_V0, 0, 0xFFFFFFFF, 0xFFF, 1, 0x7, 1, 0xFFFFFFFF, 0xFFFFFFFF, 5, 512, 0
};
static ddi_dma_attr_t single = {
    DMA_ATTR_V0, 0, 0xFFFFFFFF, 0xFFFFFF, 1, 0x7, 1, 0xFFFFFFFF, 0xFFFFFFFF, 1, 1, 0
};

/* What the three ways to walk tell is the same. Returns the bytes. */
static size_t
walk(ddi_dma_handle_t handle, ddi_dma_cookie_t first, uint_t ccount)
{
    const ddi_dma_cookie_t *cookie = NULL;
    size_t bytes = 0;
    uint_t i = 0;

    XX_CHECK((uint_t)ddi_dma_ncookies(handle) == ccount);
    while ((cookie = ddi_dma_cookie_iter(handle, cookie)) != NULL) {
        const ddi_dma_cookie_t *same = ddi_dma_cookie_get(handle, i);

        XX_CHECK(same != NULL);
        XX_CHECK(same->dmac_laddress == cookie->dmac_laddress && same->dmac_size == cookie->dmac_size);
        if (i > 0)
            ddi_dma_nextcookie(handle, &first);
        XX_CHECK(first.dmac_laddress == cookie->dmac_laddress && first.dmac_size == cookie->dmac_size);
        bytes += cookie->dmac_size;
        i++;
    }
    XX_CHECK(i == ccount);
    XX_CHECK(ddi_dma_cookie_get(handle, ccount) == NULL);
    return (bytes);
}

static void
run(const char *name)
{
    dev_info_t *dip = xx_open(name);
    caddr_t memory = ddi_dma_sim_alloc(dip, LENGTH);
    ddi_dma_handle_t handle;
    ddi_dma_cookie_t first;
    const ddi_dma_cookie_t *one;
    uint_t ccount, windows, w;
    size_t length, bytes = 0;
    off_t offset;

    XX_CHECK(memory != NULL);
    XX_CHECK(ddi_dma_alloc_handle(dip, &many, DDI_DMA_SLEEP, NULL, &handle) == DDI_SUCCESS);
    XX_CHECK(ddi_dma_addr_bind_handle(handle, NULL, memory, LENGTH, DDI_DMA_RDWR, DDI_DMA_SLEEP, NULL, &first,
        &ccount) == DDI_DMA_MAPPED);
    XX_CHECK(ccount >= howmany(LENGTH, 0x1000));
    XX_CHECK(walk(handle, first, ccount) == LENGTH);
    XX_CHECK(ddi_dma_unbind_handle(handle) == DDI_SUCCESS);

    XX_CHECK(ddi_dma_addr_bind_handle(handle, NULL, memory, LENGTH, DDI_DMA_RDWR | DDI_DMA_PARTIAL,
        DDI_DMA_SLEEP, NULL, NULL, NULL) == DDI_DMA_PARTIAL_MAP);
    XX_CHECK(ddi_dma_numwin(handle, &windows) == DDI_SUCCESS && windows >= howmany(LENGTH, 5 * 0x1000));
    for (w = windows; w-- > 0; bytes += length) {
        XX_CHECK(ddi_dma_getwin(handle, w, &offset, &length, &first, &ccount) == DDI_SUCCESS);
        XX_CHECK(ccount <= 5 && walk(handle, first, ccount) == length);
    }
    XX_CHECK(bytes == LENGTH);
    XX_CHECK(ddi_dma_getwin(handle, windows, &offset, &length, &first, &ccount) == DDI_FAILURE);
    XX_CHECK(ddi_dma_unbind_handle(handle) == DDI_SUCCESS);
    ddi_dma_free_handle(&handle);

    XX_CHECK(ddi_dma_alloc_handle(dip, &single, DDI_DMA_SLEEP, NULL, &handle) == DDI_SUCCESS);
    XX_CHECK(ddi_dma_addr_bind_handle(handle, NULL, memory, 100, DDI_DMA_RDWR, DDI_DMA_SLEEP, NULL, NULL,
        NULL) == DDI_DMA_MAPPED);
    one = ddi_dma_cookie_one(handle);
    XX_CHECK(one->dmac_size == 100 && one == ddi_dma_cookie_get(handle, 0));
    XX_CHECK(ddi_dma_unbind_handle(handle) == DDI_SUCCESS);
    ddi_dma_free_handle(&handle);
    ddi_dma_sim_free(dip, memory);
    ddi_dma_close(dip);
}

int
main(void)
{
    size_t d;

    for (d = 0; d < SHAPE_DEVICES; d++)
        run(shape_devices[d]);
    (void) printf("%zu devices: cookies are the same by every way\n", SHAPE_DEVICES);
    return (0);
}
