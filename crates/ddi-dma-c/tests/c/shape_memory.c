/*
 * Memory that nobody chose for the device: from kmem_alloc, from malloc, of the program's own, and on a stack. The
 * device's side of every cookie holds what the program's side does.
 */

#include "shape_common.h"

static ddi_dma_attr_t attributes = {
    DMA_ATTR_V0, 0, 0xFFFFFFFF, 0xFFFFFF, 1, 0x7, 1, 0xFFFFFFFF, 0xFFFFFFFF, 17, 1, 0
};

#define LENGTH 20001

static unsigned char statics[LENGTH + 100];
static const char *const constant = "a constant, which a device may read";

/* Binds, and has the device read all of it. */
static void
device_reads(dev_info_t *dip, ddi_dma_handle_t handle, caddr_t memory, size_t length)
{
    ddi_dma_cookie_t cookie;
    uint_t ccount, i;
    size_t offset = 0;

    XX_CHECK(ddi_dma_addr_bind_handle(handle, NULL, memory, length, DDI_DMA_WRITE | DDI_DMA_STREAMING,
        DDI_DMA_SLEEP, NULL, &cookie, &ccount) == DDI_DMA_MAPPED);
    for (i = 0; i < ccount; i++) {
        if (i > 0)
            ddi_dma_nextcookie(handle, &cookie);
        XX_CHECK(shape_device_sees(dip, &cookie, (unsigned char *)memory, offset));
        offset += cookie.dmac_size;
    }
    XX_CHECK(offset == length);
    XX_CHECK(ddi_dma_unbind_handle(handle) == DDI_SUCCESS);
}

/* Binds, and has the device write all of it. */
static void
device_writes(dev_info_t *dip, ddi_dma_handle_t handle, caddr_t memory, size_t length)
{
    unsigned char *expected = malloc(length);
    ddi_dma_cookie_t cookie;
    uint_t ccount, i;
    size_t offset = 0;

    XX_CHECK(expected != NULL);
    xx_fill(expected, length, 32);
    XX_CHECK(ddi_dma_addr_bind_handle(handle, NULL, memory, length, DDI_DMA_READ | DDI_DMA_STREAMING,
        DDI_DMA_SLEEP, NULL, &cookie, &ccount) == DDI_DMA_MAPPED);
    for (i = 0; i < ccount; i++) {
        if (i > 0)
            ddi_dma_nextcookie(handle, &cookie);
        shape_device_writes(dip, &cookie, expected, offset);
        offset += cookie.dmac_size;
    }
    XX_CHECK(ddi_dma_unbind_handle(handle) == DDI_SUCCESS);
    XX_CHECK(memcmp(memory, expected, length) == 0);
    free(expected);
}

/* One byte on each side is nobody's to change. */
static void
both(dev_info_t *dip, ddi_dma_handle_t handle, caddr_t memory, size_t length)
{
    memory[0] = memory[length - 1] = 0x5A;
    xx_fill(memory + 1, length - 2, 31);
    device_reads(dip, handle, memory + 1, length - 2);
    device_writes(dip, handle, memory + 1, length - 2);
    XX_CHECK(memory[0] == 0x5A && memory[length - 1] == 0x5A);
}

static void
run(const char *name)
{
    dev_info_t *dip = xx_open(name);
    caddr_t kmem = kmem_alloc(LENGTH, KM_SLEEP), heap = malloc(LENGTH), sim = ddi_dma_sim_alloc(dip, LENGTH);
    unsigned char stack[3000];
    ddi_dma_handle_t handle;
    size_t offset;

    XX_CHECK(heap != NULL && sim != NULL);
    XX_CHECK(ddi_dma_alloc_handle(dip, &attributes, DDI_DMA_SLEEP, NULL, &handle) == DDI_SUCCESS);
    both(dip, handle, kmem, LENGTH);
    both(dip, handle, heap, LENGTH);
    both(dip, handle, sim, LENGTH);
    both(dip, handle, (caddr_t)stack, sizeof (stack));
    for (offset = 0; offset < 100; offset += 33)
        both(dip, handle, (caddr_t)statics + offset, LENGTH);
    both(dip, handle, (caddr_t)statics, 3);
    device_reads(dip, handle, (caddr_t)(uintptr_t)constant, strlen(constant) + 1);
    ddi_dma_free_handle(&handle);
    ddi_dma_sim_free(dip, sim);
    free(heap);
    kmem_free(kmem, LENGTH);
    ddi_dma_close(dip);
}

int
main(void)
{
    size_t d;

    for (d = 0; d < SHAPE_DEVICES; d++)
        run(shape_devices[d]);
    (void) printf("%zu devices reach memory of all kinds\n", SHAPE_DEVICES);
    return (0);
}
